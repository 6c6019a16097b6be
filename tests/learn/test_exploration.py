"""Learning a model by dynamics, with the baseline, or an analytic surface, as the calculator that is asked."""

import importlib.util
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from killing import killed

from electrode.calculator import ElectrodeCalculator
from electrode.data.files import read_frames
from electrode.learn.exploration import explore
from electrode.learn.frames import descriptor, farthest
from electrode.models.store import load_model
from electrode.sweeps import side_by_side

QUICK = {"max_minutes": 1.0, "epochs": 4}
SMALL = {"members": 2, "steps": 8, "interval": 4, "start": 5, "batch": 3, "training": QUICK}
POTENTIALS = (-0.3, 0.1)


def slab():
    atoms = fcc111("Au", (1, 1, 3), a=4.16, vacuum=8.0)
    add_adsorbate(atoms, "H", 0.95, "fcc")
    atoms.info, atoms.pbc = {}, (True, True, False)
    return atoms


def calculator(charge=None):
    return ElectrodeCalculator("baseline", charge=charge)


def counted(asked, fails=()):
    def factory(charge=None):
        asked.append(charge)
        if len(asked) in fails:
            raise RuntimeError("the density did not converge")
        return calculator(charge)

    return factory


def found(factory=calculator, **more):
    return explore(slab(), factory, POTENTIALS, **(SMALL | more))


def test_a_search_that_meets_no_disagreement_ends_with_what_it_started_with(tmp_path):
    asked = []
    out = found(counted(asked), threshold=1e3, folder=tmp_path / "s")
    assert out.converged and out.calls == len(asked) == 5 and len(out.disagreement) == 1 and out.failures == ()
    frames = read_frames(tmp_path / "s" / "frames.xyz")
    assert len(frames) == 5 and {f.trajectory for f in frames} == {"round-0", "round-1"}
    for frame in frames:  # the labels are the calculator's, at the charge that the frame names
        atoms = frame.atoms
        atoms.calc = calculator(frame.charge)
        assert atoms.get_potential_energy() == pytest.approx(frame.canonical_energy, abs=1e-6)
        assert atoms.calc.results["potential"] == pytest.approx(frame.potential, abs=1e-6)
        assert atoms.get_forces(apply_constraint=False) == pytest.approx(frame.forces, abs=1e-6)
    assert {round(f.potential, 1) for f in frames} == {4.1, 4.5}  # the potentials asked for, found from the first label's
    assert load_model(tmp_path / "s" / "model").card.potential_range is not None


@pytest.mark.parametrize("most", [7, 9])
def test_the_calls_are_never_more_than_allowed(most):
    asked = []
    out = found(counted(asked, fails=(6,)), threshold=1e-6, max_calls=most)
    assert len(asked) == out.calls <= most and not out.converged and "not converged" in out.status
    assert len(out.frames) + len(out.failures) <= most and len(out.frames) > 5


def test_a_structure_that_fails_twice_is_passed_over_and_reported():
    asked = []
    out = found(counted(asked, fails=(4, 5)), threshold=1e3)
    assert out.converged and out.calls == len(asked) == 6
    assert out.failures == ("RuntimeError: the density did not converge",) and len(out.frames) == 4


def test_what_cannot_be_carried_out_is_refused_before_any_call(tmp_path):
    asked = []
    for more, message in (({"members": 1}, "at least 2 members"), ({"threshold": 0.0}, "threshold"), ({"max_calls": 3}, "max_calls"), ({"temperatures": (-1.0,)}, "temperatures")):
        with pytest.raises(ValueError, match=message):
            found(counted(asked), folder=tmp_path / "s", **more)
    with pytest.raises(ValueError, match="takes neither"):
        found(lambda: calculator(0.0))
    assert not asked and not (tmp_path / "s").exists()


def test_a_calculator_that_fails_at_the_start_is_named():
    with pytest.raises(ValueError, match="at all 1 structures of a round, last with: RuntimeError"):
        found(counted([], fails=range(100)))


def test_frames_are_taken_far_from_each_other():
    values = [np.array([x, 0.0]) for x in (0.1, 1.0, 1.1, 3.0, 2.9)]
    assert farthest(values, [np.zeros(2)], 3) == [3, 2, 1] and farthest([], [np.zeros(2)], 3) == []
    assert farthest(values, [np.zeros(2)], 9) == [3, 2, 1, 4, 0]


def test_structures_are_the_same_when_like_atoms_change_places():
    atoms = slab()
    other = atoms[[1, 0, 2, 3]]
    other.translate((0.3, 0.2, 0.0))
    assert descriptor(other, 0.1) == pytest.approx(descriptor(atoms, 0.1), abs=1e-9)
    moved = atoms.copy()
    moved.positions[3, 2] += 0.3
    assert np.linalg.norm(descriptor(moved, 0.1) - descriptor(atoms, 0.1)) > 0.1
    assert np.linalg.norm(descriptor(atoms, 0.3) - descriptor(atoms, 0.1)) == pytest.approx(1.0)


SCRIPT = """
from test_exploration import calculator, found

found(logged(calculator), threshold=1e-6, max_calls=9, folder={folder!r})
"""


def test_a_process_killed_in_the_middle_loses_no_label(tmp_path):
    """The process is killed outright in the first round that dynamics chose; the search then asks only for what has no label."""
    folder, whole, rest = tmp_path / "s", [], []
    kept, made = killed(SCRIPT.format(folder=str(folder)), folder, 6)
    assert kept < 9
    expected = found(counted(whole), threshold=1e-6, max_calls=9)
    again = found(counted(rest), threshold=1e-6, max_calls=9, folder=folder, resume=True)
    assert made + rest == pytest.approx(whole, abs=1e-9) and again.calls == expected.calls == 9
    assert [f.energy for f in again.frames] == pytest.approx([f.energy for f in expected.frames], abs=1e-9)


def test_a_search_repeats_under_its_seed_and_not_under_another():
    first, again, other = (found(threshold=1e-6, start=4, batch=1, max_calls=5, seed=seed) for seed in (1, 1, 2))
    assert_same_labels(first, again)
    assert first.disagreement == again.disagreement
    with pytest.raises(AssertionError):
        assert_same_labels(first, other)


def assert_same_labels(first, second):
    for a, b in zip(first.frames, second.frames, strict=True):
        assert a.energy == b.energy and np.array_equal(a.forces, b.forces) and np.array_equal(a.geometry.positions, b.geometry.positions)


@pytest.mark.parametrize("fails", [(), range(100)])
def test_workers_are_asked_for_once_and_let_go(monkeypatch, fails):
    seen = []

    @contextmanager
    def counted_workers(scheduler, workers):
        seen.append((scheduler, workers))
        try:
            with side_by_side() as run:
                yield run
        finally:
            seen.append("closed")

    monkeypatch.setattr("electrode.learn.exploration.side_by_side", counted_workers)
    with pytest.raises(ValueError, match="a round") if fails else nullcontext():
        assert len(found(counted([], fails), threshold=1e3, scheduler="local", workers=2).frames) == 5  # of two rounds
    assert seen == [("local", 2), "closed"]


@pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="dask is not there")
def test_labels_made_side_by_side_are_those_made_one_by_one():
    serial, parallel = (found(threshold=1e-6, max_calls=7, **more) for more in ({}, {"scheduler": "local", "workers": 2}))
    assert_same_labels(serial, parallel)

"""Relaxations with few calls, against surfaces whose minima are known and against ASE's own optimiser on the same calculator."""

import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS
from charged import Charged, Held, charged_ends
from killing import killed
from surfaces import Counting

from electrode.learn.relaxation import accelerated_relaxation

POTENTIAL = 4.5


def displaced(seed=0):
    """Return an end state of the charged surface, moved away, and the minimum."""
    minimum = charged_ends(POTENTIAL)[0]
    start = minimum.copy()
    start.positions += np.random.default_rng(seed).normal(scale=0.15, size=(1, 3))
    return start, minimum.positions[0]


def at_charge(asked):
    def calculator(charge=None):
        asked.append(charge)
        return Charged(charge)

    return calculator


def relaxed(factory, start, **more):
    return accelerated_relaxation(start, factory, potential=POTENTIAL, reference="absolute", prior=None, **more)


def test_the_minimum_at_a_potential_from_labels_at_held_charge():
    asked, (start, minimum) = [], displaced()
    found = relaxed(at_charge(asked), start)
    assert found.converged and found.fmax_eV_per_A < 0.05 and found.calls == len(asked) <= 15
    assert found.label.positions[0] == pytest.approx(minimum, abs=0.03)
    truth = Held(POTENTIAL)
    truth.calculate(_at(start, found.label.positions))
    assert abs(found.label.potential - POTENTIAL) < 0.05 and np.abs(truth.results["forces"]).max() < 0.05


def test_a_calculator_that_holds_the_potential():
    start, minimum = displaced(1)
    found = relaxed(lambda potential=None: Held(potential), start)
    assert found.converged and found.label.positions[0] == pytest.approx(minimum, abs=0.03) and found.label.held == "potential"


def test_a_slab_without_control_needs_fewer_calls_than_bfgs():
    atoms = fcc111("Cu", (2, 2, 3), vacuum=8.0)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 3))
    atoms.pbc = (True, True, False)
    atoms.positions[atoms.get_tags() < 3] += np.random.default_rng(0).normal(scale=0.08, size=(9, 3))
    counting = Counting(EMT())
    found = accelerated_relaxation(atoms, lambda: counting)
    other, plain = Counting(EMT()), atoms.copy()
    plain.calc = other
    BFGS(plain, logfile=None, maxstep=0.05).run(fmax=0.05, steps=100)
    assert found.converged and found.calls == len(counting.asked) < len(other.asked)
    assert found.label.energy == pytest.approx(plain.get_potential_energy(), abs=0.01)
    held = atoms.get_tags() == 3
    assert np.array_equal(found.label.positions[held], atoms.positions[held])


@pytest.mark.parametrize("most", [1, 4])
def test_the_calls_are_never_more_than_allowed(most):
    asked, failing = [], (2, 3)

    def calculator(charge=None):
        asked.append(charge)
        if len(asked) in failing:
            raise RuntimeError("the density did not converge")
        return Charged(charge)

    found = relaxed(calculator, displaced()[0], max_calls=most, fmax=1e-3)
    assert len(asked) == found.calls == most and not found.converged and f"in {most} calls" in found.status
    assert found.failures == (("RuntimeError: the density did not converge",) if most > 1 else ())


def test_a_failure_is_gone_around():
    failing = Counting(EMT(), fails=(2, 3))
    atoms = fcc111("Cu", (1, 1, 3), vacuum=8.0)
    atoms.set_constraint(FixAtoms(mask=atoms.get_tags() == 3))
    atoms.pbc = (True, True, False)
    atoms.positions[-1, 2] += 0.3
    found = accelerated_relaxation(atoms, lambda: failing)
    assert found.converged and len(found.failures) == 1 and found.calls == len(failing.asked)


@pytest.mark.parametrize(
    ("factory", "control", "message"),
    [
        (lambda: EMT(), {"potential": 0.0}, "leave the control out"),
        (lambda charge: Charged(charge), {}, "expected a potential or a charge"),
        (lambda potential: Held(potential), {"charge": 0.1}, "expected a potential, got a charge"),
        (lambda charge: Charged(charge), {"charge": 0.1, "potential": 0.0}, "got both"),
        (lambda charge: Charged(charge), {"charge": 0.1, "trust": -1.0}, "trust: expected a positive number"),
    ],
)
def test_what_cannot_be_held_is_refused(factory, control, message):
    with pytest.raises(ValueError, match=message):
        accelerated_relaxation(displaced()[0], factory, reference="absolute", **control)


SCRIPT = """
from test_relaxation import Charged, displaced, relaxed

relaxed(logged(Charged), displaced()[0], folder={folder!r}, fmax=0.002)
"""


def test_a_process_killed_in_the_middle_loses_no_label(tmp_path):
    folder, whole, rest = tmp_path / "s", [], []
    _, made = killed(SCRIPT.format(folder=str(folder)), folder, 3)
    expected = relaxed(at_charge(whole), displaced()[0], fmax=0.002)
    found = relaxed(at_charge(rest), displaced()[0], fmax=0.002, folder=folder, resume=True)
    assert made + rest == pytest.approx(whole, abs=1e-9) and found.label.energy == pytest.approx(expected.label.energy, abs=1e-9)


def _at(atoms, positions):
    moved = atoms.copy()
    moved.positions = positions
    return moved

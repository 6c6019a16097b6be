"""Barriers at several potentials from few calls, against a charged surface whose grand energy is known in closed form."""

import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator
from charged import CAPACITANCE, Charged, Held, charged_ends, grand_saddle
from killing import killed

from electrode.learn.accelerate import accelerated_barriers
from electrode.learn.source import Source

POTENTIALS = (4.3, 4.5, 4.7)


def search(factory, **more):
    return accelerated_barriers(*charged_ends(POTENTIALS[0]), factory, more.pop("potentials", POTENTIALS), "absolute", prior=None, **more)


def at_charge(asked):
    def calculator(charge=None):
        asked.append(charge)
        return Charged(charge)

    return calculator


def check(found, potentials=POTENTIALS):
    for row, saddle, potential in zip(found.rows, found.saddles, potentials):
        barrier, place = grand_saddle(potential)
        assert row.converged and row.fmax_eV_per_A < 0.05 and row.potential_V == potential
        assert row.barrier_eV == pytest.approx(barrier, abs=5e-3)
        assert saddle.positions[0] == pytest.approx(place, abs=0.05)


def test_barriers_from_labels_at_held_charge():
    asked = []
    found = search(at_charge(asked))
    check(found)
    calls = [row.fixed_charge_calls for row in found.rows]
    assert sum(calls) == len(asked) and not any(row.constant_potential_calls for row in found.rows)
    assert calls[0] <= 20 and max(calls[1:]) <= 4


def test_a_calculator_that_holds_the_potential_is_asked_so():
    found = search(lambda potential=None: Held(potential))
    check(found)
    assert not any(row.fixed_charge_calls for row in found.rows) and all(row.constant_potential_calls for row in found.rows)


def test_the_slope_of_the_barrier_is_the_charge_that_the_saddle_takes_up():
    rows = search(at_charge([])).rows
    slope = (rows[2].barrier_eV - rows[0].barrier_eV) / (rows[2].potential_V - rows[0].potential_V)
    assert slope == pytest.approx(-(rows[1].saddle_charge_e - rows[1].charge_e[0]), abs=0.02)


def test_a_label_that_fails_is_tried_again_then_reported():
    asked = []

    def calculator(charge=None):
        asked.append(charge)
        if len(asked) in (3, 4):
            raise RuntimeError("the density did not converge")
        return Charged(charge)

    found = search(calculator, potentials=POTENTIALS[:1])
    check(found)
    assert found.rows[0].failures == ("RuntimeError: the density did not converge",)
    assert found.rows[0].fixed_charge_calls == len(asked)


def test_a_potential_is_added_without_a_call_for_those_that_are_done(tmp_path):
    first, asked = search(at_charge([]), potentials=POTENTIALS[1:], folder=tmp_path / "s"), []
    found = search(at_charge(asked), folder=tmp_path / "s", resume=True)
    assert found.to_json()[1:] == first.to_json()
    assert len(asked) == found.rows[0].fixed_charge_calls > 0


def test_what_cannot_be_carried_out_is_refused_before_any_call():
    asked = []
    for factory, potentials, message in (
        (lambda: Charged(0.0), POTENTIALS, "takes charge or potential"),
        (lambda charge, basis: Charged(charge), POTENTIALS, "at most one argument"),
        (at_charge(asked), (), "at least one finite number"),
        (at_charge(asked), (np.nan,), "at least one finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            search(factory, potentials=potentials)
    assert not asked


def test_results_without_a_charge_are_named():
    class Poor(Held):
        def calculate(self, *arguments, **more):
            super().calculate(*arguments, **more)
            del self.results["charge"]

    with pytest.raises(ValueError, match="expected charge or excess_electrons"):
        search(lambda potential=None: Poor(potential))


SCRIPT = """
from test_accelerate import Charged, search

search(logged(Charged), folder={folder!r})
"""


def test_a_process_killed_in_the_middle_loses_no_label(tmp_path):
    """The process is killed outright once four labels are on disk; the search then goes on and ends as an undisturbed one does."""
    folder, whole, rest = tmp_path / "s", [], []
    _, made = killed(SCRIPT.format(folder=str(folder)), folder, 4)
    expected = search(at_charge(whole))
    found = search(at_charge(rest), folder=folder, resume=True)
    assert made + rest == pytest.approx(whole, abs=1e-9) and len(list(folder.glob("call-*.npz"))) == len(whole)
    assert [row.barrier_eV for row in found.rows] == pytest.approx([row.barrier_eV for row in expected.rows], abs=1e-9)


def carrying_ends():
    """Return the end states with what the surface says of them at the first potential."""
    ends = charged_ends(POTENTIALS[0])
    for atoms in ends:
        held = Held(POTENTIALS[0])
        held.calculate(atoms)
        atoms.calc = SinglePointCalculator(atoms)
        atoms.calc.results = dict(held.results)
    return ends


@pytest.mark.parametrize("factory", [lambda potential=None: Held(potential), at_charge([])], ids=["potential", "charge"])
def test_what_the_end_states_carry_is_not_asked_for_again(factory):
    ends = carrying_ends()
    for atoms in ends if Source.of(factory).holds == "charge" else ():  # of a calculator that holds charges, `energy` is E
        atoms.calc.results["energy"] += atoms.calc.results["potential"] * atoms.calc.results["charge"]
    found = accelerated_barriers(*ends, factory, POTENTIALS[:1], "absolute", prior=None, known_ends=True)
    check(found, POTENTIALS[:1])
    assert found.rows[0].end_state_calls == 0 and found.rows[0].model_calls > 0


@pytest.mark.parametrize("missing", ["energy", "forces", "charge", "potential"])
def test_end_states_that_carry_too_little_are_refused(missing):
    asked, ends = [], carrying_ends()
    del ends[1].calc.results[missing]
    with pytest.raises(ValueError, match=missing):
        accelerated_barriers(*ends, at_charge(asked), POTENTIALS, "absolute", prior=None, known_ends=True)
    assert not asked


def test_too_few_calls_for_the_end_states_are_refused():
    asked = []
    with pytest.raises(ValueError, match="max_calls: expected at least 2, 2 of them for end states"):
        search(at_charge(asked), max_calls=1)
    assert not asked
    assert [row.model_calls for row in search(at_charge(asked), max_calls=2).rows] == [2, 2, 2]


def test_the_capacitance_is_learned():
    found = search(at_charge([]), potentials=(4.3, 4.5))
    change = found.rows[1].charge_e[0] - found.rows[0].charge_e[0]
    assert change == pytest.approx(0.2 * CAPACITANCE, rel=0.1)

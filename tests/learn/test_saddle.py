"""Searches with few calls: known saddles, interruption, failures, bad input."""

from itertools import count

import numpy as np
import pytest
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from surfaces import MINIMUM_ENERGY, SADDLE, SADDLE_ENERGY, SCALE, Counting, MullerBrown, hydrogen_ends, muller_brown_ends

from electrode.learn.saddle import find_saddle


def search(calculator=None, **more):
    return find_saddle(*muller_brown_ends(), calculator or MullerBrown(), **more)


def test_the_saddle_of_muller_and_brown():
    calculator = Counting(MullerBrown())
    found = search(calculator)
    assert found.converged and found.calls <= 20 and len(calculator.asked) == found.calls + 2 and found.end_state_calls == 2
    assert found.saddle.positions[0, :2] == pytest.approx(SADDLE, abs=0.03)
    assert found.barrier_eV == pytest.approx(SCALE * (SADDLE_ENERGY - MINIMUM_ENERGY), abs=2e-3)
    assert np.linalg.norm(found.saddle.get_forces(), axis=1).max() == pytest.approx(found.fmax_eV_per_A) and found.fmax_eV_per_A < 0.05
    assert max(found.profile_eV) == pytest.approx(found.barrier_eV, abs=0.01) and max(found.std_eV) < 0.05


def test_hydrogen_hops_in_few_calls_and_what_is_held_stays():
    ends = hydrogen_ends()
    found = find_saddle(*ends, EMT(), known_ends=True)
    assert found.converged and found.calls <= 4 and found.end_state_calls == 0
    assert found.barrier_eV == pytest.approx(0.0093, abs=0.002)
    held = ends[0].constraints[0].index
    assert np.array_equal(found.saddle.positions[held], ends[0].positions[held])
    found.saddle.calc = EMT()
    assert np.linalg.norm(found.saddle.get_forces(), axis=1).max() == pytest.approx(found.fmax_eV_per_A, abs=1e-6)


class Killed(BaseException):
    """Ends the process wherever it is."""


class Mortal(Counting):
    """Is killed in one of its calls."""

    last = 5

    def calculate(self, *arguments, **more):
        if len(self.asked) == self.last:
            raise Killed
        super().calculate(*arguments, **more)


def test_a_killed_search_goes_on_as_if_it_had_not_been(tmp_path):
    whole = Counting(MullerBrown())
    expected = search(whole, folder=tmp_path / "whole")
    first = Mortal(MullerBrown())
    with pytest.raises(Killed):
        search(first, folder=tmp_path / "cut")
    (tmp_path / "cut" / "call-0006.part").write_bytes(b"half a label")
    second = Counting(MullerBrown())
    found = search(second, folder=tmp_path / "cut", resume=True)
    assert np.array_equal(first.asked + second.asked, whole.asked)
    assert found.to_json() == expected.to_json()
    third = Counting(MullerBrown())
    assert search(third, folder=tmp_path / "cut", resume=True).to_json() == expected.to_json() and not third.asked


def test_a_search_is_not_mixed_with_another(tmp_path):
    search(folder=tmp_path / "s", max_calls=3)
    with pytest.raises(FileExistsError, match="holds a search"):
        search(folder=tmp_path / "s")
    with pytest.raises(ValueError, match="differs from this one in settings"):
        search(folder=tmp_path / "s", resume=True, images=7)
    with pytest.raises(ValueError, match="differs from this one in prior"):
        search(folder=tmp_path / "s", resume=True, prior=None)
    (tmp_path / "s" / "call-0002.npz").write_bytes(b"damaged")
    with pytest.raises(ValueError, match="call-0002.npz: not a label"):
        search(folder=tmp_path / "s", resume=True)


def test_a_failed_call_is_tried_again():
    calculator = Counting(MullerBrown(), fails=(4,))
    found = search(calculator)
    assert found.converged and not found.failures and found.calls == len(calculator.asked) - 2
    assert np.array_equal(calculator.asked[3], calculator.asked[4])


def test_a_structure_that_fails_twice_is_left_out_and_reported():
    calculator = Counting(MullerBrown(), fails=(4, 5))
    found = search(calculator)
    assert found.converged and found.failures == ("RuntimeError: the density did not converge",)
    assert min(np.linalg.norm(r - calculator.asked[3]) for r in calculator.asked[5:]) > 0.0
    assert found.barrier_eV == pytest.approx(SCALE * (SADDLE_ENERGY - MINIMUM_ENERGY), abs=2e-3)


def test_a_calculator_that_always_fails_ends_the_search(tmp_path):
    with pytest.raises(ValueError, match="failed 3 times in a row, last with: RuntimeError: the density"):
        search(Counting(MullerBrown(), fails=range(4, 99)), folder=tmp_path / "s")
    mended = Counting(MullerBrown())
    assert search(mended, folder=tmp_path / "s", resume=True).converged and mended.asked
    with pytest.raises(ValueError, match="initial state: the calculator failed"):
        search(Counting(MullerBrown(), fails=count(1)))


def test_energies_that_are_not_finite_are_failures():
    class Broken(MullerBrown):
        def calculate(self, *arguments, **more):
            super().calculate(*arguments, **more)
            self.results["energy"] = np.nan

    with pytest.raises(ValueError, match="not finite"):
        search(Broken())


def test_end_states_are_checked_before_any_call():
    calculator = Counting(EMT())
    one, other = hydrogen_ends()
    swapped, wide = other[[*range(11), 12, 11]], other.copy()
    wide.set_cell(wide.cell.array * 1.01)
    for final, message in ((swapped, "atom 11 is Cu in the first and H"), (wide, "the same cell"), (one, "expected two states"), (other[:-1], "the same atoms")):
        with pytest.raises(ValueError, match=message):
            find_saddle(one, final, calculator)
    held = one.copy()
    held.set_constraint(FixAtoms(range(13)))
    with pytest.raises(ValueError, match="free to move"):
        find_saddle(held, other, calculator)
    with pytest.raises(ValueError, match="known_ends: expected end states that carry"):
        find_saddle(one.copy(), other.copy(), calculator, known_ends=True)
    with pytest.raises(ValueError, match="fmax: expected a positive"):
        find_saddle(one, other, calculator, fmax=0.0)
    assert not calculator.asked


def test_the_calls_at_the_end_states_count():
    counting = Counting(MullerBrown())
    with pytest.raises(ValueError, match="max_calls: expected at least 2, 2 of them for end states"):
        search(counting, max_calls=1)
    assert not counting.asked
    failing = Counting(MullerBrown(), fails=(1,))
    with pytest.raises(ValueError, match="max_calls: expected at least 3, 1 of them for end states"):
        search(failing, max_calls=2)
    assert len(failing.asked) == 2
    found = search(counting, max_calls=4)
    assert len(counting.asked) == found.calls + found.end_state_calls == 4


def test_end_states_that_are_not_relaxed_are_named():
    ends = muller_brown_ends()
    ends[1].positions[0, 0] += 0.1
    with pytest.warns(UserWarning, match="final state: largest force .* expected a relaxed state"):
        find_saddle(*ends, MullerBrown(), max_calls=2)


def test_the_hop_crosses_the_cell_boundary_by_the_shortest_way():
    ends = hydrogen_ends()
    moved = [atoms.copy() for atoms in ends]
    for atoms in moved:
        atoms.positions -= (ends[0].positions[-1] + 0.3 * (ends[1].positions[-1] - ends[0].positions[-1])) * [1.0, 1.0, 0.0]
        atoms.wrap(eps=1e-3)
    images = find_saddle(*moved, EMT(), max_calls=3).images
    length = sum(np.linalg.norm(b.positions[-1] - a.positions[-1]) for a, b in zip(images, images[1:]))
    straight = np.linalg.norm(ends[1].positions[-1] - ends[0].positions[-1])
    assert np.linalg.norm(moved[1].positions[-1] - moved[0].positions[-1]) > 2.0 * straight  # as they stand, a boundary is between them
    assert straight - 1e-6 <= length < 2.0 * straight

"""Random and broken inputs of the calculator: a finite answer that does not depend on the guise of the structure, or a ValueError that says what to do."""

import time
import warnings

import numpy as np
import pytest
from ase import Atoms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from teacher import interface, pupil
from toys import ChargeToy, FieldToy

from electrode import ElectrodeCalculator
from electrode.models.baseline import Baseline
from electrode.models.domain import OutsideTrainedRange
from electrode.physics.neighbours import neighbour_list

QUICK = {"deadline": None, "suppress_health_check": list(HealthCheck), "derandomize": True}
BASELINE, PUPIL = Baseline(), pupil()
PERIODIC = [(True, True, False), (True, True, True), (False, False, False), (True, False, False), (False, True, True)]
JUNK = [None, "0.1", b"1", "", [], {}, [0.1, 0.2], object(), True, 1j, np.nan, np.inf, -np.inf, np.array(["x"])]


def answer(model, atoms, **control):
    """Energy and forces, both finite, or the message of a ValueError; anything else, a warning of numpy too, is a fault."""
    atoms = atoms.copy()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideTrainedRange)
        try:
            atoms.calc = ElectrodeCalculator(model, **control)
            energy, forces = atoms.get_potential_energy(), atoms.get_forces()
        except ValueError as error:
            assert len(str(error)) > 25, error
            return str(error)
    assert np.isfinite(energy) and np.isfinite(forces).all()
    return energy, forces


def cells():
    """Sound, left-handed, random, singular, tiny, huge and thin cells, and cells that are not finite."""
    sides = st.tuples(st.floats(2.5, 8.0), st.floats(2.5, 8.0), st.floats(8.0, 30.0)).map(np.diag)
    leaning = st.lists(st.floats(-9.0, 9.0), min_size=9, max_size=9).map(lambda x: np.reshape(x, (3, 3)))
    change = st.sampled_from([
        lambda c: c, lambda c: c[[1, 0, 2]], lambda c: -c, lambda c: c * [[1], [0], [1]], lambda c: c[[0, 0, 2]], lambda c: 1e-3 * c, lambda c: 1e3 * c,
        lambda c: 1e6 * c, lambda c: 1e100 * c, lambda c: c * [[1e-4], [1], [1]], lambda c: c + [[0, 0, 0], [0, np.nan, 0], [0, 0, 0]], lambda c: c + [[0, 0, 0], [0, 0, 0], [0, 0, np.inf]],
    ])  # fmt: skip
    return st.builds(lambda cell, f: f(cell), st.one_of(sides, leaning), change)


@st.composite
def structures(draw):
    """Up to seven atoms anywhere, some at one place, lost or not finite, of elements that there are or not."""
    n = draw(st.integers(0, 7))
    numbers = draw(st.lists(st.sampled_from([1, 8, 79] if draw(st.booleans()) else [0, 1, 6, 29, 55, 79, 118]), min_size=n, max_size=n))
    positions = np.random.default_rng(draw(st.integers(0, 99))).uniform(-2.0, 9.0, (n, 3))
    fault = draw(st.sampled_from([None, None, "same", "close", "lost", "far", "nan", "inf"]))
    if n > 1 and fault is not None:
        positions[1] = {"same": positions[0], "close": positions[0] + 1e-3, "lost": 1e9, "far": 1e100, "nan": np.nan, "inf": np.inf}[fault]
    atoms = Atoms(numbers, positions, pbc=draw(st.sampled_from(PERIODIC)))
    atoms.cell[:] = draw(cells())
    return atoms


@settings(max_examples=60, **QUICK)
@given(atoms=structures(), potential=st.booleans(), trained=st.booleans())
def test_any_structure_has_an_answer_or_a_reason(atoms, potential, trained):
    control = {"potential": 5.0, "reference": "absolute"} if potential else {"charge": 0.01}
    answer(PUPIL if trained else BASELINE, atoms, **control)


SETTINGS = ["charge", "excess_electrons", "potential", "field", "reference", "she_absolute", "ph", "pzc", "temperature", "strict", "voltage"]


@settings(max_examples=80, **QUICK)
@given(given_=st.dictionaries(st.sampled_from(SETTINGS[:-1]), st.one_of(st.sampled_from(JUNK), st.floats(-9, 9), st.sampled_from(["SHE", "RHE", "PZC", "absolute", "she ", "Ag/AgCl"])), max_size=4))
def test_any_control_settles_or_is_refused(given_):
    answer(FieldToy(), interface()[[0]], **given_)


@pytest.mark.parametrize("key", ["charge", "potential", "field", "U", "ne", "eir_countercharge_gap"])
@pytest.mark.parametrize("value", [v for v in JUNK if v is not None], ids=lambda junk: repr(junk).split(" at ")[0])
def test_junk_in_info_is_refused_by_its_name(key, value):
    atoms = interface(height=1.1)
    atoms.info[key] = value
    said = answer(BASELINE, atoms, charge=0.01)
    unknown = key == "eir_countercharge_gap" and isinstance(value, float) and np.isnan(value)  # means: not known
    assert isinstance(said, tuple) if unknown else key.removeprefix("eir_") in said


def test_other_entries_are_the_users_own():
    atoms = interface(height=1.1)
    plain = answer(BASELINE, atoms, charge=0.01)
    atoms.info |= {3: object(), "note": [1, {}], ("a", 1): None, "REF_energy": "junk", "eir_n_excess": 7.0}
    with_junk = answer(BASELINE, atoms, charge=0.01)
    assert plain[0] == with_junk[0] and (plain[1] == with_junk[1]).all()


@settings(max_examples=8, **QUICK)
@given(seed=st.integers(0, 9), order=st.permutations(range(4)), shift=st.tuples(st.floats(-30, 30), st.floats(-30, 30)), steps=st.tuples(st.integers(-3, 3), st.integers(-3, 3)), trained=st.booleans())
def test_the_guise_of_a_structure_does_not_matter(seed, order, shift, steps, trained):
    """Another order of the atoms, another place along the surface, atoms in other images and another choice of cell vectors are the same interface."""
    atoms, control = interface(height=1.2, seed=seed), {"charge": 0.01}
    model = PUPIL if trained else BASELINE
    energy, forces = answer(model, atoms, **control)
    other = atoms[list(order)]
    other.positions += [*shift, 0.0]
    other.positions[0] += steps @ atoms.cell.array[:2]
    other.cell[1] += steps[0] * other.cell[0]
    again, moved = answer(model, other, **control)
    assert again == pytest.approx(energy, abs=1e-8) and np.allclose(moved, forces[list(order)], atol=1e-7)


@pytest.mark.parametrize("cell, far, message", [
    (np.diag([0.3, 5.0, 20.0]), 0.0, "0.3 A from its own image"),
    (np.array([[900.0, 0, 0], [900.0, 0.2, 0], [0, 0, 20.0]]), 0.0, "0.2 A from its own image"),
    (np.diag([4800.0, 4800.0, 20.0]), 0.0, "4.8e.03 x 4.8e.03 x .*Check their units"),
    (np.diag([5.0, 5.0, 20.0]), 1e200, "Check their units, and for atoms that were lost"),
])  # fmt: skip
def test_cells_that_no_search_survives_are_refused_at_once(cell, far, message):
    """In such cells the search would look at millions of images, or end the process."""
    with pytest.raises(ValueError, match=message):
        neighbour_list(np.array([[0.0, 0, 0], [1.0, 1, 1], [2.0, 2, 2 + far]]), cell, np.array([True, True, False]), 6.0)


def test_a_flat_and_wide_cell_is_searched():
    positions = np.array([[0.0, 0, 0], [1.0, 1, 1], [1700.0, 2, 1]])
    found = neighbour_list(positions, np.diag([1701.0, 1701.0, 20.0]), np.array([True, True, False]), 6.0)
    assert [sorted(found.index[a:b].tolist()) for a, b in zip(found.first, found.first[1:])] == [[1, 2], [0, 2], [0, 1]]


def test_settings_that_there_are_not_are_refused():
    with pytest.raises(TypeError):
        ElectrodeCalculator(ChargeToy(), charge=0.1, **{SETTINGS[-1]: 1.0})


@pytest.mark.parametrize("pbc, away", [((0, 0, 0), [3e4, -7e4, 1e5]), ((0, 0, 1), [1e5, 0, 0]), ((1, 0, 0), [0, 3e4, 1e5]), ((1, 1, 0), [0, 0, 1e5])])
def test_an_atom_far_away_costs_no_time_and_no_neighbour(pbc, away):
    """Across open directions, whose empty space would be filled with bins."""
    atoms, last = interface((2, 2, 3)), 12
    far, pbc = atoms.positions.copy(), np.array(pbc, bool)
    far[last] += away
    start = time.process_time()
    found, near = (neighbour_list(positions, atoms.cell.array, pbc, 6.0) for positions in (far, atoms.positions))
    assert time.process_time() - start < 1.0
    centre = lambda pairs: np.repeat(np.arange(last + 1), np.diff(pairs.first))
    of_metal = lambda pairs: sorted((int(i), int(j), *x.round(9)) for i, j, x in zip(centre(pairs), pairs.index, pairs.offset) if last not in (i, j))
    assert of_metal(found) == of_metal(near)
    assert (centre(found)[found.index == last] == last).all()

"""Electronegativities that depend on the neighbours, through the general equilibration."""

import numpy as np
import pytest

from electrode.physics.charge_constraints import Constraints, Electrode
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_parameters import EEQ
from electrode.physics.charges import equilibrate_charges
from electrode.physics.coordination import Coordination
from electrode.physics.electrode_solver import ElectrodeSolver

CELL = np.array([[4.0, 0.3, 0.0], [-0.5, 4.5, 0.0], [0.0, 0.0, 14.0]])
SPACES = {"open": Planar.open(), "slab": Planar(CELL), "bulk": Bulk(CELL), "corrected": Bulk(CELL, slab=True)}
NUMBERS = np.array([79, 79, 8, 1, 1])
PLACES = np.array([[0.0, 0.0, 0.0], [1.9, 2.2, 0.4], [0.4, 0.8, 2.6], [0.6, 1.7, 2.9], [1.2, 0.3, 2.9]])
FIELD = Constraints(electrodes=[Electrode([0, 1], 0.3)], field=0.05)


@pytest.mark.parametrize("name", SPACES)
def test_forces_and_response_are_derivatives(name):
    model, h = EEQ.model(NUMBERS, SPACES[name]), 1e-4
    found, weight = equilibrate_charges(model, PLACES, FIELD), np.array([0.3, -1.0, 0.7, 0.2, 0.5])
    held = equilibrate_charges(EEQ.model(NUMBERS, SPACES[name], coordination=found.system.surroundings.counted), PLACES, FIELD)
    np.testing.assert_allclose(found.charges, held.charges, atol=1e-12)
    assert np.abs(found.forces - held.forces).max() > 1e-2  # what holding the coordination numbers leaves out
    for place in ((0, 2), (2, 1), (4, 0)):
        step = np.zeros((5, 3))
        step[place] = h
        ends = [equilibrate_charges(model, PLACES + sign * step, FIELD) for sign in (1.0, -1.0)]
        assert found.forces[place] == pytest.approx(-(ends[0].grand_energy - ends[1].grand_energy) / (2.0 * h), abs=2e-7)
        assert found.pull_positions(weight)[place] == pytest.approx(weight @ (ends[0].charges - ends[1].charges) / (2.0 * h), abs=2e-7)


def test_counted_by_hand():
    """A pair at its reach is half a neighbour; far beyond it is none."""
    reach = 4.0 / 3.0 * (0.9 + 1.1)
    places = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, reach], [0.0, 0.0, 40.0]])
    found = Coordination(np.ones(3), np.array([0.9, 1.1, 1.0]), np.zeros((3, 3)), (False,) * 3).at(places)
    np.testing.assert_allclose(found.counted, [0.5, 0.5, 0.0], atol=1e-15)
    bounded = np.log1p(np.exp(8.0)) - np.log1p(np.exp(7.5))
    np.testing.assert_allclose(found.values, [-np.sqrt(bounded)] * 2 + [0.0], atol=1e-7)


def test_refused():
    model = EEQ.model(NUMBERS, Planar(CELL))
    with pytest.raises(ValueError, match="environment"):
        model.replace(environment=3.0)
    for space in SPACES.values():
        with pytest.raises(ValueError, match="duplicated"):
            EEQ.model(NUMBERS, space).environment.at(np.vstack([PLACES[:4], PLACES[3] + 0.1]))
    with pytest.raises(ValueError, match="positions of 5 atoms"):
        ElectrodeSolver(model, PLACES, Constraints(electrodes=[Electrode(np.arange(5), 0.0)])).solve([[1.0, 1.0, 6.0]], [0.5])

"""Electronegativity equilibration with published parameters."""

import numpy as np
import pytest

from electrode.physics.eeq import eeq
from electrode.physics.eeq_parameters import SYMBOLS
from electrode.units import HARTREE

WATER = np.array([[0.0, 0.0, 0.119262], [0.0, 0.763239, -0.477047], [0.0, -0.763239, -0.477047]])
CELLS = {
    "molecule": (np.zeros((3, 3)), [False] * 3),
    "slab": (np.array([[4.0, 0.3, 0.0], [-0.5, 4.5, 0.0], [0.0, 0.0, 12.0]]), [True, True, False]),
    "crystal": (np.array([[4.0, 0.3, 0.0], [-0.5, 4.5, 0.0], [0.2, 0.1, 5.0]]), [True] * 3),
}


def test_water():
    found = eeq([8, 1, 1], WATER, *CELLS["molecule"])
    assert found.charges == pytest.approx([-0.5863906859572836, 0.2931953429786418, 0.2931953429786418], abs=1e-9)
    assert found.energy / HARTREE == pytest.approx(-0.06332909495855948, abs=1e-9)


@pytest.mark.parametrize("name", CELLS)
@pytest.mark.parametrize("charge", [0.0, 1.0])
def test_forces_are_derivatives(name, charge):
    cell, pbc = CELLS[name]
    found, h = eeq([8, 1, 1], WATER, cell, pbc, charge), 1e-4
    assert found.charges.sum() == pytest.approx(charge)
    for atom, axis in ((0, 2), (1, 1), (2, 0)):
        step = np.zeros((3, 3))
        step[atom, axis] = h
        rise = eeq([8, 1, 1], WATER + step, cell, pbc, charge).energy - eeq([8, 1, 1], WATER - step, cell, pbc, charge).energy
        assert -rise / (2.0 * h) == pytest.approx(found.forces[atom, axis], abs=1e-6)


def test_parameters_of_every_element():
    assert len(SYMBOLS) == 86
    with pytest.raises(ValueError, match="H to Rn"):
        eeq([92, 1], WATER[:2], *CELLS["molecule"])


def test_single_atom():
    assert eeq([79], np.zeros((1, 3)), *CELLS["molecule"], charge=1.0).charges == pytest.approx([1.0])

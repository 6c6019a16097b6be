"""Limits and identities on paper that no other test of this folder holds: units, a dipole layer, a closed system's response, a charged slab's origin."""

import numpy as np
import pytest

from electrode.physics.charge_interactions import Planar
from electrode.physics.charge_model import ChargeModel
from electrode.physics.charged_slab import planar_potential
from electrode.physics.charges import equilibrate_charges
from electrode.physics.choice import electrostatics_of
from electrode.physics.slab_countercharge import NoCountercharge
from electrode.units import COULOMB, EPSILON_0, UC_PER_CM2, capacitance_per_cell

FLAT = np.array([[6.0, 0.5, 0.0], [-1.0, 7.0, 0.0], [0.5, 1.0, 9.0]])


def test_units_of_capacitance():
    assert 1.0 / UC_PER_CM2 == pytest.approx(6.2415e-4, rel=1e-5)  # 1 uF/cm^2 in e/(V A^2)
    assert capacitance_per_cell(20.0, 100.0) == pytest.approx(20.0 * 6.2415e-4 * 100.0, rel=1e-5)
    assert 4.0 * np.pi * COULOMB * EPSILON_0 == pytest.approx(1.0, rel=1e-12)


def test_step_of_a_dipole_layer():
    """1 e A for each A^2 is 180.95 V."""
    height, charges, area = np.array([1.0, 3.5]), np.array([-0.4, 0.4]), 20.0
    low, high = planar_potential([-10.0, 20.0], height, charges, np.zeros(2), area, NoCountercharge())
    assert high - low == pytest.approx(180.95 * 0.4 * 2.5 / area, rel=1e-5)


@pytest.mark.parametrize("space", [Planar.open(), Planar(FLAT)], ids=["open", "slab"])
def test_a_closed_system_answers_by_its_projected_inverse(space):
    """q = -O chi with O = A^-1 - A^-1 1 1^T A^-1/(1^T A^-1 1), whose null vector is uniform; dq/dchi = -O has no positive direction."""
    rng = np.random.default_rng(2)
    positions, chi = np.array([[i, j, k] for i in (0, 2.1) for j in (0, 2.4) for k in (0, 1.9)]) + rng.normal(0, 0.1, (8, 3)), rng.normal(size=8)
    model = ChargeModel(chi, np.full(8, 6.0), np.full(8, 0.6), space)
    found, one = equilibrate_charges(model, positions), np.ones(8)
    inverse = np.linalg.inv(space.at(positions, model.width).matrix + np.diag(model.hardness))
    projected = inverse - np.outer(inverse @ one, one @ inverse) / (one @ inverse @ one)
    assert found.charges == pytest.approx(-projected @ chi, abs=1e-12)
    response = np.array([found.pull_electronegativity(e) for e in np.eye(8)])
    assert response == pytest.approx(-projected, abs=1e-12) and response @ one == pytest.approx(np.zeros(8), abs=1e-12)
    assert np.linalg.eigvalsh(response).max() < 1e-12 and np.linalg.eigvalsh(response)[:-1].max() < -1e-3


@pytest.mark.parametrize("method, tolerance", [("dense", 1e-10), ("mesh", 1e-7)])
def test_a_charged_slab_has_no_origin(method, tolerance):
    rng = np.random.default_rng(4)
    positions, charges, width = rng.uniform(0.0, 5.0, (6, 3)), rng.normal(size=6), np.full(6, 0.5)
    at = lambda shift: electrostatics_of(positions + shift, charges, FLAT, (True, True, False), width, accuracy=1e-8, countercharge="none", method=method)
    here, there = at(np.zeros(3)), at(np.array([1.3, -0.4, 7.7]))
    assert abs(charges.sum()) > 0.3 and there.energy == pytest.approx(here.energy, abs=tolerance) and there.forces == pytest.approx(here.forces, abs=tolerance)

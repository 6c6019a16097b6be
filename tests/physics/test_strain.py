"""Strain derivatives of every sum against differences of energies; of slabs along the surface, with heights kept."""

import numpy as np
import pytest

from electrode.physics.choice import electrostatics_of
from electrode.physics.dense_sums import LatticeSum
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald
from electrode.physics.mesh import BULK, SLAB, Mesh, choose, slab_cell

FLAT = np.array([[8.0, 0.5, 0.0], [-1.0, 7.0, 0.0], [0.5, 1.0, 9.0]])
TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
RNG = np.random.default_rng(7)
PLACES = (RNG.permutation(np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3))[:18] + RNG.uniform(0.2, 0.6, (18, 3))) / 3.0 @ (FLAT * [1, 1, 0.7])
WIDTH = np.where(np.arange(18) < 6, 0.0, RNG.uniform(0.2, 0.8, 18))
CHARGES = RNG.normal(size=18)
NEUTRAL = CHARGES - CHARGES.mean()


def slope(energy, direction, h=1e-4):
    """Return the fourth-order difference of energy(1 + strain) along a strain."""
    at = lambda k: energy(np.eye(3) + k * h * direction)
    return (8.0 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12.0 * h)


def along_surface(normal):
    """Return strains xx, yy and xy of a plane, as (3, 3)."""
    x, y = np.linalg.svd(normal[None])[2][1:]
    return [np.outer(x, x), np.outer(y, y), 0.5 * (np.outer(x, y) + np.outer(y, x))]


def planar_energy(positions, cell, charges):
    return 0.5 * charges @ coulomb(positions, cell, SLAB, WIDTH).value @ charges


@pytest.mark.parametrize("charges", [NEUTRAL, CHARGES], ids=["neutral", "charged"])
@pytest.mark.parametrize("turn", [np.eye(3), TURN], ids=["flat", "turned"])
def test_slab_is_the_derivative_of_the_planar_sum(charges, turn):
    positions, cell = PLACES @ turn, FLAT @ turn
    normal = np.cross(*cell[:2]) / np.linalg.norm(np.cross(*cell[:2]))
    found = LatticeSum(positions, cell, WIDTH, planar=True).strain(charges)
    meshed = electrostatics_of(positions, charges, cell, SLAB, WIDTH, accuracy=1e-8, countercharge="none", method="mesh", strain=True).strain
    for direction in along_surface(normal):
        exact = slope(lambda f: planar_energy(positions @ f, cell @ f, charges), direction)
        assert np.vdot(found, direction) == pytest.approx(exact, abs=1e-7)
        assert np.vdot(meshed, direction) == pytest.approx(exact, abs=1e-6)
    for strain in (found, meshed):
        assert np.abs(strain @ normal).max() < 1e-10 and np.abs(normal @ strain).max() < 1e-10 and strain == pytest.approx(strain.T, abs=1e-8)


def test_slab_of_a_sum_in_three_dimensions():
    """Beside a vacuum in which images are felt, so that the sum differs from the planar one, with c aslant."""
    cell = FLAT * [1, 1, 1.5]
    energy = lambda f: ewald(PLACES @ f, cell @ f, NEUTRAL, WIDTH, slab=True).energy
    found = ewald(PLACES, cell, NEUTRAL, WIDTH, slab=True).strain
    for direction in along_surface(np.array([0.0, 0.0, 1.0])):
        assert np.vdot(found, direction) == pytest.approx(slope(energy, direction), abs=1e-7)


@pytest.mark.parametrize("charges", [NEUTRAL, CHARGES], ids=["neutral", "charged"])
def test_bulk(charges):
    found = LatticeSum(PLACES, FLAT, WIDTH).strain(charges)
    meshed = electrostatics_of(PLACES, charges, FLAT, BULK, WIDTH, accuracy=1e-8, countercharge="background", method="mesh", strain=True).strain
    for i in range(3):
        for j in range(3):
            direction = np.outer(np.eye(3)[i], np.eye(3)[j])
            exact = slope(lambda f: ewald(PLACES @ f, FLAT @ f, charges, WIDTH).energy, direction)
            assert found[j, i] == pytest.approx(exact, abs=1e-7) and meshed[j, i] == pytest.approx(exact, abs=1e-5)


def test_mesh_is_its_own_derivative():
    """The derivative of the mesh's energy itself, far below its accuracy."""
    cell = slab_cell(PLACES, FLAT, CHARGES, 1e-3)
    settings = choose(cell, CHARGES, WIDTH, 1e-2)
    energy = lambda f: Mesh(cell @ f, SLAB, settings).evaluate(PLACES @ f, CHARGES, WIDTH, countercharge="none").energy
    found = Mesh(cell, SLAB, settings).strain(PLACES, CHARGES, WIDTH, countercharge="none")
    for direction in along_surface(np.array([0.0, 0.0, 1.0])):
        assert np.vdot(found, direction) == pytest.approx(slope(energy, direction, 1e-5), abs=1e-5)

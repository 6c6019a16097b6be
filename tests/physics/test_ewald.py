"""Three-dimensional Coulomb sums: Madelung constants, independence of the splitting, derivatives, the planar sum."""

import numpy as np
import pytest

from electrode.physics.charge_interactions import Bulk
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald
from electrode.units import COULOMB

CUBE = np.eye(3)
TRICLINIC = np.array([[5.0, 0.3, 0.0], [1.8, 4.5, 0.0], [-1.2, 0.9, 6.2]])
FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CRYSTALS = {  # positions, charges, nearest distance, Madelung constant, in a cube of unit length
    "rock salt": (np.vstack([FCC, FCC + [0.5, 0, 0]]), [1] * 4 + [-1] * 4, 0.5, 1.7475645946331822),
    "caesium chloride": (np.array([[0, 0, 0], [0.5, 0.5, 0.5]]), [1, -1], np.sqrt(0.75), 1.7626747730709882),
    "zinc blende": (np.vstack([FCC, FCC + 0.25]), [1] * 4 + [-1] * 4, np.sqrt(3.0) / 4.0, 1.6380550533889),
}


@pytest.fixture
def system():
    rng = np.random.default_rng(5)
    sigma = rng.uniform(0.2, 0.9, 6)
    sigma[:2] = 0.0
    return rng.random((6, 3)) @ TRICLINIC, rng.normal(size=6), sigma


@pytest.mark.parametrize("name", CRYSTALS)
@pytest.mark.parametrize("length", [1.0, 5.64])
def test_madelung_constants(name, length):
    positions, charges, nearest, constant = CRYSTALS[name]
    found = ewald(length * positions, length * CUBE, charges)
    pairs = len(charges) / 2
    assert -found.energy * nearest * length / (COULOMB * pairs) == pytest.approx(constant, abs=1e-11)
    assert np.abs(found.forces).max() < 1e-11
    assert found.potentials * charges == pytest.approx(np.full(len(charges), 2.0 * found.energy / len(charges)))


@pytest.mark.parametrize("splitting", [0.3, 0.6, 1.1])
def test_does_not_depend_on_the_splitting(system, splitting):
    positions, charges, sigma = system
    usual, other = ewald(positions, TRICLINIC, charges, sigma), ewald(positions, TRICLINIC, charges, sigma, splitting=splitting)
    assert other.energy == pytest.approx(usual.energy, abs=1e-11)
    assert other.potentials == pytest.approx(usual.potentials, abs=1e-11) and other.forces == pytest.approx(usual.forces, abs=1e-11)


def test_another_cell_of_one_lattice_gives_the_same(system):
    positions, charges, sigma = system
    turned = np.array([[1, 0, 0], [1, 1, 0], [0, -1, 1]]) @ TRICLINIC
    usual, other = ewald(positions, TRICLINIC, charges, sigma), ewald(positions + 3 * TRICLINIC[1], turned, charges, sigma)
    assert other.energy == pytest.approx(usual.energy, abs=1e-11) and other.forces == pytest.approx(usual.forces, abs=1e-11)


def test_forces_are_derivatives(system):
    positions, charges, sigma = system
    forces, h = ewald(positions, TRICLINIC, charges, sigma).forces, 1e-4
    for atom, axis in ((0, 0), (3, 2), (5, 1)):
        step = np.zeros_like(positions)
        step[atom, axis] = h
        rise = ewald(positions + step, TRICLINIC, charges, sigma).energy - ewald(positions - step, TRICLINIC, charges, sigma).energy
        assert -rise / (2.0 * h) == pytest.approx(forces[atom, axis], abs=1e-7)
    assert forces.sum(axis=0) == pytest.approx(np.zeros(3), abs=1e-11)


@pytest.mark.parametrize("slab", [False, True])
def test_matrix_gives_the_potentials(system, slab):
    positions, charges, sigma = system
    charges = charges - charges.mean()
    found, matrix = ewald(positions, TRICLINIC, charges, sigma, slab=slab), Bulk(TRICLINIC, slab=slab).at(positions, sigma).matrix
    assert matrix @ charges == pytest.approx(found.potentials, abs=1e-10)
    assert matrix == pytest.approx(matrix.T, abs=1e-12) and 0.5 * charges @ matrix @ charges == pytest.approx(found.energy, abs=1e-10)


@pytest.mark.parametrize("sizes", [0.0, 1.0])
def test_corrected_slab_is_the_planar_sum(system, sizes):
    positions, charges, sigma = system
    charges = charges - charges.mean()
    cell = np.array([[6.0, 0.5, 0.0], [-1.0, 7.0, 0.0], [0.0, 0.0, 60.0]])
    planar = coulomb(positions, cell, [True, True, False], sizes * sigma)
    found = ewald(positions, cell, charges, sizes * sigma, slab=True)
    assert found.energy == pytest.approx(0.5 * charges @ planar.value @ charges, abs=1e-8)
    assert found.forces == pytest.approx(-planar.pull(np.outer(charges, charges)), abs=1e-8)


def test_background_of_a_net_charge():
    # a simple cubic lattice of unit charges in a uniform background
    found = ewald(np.zeros((1, 3)), 3.0 * CUBE, [1.0])
    assert found.energy == pytest.approx(-2.837297479480619 * COULOMB / (2.0 * 3.0), abs=1e-11)


def test_mistakes(system):
    positions, charges, _ = system
    with pytest.raises(ValueError, match="three independent vectors"):
        ewald(positions, np.diag([5.0, 5.0, 0.0]), charges)
    with pytest.raises(ValueError, match="neutral slab"):
        ewald(positions, TRICLINIC, np.ones(6), slab=True)


@pytest.mark.parametrize("charges, sigma", [(np.ones(3), None), (np.ones(2), np.ones(3))])
def test_another_number_of_charges_or_widths_is_refused(charges, sigma):
    """The kernels index without looking: a mismatch must never reach them."""
    with pytest.raises(ValueError, match="one (charge|width) for each of 2 positions"):
        ewald(np.array([[0.0, 0, 0], [1.0, 1, 1]]), 5.0 * np.eye(3), charges, sigma)

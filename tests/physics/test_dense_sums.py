"""Dense sums for matrices and forces against the sums that carry the derivative of each element."""

import numpy as np
import pytest

from electrode.physics.dense_sums import LatticeSum, OpenSum, with_gap
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald_sum import ewald

CELL = np.array([[5.0, 0.3, 0.2], [-1.0, 6.0, 0.1], [0.4, 0.2, 11.0]])
WIDTH = np.random.default_rng(0).uniform(0.3, 1.4, 14)
WIDTH[3] = WIDTH[7] = 0.0  # points
CHARGES = np.random.default_rng(1).normal(size=14)
PLACES = np.random.default_rng(2).uniform(-0.5, 1.5, (14, 3)) @ CELL


def test_crystal():
    found = LatticeSum(PLACES, CELL, WIDTH)
    columns = [ewald(PLACES, CELL, one, WIDTH, splitting=0.4).potentials for one in np.eye(14)]
    np.testing.assert_allclose(found.matrix(), columns, atol=1e-12)
    np.testing.assert_allclose(found.forces(CHARGES), ewald(PLACES, CELL, CHARGES, WIDTH, splitting=0.4).forces, atol=1e-12)


@pytest.mark.parametrize("periodic", [True, False])
def test_slab_and_open_space(periodic):
    exact = coulomb(PLACES, CELL, [periodic, periodic, False], WIDTH)
    found = LatticeSum(PLACES, CELL, WIDTH, planar=True) if periodic else OpenSum(PLACES, WIDTH)
    np.testing.assert_allclose(found.matrix(), exact.value, atol=1e-11)
    np.testing.assert_allclose(found.forces(CHARGES), -exact.pull(np.outer(CHARGES, CHARGES)), atol=1e-11)


def test_close_gaussians():
    """Where erf(x)/x is summed as a series, and on both sides of it."""
    for distance in (1e-4, 0.02, 0.0245, 0.1):
        places, width = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, distance]]), np.array([0.5, 0.7])
        exact, found = coulomb(places, np.zeros((3, 3)), [False] * 3, width), OpenSum(places, width)
        np.testing.assert_allclose(found.matrix(), exact.value, rtol=1e-12)
        np.testing.assert_allclose(found.forces(np.ones(2)), -exact.pull(np.ones((2, 2))), rtol=1e-7, atol=1e-12)


def test_refused():
    for sum_of in (OpenSum, lambda places, width: LatticeSum(places, CELL, width)):
        with pytest.raises(ValueError, match="different places"):
            sum_of(np.ones((2, 3)), np.zeros(2)).matrix()
        assert sum_of(np.ones((2, 3)), np.array([0.0, 0.5])).matrix()[0, 1] > 0.0
    with pytest.raises(ValueError, match="three independent vectors"):
        LatticeSum(PLACES, np.zeros((3, 3)), WIDTH)
    with pytest.raises(ValueError, match="two independent vectors"):
        with_gap(PLACES, np.ones((3, 3)))

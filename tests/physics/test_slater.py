"""Slater charges against quadrature, the closed form of the first shell, limits and finite differences."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from electrode.physics._kept_pairs import SlaterPart
from electrode.physics._slater_kernels import two_slater
from electrode.physics.charge_constraints import Constraints
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_model import ChargeModel
from electrode.physics.charge_parameters import QEQ, QEQ_SLATER
from electrode.physics.charges import equilibrate_charges
from electrode.physics.slater import Slater, slater_exponent, slater_own, slater_width
from electrode.physics.slater_parameters import SHELL, ZETA
from electrode.units import BOHR, COULOMB

CELL = np.array([[5.0, 0.3, 0.0], [-1.0, 6.0, 0.0], [0.0, 0.0, 16.0]])
SPACES = {"open": Planar.open(), "slab": Planar(CELL), "bulk": Bulk(CELL), "corrected": Bulk(CELL, slab=True)}
PLACES = np.random.default_rng(3).uniform(0.0, 1.0, (6, 3)) @ CELL * [1.0, 1.0, 0.5]
WIDTH, SHELLS = np.array([0.5, 0.3, 0.6, 0.0, 0.4, 0.5]), np.array([1, 2, 3, 1, 2, 6])


def density(t, a, n):
    """Charge in a shell of radius t."""
    return a ** (2 * n + 1) / math.factorial(2 * n) * t ** (2 * n) * math.exp(-a * t)


def potential(s, a, n):
    """Of a charge alone, by Gauss's law: what is within s over s, and what is beyond."""
    inside = quad(density, 0.0, s, (a, n), epsabs=1e-14, epsrel=1e-13)[0]
    beyond = quad(lambda t: density(t, a, n) / t, s, s + 60.0 / a, epsabs=1e-14, epsrel=1e-13)[0]
    return inside / s + beyond


@pytest.mark.parametrize(("r", "a", "n", "b", "m"), [(1.0, 3.0, 1, 3.0, 1), (0.6, 2.0, 2, 4.0, 1), (2.5, 1.2, 3, 3.9, 2), (1.5, 2.5, 2, 2.5001, 2)])
def test_two_charges_by_quadrature(r, a, n, b, m):
    """One charge's potential, averaged over the other's directions and radii on a product grid."""
    nodes, weights = np.polynomial.legendre.leggauss(30)
    total = 0.0
    for low, high in ((0.0, r), (r, r + 3.0), (r + 3.0, r + 14.0)):
        for x, w in zip(nodes, weights):
            t = low + 0.5 * (high - low) * (x + 1.0)
            s = abs(r - t) + 0.5 * (r + t - abs(r - t)) * (nodes + 1.0)  # int V s ds/(2 r t) over the distances s
            mean = np.sum(weights * s * [potential(one, a, n) for one in s]) * 0.5 * (r + t - abs(r - t)) / (2.0 * r * t)
            total += 0.5 * (high - low) * w * density(t, b, m) * mean
    assert two_slater(r, a, n, b, m)[0] / r == pytest.approx(total, abs=1e-9)
    assert two_slater(r, a, n, b, m)[0] == pytest.approx(two_slater(r, b, m, a, n)[0], abs=1e-13)


def test_first_shell_in_closed_form():
    for zeta, r in ((1.5, 0.4), (1.5, 2.0), (0.7, 5.0)):
        x = zeta * r
        exact = 1.0 - math.exp(-2.0 * x) * (1.0 + 11.0 / 8.0 * x + 0.75 * x**2 + x**3 / 6.0)
        assert two_slater(r, 2.0 * zeta, 1, 2.0 * zeta, 1)[0] == pytest.approx(exact, abs=1e-14)


@pytest.mark.parametrize("n", range(1, 8))
def test_limits(n):
    a = slater_exponent(0.6, n)
    near, slope = two_slater(1e-3, a, n, a, n)
    own = slater_own(np.array([0.6]), np.array([n]))[0] / COULOMB
    assert near / 1e-3 == pytest.approx(own, rel=1e-5)
    assert slope == pytest.approx(own, rel=1e-5)
    assert two_slater(40.0, a, n, a, n)[0] == pytest.approx(1.0, abs=1e-13)
    assert quad(lambda t: t * t * density(t, a, n), 0.0, 60.0, epsabs=1e-13)[0] / 3.0 == pytest.approx(0.36, rel=1e-8)  # the width is the rms extent
    assert slater_width(0.5 * a, n) == pytest.approx(0.6)


def test_own_interaction_of_the_first_shell():
    assert slater_own(np.array([0.5, 0.0]), np.array([1, 1])) == pytest.approx([COULOMB * 5.0 / 8.0 / 0.5, 0.0])


@pytest.mark.parametrize("name", SPACES)
def test_forces_are_derivatives(name):
    space, charges, h = Slater(SPACES[name], SHELLS), np.array([0.4, -0.3, 0.2, 0.5, -0.6, -0.2]), 1e-4
    pairs = space.at(PLACES, WIDTH)
    forces = pairs.forces(charges)
    np.testing.assert_allclose(space.at(PLACES, WIDTH).potentials(charges), pairs.matrix @ charges, atol=1e-12)
    np.testing.assert_allclose(pairs.matrix, pairs.matrix.T, atol=1e-13)
    for place in ((0, 0), (3, 1), (5, 2)):
        step = np.zeros_like(PLACES)
        step[place] = h
        rise = 0.5 * charges @ (space.at(PLACES + step, WIDTH).matrix - space.at(PLACES - step, WIDTH).matrix) @ charges
        assert forces[place] == pytest.approx(-rise / (2.0 * h), abs=1e-8)


def test_far_charges_are_points_and_points_stay_points():
    places = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 20.0], [0.0, 4.0, 9.0]])
    far = Slater(Planar.open(), np.array([1, 3, 2])).at(places, np.array([0.4, 0.5, 0.0])).matrix
    points = Planar.open().at(places, np.zeros(3)).matrix
    np.testing.assert_allclose(far - np.diag(np.diag(far)), points, atol=1e-12)
    assert far[2, 2] == 0.0
    np.testing.assert_array_equal(Slater(Planar.open()).at(places, np.zeros(3)).matrix, points)


def test_table_is_the_function():
    width, shells, smooth = np.array([0.5, 0.9, 0.5, 0.9]), np.array([1, 3, 1, 3]), np.full(4, 0.5)
    places, cell = np.array([[0.0, 0.0, 0.0], [0.0, 1.1, 0.0], [2.0, 0.3, 0.5], [5.0, 5.0, 4.0]]), 40.0 * np.eye(3)
    part = SlaterPart(width, shells, smooth, cell, 1.0)
    part.at(places)
    for i, j, value, slope in zip(part.pairs.centres(), part.pairs.index, part.values, part.slopes):
        r = np.linalg.norm(places[i] - places[j])
        rj, bend = two_slater(r, slater_exponent(width[i], shells[i]), shells[i], slater_exponent(width[j], shells[j]), shells[j])
        gaussian = math.erf(r) / r  # two widths of 0.5
        assert value == pytest.approx(rj / r - gaussian, abs=1e-8)
        assert slope * r == pytest.approx((bend - rj / r) / r - (2.0 / math.sqrt(math.pi) * math.exp(-r * r) - gaussian) / r, abs=1e-6)
    assert len(part.values) == 6


def test_published_parameters():
    np.testing.assert_allclose(ZETA[[5, 6, 10, 16, 18]] * BOHR, [0.8563, 0.9089, 0.4364, 0.9154, 0.4524], atol=2e-4)
    assert SHELL[[0, 5, 16, 46, 78]].tolist() == [1, 2, 3, 5, 6]
    numbers, places = np.array([11, 17]), np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 2.361]])
    model = QEQ_SLATER.model(numbers, Planar.open())
    own = np.diag(model.interaction.at(places, model.width).matrix) + model.hardness
    np.testing.assert_allclose(own, [4.592, 9.892], rtol=1e-12)
    coupling = COULOMB * two_slater(2.361, 2.0 * ZETA[10], 3, 2.0 * ZETA[16], 3)[0] / 2.361
    by_hand = (8.564 - 2.843) / (4.592 + 9.892 - 2.0 * coupling)
    assert equilibrate_charges(model, places).charges == pytest.approx([by_hand, -by_hand])
    assert by_hand < equilibrate_charges(QEQ.model(numbers, Planar.open()), places).charges[0]


def test_refused():
    with pytest.raises(ValueError, match="whole numbers from 1 to 7"):
        Slater(Planar.open(), [1, 8])
    with pytest.raises(ValueError, match="expected 6 shells"):
        Slater(Planar.open(), [1, 2]).at(PLACES, WIDTH)
    charged = ChargeModel(np.zeros(6), np.full(6, 10.0), WIDTH, Slater(Bulk(CELL)))
    with pytest.raises(ValueError, match="background=True"):
        equilibrate_charges(charged, PLACES, Constraints(total=1.0))

"""Capacitance from energies, potentials, charge densities and fluctuations, where the answer is known."""

import numpy as np
import pytest

from electrode.physics.capacitance import electrode_charge, fit_capacitor, fluctuation_capacitance, potential_drop
from electrode.units import BOLTZMANN, EPSILON_0

Q = np.array([-0.4, -0.1, 0.0, 0.15, 0.3])
C, ZERO, E0 = 0.47, 5.52, -311.0


def energies(q=Q):
    return E0 + ZERO * q + q**2 / (2.0 * C)


def potentials(q=Q):
    return ZERO + q / C


@pytest.mark.parametrize("labels", [{"energies": energies()}, {"potentials": potentials()}, {"energies": energies(), "potentials": potentials()}])
def test_recovers_a_capacitor(labels):
    fit = fit_capacitor(Q, **labels)
    assert fit.capacitance == pytest.approx(C, rel=1e-8) and fit.zero_charge_potential == pytest.approx(ZERO, abs=1e-9)
    assert fit.capacitance_error < 1e-8 and not fit.outliers
    assert (fit.energy is None) == ("energies" not in labels) == (fit.energy_residuals is None)
    assert fit.energy is None or fit.energy == pytest.approx(E0)


def test_error_bars_cover_the_truth():
    rng = np.random.default_rng(3)
    far = []
    for _ in range(300):
        fit = fit_capacitor(Q, potentials=potentials() + rng.normal(0.0, 0.01, 5), energies=energies() + rng.normal(0.0, 0.001, 5))
        far.append([(fit.capacitance - C) / fit.capacitance_error, (fit.zero_charge_potential - ZERO) / fit.zero_charge_potential_error])
    share = (np.abs(far) < 1.0).mean(axis=0)
    assert np.all((share > 0.58) & (share < 0.74))


def test_as_many_points_as_constants_have_no_error_bars():
    fit = fit_capacitor(Q[:2], potentials=potentials(Q[:2]))
    assert fit.capacitance == pytest.approx(C) and fit.capacitance_error is None and fit.zero_charge_potential_error is None
    assert fit_capacitor(Q[:3], energies=energies(Q[:3])).energy_error is None


def test_outlier_is_shown():
    q = np.linspace(-0.5, 0.5, 9)
    rng = np.random.default_rng(0)
    labels = potentials(q) + rng.normal(0.0, 0.002, 9)
    assert fit_capacitor(q, potentials=labels).outliers == ()
    labels[6] += 0.1
    assert fit_capacitor(q, potentials=labels).outliers == (6,)


@pytest.mark.parametrize(
    "charges, labels, message",
    [
        (Q, {"potentials": -potentials()}, "rise with the charge"),
        (Q, {"energies": E0 - energies()}, "convex"),
        (Q, {"potentials": np.full(5, 4.4)}, "rise with the charge"),
        ([0.1, 0.1, 0.1], {"potentials": [4.4, 4.5, 4.6]}, "all charges are equal"),
        ([0.1, 0.2], {"energies": [1.0, 2.0]}, "at least 3 different charges"),
        ([0.1], {"potentials": [4.0]}, "at least 2 different charges"),
        (Q, {}, "got neither"),
        (Q, {"potentials": [1.0, 2.0]}, "one of potentials for each charge"),
        ([0.0, 0.1, np.nan], {"potentials": [1.0, 2.0, 3.0]}, "finite"),
    ],
)
def test_refuses(charges, labels, message):
    with pytest.raises(ValueError, match=message):
        fit_capacitor(charges, **labels)


def test_message_shows_the_points():
    with pytest.raises(ValueError, match="Q/e -0.4000, Phi/V -4.66"):
        fit_capacitor(Q, potentials=-potentials())


def sheets(sigma, distance, width=0.5):
    z = np.linspace(-20.0, 20.0, 8001)
    bell = lambda centre: np.exp(-0.5 * ((z - centre) / width) ** 2) / (width * np.sqrt(2.0 * np.pi))
    return z, sigma * bell(-0.5 * distance), -sigma * bell(0.5 * distance)


@pytest.mark.parametrize("sigma", [0.002, -0.004])
def test_two_sheets_are_a_plate_capacitor(sigma):
    z, left, right = sheets(sigma, 8.0)
    assert sigma / potential_drop(z, left + right) == pytest.approx(EPSILON_0 / 8.0, rel=1e-9)
    with pytest.raises(ValueError, match="neutral charge density"):
        potential_drop(z, left)


def test_charge_of_one_face():
    z, left, right = sheets(0.003, 10.0)
    electrons = -left - right  # a slab in a field: charge on its two faces
    expected = pytest.approx(-0.003, rel=1e-4)
    assert electrode_charge(z, electrons, 0.0, 6.0) == expected == electrode_charge(z, electrons, 0.4, 6.0)
    assert electrode_charge(z, -electrons, 0.0, 6.0) == pytest.approx(0.003, rel=1e-4)
    with pytest.raises(ValueError, match="covers the middle"):
        electrode_charge(z, electrons, 0.0, 25.0)
    with pytest.raises(ValueError, match="minimum"):
        electrode_charge(z[z < 5.0], electrons[z < 5.0], 0.0, 4.0)


def test_fluctuations():
    rng = np.random.default_rng(1)
    charges = 1.3 + rng.normal(0.0, np.sqrt(C * BOLTZMANN * 300.0), 40000)
    found = fluctuation_capacitance(charges, 300.0, empty=0.1)
    assert abs(found.value - 0.1 - C) < 4.0 * found.error and 0.001 < found.error < 0.01
    with pytest.raises(ValueError, match="fluctuates"):
        fluctuation_capacitance(np.ones(100))
    with pytest.raises(ValueError, match="at least 2 blocks"):
        fluctuation_capacitance(charges[:10], blocks=9)

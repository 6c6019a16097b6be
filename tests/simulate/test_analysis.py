"""Error bars, the boundary term and the weights, on series whose answers are known."""

import numpy as np
import pytest

from electrode.simulate.analysis import Estimate, capacitance, estimate, fluctuating_mean, mean_potential
from electrode.units import BOLTZMANN

T = 300.0
THERMAL = BOLTZMANN * T


def correlated(rng, size, memory, n=1):
    """Stationary series of unit variance and correlation exp(-t/memory), (n, size)."""
    a, x, rows = np.exp(-1.0 / memory), rng.normal(size=n), []
    for _ in range(size):
        x = a * x + np.sqrt(1 - a * a) * rng.normal(size=n)
        rows.append(x)
    return np.array(rows).T


def test_errors_of_correlated_series_are_right_on_average():
    series = correlated(np.random.default_rng(0), 4000, 10.0, n=200)
    found = [estimate(np.mean, x) for x in series]
    actual = np.std([e.value for e in found])
    assert np.sqrt(np.mean([e.error**2 for e in found])) == pytest.approx(actual, rel=0.15)
    assert actual > 3 / np.sqrt(4000)  # the error of independent entries would be far too small
    assert np.mean([e.within(0.0, 2.0) for e in found]) > 0.9


def test_a_mean_of_independent_entries_and_of_a_constant():
    x = np.random.default_rng(1).normal(size=16000)
    assert estimate(np.mean, x).error == pytest.approx(1 / np.sqrt(16000), rel=0.4)
    assert estimate(np.mean, np.full(64, 2.0)) == Estimate(2.0, 0.0)


def test_the_boundary_term_of_hard_walls():
    """A capacitor whose charge is cut at two walls: <dE/dQ> is off by kT times the difference of the densities there."""
    rng, c, target = np.random.default_rng(2), 0.4, 4.5
    charge = np.sqrt(THERMAL * c) * rng.normal(size=400000)
    walls = (-0.15, 0.05)
    charge = charge[(charge > walls[0]) & (charge < walls[1])]
    potential = target + charge / c
    found = mean_potential(potential, charge=charge, walls=walls, temperature=T)
    assert found.within(target, 4.0) and found.error < 0.01
    assert not mean_potential(potential).within(target, 20.0)


def test_a_capacitance_has_an_electronic_and_a_structural_part():
    rng, target, c = np.random.default_rng(3), 4.5, 0.4
    pinned = 0.1 + 0.07 * rng.normal(size=40000)
    charge = pinned + np.sqrt(THERMAL * c) * rng.normal(size=40000)
    found = capacitance(charge, target + (charge - pinned) / c, np.full(40000, c), target, T)
    assert found.electronic == Estimate(pytest.approx(c), pytest.approx(0.0, abs=1e-12)) and found.structural.within(0.07**2 / THERMAL)
    assert found.total.value == pytest.approx(found.electronic.value + found.structural.value)
    assert found.variance.within(THERMAL * c + 0.07**2) and 0 < found.structural.error < 0.05 * found.structural.value


def test_series_that_say_nothing_are_refused():
    long = np.zeros(64)
    for call, message in (
        (lambda: estimate(np.mean, np.zeros(20)), "at least 32 entries"),
        (lambda: estimate(np.mean, np.r_[long, np.nan]), "finite"),
        (lambda: capacitance(long, np.zeros(60), long, 4.5, T), "64, 60 and 64"),
        (lambda: capacitance(long, long, long, 4.5, 0.0), "positive temperature"),
        (lambda: mean_potential(long, walls=(0, 1)), "together"),
        (lambda: mean_potential(long, charge=long, walls=(0.1, 1.0), temperature=T), "hold every charge"),
        (lambda: fluctuating_mean(long, long), "positive capacitances"),
    ):
        with pytest.raises(ValueError, match=message):
            call()

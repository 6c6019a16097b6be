"""Profiles, rates and umbrella runs against integrals that can be written down."""

import numpy as np
import pytest
from ase import units
from scipy.integrate import quad
from wells import T, Sampler, Wells, atoms, kt, sample

from electrode.simulate.coordinates import Along
from electrode.simulate.free_energy import Profile, Rate, isotope_effect, transition_state_rate
from electrode.simulate.schedule import Schedule
from electrode.simulate.umbrella import Umbrella, log_normalisers, unbias

HEIGHT, HALF = 0.25, 0.8


def double_well(s):
    return HEIGHT * (1 - (s / HALF) ** 2) ** 2


def well_slope(s):
    return -4 * HEIGHT * (1 - (s / HALF) ** 2) * s / HALF**2


def profile(points=15, error=0.01, left=-1.1, right=0.6):
    s = np.linspace(left, right, points)
    return Profile(s, well_slope(s), np.full(points, error))


def test_profile_is_the_integral():
    """A cubic spline takes a cubic slope exactly; the error is that of the weights."""
    found = profile()
    np.testing.assert_allclose(found.energy, double_well(found.value) - double_well(found.value[0]), atol=1e-12)
    noise = np.random.default_rng(0).normal(scale=0.01, size=(4000, 15))
    spread = np.std([Profile(found.value, found.slope + row, found.slope_error).energy for row in noise[:400]], axis=0)
    np.testing.assert_allclose(found.energy_error[1:], spread[1:], rtol=0.15)
    with pytest.raises(ValueError, match="ascending"):
        Profile(found.value[::-1], found.slope, found.slope_error)


def test_rate_is_the_flux():
    """k of the double well by quadrature, the mass's square root, and the error from redrawn slopes."""
    inverse_mass = 1 / 1.008
    found = transition_state_rate(profile(), inverse_mass, T)
    basin = quad(lambda s: np.exp(-double_well(s) / kt(T)), -1.1, 0.0)[0]
    exact = np.sqrt(kt(T) * inverse_mass / (2 * np.pi)) * np.exp(-HEIGHT / kt(T)) / basin * units.s
    assert found.rate == pytest.approx(exact, rel=1e-4) and found.barrier == pytest.approx(HEIGHT, rel=1e-5) and abs(found.top) < 1e-3
    harmonic = np.sqrt(8 * HEIGHT / HALF**2 * inverse_mass) / (2 * np.pi) * np.exp(-HEIGHT / kt(T)) * units.s
    assert found.rate == pytest.approx(harmonic, rel=0.15)
    rng, clean = np.random.default_rng(1), profile()
    logs = [np.log(transition_state_rate(Profile(clean.value, clean.slope + rng.normal(scale=0.01, size=15), clean.slope_error), inverse_mass, T).rate) for _ in range(60)]
    assert found.rate_error / found.rate == pytest.approx(np.std(logs), rel=0.35)


def test_isotope_effect():
    """Of one classical profile it is the root of the masses' ratio; errors add in squares."""
    light, heavy = (transition_state_rate(profile(), 1 / m, T) for m in (1.008, 2.014))
    effect, error = isotope_effect(light, heavy)
    assert effect == pytest.approx(np.sqrt(2.014 / 1.008)) and error == pytest.approx(effect * np.sqrt(2) * light.rate_error / light.rate)
    assert isotope_effect(Rate(4.0, 0.4, 0, 0, 0), Rate(2.0, 0.0, 0, 0, 0)) == (2.0, pytest.approx(0.2))


def test_a_profile_without_reactant_is_refused():
    with pytest.raises(ValueError, match="extend the profile"):
        transition_state_rate(profile(left=-0.3), 1.0, T)


def umbrellas(count=5, moves=1200):
    """A particle in the wells k r^2 / 2 pulled to places along x."""
    along, centres = Along(0, (1.0, 0.0, 0.0)), np.linspace(-0.3, 0.3, count)
    runs = []
    for k, centre in enumerate(centres):
        ensemble = Umbrella(Wells(3.0, shared_charge=False), along, centre, 5.0)
        sampler = Sampler(ensemble, atoms(spread=0.01), T, schedule=Schedule(timestep=4.0, steps=6))
        runs.append(sample(sampler, moves, lambda r: r.state.centroid[0, 0], seed=k)[0])
    return runs, centres


def test_umbrella_runs_put_together():
    """The bias pulls each run to k_b s_i / (k + k_b), and without it the free energy is k s^2 / 2, far beyond kT."""
    runs, centres = umbrellas()
    for run, centre in zip(runs, centres):
        assert run.mean() == pytest.approx(centre * 5.0 / 8.0, abs=0.02)
    found = unbias(runs, centres, 5.0, T, np.linspace(-0.25, 0.25, 21))
    exact = 1.5 * found.value**2
    off = found.energy - exact
    assert np.abs(off - off.mean()).max() < 0.012 and (found.error < 0.012).all() and (found.error > 0).all()
    assert exact.max() > 3 * kt(T) and np.abs(off - off.mean()).max() < 5 * found.error.max()
    with pytest.raises(ValueError, match="do not overlap"):
        unbias([runs[0], runs[0] + 5.0], np.array([0.0, 5.0]), 5.0, T, np.linspace(-1, 1, 5))
    with pytest.raises(ValueError, match="positive stiffness"):
        Umbrella(Wells(), Along(0, (1.0, 0.0, 0.0)), 0.0, 0.0)


def test_a_soft_wall_leaves_its_middle_alone():
    """Energy and forces by finite differences on both sides of the flat region, and none inside."""
    plain = Wells(3.0, shared_charge=False)
    walled = Umbrella(plain, Along(0, (0.0, 1.0, 0.0)), 0.1, 5.0, 0.2)
    for y, bias in ((0.25, 0.0), (-0.05, 0.0), (0.5, 2.5 * 0.2**2), (-0.4, 2.5 * 0.3**2)):
        at = lambda step: walled.state(np.array([[[0.3, y + step, 0.0]]]), 0.0)
        assert at(0).energy - plain.state(np.array([[[0.3, y, 0.0]]]), 0.0).energy == pytest.approx(bias, abs=1e-12)
        assert at(0).forces[0, 0, 1] == pytest.approx(-(at(1e-6).energy - at(-1e-6).energy) / 2e-6, abs=1e-6)


def test_normalisers_of_gaussians():
    """Samples of exp(-k (x - c)^2 / 2): f is the logarithm of the ratio of widths."""
    rng, stiffness = np.random.default_rng(0), np.array([1.0, 4.0, 9.0])
    x = np.concatenate([rng.normal(scale=1 / np.sqrt(k), size=4000) for k in stiffness])
    found = log_normalisers(0.5 * stiffness[:, None] * x[None] ** 2, np.array([4000] * 3))
    np.testing.assert_allclose(found, 0.5 * np.log(stiffness), atol=0.03)


def test_normalisers_are_those_of_pymbar():
    pymbar = pytest.importorskip("pymbar", exc_type=ImportError)
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(c, 0.4, size=200) for c in (0.0, 0.5, 1.0)])
    reduced, counts = 3.125 * (x[None] - np.array([[0.0], [0.5], [1.0]])) ** 2, np.array([200] * 3)
    theirs = pymbar.MBAR(reduced, counts, solver_protocol=({"method": "adaptive"},)).f_k
    np.testing.assert_allclose(log_normalisers(reduced, counts), theirs - theirs[0], atol=1e-6)

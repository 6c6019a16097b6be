"""Isotope effects from kinetic energies against those of free energies that are known."""

import numpy as np
import pytest
from scipy.integrate import quad
from wells import T, kt

from electrode.simulate.free_energy import Profile
from electrode.simulate.isotopes import KineticEnergy, isotope_effect_by_mass
from electrode.units import HBAR

H, D, ATOMIC_MASS = 1.008, 2.014, 103.642697  # [amu], [eV fs^2/A^2] of one amu
S = np.linspace(-1.1, 0.6, 15)


def stiffness(s):
    """Of a vibration beside the path, [eV/A^2]; softer at the top."""
    return 18.0 + 10.0 * s**2


def quantum(s, mass):
    """Return its free energy and kinetic energy at 300 K [eV], both exact."""
    quantum_of_energy = HBAR * np.sqrt(stiffness(s) / (mass * ATOMIC_MASS))
    return kt(T) * np.log(2 * np.sinh(quantum_of_energy / (2 * kt(T)))), quantum_of_energy / 4 / np.tanh(quantum_of_energy / (2 * kt(T)))


def well(s):
    return 0.25 * (1 - (s / 0.8) ** 2) ** 2


def light_profile():
    whole = lambda s: well(s) + quantum(s, H)[0]
    slope = (whole(S + 1e-5) - whole(S - 1e-5)) / 2e-5
    return Profile(S, slope, np.full(len(S), 0.01))


def kinetic(mass, error=1e-3):
    return KineticEnergy(mass, quantum(S, mass)[1], np.full(len(S), error))


def exact():
    flux = lambda m: np.exp(-(well(0.0) + quantum(0.0, m)[0]) / kt(T)) / quad(lambda s: np.exp(-(well(s) + quantum(s, m)[0]) / kt(T)), S[0], 0.0)[0] / np.sqrt(m)
    return flux(H) / flux(D)


def test_it_is_the_ratio_of_the_rates():
    """Zero-point energy that the top has less of: 1.8 where the classical ratio is 1.41."""
    found, _ = isotope_effect_by_mass(light_profile(), kinetic(H), kinetic(D), (1 / H, 1 / D), T)
    assert exact() > 1.75
    assert found == pytest.approx(exact(), rel=0.01)


def test_a_constant_kinetic_energy_leaves_the_classical_ratio():
    same = [KineticEnergy(m, np.full(len(S), t), np.full(len(S), 1e-3)) for m, t in ((H, 0.15), (D, 0.11))]
    found, error = isotope_effect_by_mass(light_profile(), *same, (1 / H, 1 / D), T)
    assert found == pytest.approx(np.sqrt(D / H), rel=1e-12) and error > 0


def test_the_error_is_that_of_redrawn_energies():
    rng, profile, light, heavy = np.random.default_rng(0), light_profile(), kinetic(H), kinetic(D)
    _, error = isotope_effect_by_mass(profile, light, heavy, (1 / H, 1 / D), T)
    redrawn = lambda k: KineticEnergy(k.mass, k.value + rng.normal(scale=k.error), k.error)
    drawn = [isotope_effect_by_mass(profile, redrawn(light), redrawn(heavy), (1 / H, 1 / D), T)[0] for _ in range(80)]
    assert error == pytest.approx(np.std(drawn), rel=0.25)


def test_what_does_not_fit_is_refused():
    short = KineticEnergy(H, np.zeros(3), np.zeros(3))
    with pytest.raises(ValueError, match="expected 15 kinetic energies and errors of the light isotope"):
        isotope_effect_by_mass(light_profile(), short, kinetic(D), (1 / H, 1 / D), T)
    with pytest.raises(ValueError, match="light and then the heavy"):
        isotope_effect_by_mass(light_profile(), kinetic(D), kinetic(H), (1 / D, 1 / H), T)

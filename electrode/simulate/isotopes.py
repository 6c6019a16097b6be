"""The kinetic isotope effect from the kinetic energy along a profile, which fluctuates far less than the profiles of two isotopes differ.

    dA(s)/d ln m = -<T>_s        T: kinetic energy of the atom whose mass changes, at the centroid s
    A_heavy(s) - A_light(s) = -ln(m_heavy/m_light) [<T>_s,light + <T>_s,heavy] / 2         the trapezium; what its curvature adds is a hundredth

The part of a constraint and of classical motion is the same at every s and drops out of a rate.  Vanicek, Miller, Castillo and Aoiz, J. Chem. Phys.
123, 054108 (2005), https://doi.org/10.1063/1.1946740, integrate over more masses; here the two ends are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from electrode.simulate.free_energy import Profile, transition_state_rate
from electrode.units import BOLTZMANN


@dataclass(frozen=True)
class KineticEnergy:
    """The kinetic energy of one atom at each value of a profile.

    Parameters
    ----------
    mass : of the atom [amu]
    value, error : (n,) mean and its standard error [eV], see `path_integral.quantum_kinetic_energy`
    """

    mass: float
    value: np.ndarray
    error: np.ndarray


def isotope_effect_by_mass(profile: Profile, light: KineticEnergy, heavy: KineticEnergy, inverse_masses: tuple[float, float], temperature: float) -> tuple[float, float]:
    """Return the kinetic isotope effect k_light / k_heavy and its standard error.

        k_light / k_heavy = sqrt(m_s,heavy / m_s,light) exp[D(top)/kT] int e^{-(A + D)/kT} ds / int e^{-A/kT} ds,    D = A_heavy - A_light

    Parameters
    ----------
    profile : A of the light isotope
    light, heavy : kinetic energies at the places of the profile
    inverse_masses : 1 / m_s of the coordinate with the light and with the heavy isotope [1/amu], see `coordinates.inverse_mass`
    temperature : [K]

    Raises
    ------
    ValueError
        for kinetic energies that are not those of the profile's places, masses in the other order, or a profile without reactant.
    """
    for name, kinetic in (("light", light), ("heavy", heavy)):
        if np.shape(kinetic.value) != profile.value.shape or np.shape(kinetic.error) != profile.value.shape:
            raise ValueError(f"isotope_effect_by_mass: expected {len(profile.value)} kinetic energies and errors of the {name} isotope, one for each value of the profile, got {np.shape(kinetic.value)} and {np.shape(kinetic.error)}")
    if not heavy.mass > light.mass > 0:
        raise ValueError(f"isotope_effect_by_mass: expected masses of the light and then the heavy isotope, got {light.mass} and {heavy.mass}")
    kt, half = BOLTZMANN * temperature, 0.5 * np.log(heavy.mass / light.mass)
    grid, energy = profile.dense()
    top = int(np.searchsorted(grid, transition_state_rate(profile, inverse_masses[0], temperature).top))
    reactant = np.exp(-(energy[: top + 1] - energy[: top + 1].min()) / kt)

    def logarithm(difference: np.ndarray) -> float:
        d = CubicSpline(profile.value, difference)(grid[: top + 1]) / kt
        return d[-1] + np.log(np.trapezoid(reactant * np.exp(-d), grid[: top + 1]) / np.trapezoid(reactant, grid[: top + 1]))

    shift = -half * (np.asarray(light.value) + np.asarray(heavy.value))
    found = logarithm(shift)
    single = half * np.hypot(light.error, heavy.error)
    error = np.sqrt(sum((logarithm(shift + row) - found) ** 2 for row in np.diag(single)))
    effect = np.sqrt(inverse_masses[0] / inverse_masses[1]) * np.exp(found)
    return float(effect), float(effect * error)

"""Free-energy profiles along a reaction coordinate, and rates of passing their top.

    A(s) = int <dA/ds> ds                                           from runs with the coordinate held
    A(s) = -kT ln P(s)                                              from runs with a harmonic bias each, put together (`umbrella`)
    k    = sqrt(<|ds/dr|^2_m> kT / 2 pi) exp(-A(s_top)/kT) / int_reactant exp(-A(s)/kT) ds        transition-state theory

The rate is from the side of the lower s to the other.  With the profile of a ring polymer's centroid it is the quantum rate of
centroid-density theory (Voth, Chandler and Miller, J. Chem. Phys. 91, 7749 (1989)); recrossing is left out of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units as ase_units
from scipy.interpolate import CubicSpline

from electrode.units import BOLTZMANN

_DENSE = 2001  # points of the grid on which integrals over s are taken


@dataclass(frozen=True)
class Profile:
    """A free energy along a coordinate, with its zero at the first point.

    Parameters
    ----------
    value : (n,) s [A], ascending
    slope, slope_error : (n,) dA/ds and its standard error [eV/A]
    """

    value: np.ndarray
    slope: np.ndarray
    slope_error: np.ndarray

    def __post_init__(self):
        if len(self.value) < 4 or not (np.diff(self.value) > 0).all():
            raise ValueError(f"Profile: expected at least 4 ascending values of the coordinate, got {np.array2string(np.asarray(self.value), precision=3)}")

    @property
    def energy(self) -> np.ndarray:
        """A (n,) [eV]."""
        return self._integral(self.slope)(self.value)

    @property
    def weights(self) -> np.ndarray:
        """Matrix (n, n) [A] that takes slopes to energies: the integral of the spline through them is linear in the slopes."""
        return np.array([self._integral(row)(self.value) for row in np.eye(len(self.value))]).T

    @property
    def energy_error(self) -> np.ndarray:
        """Standard error of A (n,) [eV], that of independent slopes."""
        return np.sqrt(self.weights**2 @ np.asarray(self.slope_error) ** 2)

    def dense(self) -> tuple[np.ndarray, np.ndarray]:
        """Return s [A] and A [eV] on a fine grid."""
        grid = np.linspace(self.value[0], self.value[-1], _DENSE)
        return grid, self._integral(self.slope)(grid)

    def _integral(self, slopes: np.ndarray):
        return CubicSpline(self.value, slopes).antiderivative()


@dataclass(frozen=True)
class Rate:
    """A rate of transition-state theory.

    Parameters
    ----------
    rate, rate_error : [1/s]
    barrier, barrier_error : A at the top less A at the reactant's minimum [eV]
    top : s [A]
    """

    rate: float
    rate_error: float
    barrier: float
    barrier_error: float
    top: float


def transition_state_rate(profile: Profile, inverse_mass: float, temperature: float) -> Rate:
    """Return the rate over the highest point of a profile from its left side.

        k = sqrt(kT / (2 pi m_s)) exp(-A(s_top)/kT) / int_{s < s_top} exp(-A(s)/kT) ds,    dk/k by dA/ds at each point

    Parameters
    ----------
    inverse_mass : 1 / m_s at the top [1/amu], see `coordinates.inverse_mass`
    temperature : [K]

    Raises
    ------
    ValueError
        where the profile has no minimum before its top, so that the reactant is cut off.
    """
    kt = BOLTZMANN * temperature
    grid, energy = profile.dense()
    top = _top(energy)
    low = int(energy[: top + 1].argmin())
    logarithm = lambda a: -a[top] / kt - np.log(np.trapezoid(np.exp(-a[: top + 1] / kt), grid[: top + 1]))
    rate = np.sqrt(kt * inverse_mass / (2.0 * np.pi)) * np.exp(logarithm(energy)) * ase_units.fs * 1e15
    # each slope's part of the barrier and of ln k, from the change that its standard error makes
    shifts = [profile._integral(row * error)(grid) for row, error in zip(np.eye(len(profile.value)), profile.slope_error)]
    relative = np.sqrt(sum((logarithm(energy + shift) - logarithm(energy)) ** 2 for shift in shifts))
    barrier_error = np.sqrt(sum((shift[top] - shift[low]) ** 2 for shift in shifts))
    return Rate(float(rate), float(rate * relative), float(energy[top] - energy[low]), float(barrier_error), float(grid[top]))


def _top(energy: np.ndarray) -> int:
    """Return the index of the highest inner maximum that has a minimum before it."""
    inner = np.flatnonzero((energy[1:-1] > energy[:-2]) & (energy[1:-1] >= energy[2:])) + 1
    tops = [k for k in inner if energy[:k].min() < energy[k] and 0 < energy[: k + 1].argmin()]
    if not tops:
        raise ValueError("transition_state_rate: expected a minimum and then a maximum along the coordinate; extend the profile to both sides")
    return int(max(tops, key=lambda k: energy[k]))


def isotope_effect(light: Rate, heavy: Rate) -> tuple[float, float]:
    """Return the kinetic isotope effect k_light / k_heavy and its standard error, of two independent rates."""
    ratio = light.rate / heavy.rate
    return ratio, ratio * float(np.hypot(light.rate_error / light.rate, heavy.rate_error / heavy.rate))

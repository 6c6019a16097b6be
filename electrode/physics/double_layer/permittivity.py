"""Permittivity of the solvent, constant or falling with the field E.

Each model gives the displacement D(E) = eps0 eps(E) E, and the two energies per volume that follow from it,

    energy   W(E) = int_0^E E' dD,    coenergy   W*(E) = int_0^E D dE' = E D - W

so that a potential and an energy computed from one model belong together; W is not eps E^2/2 where eps falls.
Units: E [V/A], D [e/A^2], W [eV/A^3].
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial.polynomial import polyval

from electrode.units import EPSILON_0

WATER = 78.4  # at 298.15 K
REFRACTIVE_INDEX = 1.33  # of water
_SMALL = 0.15  # below which series replace differences of large numbers
_LANGEVIN = np.array([1 / 3, -1 / 45, 2 / 945, -1 / 4725, 2 / 93555, -1382 / 638512875])  # of x, x^3, x^5, ...
_ODD = np.arange(1, 12, 2)


@dataclass(frozen=True)
class Constant:
    """Permittivity that does not depend on the field.

    Parameters
    ----------
    value : relative permittivity

    Raises
    ------
    ValueError
        for a value below 1.
    """

    value: float = WATER

    def __post_init__(self):
        _check(self.value, 1.0)

    def displacement(self, field):
        """Return D(E)."""
        return EPSILON_0 * self.value * np.asarray(field, float)

    def slope(self, field):
        """Return dD/dE."""
        return np.full_like(np.asarray(field, float), EPSILON_0 * self.value)

    def energy(self, field):
        """Return W = int E dD."""
        return 0.5 * EPSILON_0 * self.value * np.asarray(field, float) ** 2

    def coenergy(self, field):
        """Return W* = int D dE."""
        return self.energy(field)

    def field(self, energy):
        """Return the field E >= 0 at which int E dD is `energy`."""
        return np.sqrt(2.0 * np.asarray(energy, float) / (EPSILON_0 * self.value))

    def field_of_displacement(self, displacement):
        """Return the field E at which D(E) is `displacement`."""
        return np.asarray(displacement, float) / (EPSILON_0 * self.value)


class _FallsWithField:
    """What Booth and Grahame share: D = eps0 [n^2 E + (eps - n^2) g(E)], where g(E) is near E at small fields."""

    def displacement(self, field):
        """Return D(E)."""
        field = np.asarray(field, float)
        return self._mix(field, self._orientation(field))

    def slope(self, field):
        """Return dD/dE."""
        return self._mix(1.0, self._orientation_slope(np.asarray(field, float)))

    def coenergy(self, field):
        """Return W* = int D dE."""
        field = np.asarray(field, float)
        return self._mix(0.5 * field**2, self._orientation_integral(field))

    def energy(self, field):
        """Return W = int E dD = E D - W*."""
        field = np.asarray(field, float)
        return field * self.displacement(field) - self.coenergy(field)

    def field(self, energy):
        """Return the field E >= 0 at which int E dD is `energy`, by Newton's method on its root."""
        root = np.sqrt(np.asarray(energy, float))
        start = root * np.sqrt(2.0 / (EPSILON_0 * self.value))

        def step(field):
            now = np.sqrt(self.energy(field))
            return 2.0 * now * (root - now) / (field * self.slope(field))

        return _newton(start, step)

    def field_of_displacement(self, displacement):
        """Return the field E at which D(E) is `displacement`, by Newton's method."""
        displacement = np.asarray(displacement, float)
        start = np.abs(displacement) / (EPSILON_0 * self.value)
        found = _newton(start, lambda field: (np.abs(displacement) - self.displacement(field)) / self.slope(field))
        return np.copysign(found, displacement)

    def _mix(self, electronic, orientation):
        square = self.index**2
        return EPSILON_0 * (square * electronic + (self.value - square) * orientation)


@dataclass(frozen=True)
class Booth(_FallsWithField):
    """Permittivity of dipoles that the field turns, eps(E) = n^2 + (eps - n^2) (3/bE) [coth(bE) - 1/(bE)].

    Parameters
    ----------
    value : relative permittivity without field
    index : refractive index n
    strength : b [A/V]; 141 A/V is what models of the double layer use, Booth's own expression gives 80 to 90

    Raises
    ------
    ValueError
        for a permittivity below n^2 or b not positive.

    Source: Booth 1951, J. Chem. Phys. 19, 391
    """

    value: float = WATER
    index: float = REFRACTIVE_INDEX
    strength: float = 141.0

    def __post_init__(self):
        _check(self.value, self.index**2)
        _check_positive("strength", self.strength)

    def _orientation(self, field):
        x = self.strength * field
        safe = np.where(np.abs(x) < _SMALL, 1.0, x)
        return 3.0 / self.strength * np.where(np.abs(x) < _SMALL, x * polyval(x**2, _LANGEVIN), 1.0 / np.tanh(safe) - 1.0 / safe)

    def _orientation_slope(self, field):
        x = np.abs(self.strength * field)
        safe = np.where(x < _SMALL, 1.0, x)
        fall = 2.0 * np.exp(-safe) / -np.expm1(-2.0 * safe)  # 1/sinh
        return 3.0 * np.where(x < _SMALL, polyval(x**2, _ODD * _LANGEVIN), 1.0 / safe**2 - fall**2)

    def _orientation_integral(self, field):
        x = np.abs(self.strength * field)
        safe = np.where(x < _SMALL, 1.0, x)
        log = safe + np.log1p(-np.exp(-2.0 * safe)) - np.log(2.0 * safe)  # ln(sinh(x)/x)
        return 3.0 / self.strength**2 * np.where(x < _SMALL, x**2 * polyval(x**2, _LANGEVIN / (_ODD + 1)), log)


@dataclass(frozen=True)
class Grahame(_FallsWithField):
    """Permittivity eps(E) = n^2 + (eps - n^2)/(1 + c E^2)^(1/2).

    Parameters
    ----------
    value : relative permittivity without field
    index : refractive index n
    strength : c [A^2/V^2], 1.2e-17 m^2/V^2 for water

    Raises
    ------
    ValueError
        for a permittivity below n^2 or c not positive.

    Source: Grahame 1950, J. Chem. Phys. 18, 903
    """

    value: float = WATER
    index: float = REFRACTIVE_INDEX
    strength: float = 1200.0

    def __post_init__(self):
        _check(self.value, self.index**2)
        _check_positive("strength", self.strength)

    def _orientation(self, field):
        return field / np.sqrt(1.0 + self.strength * field**2)

    def _orientation_slope(self, field):
        return (1.0 + self.strength * field**2) ** -1.5

    def _orientation_integral(self, field):
        return field**2 / (1.0 + np.sqrt(1.0 + self.strength * field**2))


def _check(value: float, least: float) -> None:
    if not least <= value < np.inf:
        raise ValueError(f"permittivity: expected a number of at least {least:.4g}, got {value}")


def _check_positive(name: str, value: float) -> None:
    if not 0.0 < value < np.inf:
        raise ValueError(f"permittivity: expected a positive {name}, got {value}")


def _newton(start, step):
    """Return the positive root that Newton's method finds from `start`, and zero where `start` is zero."""
    some = start > 0.0
    x = np.where(some, start, 1.0)
    for _ in range(100):
        change = step(x)
        x = x + change
        if np.all((np.abs(change) <= 1e-14 * x) | ~some):
            break
    return np.where(some, x, 0.0)

"""An electrolyte in equilibrium with its bulk: densities, charge and pressure where the potential is psi.

Ions and solvent fill space, sum_j v_j n_j = 1, and each obeys its own Boltzmann factor,

    n_j = n_j^bulk exp(x_j),   x_j = -z_j psi/kT - v_j Pi,   z = 0 for the solvent

where Pi is what keeps space filled.  The pressure in excess of the bulk is a sum of terms that are never negative,

    p(psi) = kT sum_j n_j^bulk [exp(x_j) - 1 - x_j],    dp/dpsi = -rho

and it is all that a planar double layer needs: int E dD = p (`diffuse`).  Equal sizes give Bikerman's equation, no
size that of Gouy and Chapman.
Sources: Bikerman 1942, Philos. Mag. 33, 384; Kilic, Bazant and Ajdari 2007,
https://doi.org/10.1103/PhysRevE.75.021502; unequal sizes: Li, Liu, Xu and Zhou 2013,
https://doi.org/10.1088/0951-7715/26/10/2899
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from electrode.physics.double_layer.permittivity import Booth, Constant, Grahame
from electrode.units import BOLTZMANN, EPSILON_0, ROOM_TEMPERATURE

MOLAR = 6.02214076e-4  # 1 mol/L in particles per A^3
_SERIES = 0.1  # below which exp(x) - 1 - x is summed


@dataclass(frozen=True)
class Ion:
    """One kind of ion in the bulk.

    Parameters
    ----------
    valence : charge [e]
    concentration : [mol/L]
    diameter : [A], edge of the cube that it fills; 0 for a point
    """

    valence: float
    concentration: float
    diameter: float = 0.0

    def __post_init__(self):
        if self.valence == 0 or not np.isfinite(self.valence):
            raise ValueError(f"Ion: expected a valence that is not zero, got {self.valence}. Drop neutral solutes")
        if not 0.0 < self.concentration < np.inf:
            raise ValueError(f"Ion: expected a positive concentration [mol/L], got {self.concentration}")
        if not 0.0 <= self.diameter < np.inf:
            raise ValueError(f"Ion: expected a diameter [A] of at least 0, got {self.diameter}")


@dataclass(frozen=True)
class Electrolyte:
    """Ions in a solvent, a neutral bulk at one temperature.

    Parameters
    ----------
    ions : of any number of kinds, neutral together
    temperature : [K]
    permittivity : `Constant`, `Booth` or `Grahame`
    solvent_diameter : [A], edge of the cube of a solvent molecule; None for that of the smallest ion with a size

    Raises
    ------
    ValueError
        for a charged bulk, one that is more than full, or a temperature that is not positive.
    """

    ions: Sequence[Ion]
    temperature: float = ROOM_TEMPERATURE
    permittivity: Constant | Booth | Grahame = field(default_factory=Constant)
    solvent_diameter: float | None = None

    def __post_init__(self):
        object.__setattr__(self, "ions", tuple(self.ions))
        if not 0.0 < self.temperature < np.inf:
            raise ValueError(f"Electrolyte: expected a positive temperature [K], got {self.temperature}")
        valence, bulk = self.valences, self.bulk_densities
        if not len(valence) or abs(valence @ bulk) > 1e-10 * np.abs(valence) @ bulk:
            net = float(valence @ bulk) / MOLAR if len(valence) else "no ions"
            raise ValueError(f"Electrolyte: expected ions that are neutral together, got a net charge of {net} mol/L. Adjust one concentration")
        if self.solvent_diameter is not None and not 0.0 < self.solvent_diameter < np.inf:
            raise ValueError(f"Electrolyte: expected a positive solvent diameter [A], got {self.solvent_diameter}")
        if self._volumes @ bulk >= 1.0:
            raise ValueError(f"Electrolyte: expected ions that leave room for solvent, got a filling of {self._volumes @ bulk:.3g}. Lower concentration or diameter")

    @classmethod
    def symmetric(cls, concentration: float, valence: float = 1, diameter: float = 0.0, **options) -> Electrolyte:
        """Return a z:z electrolyte [mol/L] whose two ions have one diameter [A]; options as for the class."""
        return cls((Ion(abs(valence), concentration, diameter), Ion(-abs(valence), concentration, diameter)), **options)

    @property
    def thermal_energy(self) -> float:
        """kT [eV]."""
        return BOLTZMANN * self.temperature

    @property
    def valences(self) -> np.ndarray:
        """(M,) [e]."""
        return np.array([ion.valence for ion in self.ions], float)

    @property
    def bulk_densities(self) -> np.ndarray:
        """(M,) [1/A^3]."""
        return MOLAR * np.array([ion.concentration for ion in self.ions])

    @property
    def debye_length(self) -> float:
        """sqrt(eps eps0 kT / sum z^2 n) [A], that of points in this bulk."""
        ionic = float(self.valences**2 @ self.bulk_densities) / self.thermal_energy
        return math.sqrt(EPSILON_0 * self.permittivity.value / ionic)

    @property
    def screening_length(self) -> float:
        """Length over which a small potential decays [A]; longer than the Debye length where ions differ in size."""
        return math.sqrt(EPSILON_0 * self.permittivity.value / -float(self.charge_slope(0.0)))

    def densities(self, potential) -> np.ndarray:
        """Return the densities of the ions [1/A^3], (M, ...) for potentials (...) [V] against the bulk."""
        bulk = self.bulk_densities
        return _along(bulk, potential) * np.exp(self._exponents(potential)[: len(bulk)])

    def charge_density(self, potential) -> np.ndarray:
        """Return rho = sum z n [e/A^3] for potentials (...) [V]."""
        excess = np.expm1(self._exponents(potential)[: len(self.ions)])
        return np.tensordot(self.valences * self.bulk_densities, excess, 1)

    def charge_slope(self, potential) -> np.ndarray:
        """Return d rho/d psi = -[sum z^2 n - (sum z v n)^2 / sum v^2 n]/kT [e/(V A^3)], never positive."""
        z, v = np.append(self.valences, 0.0), self._all_volumes
        n = _along(self._all_bulk, potential) * np.exp(self._exponents(potential))
        filled = np.tensordot(v * v, n, 1)
        linked = np.tensordot(z * v, n, 1) ** 2 / np.where(filled > 0.0, filled, 1.0)
        return -(np.tensordot(z * z, n, 1) - linked) / self.thermal_energy

    def pressure(self, potential) -> np.ndarray:
        """Return p in excess of the bulk [eV/A^3] for potentials (...) [V]."""
        return self.thermal_energy * np.tensordot(self._all_bulk, _exponential_remainder(self._exponents(potential)), 1)

    @property
    def _volumes(self) -> np.ndarray:
        return np.array([ion.diameter**3 for ion in self.ions])

    @property
    def _all_volumes(self) -> np.ndarray:
        """Volumes of ions and solvent, all zero if no ion has a size."""
        sizes = [ion.diameter for ion in self.ions if ion.diameter > 0.0]
        return np.append(self._volumes, (self.solvent_diameter or min(sizes)) ** 3 if sizes else 0.0)

    @property
    def _all_bulk(self) -> np.ndarray:
        volumes, bulk = self._all_volumes, self.bulk_densities
        return np.append(bulk, (1.0 - volumes[:-1] @ bulk) / volumes[-1] if volumes[-1] > 0.0 else 0.0)

    def _exponents(self, potential) -> np.ndarray:
        """Return x_j of ions and solvent, (M+1, ...).

        Newton's method on the logarithm of the filled space, a convex function of Pi, from the largest Pi at which one
        kind alone would fill it; no step passes the root.
        """
        reduced = np.asarray(potential, float) / self.thermal_energy
        x = -np.multiply.outer(np.append(self.valences, 0.0), reduced)
        volumes, bulk = self._all_volumes, self._all_bulk
        sized = volumes > 0.0
        if not sized.any():
            return x
        v, share = _along(volumes[sized], reduced), _along((volumes * bulk)[sized], reduced)
        pi = ((np.log(share) + x[sized]) / v).max(axis=0)
        for _ in range(200):
            now = x[sized] - v * pi
            filled = share * np.exp(now)
            step = np.log1p((share * np.expm1(now)).sum(axis=0)) * filled.sum(axis=0) / (v * filled).sum(axis=0)
            pi = pi + step
            if np.all(np.abs(step) <= 1e-15 * np.abs(pi) + 1e-15 / volumes[sized].min()):
                break
        return x - _along(volumes, reduced) * pi


def _along(values: np.ndarray, like) -> np.ndarray:
    """Return (M,) values with axes added, so that they multiply (M, ...) arrays."""
    return values.reshape(-1, *(1,) * np.ndim(like))


def _exponential_remainder(x: np.ndarray) -> np.ndarray:
    """Return exp(x) - 1 - x to full relative accuracy."""
    small = np.abs(x) < _SERIES
    y = np.where(small, x, 0.0)
    series = y * y / 2 * (1 + y / 3 * (1 + y / 4 * (1 + y / 5 * (1 + y / 6 * (1 + y / 7 * (1 + y / 8 * (1 + y / 9 * (1 + y / 10))))))))
    return np.where(small, series, np.expm1(x) - x)

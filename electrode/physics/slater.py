"""Charges of Slater's shape in place of Gaussians, in open space, a slab or a crystal.

    rho_i(r) proportional to r^(2n-2) exp(-2 zeta r),   A_ij = (sum of Gaussians)_ij + k_e sum_m [J(r) - erf(gamma_ij r)/r],   r = |d + m|

The width sigma of an atom is the rms extent of its charge along an axis, of both shapes: sigma^2 = (2n+1)(2n+2)/(12 zeta^2).  The
two interactions differ by terms that decay exponentially, which are summed over pairs in real space; J has the
closed forms and integrals of `_slater_kernels`.  A width of 0 is a point, as for Gaussians.  The own interaction is
5 k_e zeta/8 in the first shell.
Sources: Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070; Streitz and Mintmire 1994, https://doi.org/10.1103/PhysRevB.50.11996
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import gammaincc

from electrode.physics._slater_kernels import MOST, differences, own_factor
from electrode.physics.neighbours import neighbour_list
from electrode.units import COULOMB

_NOTHING = 1e-15  # of what is left of the charge beyond the reach
_OWN = np.array([np.nan] + [own_factor(n) for n in range(1, MOST + 1)])


@dataclass(frozen=True)
class Slater:
    """An interaction of Slater charges.

    Parameters
    ----------
    space : `charge_interactions.Planar` or `Bulk`
    shells : principal quantum number n, 1 to 7, one for all atoms or (N,)

    Raises
    ------
    ValueError
        for shells that are not whole numbers from 1 to 7.
    """

    space: object
    shells: np.ndarray | int = 1

    def __post_init__(self):
        shells = np.array(self.shells)
        if shells.ndim > 1 or not np.isin(shells, np.arange(1, MOST + 1)).all():
            raise ValueError(f"Slater: expected shells, whole numbers from 1 to {MOST}, got {np.asarray(self.shells).tolist()}")
        shells = shells.astype(int)
        shells.setflags(write=False)
        object.__setattr__(self, "shells", shells)

    @property
    def normal(self) -> np.ndarray:
        """Unit vector of the space."""
        return self.space.normal

    @property
    def cell(self) -> np.ndarray:
        """Cell of the space, (3, 3) [A]."""
        return self.space.cell

    @property
    def pbc(self) -> tuple[bool, bool, bool]:
        """Periodicity of the space."""
        return self.space.pbc

    def at(self, positions: np.ndarray, width: np.ndarray) -> SlaterPairs:
        """Return the interaction at positions (N, 3) [A] of charges with widths (N,) [A]."""
        pairs = self.space.at(positions, width)
        if self.shells.ndim and self.shells.shape != pairs.width.shape:
            raise ValueError(f"Slater: expected {len(pairs.width)} shells, one for each atom, got {len(self.shells)}")
        return SlaterPairs(self, pairs, np.broadcast_to(self.shells, pairs.width.shape))


@dataclass(frozen=True)
class SlaterPairs:
    """An interaction of Slater charges at fixed positions: that of Gaussians, and what near pairs differ by.

    Parameters
    ----------
    space : as given
    smooth : the interaction of Gaussians
    shells : (N,) int
    """

    space: Slater
    smooth: object
    shells: np.ndarray

    @property
    def positions(self) -> np.ndarray:
        """Positions (N, 3) [A]."""
        return self.smooth.positions

    @property
    def width(self) -> np.ndarray:
        """Widths (N,) [A]."""
        return self.smooth.width

    @cached_property
    def matrix(self) -> np.ndarray:
        """A (N, N) [V/e]."""
        out, (i, j, values, _) = self.smooth.matrix.copy(), self._near
        np.add.at(out, (i, j), values)
        np.einsum("ii->i", out)[:] += slater_beyond(self.width, self.shells, self.width)
        return out

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V]."""
        if "matrix" in self.__dict__:
            return self.matrix @ charges
        i, j, values, _ = self._near
        return self.smooth.potentials(charges) + slater_beyond(self.width, self.shells, self.width) * charges + np.bincount(i, values * charges[j], len(charges))

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        i, j, _, steps = self._near
        pull = (charges[i] * charges[j])[:, None] * steps  # each pair stands in the list from both ends
        return self.smooth.forces(charges) + np.stack([np.bincount(i, f, len(charges)) for f in pull.T], axis=1)

    def check(self, total: float) -> None:
        """Raise ValueError for a net charge [e] that the space does not take."""
        self.smooth.check(total)

    @cached_property
    def _near(self):
        """The ends (M,), values [V/e] and gradients in the neighbour's position (M, 3) [V/(e A)] of near pairs, each from both ends."""
        with np.errstate(divide="ignore"):
            exponent = slater_exponent(self.width, self.shells)
        reach = np.where(self.width > 0.0, reaches(self.shells, _NOTHING) / exponent, 0.0)
        pairs = neighbour_list(self.positions, np.asarray(self.space.cell, float), self.space.pbc, max(float(reach.max(initial=0.0)), 1.0))
        i, j, vectors = np.repeat(np.arange(len(reach)), np.diff(pairs.first)), pairs.index, pairs.vectors(self.positions)
        values, slopes = np.zeros(len(i)), np.zeros(len(i))
        differences(np.einsum("ij,ij->i", vectors, vectors), i, j, exponent, self.shells, self.width, reach, values, slopes)
        return i, j, COULOMB * values, COULOMB * slopes[:, None] * vectors


def slater_exponent(width: np.ndarray, shells: np.ndarray) -> np.ndarray:
    """Return 2 zeta (N,) [1/A] of charges with widths (N,) [A]."""
    return np.sqrt((2.0 * shells + 1.0) * (2.0 * shells + 2.0) / 3.0) / width


def slater_width(zeta: np.ndarray, shells: np.ndarray) -> np.ndarray:
    """Return the widths (N,) [A] of charges with the exponents zeta (N,) [1/A]."""
    return np.sqrt((2.0 * shells + 1.0) * (2.0 * shells + 2.0) / 12.0) / zeta


def slater_own(width: np.ndarray, shells: np.ndarray) -> np.ndarray:
    """Return the own interactions (N,) [V/e] of charges with widths (N,) [A], 0 of points."""
    factor = COULOMB * _OWN[shells] * slater_exponent(1.0, shells)
    return np.divide(factor, width, out=np.zeros(len(width)), where=width > 0.0)


def slater_beyond(width: np.ndarray, shells: np.ndarray, smooth: np.ndarray) -> np.ndarray:
    """Return what the own interactions (N,) [V/e] of charges with widths (N,) [A] are above those of Gaussians with other ones (N,) [A]."""
    gaussian = np.divide(COULOMB / math.sqrt(math.pi), smooth, out=np.zeros(len(smooth)), where=smooth > 0.0)
    return slater_own(width, shells) - gaussian


def reaches(shells: np.ndarray, left: float) -> np.ndarray:
    """Return 2 zeta r (N,) beyond which a share of the charge is left that two charges of a shell do not see."""
    x = np.arange(10.0, 120.0, 0.5)
    table = [x[np.argmax(gammaincc(4 * n, x) < left)] for n in range(1, MOST + 1)]
    return np.array(table)[np.asarray(shells) - 1]

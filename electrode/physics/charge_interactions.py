"""Interaction of Gaussian charges by kind of boundary, as charge equilibration reads it; `slater` puts other shapes in their place.

An interaction has `normal` (3,), `cell` and `pbc` where neighbours are counted, and `at(positions, width)`; what `at` returns has `matrix` A (N, N) [V/e], `potentials(q)`
A q [V], `forces(q)` -d(q.A.q/2)/dR [eV/A] and `check(total)`, which refuses a net charge that the sum cannot take.
Anything with these serves as an interaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from electrode.physics.dense_sums import LatticeSum, OpenSum
from electrode.physics.electrostatics import Coulomb, coulomb
from electrode.physics.ewald_sum import ewald
from electrode.units import COULOMB

_NEUTRAL = 1e-8  # [e]


@dataclass(frozen=True)
class Planar:
    """A slab, periodic along a and b, or open space; see `electrostatics` for the sum and its zero of potential.

    Parameters
    ----------
    cell : (3, 3) [A], rows; not used in open space
    pbc : (True, True, False) or all False
    """

    cell: np.ndarray
    pbc: tuple[bool, bool, bool] = (True, True, False)

    @classmethod
    def open(cls) -> Planar:
        """Return open space."""
        return cls(np.zeros((3, 3)), (False, False, False))

    @property
    def normal(self) -> np.ndarray:
        """Unit vector along a x b, or along z in open space."""
        return _normal(self.cell) if bool(self.pbc[0]) else np.array([0.0, 0.0, 1.0])

    def at(self, positions: np.ndarray, width: np.ndarray) -> PlanarPairs:
        """Return the interaction at positions (N, 3) [A] of charges with widths (N,) [A]."""
        return PlanarPairs(self, *_matching(positions, width))


@dataclass(frozen=True)
class PlanarPairs:
    """A planar interaction at fixed positions; the matrix is computed once, when it is first needed."""

    space: Planar
    positions: np.ndarray
    width: np.ndarray

    @cached_property
    def coulomb(self) -> Coulomb:
        """The matrix with the gradient of each element, (N, N, 3)."""
        return coulomb(self.positions, self.space.cell, self.space.pbc, self.width)

    @cached_property
    def _sum(self) -> OpenSum | LatticeSum:
        periodic = bool(self.space.pbc[0])
        return LatticeSum(self.positions, self.space.cell, self.width, planar=True) if periodic else OpenSum(self.positions, self.width)

    @cached_property
    def matrix(self) -> np.ndarray:
        """A (N, N) [V/e]."""
        return self._sum.matrix()

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V]."""
        return self.matrix @ _for_atoms(charges, len(self.positions))

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        return self._sum.forces(_for_atoms(charges, len(self.positions)))

    def check(self, total: float) -> None:
        """Accept any net charge [e]."""


@dataclass(frozen=True)
class Bulk:
    """Periodic in three directions, perhaps with the correction for a slab; see `ewald`.

    Parameters
    ----------
    cell : (3, 3) [A], rows
    slab : remove the field between images along the normal (EW3DC); the cell must be neutral
    background : neutralise a net charge by a uniform background
    """

    cell: np.ndarray
    slab: bool = False
    background: bool = False

    @property
    def pbc(self) -> tuple[bool, bool, bool]:
        """All True: images are summed along the normal too, and their field is removed for a slab."""
        return (True, True, True)

    @property
    def normal(self) -> np.ndarray:
        """Unit vector along a x b."""
        return _normal(self.cell)

    def at(self, positions: np.ndarray, width: np.ndarray) -> BulkPairs:
        """Return the interaction at positions (N, 3) [A] of charges with widths (N,) [A]."""
        return BulkPairs(self, *_matching(positions, width))


@dataclass(frozen=True)
class BulkPairs:
    """A three-dimensional sum at fixed positions; potentials and forces need no matrix."""

    space: Bulk
    positions: np.ndarray
    width: np.ndarray

    @cached_property
    def _sum(self) -> LatticeSum:
        return LatticeSum(self.positions, self.space.cell, self.width)

    @cached_property
    def _axis(self) -> np.ndarray:
        """Vector d (3,) with which (q.R.d)^2/2 is the energy of a slab's dipole; 0 of a crystal."""
        return np.sqrt(4.0 * np.pi * COULOMB / self._sum.volume) * self.space.normal * float(self.space.slab)

    @cached_property
    def matrix(self) -> np.ndarray:
        """A (N, N) [V/e]; of a slab, for charges that are neutral together."""
        height = self.positions @ self._axis
        return self._sum.matrix() + np.outer(height, height)

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V]."""
        charges = _for_atoms(charges, len(self.positions))
        if "matrix" in self.__dict__:
            return self.matrix @ charges
        height = self.positions @ self._axis
        return ewald(self.positions, self.space.cell, charges, self.width).potentials + charges @ height * height

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        charges = _for_atoms(charges, len(self.positions))
        return self._sum.forces(charges) - np.outer(charges @ self.positions @ self._axis * charges, self._axis)

    def check(self, total: float) -> None:
        """Raise ValueError for a net charge [e] that nothing neutralises."""
        if abs(total) < _NEUTRAL or (self.space.background and not self.space.slab):
            return
        remedy = "hold total=0, or take Planar, which is periodic in two directions" if self.space.slab else "hold total=0, or choose Bulk(..., background=True)"
        raise ValueError(f"Bulk: expected a neutral cell, got {total:.3g} e, which three-dimensional periodicity does not take as it is; {remedy}")


def _matching(positions: np.ndarray, width: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    positions, width = np.asarray(positions, float), np.asarray(width, float)
    if positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"interaction: expected positions (N, 3), got shape {positions.shape}")
    return positions, _for_atoms(width, len(positions), "widths")


def _for_atoms(values: np.ndarray, n: int, what: str = "charges") -> np.ndarray:
    values = np.asarray(values, float)
    if values.shape != (n,):
        raise ValueError(f"interaction: expected {n} {what}, one for each atom, got shape {values.shape}")
    return values


def _normal(cell: np.ndarray) -> np.ndarray:
    across = np.cross(cell[0], cell[1])
    return across / np.linalg.norm(across)

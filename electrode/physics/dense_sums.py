"""Coulomb matrix and forces of Gaussian charges in open space, a slab or a crystal, for the solution of dense problems.

The sums are those of `electrostatics` and `ewald`, carried to the same 1e-15 of their terms, without derivatives of single
elements.  The two parts of the Ewald sum are balanced for a matrix: the waves are one symmetric product, A += P^T P with rows
P of weighted cosines and sines, and the near part is summed once for each pair.  The planar sum is that of a cell with a
gap g, whose images are removed by

    A_ij -= (2 pi k_e/V) [(z_i - z_j)^2 + L^2/6]

for the height L of the cell: what is left of them decays as exp(-h g) with the smallest reciprocal vector h of the plane,
and g makes that 1e-15.  Its zero is that of `electrostatics`, a sheet with the potential -2 pi k_e (charge per area) |z|.
Sources: Ewald 1921, https://doi.org/10.1002/andp.19213690304; Ballenegger, Arnold and Cerda 2009, https://doi.org/10.1063/1.3216473
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg.blas import dsyrk

from electrode.physics._dense_sums import mirror, near_matrix, near_slopes, open_matrix, open_slopes, wave_phases
from electrode.physics.ewald_sum import ewald, in_plane
from electrode.physics.lattice import half_waves, lattice_points, surface_of, upright_cell
from electrode.units import COULOMB

_REACH = 5.8  # erfc(5.8) = 2e-16
_GAP = 36.0  # exp(-36) = 2e-16
_FOR_MATRIX, _FOR_FORCES = (1.5, 150.0), (2.0, 500.0)  # V alpha^3 at which both parts take the same time: for each atom, and at most (measured)
_CHUNK = 512  # reciprocal vectors treated at once


class OpenSum:
    """The interaction of charges at fixed positions in open space.

    Parameters
    ----------
    positions : (N, 3) [A]
    sigma : (N,) [A], widths, 0 for a point, whose own interaction is left out
    """

    def __init__(self, positions: np.ndarray, sigma: np.ndarray):
        self.positions, self.sigma = np.ascontiguousarray(positions, float), np.ascontiguousarray(sigma, float)

    def matrix(self) -> np.ndarray:
        """Return A (N, N) [V/e], of charges of which no two points meet."""
        matrix = np.empty((len(self.sigma), len(self.sigma)))
        open_matrix(self.positions, self.sigma, matrix)
        matrix *= COULOMB
        return _finite(matrix)

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        slopes = np.zeros((len(self.sigma), 3))
        open_slopes(self.positions, self.sigma, np.ascontiguousarray(charges, float), slopes)
        return -COULOMB * slopes


class LatticeSum:
    """The interaction of charges at fixed positions in a slab or a crystal.

    Parameters
    ----------
    positions : (N, 3) [A]
    cell : (3, 3) [A], rows
    sigma : (N,) [A], widths, 0 for a point
    planar : periodic along a and b alone; c is not used
    """

    def __init__(self, positions: np.ndarray, cell: np.ndarray, sigma: np.ndarray, *, planar: bool = False):
        self.positions, self.sigma, self.planar = np.ascontiguousarray(positions, float), np.ascontiguousarray(sigma, float), planar
        self.cell = np.ascontiguousarray(with_gap(self.positions, cell) if planar else cell, float)
        self.volume = abs(float(np.linalg.det(self.cell)))
        if not self.volume > 1e-6:
            raise ValueError(f"ewald: expected a cell with three independent vectors, got {np.asarray(cell).tolist()}. Set atoms.cell")
        self.fractional = self.positions @ np.linalg.inv(self.cell)

    def matrix(self) -> np.ndarray:
        """Return A (N, N) [V/e], of charges of which no two points meet."""
        n, alpha = len(self.positions), self._splitting(*_FOR_MATRIX)
        matrix = np.zeros((n, n))
        near_matrix(self.fractional, self.cell, *self._images(alpha), self.sigma, alpha, _REACH, matrix)
        for _, _, phases in self._waves(alpha):
            matrix = dsyrk(1.0, phases.T, 1.0, matrix.T, overwrite_c=1).T
        matrix -= math.pi / (self.volume * alpha**2)
        if self.planar:
            z = self.cell[2] / np.linalg.norm(self.cell[2]) @ self.positions.T
            matrix -= 2.0 * math.pi / self.volume * ((z[:, None] - z) ** 2 + self.cell[2] @ self.cell[2] / 6.0)
        matrix *= COULOMB
        mirror(matrix)
        return _finite(matrix)

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        q, alpha = np.ascontiguousarray(charges, float), self._splitting(*_FOR_FORCES)
        slopes = np.zeros((len(q), 3))
        near_slopes(self.fractional, self.cell, *self._images(alpha), self.sigma, alpha, _REACH, q, slopes)
        for k, _, phases in self._waves(alpha):
            sums = (phases @ q).reshape(-1, 2)
            pull = np.stack([sums[:, 1, None] * k, -sums[:, 0, None] * k], axis=1).reshape(-1, 3)
            slopes += q[:, None] * (phases.T @ pull)
        if self.planar:
            normal = self.cell[2] / np.linalg.norm(self.cell[2])
            z = self.positions @ normal
            slopes += np.outer(4.0 * math.pi / self.volume * q * (q @ z - q.sum() * z), normal)
        return -COULOMB * slopes

    def strain(self, charges: np.ndarray) -> np.ndarray:
        """Return dE/dstrain (3, 3) [eV] at fixed charges and widths, of a slab in its plane (`ewald_sum.in_plane`)."""
        q = np.ascontiguousarray(charges, float)
        found = ewald(self.positions, self.cell, q, self.sigma).strain
        if not self.planar:
            return found
        normal = self.cell[2] / np.linalg.norm(self.cell[2])
        z = self.positions @ normal - (self.positions @ normal).mean()
        moments = q.sum() * (q @ z**2) - (q @ z) ** 2 + q.sum() ** 2 * (self.cell[2] @ self.cell[2]) / 12.0
        return in_plane(found, normal, -2.0 * math.pi * COULOMB / self.volume * moments)

    def _splitting(self, share: float, most: float) -> float:
        """Return alpha [1/A]."""
        return (min(20.0 + share * len(self.positions), most) / self.volume) ** (1.0 / 3.0)

    def _images(self, alpha: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the lattice vectors (M, 3) that the near part may need, sorted by their lengths (M,)."""
        cutoff = _REACH * max(1.0 / alpha, 2.0 * float(self.sigma.max(initial=0.0)))
        _, points = lattice_points(self.cell, cutoff + 0.5 * np.linalg.norm(self.cell, axis=1).sum())
        lengths = np.linalg.norm(points, axis=1)
        order = np.argsort(lengths, kind="stable")
        return np.ascontiguousarray(points[order]), lengths[order]

    def _waves(self, alpha: float):
        """Yield one of each pair of reciprocal vectors (K, 3), the weights of both (K,), and the phases (2K, N) times their roots."""
        steps, k = half_waves(self.cell, 2.0 * alpha * _REACH)
        square = np.einsum("ij,ij->i", k, k)
        weight = 8.0 * math.pi / self.volume * np.exp(-square / (4.0 * alpha**2)) / square
        phases = np.empty((2 * min(_CHUNK, len(k)), len(self.positions)))
        for a in range(0, len(k), _CHUNK):
            b = min(a + _CHUNK, len(k))
            wave_phases(self.fractional, steps[a:b], np.sqrt(weight[a:b]), phases)
            yield k[a:b], weight[a:b], phases[: 2 * (b - a)]


def _finite(matrix: np.ndarray) -> np.ndarray:
    """Return the matrix, whose elements must be finite."""
    if not np.isfinite(matrix.sum()):
        raise ValueError("charges: expected points at different places, got two at one, whose interaction is infinite. Move one, or give it a width")
    return matrix


def with_gap(positions: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Return a slab's cell (3, 3) [A] with c along the normal, high enough for images to fade to 1e-15."""
    return upright_cell(positions, cell, _GAP / surface_of(cell)[2])

"""The planar interaction in blocks: what fixed charges feel from moving ones, without the fixed ones among themselves.

    A = [ A_ee  A_em ]      A_ee is kept; A_em and A_mm are computed anew
        [ A_me  A_mm ]

The sums are those of `electrostatics`, which has their formulas and sources; large systems take `constant_potential`.
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics.charge_interactions import Planar, PlanarPairs
from electrode.physics.electrostatics import SQRT_PI, PlanarLattice, smeared, tail
from electrode.units import COULOMB


class PlanarBlocks:
    """The interaction of fixed and moving charges, fixed ones first; serves as `PlanarPairs` does, without a matrix.

    Parameters
    ----------
    fixed : of the fixed charges alone, kept from step to step
    positions : (n, 3) [A];  width : (n,) [A], of the moving charges
    """

    def __init__(self, fixed: PlanarPairs, positions: np.ndarray, width: np.ndarray):
        space = fixed.space
        self.fixed, self.split = fixed, len(fixed.positions)
        self.positions = np.vstack([fixed.positions, positions])
        self.moving = PlanarPairs(space, positions, width)
        self.cross, self.slopes = cross_block(fixed.positions, positions, fixed.width, width, space)

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V]."""
        e, m = charges[: self.split], charges[self.split :]
        return np.concatenate([self.fixed.potentials(e) + self.cross @ m, e @ self.cross + self.moving.potentials(m)])

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.A.q/2)/dR at fixed charges, (N, 3) [eV/A]."""
        e, m = charges[: self.split], charges[self.split :]
        between = e[:, None, None] * m[None, :, None] * self.slopes  # d/dR of the moving end
        return np.vstack([between.sum(axis=1) + self.fixed.forces(e), self.moving.forces(m) - between.sum(axis=0)])

    def check(self, total: float) -> None:
        """Accept any net charge [e]."""


def cross_block(first: np.ndarray, second: np.ndarray, width_first: np.ndarray, width_second: np.ndarray, space: Planar) -> tuple[np.ndarray, np.ndarray]:
    """Return A_ij (N, M) [V/e] between two sets of charges, and dA_ij/dR_j (N, M, 3) [V/(e A)].

    Parameters
    ----------
    first : (N, 3) [A];  second : (M, 3) [A];  width_first : (N,) [A];  width_second : (M,) [A]
    space : a slab or open space
    """
    with np.errstate(divide="ignore"):
        gamma = 1.0 / np.sqrt(2.0 * (width_first[:, None] ** 2 + width_second[None, :] ** 2))
    value, slopes = np.zeros(gamma.shape), np.zeros((*gamma.shape, 3))
    if not bool(space.pbc[0]):
        _add_near(first, second, np.zeros((1, 3)), gamma, 0.0, np.inf, value, slopes)
    elif gamma.size:
        plane = PlanarLattice(space.cell, gamma)
        _add_near(plane.wrapped(first), plane.wrapped(second), plane.images, gamma, plane.alpha, plane.cutoff, value, slopes)
        _add_waves(first, second, plane.waves, plane.normal, plane.alpha, plane.area, value, slopes)
    return COULOMB * value, COULOMB * slopes


@compiled()
def _add_near(first, second, images, gamma, alpha, cutoff, value, slopes):
    """Add sum_n [erf(gamma r) - erf(alpha r)]/r over the images within the cutoff."""
    for i in range(len(first)):
        for j in range(len(second)):
            d0, d1, d2 = second[j, 0] - first[i, 0], second[j, 1] - first[i, 1], second[j, 2] - first[i, 2]
            for image in images:
                x, y, z = d0 + image[0], d1 + image[1], d2 + image[2]
                square = x * x + y * y + z * z
                if square > cutoff * cutoff:
                    continue
                near, near_slope, _ = smeared(math.sqrt(square), gamma[i, j])
                far, far_slope, _ = smeared(math.sqrt(square), alpha)
                value[i, j] += near - far
                slopes[i, j, 0] += (near_slope - far_slope) * x
                slopes[i, j, 1] += (near_slope - far_slope) * y
                slopes[i, j, 2] += (near_slope - far_slope) * z


@compiled()
def _add_waves(first, second, waves, normal, alpha, area, value, slopes):
    """Add the reciprocal sum over half the plane waves h, and the term h = 0."""
    factor = 2.0 * math.pi / area
    for i in range(len(first)):
        for j in range(len(second)):
            d = second[j] - first[i]
            z = d[0] * normal[0] + d[1] * normal[1] + d[2] * normal[2]
            v = -factor * (math.exp(-((alpha * z) ** 2)) / (alpha * SQRT_PI) + z * math.erf(alpha * z))
            along = -factor * math.erf(alpha * z)
            for wave in waves:
                h = math.sqrt(wave[0] ** 2 + wave[1] ** 2 + wave[2] ** 2)
                phase = wave[0] * d[0] + wave[1] * d[1] + wave[2] * d[2]
                up = tail(h * z, 0.5 * h / alpha + alpha * z)
                down = tail(-h * z, 0.5 * h / alpha - alpha * z)
                f = factor / h * (up + down)
                v += math.cos(phase) * f
                along += math.cos(phase) * factor * (up - down)
                for k in range(3):
                    slopes[i, j, k] -= math.sin(phase) * f * wave[k]
            value[i, j] += v
            for k in range(3):
                slopes[i, j, k] += along * normal[k]

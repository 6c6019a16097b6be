"""Coulomb interaction of Gaussian charges in a slab, periodic along two lattice vectors, or in open space.

The charge q_i is spread as q_i (2 pi sigma_i^2)^(-3/2) exp(-r^2 / 2 sigma_i^2); sigma_i = 0 is a point charge, whose
self-interaction is left out.  The energy is q.A.q/2 and A [V/e] depends on the vectors d = R_j - R_i alone:

    A_ij = k_e sum_n erf(gamma_ij |d + n|)/|d + n|,    gamma_ij = (2 sigma_i^2 + 2 sigma_j^2)^(-1/2)

with the term 2 k_e gamma_ii/sqrt(pi) for i = j and n = 0.  The lattice sum is the two-dimensional Ewald sum; its zero
is that of a sheet with the potential -2 pi k_e (charge per area) |z|, so that a net charge needs its counter-charge
added by the caller (`equilibration`).
Sources: Parry 1975, https://doi.org/10.1016/0039-6028(75)90362-3; Heyes, Barber and Clarke 1977,
https://doi.org/10.1039/F29777301485; Gaussian charges: Gingrich and Wilson 2010, https://doi.org/10.1016/j.cplett.2010.10.010
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics.lattice import half_waves, lattice_points, surface_of
from electrode.units import COULOMB

REACH = 5.8  # erfc(5.8) = 2e-16: both sums are cut where their terms reach that
SQRT_PI = math.sqrt(math.pi)


@dataclass(frozen=True)
class Coulomb:
    """The matrix A of a set of positions with its derivatives in d = R_j - R_i.

    Parameters
    ----------
    value : (N, N) [V/e]
    gradient : (N, N, 3) [V/(e A)], dA_ij/dR_j = -dA_ij/dR_i
    hessian : (N, N, 3, 3) [V/(e A^2)] or None where it was not asked for
    """

    value: np.ndarray
    gradient: np.ndarray
    hessian: np.ndarray | None

    def stiffened(self, hardness: np.ndarray) -> Coulomb:
        """Return the matrix with a hardness (N,) [V/e] added to its diagonal."""
        return Coulomb(self.value + np.diag(hardness), self.gradient, self.hessian)

    def pull(self, weight: np.ndarray) -> np.ndarray:
        """Return the gradient of sum_ij W_ij A_ij / 2 in the positions, (N, 3), for symmetric W (N, N)."""
        return np.einsum("ij,ijk->jk", weight, self.gradient)

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of A along a displacement (N, 3), an (N, N) array."""
        change = displacement[None, :, :] - displacement[:, None, :]
        return np.einsum("ijk,ijk->ij", self.gradient, change)

    def pull_along(self, weight: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(weight)` along a displacement, (N, 3).

        Raises
        ------
        ValueError
            where `coulomb` was called without `second=True`.
        """
        if self.hessian is None:
            raise ValueError("Coulomb.pull_along needs second derivatives; build it with coulomb(..., second=True)")
        change = displacement[None, :, :] - displacement[:, None, :]
        return np.einsum("ij,ijkl,ijl->jk", weight, self.hessian, change, optimize=True)


def coulomb(
    positions: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    sigma: np.ndarray,
    *,
    second: bool = False,
    splitting: float | None = None,
) -> Coulomb:
    """Return the Coulomb matrix of Gaussian charges with its derivatives.

    Parameters
    ----------
    positions : (N, 3) [A]
    cell : (3, 3) [A], rows; the normal is along a x b and c is not used
    pbc : (3,) bool, (True, True, False) for a slab or all False
    sigma : (N,) [A], widths of the charges, 0 for a point charge
    second : also compute the second derivatives
    splitting : parameter alpha of the Ewald sum [1/A], on which the result does not depend; chosen for speed if None

    Raises
    ------
    ValueError
        for another periodicity.
    """
    periodic = [bool(p) for p in pbc]
    if periodic not in ([True, True, False], [False, False, False]):
        raise ValueError(f"coulomb: expected pbc (True, True, False), a slab, or all False; got {tuple(periodic)}. Set atoms.pbc")
    positions, sigma = np.ascontiguousarray(positions, float), np.ascontiguousarray(sigma, float)
    if sigma.shape != (len(positions),):
        raise ValueError(f"coulomb: expected one width for each of {len(positions)} positions, got shape {sigma.shape}")
    with np.errstate(divide="ignore"):
        gamma = 1.0 / np.sqrt(2.0 * (sigma[:, None] ** 2 + sigma[None, :] ** 2))
    n = len(positions)
    value, gradient = np.zeros((n, n)), np.zeros((n, n, 3))
    hessian = np.zeros((n, n, 3, 3) if second else (1, 1, 3, 3))
    if periodic[0]:
        plane = _plane(tuple(map(tuple, np.asarray(cell, float).tolist())), float(gamma.min()), splitting)
        _add_images(plane.wrapped(positions), plane.images, gamma, plane.alpha, plane.cutoff, value, gradient, hessian, second)
        phases = positions @ plane.waves.T
        _add_waves(positions @ plane.normal, np.cos(phases), np.sin(phases), plane.waves, plane.lengths, plane.normal, plane.alpha, plane.area, value, gradient, hessian, second)
    else:
        _add_images(positions, np.zeros((1, 3)), gamma, 0.0, np.inf, value, gradient, hessian, second)
    value += np.triu(value, 1).T
    gradient -= gradient.swapaxes(0, 1)
    hessian = COULOMB * (hessian + hessian.swapaxes(0, 1)) if second else None
    return Coulomb(COULOMB * value, COULOMB * gradient, hessian)


class PlanarLattice:
    """The plane of a and b with the points of both parts of its Ewald sum.

    Parameters
    ----------
    cell : (3, 3) [A]
    gamma : [1/A], of the pairs, any shape but empty
    splitting : alpha [1/A], chosen for speed if None
    """

    def __init__(self, cell: np.ndarray, gamma: np.ndarray, splitting: float | None = None):
        self.vectors = np.asarray(cell, float)[:2]
        self.normal, self.area, _ = surface_of(cell)
        self.alpha = SQRT_PI / math.sqrt(self.area) if splitting is None else splitting
        self.cutoff = REACH / min(self.alpha, float(gamma.min()))
        self.images = lattice_points(self.vectors, self.cutoff + np.linalg.norm(self.vectors, axis=1).sum())[1]
        self.waves = half_waves(self.vectors, 2.0 * self.alpha * REACH)[1]
        self.lengths = np.sqrt((self.waves**2).sum(axis=1))
        self.inverse = np.linalg.pinv(self.vectors)

    def wrapped(self, positions: np.ndarray) -> np.ndarray:
        """Return the images (N, 3) [A] of positions over the cell."""
        return positions - np.floor(positions @ self.inverse) @ self.vectors


@lru_cache(maxsize=64)
def _plane(cell: tuple[tuple[float, ...], ...], gamma: float, splitting: float | None) -> PlanarLattice:
    """Return the lattice of a cell, which lasts from step to step."""
    return PlanarLattice(np.array(cell), np.array(gamma), splitting)


@compiled()
def smeared(r, gamma):
    """Return f = erf(gamma r)/r, f'/r and f''."""
    x = gamma * r
    if x < 0.02:
        f = 2.0 * gamma / SQRT_PI * (1.0 - x**2 / 3.0 + x**4 / 10.0)
        slope = 2.0 * gamma**3 / SQRT_PI * (-2.0 / 3.0 + 0.4 * x**2 - x**4 / 7.0)
        return f, slope, 2.0 * gamma**3 / SQRT_PI * (-2.0 / 3.0 + 1.2 * x**2 - 5.0 * x**4 / 7.0)
    f, bell = 1.0 / r, 0.0
    if x < 6.0:  # erf(6) is 1 to the last digit
        f, bell = math.erf(x) / r, 2.0 * gamma / SQRT_PI * math.exp(-x * x)
    slope = (bell - f) / r
    curvature = -2.0 * slope / r
    if bell > 0.0:
        curvature -= 2.0 * gamma**2 * bell
    return f, slope / r, curvature


@compiled()
def _add_images(positions, images, gamma, alpha, cutoff, value, gradient, hessian, second):
    """Add sum_n [erf(gamma r) - erf(alpha r)]/r over the images within the cutoff, for i <= j."""
    d = np.empty(3)
    for i in range(len(positions)):
        for j in range(i, len(positions)):
            width = gamma[i, j]
            for image in range(len(images)):
                for k in range(3):
                    d[k] = positions[j, k] - positions[i, k] + images[image, k]
                square = d[0] * d[0] + d[1] * d[1] + d[2] * d[2]
                if square > cutoff * cutoff:
                    continue
                if i == j and square < 1e-18:
                    value[i, i] += 2.0 * ((width if width < np.inf else 0.0) - alpha) / SQRT_PI
                    continue
                r = math.sqrt(square)
                near, near_slope, near_curve = smeared(r, width)
                far, far_slope, far_curve = smeared(r, alpha)
                value[i, j] += near - far
                slope = near_slope - far_slope
                if i != j:
                    for k in range(3):
                        gradient[i, j, k] += slope * d[k]
                    if second:
                        _bend(slope, (near_curve - far_curve - slope) / square, d, hessian[i, j])


@compiled()
def _bend(slope, twist, d, out):
    for k in range(3):
        out[k, k] += slope
        for m in range(3):
            out[k, m] += twist * d[k] * d[m]


@compiled()
def tail(exponent, x):
    """Return exp(exponent) erfc(x), zero where that is below 1e-17 of one."""
    if x > 0.0 and exponent - x * x < -40.0:
        return 0.0
    return math.exp(exponent) * math.erfc(x)


@compiled()
def _add_waves(height, cosine, sine, waves, lengths, normal, alpha, area, value, gradient, hessian, second):
    """Add the reciprocal sum over half the plane waves h, and the term h = 0, for i <= j.

    (2 pi / area) sum_h cos(h.d)/h [e^(hz) erfc(h/2a + az) + e^(-hz) erfc(h/2a - az)]
    - (2 pi / area) [exp(-(az)^2)/(a sqrt(pi)) + z erf(az)],    z = z_j - z_i, from cosine and sine (N, H) of h.R and lengths h (H,)
    """
    n, factor = len(height), 2.0 * math.pi / area
    for i in range(n):
        for j in range(i, n):
            z = height[j] - height[i]
            bell, rise = math.exp(-((alpha * z) ** 2)) / SQRT_PI, math.erf(alpha * z)
            value[i, j] -= factor * (bell / alpha + z * rise)
            for k in range(3):
                gradient[i, j, k] -= factor * rise * normal[k]
                if second:
                    for m in range(3):
                        hessian[i, j, k, m] -= 2.0 * factor * alpha * bell * normal[k] * normal[m]
            for w in range(len(waves)):
                h = lengths[w]
                up, down = tail(h * z, 0.5 * h / alpha + alpha * z), tail(-h * z, 0.5 * h / alpha - alpha * z)
                f, f1 = factor / h * (up + down), factor * (up - down)
                c, s = cosine[i, w] * cosine[j, w] + sine[i, w] * sine[j, w], cosine[i, w] * sine[j, w] - sine[i, w] * cosine[j, w]
                value[i, j] += c * f
                for k in range(3):
                    gradient[i, j, k] += c * f1 * normal[k] - s * f * waves[w, k]
                if second:
                    f2 = h * h * f - 4.0 * factor * alpha * bell * math.exp(-((0.5 * h / alpha) ** 2))
                    _bend_wave(c, s, f, f1, f2, waves[w], normal, hessian[i, j])


@compiled()
def _bend_wave(c, s, f, f1, f2, wave, normal, out):
    for k in range(3):
        for m in range(3):
            out[k, m] += c * (f2 * normal[k] * normal[m] - f * wave[k] * wave[m]) - s * f1 * (wave[k] * normal[m] + wave[m] * normal[k])

"""Coulomb interaction of point and Gaussian charges in a cell that is periodic in three directions.

The potential of the charges q_j, spread with widths sigma_j (0 for a point, whose own potential is left out), is

    phi_i = k_e sum_j q_j { sum_n [erf(gamma_ij r) - erf(alpha r)]/r
                            + (4 pi/V) sum_{k != 0} exp(-k^2/4 alpha^2)/k^2 cos(k.d) - pi/(V alpha^2) },   r = |d + n|

with d = R_j - R_i and gamma_ij = (2 sigma_i^2 + 2 sigma_j^2)^(-1/2); the sums run over lattice vectors n and reciprocal
vectors k.  The surroundings conduct (no term in the dipole of the cell).  A net charge is neutralised by a uniform
background in the limit of points: widths do not enter its constant.  For a slab, periodic along a and b with vacuum along
c, `slab` removes the field between the images with the term 2 pi k_e M^2/V in the dipole M along the normal.
Both sums are carried to 1e-15 of their terms over all pairs: exact, and meant for up to a few thousand charges.
Sources: Ewald 1921, https://doi.org/10.1002/andp.19213690304; Yeh and Berkowitz 1999, https://doi.org/10.1063/1.479595
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics.lattice import half_waves, lattice_points
from electrode.units import COULOMB

_REACH = 5.8  # erfc(5.8) = 2e-16: both sums are cut where their terms reach that
_CHUNK = 4096  # reciprocal vectors treated at once
_NEUTRAL = 1e-8  # [e]
_SQRT_PI = math.sqrt(math.pi)


@dataclass(frozen=True)
class Ewald:
    """Energy of a set of charges with its derivatives.

    Parameters
    ----------
    energy : q.phi/2 [eV]
    potentials : (N,), phi [V]
    forces : (N, 3), -dE/dR at fixed charges [eV/A]
    strain : (3, 3), dE/dstrain for positions and cell vectors r -> (1 + strain) r [eV]; of a slab for strains in its plane, which keep
        all heights, and 0 across (`in_plane`); None where it was not computed
    """

    energy: float
    potentials: np.ndarray
    forces: np.ndarray
    strain: np.ndarray | None = None


def ewald(
    positions: np.ndarray,
    cell: np.ndarray,
    charges: np.ndarray,
    sigma: np.ndarray | None = None,
    *,
    slab: bool = False,
    splitting: float | None = None,
) -> Ewald:
    """Return energy, potentials, forces and strain derivative of charges in a periodic cell.

    Parameters
    ----------
    positions : (N, 3) [A]
    cell : (3, 3) [A], rows, any shape
    charges : (N,) [e]
    sigma : (N,) [A], widths, 0 for a point; None for points
    slab : remove the field between images along the normal of a and b
    splitting : alpha [1/A], on which the result does not depend; chosen for speed if None

    Raises
    ------
    ValueError
        for a cell without volume, another number of charges than of positions, or a slab that is not neutral.
    """
    lattice, gamma = _Lattice(positions, cell, splitting), _gamma(len(positions), sigma)
    q = np.ascontiguousarray(charges, float)
    if q.shape != (len(positions),):
        raise ValueError(f"ewald: expected one charge for each of {len(positions)} positions, got shape {q.shape}")
    if slab and abs(q.sum()) > _NEUTRAL:
        raise ValueError(f"ewald: expected a neutral slab, got {q.sum():.3g} e. Use electrostatics.coulomb, which is periodic in two directions")
    phi, slopes, strain = np.zeros(len(q)), np.zeros((len(q), 3)), np.zeros((3, 3))
    _add_near(lattice.fractional, lattice.cell, lattice.images(gamma), gamma, lattice.alpha, lattice.cutoff(gamma), q, phi, slopes, strain)
    _add_far(lattice, q, phi, slopes, strain)
    if slab:
        height = lattice.positions @ lattice.normal
        field = 4.0 * math.pi / lattice.volume * (q @ height)
        phi += field * height
        slopes += field * lattice.normal
        strain = in_plane(strain, lattice.normal, 0.5 * field * (q @ height))
    phi *= COULOMB
    return Ewald(0.5 * float(q @ phi), phi, -COULOMB * q[:, None] * slopes, COULOMB * strain)


def _add_far(lattice: _Lattice, q, phi, slopes, strain) -> None:
    """Add the sum over reciprocal vectors and the background."""
    for k, weight in lattice.waves():
        cosine, sine = lattice.phases(k)
        real, imaginary = weight * (q @ cosine), weight * (q @ sine)
        energies = 0.5 * (real**2 + imaginary**2) / weight
        bend = energies * (2.0 / np.einsum("ij,ij->i", k, k) + 0.5 / lattice.alpha**2)
        strain += (bend * k.T) @ k - energies.sum() * np.eye(3)
        phi += cosine @ real + sine @ imaginary
        slopes += (cosine * imaginary - sine * real) @ k
    background = math.pi * q.sum() / (lattice.volume * lattice.alpha**2)
    phi -= background
    strain += 0.5 * q.sum() * background * np.eye(3)


def in_plane(strain: np.ndarray, normal: np.ndarray, per_area: float) -> np.ndarray:
    """Return P S P - E P with P = 1 - n n^T, the derivative for strains along a surface at fixed heights.

    The derivative in the height of a slab's cell is that of its vacuum, and means nothing.

    Parameters
    ----------
    strain : S (3, 3) [eV], of the sum in three dimensions
    normal : n (3,)
    per_area : E [eV], of terms that are inverse to the area while heights stay
    """
    along = np.eye(3) - np.outer(normal, normal)
    return along @ strain @ along - per_area * along


class _Lattice:
    """The cell with the points of both sums."""

    def __init__(self, positions, cell, splitting: float | None):
        self.positions, self.cell = np.ascontiguousarray(positions, float), np.asarray(cell, float)
        self.volume = abs(float(np.linalg.det(self.cell)))
        if not self.volume > 1e-6:
            raise ValueError(f"ewald: expected a cell with three independent vectors, got {self.cell.tolist()}. Set atoms.cell")
        across = np.cross(self.cell[0], self.cell[1])
        self.normal = across / np.linalg.norm(across)
        self.alpha = 2.0 * _SQRT_PI * (len(positions) / self.volume**2) ** (1.0 / 6.0) if splitting is None else float(splitting)
        self.fractional = self.positions @ np.linalg.inv(self.cell)

    def cutoff(self, gamma: np.ndarray) -> float:
        """Return the radius of the sum over images [A]."""
        return _REACH / min(self.alpha, float(gamma.min()))

    def images(self, gamma: np.ndarray) -> np.ndarray:
        """Return the lattice vectors that the sum over images needs beside the image within half a cell, (M, 3)."""
        _, points = lattice_points(self.cell, self.cutoff(gamma) + 0.5 * np.linalg.norm(self.cell, axis=1).sum())
        return points

    def waves(self):
        """Yield one of each pair of reciprocal vectors (K, 3) with the weight of both (K,), in chunks."""
        _, k = half_waves(self.cell, 2.0 * self.alpha * _REACH)
        square = np.einsum("ij,ij->i", k, k)
        weight = 8.0 * math.pi / self.volume * np.exp(-square / (4.0 * self.alpha**2)) / square
        for a in range(0, len(k), _CHUNK):
            yield k[a : a + _CHUNK], weight[a : a + _CHUNK]

    def phases(self, k: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return cos(k.R) and sin(k.R), (N, K) each."""
        phase = self.positions @ k.T
        return np.cos(phase), np.sin(phase)


def _gamma(n: int, sigma: np.ndarray | None) -> np.ndarray:
    sigma = np.zeros(n) if sigma is None else np.asarray(sigma, float)
    if sigma.shape != (n,):
        raise ValueError(f"ewald: expected one width for each of {n} positions, got shape {sigma.shape}")
    with np.errstate(divide="ignore"):
        return 1.0 / np.sqrt(2.0 * (sigma[:, None] ** 2 + sigma[None, :] ** 2))


@compiled()
def _screened(r, gamma, alpha):
    """Return f = [erf(gamma r) - erf(alpha r)]/r and f'/r."""
    f = (math.erfc(alpha * r) - math.erfc(gamma * r)) / r
    bells = -alpha * math.exp(-((alpha * r) ** 2))
    if gamma * r < 26.0:
        bells += gamma * math.exp(-((gamma * r) ** 2))
    return f, (2.0 / _SQRT_PI * bells - f) / r**2


@compiled()
def _add_near(fractional, cell, images, gamma, alpha, cutoff, charges, potentials, slopes, strain):
    """Add the sum over images to the potentials, their gradients and the strain derivative."""
    n = len(fractional)
    d = np.zeros(3)
    for i in range(n):
        for j in range(i, n):
            d[:] = 0.0
            for k in range(3):
                part = fractional[j, k] - fractional[i, k]
                d += (part - np.rint(part)) * cell[k]
            v, g0, g1, g2 = 0.0, 0.0, 0.0, 0.0
            pair = charges[i] * charges[j] * (0.5 if i == j else 1.0)
            for image in images:
                d0, d1, d2 = d[0] + image[0], d[1] + image[1], d[2] + image[2]
                square = d0 * d0 + d1 * d1 + d2 * d2
                if square > cutoff * cutoff:
                    continue
                r = math.sqrt(square)
                if r < 1e-9:
                    own = gamma[i, j] if gamma[i, j] < np.inf else 0.0
                    v += 2.0 * (own - alpha) / _SQRT_PI
                    continue
                f, slope = _screened(r, gamma[i, j], alpha)
                v += f
                g0 += slope * d0
                g1 += slope * d1
                g2 += slope * d2
                for a, da in enumerate((d0, d1, d2)):
                    for b, db in enumerate((d0, d1, d2)):
                        strain[a, b] += pair * slope * da * db
            potentials[i] += charges[j] * v
            if i != j:
                potentials[j] += charges[i] * v
                for k, g in enumerate((g0, g1, g2)):
                    slopes[i, k] -= charges[j] * g
                    slopes[j, k] += charges[i] * g

"""Parts of the particle mesh: its kernel of the near pairs, the factors of its splines, and the choice of the parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

from electrode.physics._compiled import compiled
from electrode.units import COULOMB

_SQRT_PI = math.sqrt(math.pi)
_ALIASES = np.arange(-6, 7)
ORDERS = (4, 5, 6, 7, 8)
_MARGIN = 16.0  # largest error of a force over the rms error estimated for the near and for the far part
ONCE = (190e-9, 25e-9, 5e-9)  # seconds for a pair of the full list, a mesh point and a line of spline weights
KEPT = (4.5e-9, 18e-9, 9e-9)  # the same where the list is kept, for `mesh_operator`
_CUTOFFS = np.geomspace(2.5, 15.0, 16)  # [A]
_SPACINGS = np.geomspace(0.05, 2.0, 60)  # alpha h


@compiled()
def near_pairs(positions, first, index, offset, charges, sigma, alpha, cutoff, potentials, gradients, strain):
    """Add sum_j q_j [erf(gamma r) - erf(alpha r)]/r, its gradient in R_i, and dE/dstrain, from a full list.

    Each pair is computed once: from its atom of lower index, an atom and its own image from both sides.
    """
    for i in range(len(positions)):
        v, g0, g1, g2 = 0.0, 0.0, 0.0, 0.0
        for m in range(first[i], first[i + 1]):
            j = index[m]
            if j < i:
                continue
            d0 = positions[j, 0] + offset[m, 0] - positions[i, 0]
            d1 = positions[j, 1] + offset[m, 1] - positions[i, 1]
            d2 = positions[j, 2] + offset[m, 2] - positions[i, 2]
            square = d0 * d0 + d1 * d1 + d2 * d2
            if square > cutoff * cutoff:
                continue
            r = math.sqrt(square)
            f = math.erfc(alpha * r) / r
            bells = -alpha * math.exp(-alpha * alpha * square)
            width = 2.0 * (sigma[i] * sigma[i] + sigma[j] * sigma[j])
            if square < 700.0 * width:
                gamma = 1.0 / math.sqrt(width)
                f -= math.erfc(gamma * r) / r
                bells += gamma * math.exp(-square / width)
            slope = (2.0 / _SQRT_PI * bells - f) / square
            v += charges[j] * f
            share = 0.5 * charges[i] * charges[j] * slope
            if j > i:
                potentials[j] += charges[i] * f
                s = charges[i] * slope
                gradients[j, 0] += s * d0
                gradients[j, 1] += s * d1
                gradients[j, 2] += s * d2
                share *= 2.0
            s = charges[j] * slope
            g0 -= s * d0
            g1 -= s * d1
            g2 -= s * d2
            for a, da in enumerate((d0, d1, d2)):
                for b, db in enumerate((d0, d1, d2)):
                    strain[a, b] += share * da * db
        potentials[i] += v
        gradients[i, 0] += g0
        gradients[i, 1] += g1
        gradients[i, 2] += g2


def damping(steps: np.ndarray, size: int, order: int) -> np.ndarray:
    """Return the factor of a mesh axis for wave numbers m, U_0^2/(sum_l U_l^2)^2 with U_l = sinc(m/K + l)^p; 0 at m = K/2."""
    transforms = np.sinc(steps[:, None] / size + _ALIASES) ** (2 * order)
    factor = transforms[:, len(_ALIASES) // 2] / transforms.sum(axis=1) ** 2
    return np.where(2 * np.abs(steps) == size, 0.0, factor)


def mesh_error(product: np.ndarray, order: int) -> np.ndarray:
    """Return F(alpha h) of a mesh with spacing h along its axes, for which the variance of a pair's force is alpha F/V.

    To leading order in the aliases l of a wave vector k, summed over the three axes (a = alpha = 1 here):
    F = (2 pi)^-3 int d^3k (4 pi/k^2)^2 exp(-k^2/2) sum_l (|k_l|^2 + k^2) [k_z/(k_z + 2 pi l/h)]^(2p), and k^2 itself in place of
    the sum where k_z lies beyond the mesh.  Source: Ballenegger, Cerda and Holm 2012, https://doi.org/10.1021/ct2001792
    """
    nodes, weights = np.polynomial.legendre.leggauss(48)
    k = 8.0 * (nodes + 1.0)
    z = 0.5 * k[:, None] * (nodes + 1.0)
    bell = (8.0 * weights * np.exp(-0.5 * k**2) / k**2)[:, None] * weights
    found = []
    for h in product:
        total = np.zeros_like(z)
        for g in 2.0 * math.pi / h * np.array([-2, -1, 1, 2]):
            total += (2.0 * k[:, None] ** 2 + 2.0 * z * g + g * g) * (z / (z + g)) ** (2 * order)
        found.append(12.0 * np.sum(bell * np.where(z < math.pi / h, total, k[:, None] ** 2)))
    return np.array(found)


@dataclass(frozen=True)
class Settings:
    """Parameters of a mesh, on which the result depends only within its accuracy.

    Parameters
    ----------
    alpha : splitting [1/A]
    cutoff : radius of the near part [A]
    grid : (K_1, K_2, K_3), mesh points along the cell vectors
    order : of the B-splines, 4 to 8
    """

    alpha: float
    cutoff: float
    grid: tuple[int, int, int]
    order: int = 6

    def __post_init__(self):
        if not (self.alpha > 0.0 and self.cutoff > 0.0 and self.order in ORDERS and min(self.grid) >= self.order):
            raise ValueError(f"Settings: expected alpha and cutoff above 0, order 4 to 8 and no fewer mesh points than the order; got {self}. Use `choose`")


def choose(cell: np.ndarray, charges: np.ndarray, sigma: np.ndarray | None = None, accuracy: float = 1e-6, costs: tuple[float, float, float] = ONCE) -> Settings:
    """Return the settings whose estimated cost is least for an accuracy of the forces.

    The rms errors of Kolafa and Perram (near) and of Ballenegger, Cerda and Holm (mesh, `mesh_error`) for charges in random places,

        2 k_e S exp(-(alpha r_c)^2)/sqrt(N r_c V)   and   k_e S sqrt(alpha F_p(alpha h)/(N V)),   S = sum q^2,

    are each set to a sixteenth of the accuracy: the near one also with the smallest gamma in place of alpha, the other times the
    largest |a_i||b_i| of cell and reciprocal vectors (1 if orthorhombic), and times 2 for a charge's mesh force on itself (measured).

    Parameters
    ----------
    cell : (3, 3) [A]
    charges : (N,) [e], typical ones where they will change
    sigma : (N,) [A], widths, 0 for a point; None for points
    accuracy : largest error of a force [eV/A]
    costs : what is minimised, ONCE or KEPT

    Raises
    ------
    ValueError
        for a cell without volume, no atoms, or an accuracy that is not positive.
    """
    n, volume, lengths = len(charges), volume_of(cell), np.linalg.norm(cell, axis=1)
    if n == 0 or not accuracy > 0.0:
        raise ValueError(f"choose: expected atoms and an accuracy above 0 eV/A; got {n} atoms and {accuracy}. Pass the charges of the atoms")
    strength = COULOMB * max(float(np.square(charges).sum()), 1e-8) * _MARGIN / accuracy
    oblique = 2.0 * strength * float(np.max(lengths * np.linalg.norm(np.linalg.inv(cell), axis=0)))
    widest = 0.0 if sigma is None else 2.0 * float(np.max(sigma))
    best, least = None, np.inf
    for cutoff in (*_CUTOFFS, max(_CUTOFFS[-1], 8.0 * widest)):
        alpha = math.sqrt(math.log(2.0 * strength / math.sqrt(n * cutoff * volume) + 2.0)) / cutoff
        if alpha * widest > 1.0:
            continue
        for order in ORDERS[::2]:
            sizes = np.ceil(lengths * alpha / _spacing(order, n * volume / (alpha * oblique**2))).astype(int)
            grid = tuple(fft.next_fast_len(max(order, int(size)), real=True) for size in sizes)
            cost = np.dot(costs, (4.19 * cutoff**3 * n * n / volume, math.prod(grid), n * order**2))
            if cost < least:
                best, least = Settings(float(alpha), float(cutoff), grid, order), cost
    return best


def volume_of(cell) -> float:
    """Return the volume of a cell [A^3], which must have one."""
    if not (volume := abs(float(np.linalg.det(np.asarray(cell, float))))) > 1e-6:
        raise ValueError(f"expected a cell with three independent vectors, got {np.asarray(cell).tolist()}. Set atoms.cell")
    return volume


@lru_cache
def _errors(order: int) -> np.ndarray:
    return np.log(np.maximum.accumulate(mesh_error(_SPACINGS, order)))


def _spacing(order: int, variance: float) -> float:
    """Return the largest alpha h whose F (`mesh_error`) is below a variance."""
    return float(np.exp(np.interp(math.log(variance), _errors(order), np.log(_SPACINGS))))

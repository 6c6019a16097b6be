"""Near pairs whose interaction is computed once for each set of positions, and multiplied many times.

A part of the interaction has `pairs` (`_pairs.Pairs`), and, set by `at`, `local` positions (N, 3) [A] that go with them, `values` and
`slopes`, f(r) and f'/r of each pair.
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics._near import OVERLAP, STEPS, TABLE
from electrode.physics._pairs import Pairs
from electrode.physics._slater_kernels import differences
from electrode.physics.mesh_operator import MeshOperator
from electrode.physics.slater import reaches, slater_exponent

_POINTS = 4096  # of a table of Slater charges: its interpolation is exact to 1e-9 V/e and 1e-6 V/(e A)
_LEFT = 1e-7  # of a Slater charge beyond its reach


class ScreenedPart:
    """[erf(gamma r) - erf(alpha r)]/r within the cutoff of a mesh, for the pairs that its operator keeps."""

    def __init__(self, operator: MeshOperator):
        self.operator, self.pairs = operator, None

    def at(self, positions: np.ndarray) -> None:
        """Set values and slopes at the operator's positions."""
        op = self.operator
        p = op.pairs
        if p is not self.pairs:
            self.pairs, self.values, self.slopes = p, np.empty(len(p.index)), np.empty(len(p.index))
        self.local = positions - p.home
        _screened_values(self.local, p.shifts, p.first, p.index, p.code, op.wide, op.settings.alpha, op.settings.cutoff, TABLE, self.values, self.slopes)


class SlaterPart:
    """What Slater charges differ by from Gaussians, from tables with cubic Hermite interpolation in r, one for two kinds of atoms.

    Parameters
    ----------
    width : (N,) [A];  shells : (N,) int;  smooth : (N,) [A], widths of the Gaussians
    cell : (3, 3) [A];  skin : of the neighbour list [A]
    """

    def __init__(self, width: np.ndarray, shells: np.ndarray, smooth: np.ndarray, cell: np.ndarray, skin: float):
        kinds, kind = np.unique(np.stack([width, shells, smooth], axis=1), axis=0, return_inverse=True)
        self.kind = kind.reshape(-1)
        sigma, shell, smooth = kinds[:, 0], kinds[:, 1].astype(int), kinds[:, 2]
        with np.errstate(divide="ignore"):
            exponent = slater_exponent(sigma, shell)
        reach = np.where(sigma > 0.0, reaches(shell, _LEFT) / exponent, 0.0)
        self.reach, self.cell, self.skin, self.pairs = max(float(reach.max()), 1.0), cell, skin, None
        self.step = self.reach / _POINTS
        r = self.step * np.maximum(np.arange(_POINTS + 2), 1)
        self.table = np.zeros((len(sigma), len(sigma), len(r), 2))
        at = np.zeros(len(r), int)
        for i in range(len(sigma)):
            for j in range(len(sigma)):
                values, slopes = np.zeros(len(r)), np.zeros(len(r))
                differences(r * r, at + i, at + j, exponent, shell, smooth, reach, values, slopes)
                self.table[i, j] = np.stack([values, slopes * r * self.step], axis=1)

    def at(self, positions: np.ndarray) -> None:
        """Set values and slopes at positions (N, 3) [A]."""
        if self.pairs is None or not self.pairs.hold(positions, self.skin):
            self.pairs = Pairs(positions, self.cell, self.reach + self.skin)
            self.values, self.slopes = np.empty(len(self.pairs.index)), np.empty(len(self.pairs.index))
        p = self.pairs
        self.local = positions - p.home
        _tabulated_values(self.local, p.shifts, p.first, p.index, p.code, self.kind, self.table, self.step, self.values, self.slopes)


@compiled(fastmath=True, error_model="numpy", inline="always")
def _smooth(square, spread, table):
    """Return erf(x)/r and its derivative over r, x = r/sqrt(spread), from the table of erf(x)/x and of its derivative in x^2."""
    u = square / spread * STEPS
    if u >= OVERLAP * STEPS:
        inverse = 1.0 / math.sqrt(square)
        return inverse, -inverse * inverse * inverse
    k = int(u)
    u -= k
    a, da, b, db = table[k, 0], table[k, 1], table[k + 1, 0], table[k + 1, 1]
    c2, c3 = 3.0 * (b - a) - 2.0 * da - db, 2.0 * (a - b) + da + db
    gamma = 1.0 / math.sqrt(spread)
    return gamma * (a + u * (da + u * (c2 + u * c3))), 2.0 * gamma / spread * (da + u * (2.0 * c2 + 3.0 * u * c3)) * STEPS


@compiled(fastmath=True, error_model="numpy")
def _screened_values(positions, shifts, first, index, code, wide, alpha, cutoff, table, values, slopes):
    wave = 1.0 / (alpha * alpha)
    for i in range(len(first) - 1):
        x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
        for k in range(first[i], first[i + 1]):
            j, c = index[k], code[k]
            d0, d1, d2 = positions[j, 0] + shifts[c, 0] - x, positions[j, 1] + shifts[c, 1] - y, positions[j, 2] + shifts[c, 2] - z
            square = d0 * d0 + d1 * d1 + d2 * d2
            if square > cutoff * cutoff:
                values[k], slopes[k] = 0.0, 0.0
                continue
            near, near_slope = _smooth(square, wide[i] + wide[j], table)
            far, far_slope = _smooth(square, wave, table)
            values[k], slopes[k] = near - far, near_slope - far_slope


@compiled()
def _tabulated_values(positions, shifts, first, index, code, kind, table, step, values, slopes):
    points = table.shape[2] - 1
    for i in range(len(first) - 1):
        for k in range(first[i], first[i + 1]):
            j, c, square = index[k], code[k], 0.0
            for axis in range(3):
                square += (positions[j, axis] + shifts[c, axis] - positions[i, axis]) ** 2
            r = math.sqrt(square)
            place = int(r / step)
            if place >= points:
                values[k], slopes[k] = 0.0, 0.0
                continue
            lines, u = table[kind[i], kind[j]], r / step - place
            a, da, b, db = lines[place, 0], lines[place, 1], lines[place + 1, 0], lines[place + 1, 1]
            c2, c3 = 3.0 * (b - a) - 2.0 * da - db, 2.0 * (a - b) + da + db
            values[k] = a + u * (da + u * (c2 + u * c3))
            slopes[k] = (da + u * (2.0 * c2 + 3.0 * u * c3)) / (step * r)


@compiled(fastmath=True)
def multiply(first, index, values, charges, potentials):
    """Add what the pairs contribute to the potentials."""
    for i in range(len(first) - 1):
        v, q = 0.0, charges[i]
        for k in range(first[i], first[i + 1]):
            j = index[k]
            v += values[k] * charges[j]
            potentials[j] += values[k] * q
        potentials[i] += v


@compiled(fastmath=True)
def gradients(positions, shifts, first, index, code, slopes, charges, out):
    """Add the gradient of q.A.q/2 of the pairs in the positions."""
    for i in range(len(first) - 1):
        x, y, z, g0, g1, g2 = positions[i, 0], positions[i, 1], positions[i, 2], 0.0, 0.0, 0.0
        for k in range(first[i], first[i + 1]):
            j, c = index[k], code[k]
            s = charges[i] * charges[j] * slopes[k]
            u0 = s * (positions[j, 0] + shifts[c, 0] - x)
            u1 = s * (positions[j, 1] + shifts[c, 1] - y)
            u2 = s * (positions[j, 2] + shifts[c, 2] - z)
            g0 += u0
            g1 += u1
            g2 += u2
            out[j, 0] += u0
            out[j, 1] += u1
            out[j, 2] += u2
        out[i, 0] -= g0
        out[i, 1] -= g1
        out[i, 2] -= g2

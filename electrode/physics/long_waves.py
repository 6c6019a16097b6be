"""Preconditioner of charge equilibration for conjugate gradients in periodic cells: the diagonal and the longest waves.

    M = D + P^T P,    P_ki = sqrt(8 pi k_e/V)/k exp(-k^2 sigma_i^2/2) (cos k.R_i, sin k.R_i)

The Coulomb matrix is stiff along the longest waves, whose eigenvalues grow as 1/k^2, and close to its diagonal elsewhere.  The
waves number a few for each hundred atoms; M is inverted by Woodbury's formula with one small factorisation,

    M^-1 r = D^-1 r - D^-1 P^T (1 + P D^-1 P^T)^-1 P D^-1 r

and serves nearby positions as well: it says how fast iterations converge, not to what.
Source: Golub and Van Loan 2013, Matrix Computations, 4th edition, section 2.1.4, https://doi.org/10.56021/9781421407944
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from electrode.physics._dense_sums import wave_phases
from electrode.physics.lattice import half_waves
from electrode.units import COULOMB

_FEWEST, _SHARE, _MOST = 30, 0.04, 160  # waves, and waves for each atom
_LEFT = 0.3  # of the diagonal at least


class LongWaves:
    """M^-1 at fixed positions.

    Parameters
    ----------
    positions : (N, 3) [A]
    cell : (3, 3) [A], rows
    width : (N,) [A]
    diagonal : (N,) [V/e], positive
    """

    def __init__(self, positions: np.ndarray, cell: np.ndarray, width: np.ndarray, diagonal: np.ndarray):
        n, volume = len(width), abs(float(np.linalg.det(cell)))
        steps, square = longest_waves(cell, int(np.clip(_SHARE * n, _FEWEST, _MOST)), volume)
        phases = np.empty((2 * len(steps), n))
        wave_phases(positions @ np.linalg.inv(cell), steps, np.sqrt(8.0 * math.pi * COULOMB / (volume * square)), phases)
        phases *= np.exp(-0.5 * np.repeat(square, 2)[:, None] * width**2)
        self.inverse = 1.0 / np.maximum(diagonal - np.einsum("ki,ki->i", phases, phases), _LEFT * diagonal)
        self.waves = phases * self.inverse
        self.factor = cho_factor(np.eye(len(phases)) + self.waves @ phases.T)

    def __call__(self, residual: np.ndarray) -> np.ndarray:
        """Return M^-1 r (N,)."""
        return self.inverse * residual - cho_solve(self.factor, self.waves @ residual) @ self.waves


def longest_waves(cell: np.ndarray, count: int, volume: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the integer steps (K, 3) and squares (K,) of the shortest reciprocal vectors, one of each pair."""
    radius = 1.3 * (12.0 * math.pi**2 * (count + 4) / volume) ** (1.0 / 3.0) + 2.0 * math.pi / np.linalg.norm(cell, axis=1).min()
    steps, k = half_waves(cell, radius)
    square = np.einsum("ij,ij->i", k, k)
    order = np.argsort(square, kind="stable")[:count]
    return np.ascontiguousarray(steps[order]), square[order]

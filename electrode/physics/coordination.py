"""Electronegativities that depend on how many neighbours an atom has.

    X_i = -kappa_i sqrt(N_i),   N_i = ln(1 + e^8) - ln(1 + e^(8 - n_i)),
    n_i = sum_j [1 + erf(-7.5 (r - R_ij)/R_ij)]/2,   R_ij = 4/3 (R_i + R_j)

N_i is the number of neighbours, smoothly kept below 8.  A term of n_i is 0 to the last digit beyond 1.79 R_ij, where the sum ends.
Source: Caldeweyher et al. 2019, https://doi.org/10.1063/1.5090222
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.special import erf, expit

from electrode.physics.neighbours import CLOSEST_APPROACH, neighbour_list

_STEEPNESS = 7.5
_MOST = 8.0  # coordination number
_REACH = 1.0 + 5.9 / _STEEPNESS  # r/R_ij beyond which erf(...) is -1
_FLOOR = 1e-14  # of its root, where the slope would be infinite


@dataclass(frozen=True)
class Coordination:
    """The dependence of N atoms' electronegativities on their neighbours.

    Parameters
    ----------
    strength : kappa (N,) [V]
    radius : R (N,) [A]
    cell : (3, 3) [A], rows
    pbc : (3,) bool
    """

    strength: np.ndarray
    radius: np.ndarray
    cell: np.ndarray
    pbc: tuple[bool, bool, bool]

    def at(self, positions: np.ndarray) -> CoordinationShift:
        """Return the electronegativities at positions (N, 3) [A].

        Raises
        ------
        ValueError
            for another number of positions, or atoms closer than 0.4 A.
        """
        positions, n = np.asarray(positions, float), len(self.radius)
        if positions.shape != (n, 3):
            raise ValueError(f"Coordination: expected positions of {n} atoms, got shape {positions.shape}. Make the model for all atoms")
        cutoff = 8.0 / 3.0 * _REACH * float(self.radius.max(initial=0.0))
        i, j, vectors = _neighbours(positions, self.cell, self.pbc, cutoff)
        r, reach = np.linalg.norm(vectors, axis=1), 4.0 / 3.0 * (self.radius[i] + self.radius[j])
        u = _STEEPNESS * (r - reach) / reach
        counted = np.bincount(i, 0.5 * (1.0 + erf(-u)), n)
        root = np.sqrt(below_eight(counted)) + _FLOOR
        slopes = -_STEEPNESS / reach / math.sqrt(math.pi) * np.exp(-(u**2))
        return CoordinationShift(-self.strength * root, counted, -self.strength * expit(_MOST - counted) / (2.0 * root), i, j, vectors * (slopes / r)[:, None])


@dataclass(frozen=True)
class CoordinationShift:
    """What the neighbours add to the electronegativities at one set of positions.

    Parameters
    ----------
    values : X (N,) [V]
    counted : n (N,)
    bends : dX/dn (N,) [V]
    centres, neighbours : (M,) int, the pairs
    steps : (M, 3), the gradients of the pairs' terms of n in the neighbours' positions [1/A]
    """

    values: np.ndarray
    counted: np.ndarray
    bends: np.ndarray
    centres: np.ndarray
    neighbours: np.ndarray
    steps: np.ndarray

    def forces(self, charges: np.ndarray) -> np.ndarray:
        """Return -d(q.X)/dR at fixed charges, (N, 3) [eV/A]."""
        push, n = (charges * self.bends)[self.centres, None] * self.steps, len(self.values)
        return np.stack([np.bincount(self.centres, f, n) - np.bincount(self.neighbours, f, n) for f in push.T], axis=1)


def _neighbours(positions, cell, pbc, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ends (M,) and vectors (M, 3) of all pairs, from both ends."""
    if any(pbc):
        pairs = neighbour_list(positions, np.asarray(cell, float), pbc, cutoff)
        return np.repeat(np.arange(len(positions)), np.diff(pairs.first)), pairs.index, pairs.vectors(positions)
    half = cKDTree(positions).query_pairs(cutoff, output_type="ndarray")
    i, j = np.concatenate([half, half[:, ::-1]]).T
    vectors = positions[j] - positions[i]
    if len(i) and np.einsum("ij,ij->i", vectors, vectors).min() < CLOSEST_APPROACH**2:
        raise ValueError(f"atoms are closer than {CLOSEST_APPROACH} A. Check the structure for duplicated atoms")
    return i, j, vectors


def below_eight(counted: np.ndarray) -> np.ndarray:
    """Return numbers of neighbours (N,), smoothly kept below 8."""
    return np.logaddexp(0.0, _MOST) - np.logaddexp(0.0, _MOST - counted)

"""What the Gaussian process compares: reduced inverse distances of pairs that can move, or places where there are no pairs.

    g_ij = w(r_ij) (R_i + R_j) / r_ij

with covalent radii R, and w falling smoothly from 1 at half the cutoff to 0 at the cutoff.  Which pairs and periodic images there
are is settled once, for a whole path and its surroundings, so that every g is a smooth function of the positions.  Inverse
distances: Koistinen, Asgeirsson, Vehtari and Jonsson, J. Chem. Theory Comput. 15, 6738 (2019), https://doi.org/10.1021/acs.jctc.9b00692
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from scipy.sparse import csr_array

CUTOFF = 6.0  # [A]
MARGIN = 1.0  # a pair of the path may approach by this [A] before it counts
PLACE = 0.5  # what counts as one where places are compared [A]


@dataclass(frozen=True)
class Features:
    """Features of F free atoms at one or several sets of positions.

    Parameters
    ----------
    values : (m, P)
    slopes : (m, P, 3), derivative of each with respect to the vector between its two atoms [1/A]
    incidence : (F, P) sparse, +1 for the second atom of a pair, -1 for the first, where they are free
    """

    values: np.ndarray
    slopes: np.ndarray
    incidence: csr_array

    def jacobian(self) -> np.ndarray:
        """Return d value / d position of the free atoms, (m, P, 3F)."""
        dense = self.incidence.toarray().T
        return (self.slopes[:, :, None, :] * dense[None, :, :, None]).reshape(*self.values.shape, -1)

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient (m, 3F) of the sum of the values weighted by (m, P)."""
        m, n = self.values.shape
        columns = (cotangent[..., None] * self.slopes).transpose(1, 0, 2).reshape(n, 3 * m)
        return (self.incidence @ columns).reshape(-1, m, 3).transpose(1, 0, 2).reshape(m, -1)


@dataclass(frozen=True)
class Pairs:
    """The pairs of a path with at least one free atom.

    Parameters
    ----------
    first, second : (P,) int;  offset : (P, 3) [A], lattice shift of the second
    radii : (P,) [A], sums of covalent radii
    free : (F,) int, atoms that are free to move
    """

    first: np.ndarray
    second: np.ndarray
    offset: np.ndarray
    radii: np.ndarray
    free: np.ndarray

    @classmethod
    def of(cls, images: Sequence[Atoms], free: np.ndarray) -> Pairs:
        """Return the pairs within the cutoff, and a margin, of any image."""
        found, moves = set(), np.isin(np.arange(len(images[0])), free)
        for image in images:
            i, j, shift = neighbor_list("ijS", image, CUTOFF + MARGIN)
            keep = (i < j) & (moves[i] | moves[j])
            found.update(zip(i[keep].tolist(), j[keep].tolist(), map(tuple, shift[keep].tolist())))
        pairs = sorted(found)
        first, second = (np.array([p[k] for p in pairs], dtype=int) for k in (0, 1))
        offset = np.array([p[2] for p in pairs], dtype=float).reshape(-1, 3) @ images[0].cell.array
        radius = covalent_radii[images[0].numbers]
        return cls(first, second, offset, radius[first] + radius[second], free)

    def __call__(self, positions: np.ndarray) -> Features:
        """Return the features at positions (m, N, 3) [A]."""
        vectors = positions[:, self.second] + self.offset - positions[:, self.first]
        r = np.linalg.norm(vectors, axis=2)
        half = 0.5 * CUTOFF
        t = np.clip((r - half) / half, 0.0, 1.0)
        w, w1 = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2), -30.0 * t**2 * (1.0 - t) ** 2 / half
        slope = self.radii * (w1 - w / r) / r
        return Features(self.radii * w / r, (slope / r)[..., None] * vectors, self._incidence)

    @cached_property
    def _incidence(self) -> csr_array:
        n, place = len(self.first), np.arange(len(self.first))
        row = np.full(max(self.first.max(), self.second.max(), self.free.max()) + 1, -1)
        row[self.free] = np.arange(len(self.free))
        rows, columns = np.concatenate([row[self.second], row[self.first]]), np.concatenate([place, place])
        sign, inside = np.repeat([1.0, -1.0], n), rows >= 0
        return csr_array((sign[inside], (rows[inside], columns[inside])), shape=(len(self.free), n))


@dataclass(frozen=True)
class Places:
    """The Cartesian places of free atoms that have no neighbours, three features for each atom."""

    free: np.ndarray

    def __call__(self, positions: np.ndarray) -> Features:
        """Return the features at positions (m, N, 3) [A]."""
        m, n = len(positions), len(self.free)
        slopes = np.broadcast_to(np.tile(np.eye(3), (n, 1)) / PLACE, (m, 3 * n, 3))
        incidence = csr_array(np.repeat(np.eye(n), 3, axis=1))
        return Features(positions[:, self.free].reshape(m, -1) / PLACE, slopes, incidence)


def features_of(images: Sequence[Atoms], free: np.ndarray) -> Pairs | Places:
    """Return what describes the free atoms of a path: pairs, or places where no free atom has a neighbour."""
    pairs = Pairs.of(images, free)
    return pairs if len(pairs.first) else Places(free)

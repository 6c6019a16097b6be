"""The neighbours of a batch of systems for torch: where they are is differentiable, which atoms they are is not.

The search is done once for each set of positions and remembered, so that neither the solution for the charge nor the next pass
over the training frames repeats it.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from electrode.physics.neighbours import neighbour_list
from electrode.state import Structure

REMEMBERED = 128e6  # bytes of pairs that are kept, those used longest ago go first


@dataclass(frozen=True)
class Graph:
    """All P pairs of atoms closer than a cutoff, both ways round, sorted by centre, and a table of who neighbours whom.

    The images of one neighbour share a place in the table: what depends on a pair's vector is summed there, and the features of
    atoms are then read once for each neighbour, in one matrix product for each atom.

    Parameters
    ----------
    centre, neighbour : (P,) int64, the atoms i and j of each pair, indices into the batch
    vectors : (P, 3) [A], from i to the image of j, differentiable in the positions
    distances : (P,) [A]
    table : (N, K) int64, the different neighbours of each atom; unused places name atom 0
    place : (P,) int64, the pair's place in the flattened table
    """

    centre: Tensor
    neighbour: Tensor
    vectors: Tensor
    distances: Tensor
    table: Tensor
    place: Tensor

    @classmethod
    def of(cls, structure: Structure, positions: Tensor, cutoff: float) -> Graph:
        """Return the graph of a structure.

        Parameters
        ----------
        structure : its own positions say who is a neighbour, and carry no derivative
        positions : (N, 3) [A], the same values, as the model is given them in its description
        cutoff : [A]

        Raises
        ------
        ValueError
            if two atoms are closer than 0.4 A.
        """
        found = _batch(structure, float(cutoff))
        centre, neighbour, table, place = (torch.from_numpy(found[k]) for k in ("centre", "neighbour", "table", "place"))
        offset = torch.from_numpy(found["offset"]).to(positions.dtype)
        vectors = positions.index_select(0, neighbour) - positions.index_select(0, centre) + offset
        return cls(centre, neighbour, vectors, vectors.square().sum(1).sqrt(), table, place)

    def gathered(self, pairs: Tensor) -> Tensor:
        """Sum what belongs to pairs (P, F) over the images of each neighbour, (N, K, F); unused places are zero."""
        n, k = self.table.shape
        return pairs.new_zeros(n * k, pairs.shape[1]).index_add(0, self.place, pairs).reshape(n, k, pairs.shape[1])

    def neighbours_of(self, features: Tensor) -> Tensor:
        """Return the features (N, F) of the atoms in the table, (N, K, F)."""
        return features.index_select(0, self.table.flatten()).reshape(*self.table.shape, features.shape[1])

    def total(self, pairs: Tensor) -> Tensor:
        """Sum what belongs to pairs (P, ...) over the neighbours of each atom, (N, ...)."""
        return pairs.new_zeros(len(self.table), *pairs.shape[1:]).index_add(0, self.centre, pairs)


@dataclass(frozen=True)
class _Pairs:
    """The pairs of one system: neighbours of each atom (n,), neighbour (p,), cell shifts (p, 3), rank among the atom's neighbours (p,)."""

    counts: np.ndarray
    neighbour: np.ndarray
    shift: np.ndarray
    rank: np.ndarray

    @property
    def size(self) -> int:
        return sum(x.nbytes for x in (self.counts, self.neighbour, self.shift, self.rank))

    @classmethod
    def search(cls, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> _Pairs:
        found, n = neighbour_list(positions, cell, pbc, cutoff), len(positions)
        shift = np.zeros((len(found.index), 3))
        if pbc.any():
            shift[:, pbc] = np.rint(found.offset @ np.linalg.pinv(cell[pbc]))
        counts = np.diff(found.first)
        different, of = np.unique(np.repeat(np.arange(n), counts) * n + found.index, return_inverse=True)
        first = np.searchsorted(different, np.arange(n) * n)
        rank = of - np.repeat(first, counts)
        return cls(counts.astype(np.int32), found.index.astype(np.int32), shift.astype(np.int16), rank.astype(np.int32))


class _Memory:
    """Values by key, at most `most` bytes of them."""

    def __init__(self, most: float):
        self.most, self.used = most, 0
        self._kept: OrderedDict[tuple, _Pairs] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: tuple) -> _Pairs | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple, value: _Pairs) -> None:
        with self._lock:
            if key not in self._kept:
                self._kept[key] = value
                self.used += value.size
            while self.used > self.most and len(self._kept) > 1:
                self.used -= self._kept.popitem(last=False)[1].size


_memory = _Memory(REMEMBERED)


def _pairs(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> _Pairs:
    key = (positions.tobytes(), cell.tobytes(), pbc.tobytes(), cutoff)
    found = _memory.get(key)
    if found is None:
        found = _Pairs.search(positions, cell, pbc, cutoff)
        _memory.put(key, found)
    return found


def _batch(structure: Structure, cutoff: float) -> dict[str, np.ndarray]:
    """Return the pairs of all systems, with indices into the batch."""
    positions, cell, pbc = structure.positions.detach().double().numpy(), structure.cell.detach().double().numpy(), structure.pbc.numpy()
    first = np.concatenate([[0], np.cumsum(structure.counts.numpy())])
    each = [_pairs(positions[a:b], cell[k], pbc[k], cutoff) for k, (a, b) in enumerate(zip(first, first[1:]))]
    sizes = [len(x.neighbour) for x in each]
    centre = np.repeat(np.arange(len(positions)), np.concatenate([x.counts for x in each]))
    neighbour = np.concatenate([x.neighbour for x in each]).astype(np.int64) + np.repeat(first[:-1], sizes)
    rank = np.concatenate([x.rank for x in each])
    width = int(rank.max(initial=-1)) + 1
    place = centre * width + rank
    table = np.zeros(len(positions) * width, dtype=np.int64)
    table[place] = neighbour
    offset = np.concatenate([x.shift @ cell[k] for k, x in enumerate(each)])
    return {"centre": centre, "neighbour": neighbour, "offset": offset, "table": table.reshape(len(positions), width), "place": place}

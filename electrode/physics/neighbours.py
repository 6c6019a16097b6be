"""Neighbour lists in the layout that the kernels read; the search itself is vesin's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

Find = Callable[..., "NeighbourList"]  # place in the batch, positions, cell, pbc, cutoff -> list
CLOSEST_APPROACH = 0.4  # [A]; closer pairs are an error in the input, not physics


@dataclass(frozen=True)
class NeighbourList:
    """Full neighbour list, sorted by atom: the neighbours of atom i are entries first[i] to first[i+1].

    Parameters
    ----------
    first : (N+1,) int64
    index : (M,) int64, the neighbour j
    offset : (M, 3) [A], lattice shift, so that the vector to the neighbour is r_j + offset - r_i
    """

    first: np.ndarray
    index: np.ndarray
    offset: np.ndarray

    def vectors(self, positions: np.ndarray) -> np.ndarray:
        """Return the vectors from each atom to its neighbours, (M, 3) [A]."""
        centre = np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))
        return positions[self.index] + self.offset - positions[centre]

    def around(self, atoms: np.ndarray) -> NeighbourList:
        """Return the neighbours of some atoms, (N,) bool; the others keep none."""
        counts = np.diff(self.first)
        kept = np.repeat(atoms, counts)
        return NeighbourList(np.concatenate([[0], np.cumsum(np.where(atoms, counts, 0))]).astype(np.int64), self.index[kept], self.offset[kept])


def neighbour_list(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> NeighbourList:
    """Return all pairs closer than `cutoff` of one system, periodic images included.

    Parameters
    ----------
    positions : (n, 3) [A]
    cell : (3, 3) [A], rows are the lattice vectors
    pbc : (3,) bool, any mixture
    cutoff : float [A], may exceed the cell

    Raises
    ------
    ValueError
        if two atoms are closer than 0.4 A.
    """
    from vesin import NeighborList  # imports torch where torch is installed: only when a list is needed

    search = NeighborList(cutoff=float(cutoff), full_list=True, sorted=True)
    i, j, shift, distance = search.compute(
        points=np.ascontiguousarray(positions, dtype=np.float64),
        box=_box(positions, cell, pbc, cutoff),
        periodic=np.asarray(pbc, dtype=bool),
        quantities="ijSd",
    )
    if len(distance):
        k = int(distance.argmin())
        refuse_closest(int(i[k]), int(j[k]), float(distance[k]))
    first = np.zeros(len(positions) + 1, dtype=np.int64)
    np.cumsum(np.bincount(i.astype(np.int64), minlength=len(positions)), out=first[1:])
    return NeighbourList(first, j.astype(np.int64), shift.astype(np.float64) @ np.asarray(cell, dtype=np.float64))


def refuse_closest(i: int, j: int, distance: float) -> None:
    """Raise ValueError where the closest two atoms of a system are closer than `CLOSEST_APPROACH`."""
    if distance < CLOSEST_APPROACH:
        raise ValueError(
            f"atoms {i} and {j} are {distance:.3f} A apart; expected at least {CLOSEST_APPROACH} A. "
            "Check the structure for duplicated atoms or a wrong cell"
        )


@contextmanager
def found_by(find: Find) -> Iterator[None]:
    """Let `batch_neighbours` ask `find` for its lists inside this block, e.g. `KeptNeighbours.find`, which gives the same sooner."""
    token = _finder.set(find)
    try:
        yield
    finally:
        _finder.reset(token)


def batch_neighbours(positions, cell, pbc, counts, cutoff: float) -> NeighbourList:
    """Return one list for a batch of systems whose atoms follow each other.

    Parameters
    ----------
    positions : (N, 3) [A];  cell : (S, 3, 3) [A];  pbc : (S, 3) bool;  counts : (S,) atoms of each system
    """
    find, starts = _finder.get(), np.concatenate([[0], np.cumsum(counts)])
    lists = [find(k, positions[a:b], cell[k], pbc[k], cutoff) for k, (a, b) in enumerate(zip(starts[:-1], starts[1:]))]
    if len(lists) == 1:
        return lists[0]
    pairs = np.concatenate([[0], np.cumsum([len(x.index) for x in lists])])
    return NeighbourList(
        first=np.concatenate([[0], *(x.first[1:] + p for x, p in zip(lists, pairs))]).astype(np.int64),
        index=np.concatenate([x.index + a for x, a in zip(lists, starts)]),
        offset=np.concatenate([x.offset for x in lists]),
    )


def _search(place, positions, cell, pbc, cutoff) -> NeighbourList:
    return neighbour_list(positions, cell, pbc, cutoff)


_finder: ContextVar[Find] = ContextVar("finder", default=_search)


def _box(positions, cell, pbc, cutoff) -> np.ndarray:
    """Return the cell with vectors filled in along open directions, which the search needs but never uses."""
    box = np.array(cell, dtype=np.float64)
    extent = float(np.ptp(positions, axis=0).max()) + 2.0 * cutoff + 1.0 if len(positions) else 1.0
    axes = np.flatnonzero(~np.asarray(pbc, dtype=bool))
    kept = box[np.asarray(pbc, dtype=bool)]
    spare = np.linalg.svd(kept)[2][len(kept) :] if len(kept) else np.eye(3)
    for axis, direction in zip(axes, spare):
        box[axis] = extent * direction
    return box

"""Neighbour lists in the layout that the kernels read; the search itself is vesin's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import numpy as np

from electrode.physics._compiled import compiled

Find = Callable[..., "NeighbourList"]  # place in the batch, positions, cell, pbc, cutoff -> list
CLOSEST_APPROACH = 0.4  # [A]; closer pairs are an error in the input, not physics
_FARTHEST = 1e9  # of atoms whose positions still tell what is beside them [A]
_BINS, _MOST_BINS = 9e4, 1e9  # in all before vesin makes them fewer (at 1e5), and along one direction (32 bits)


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
        return _vectors(self.first, self.index, self.offset, positions)

    def around(self, atoms: np.ndarray) -> NeighbourList:
        """Return the neighbours of some atoms, (N,) bool; the others keep none."""
        counts = np.diff(self.first)
        kept = np.repeat(atoms, counts)
        return NeighbourList(np.concatenate([[0], np.cumsum(np.where(atoms, counts, 0))]).astype(np.int64), self.index[kept], self.offset[kept])


@compiled()
def _vectors(first, index, offset, positions):
    out = np.empty(offset.shape)
    for i in range(len(first) - 1):
        for e in range(first[i], first[i + 1]):
            for c in range(3):
                out[e, c] = positions[index[e], c] + offset[e, c] - positions[i, c]
    return out


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
        if two atoms, or an atom and its image, are closer than 0.4 A.
    """
    from vesin import NeighborList  # imports torch where torch is installed: only when a list is needed

    near = _closed_up(positions, _open_directions(cell, pbc), cutoff)
    box = _box(near, cell, pbc, cutoff)
    _refuse_box(box, near, pbc, cutoff)
    search = NeighborList(cutoff=float(cutoff), full_list=True, sorted=True)
    i, j, shift, distance = search.compute(
        points=np.ascontiguousarray(near, dtype=np.float64),
        box=box,
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


def _refuse_box(box: np.ndarray, positions: np.ndarray, pbc: np.ndarray, cutoff: float) -> None:
    """Raise ValueError for a cell in which an atom meets its own image, or so large and flat that vesin would take the process down.

    vesin counts its bins along each direction; where there are more than it allows, it makes all counts smaller in proportion, and divides
    by those that become zero.
    """
    periodic = np.asarray(pbc, dtype=bool)
    with np.errstate(all="ignore"):
        heights, lengths = 1.0 / np.linalg.norm(np.linalg.inv(box), axis=0), np.linalg.norm(box, axis=1)
        spans = np.where(periodic | np.isinf(lengths), heights, np.ptp(positions @ (box / lengths[:, None]).T, axis=0))
        bins = np.maximum(np.floor(spans / cutoff), 1.0)
        fits = bins.max() < _MOST_BINS and bins.min() * min(np.cbrt(_BINS / bins.prod()), 1.0) >= 1.0
    if not fits:
        wide = " x ".join(f"{x:.3g}" for x in spans)
        raise ValueError(f"atoms and cell span {wide} A, too much for a search of neighbours closer than {cutoff:g} A. Check their units, and for atoms that were lost")
    if heights[periodic].min(initial=np.inf) >= CLOSEST_APPROACH:
        return
    from ase.geometry import minkowski_reduce

    shortest = np.linalg.norm(minkowski_reduce(box, pbc)[0][periodic], axis=1).min()
    if shortest < CLOSEST_APPROACH:
        raise ValueError(f"each atom is {shortest:.3g} A from its own image; expected at least {CLOSEST_APPROACH} A. Check the cell and its unit")


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
    find = _finder.get()
    if len(cell) == 1:
        return find(0, positions, cell[0], pbc[0], cutoff)
    starts = np.concatenate([[0], np.cumsum(counts)])
    lists = [find(k, positions[a:b], cell[k], pbc[k], cutoff) for k, (a, b) in enumerate(zip(starts[:-1], starts[1:]))]
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
    axes = np.flatnonzero(~np.asarray(pbc, dtype=bool))
    for axis, direction in zip(axes, _open_directions(box, pbc)):
        box[axis] = (np.ptp(positions @ direction) + 2.0 * cutoff + 1.0 if len(positions) else 1.0) * direction
    return box


def _open_directions(cell, pbc) -> np.ndarray:
    """Return unit vectors normal to each other and to the periodic lattice vectors, (3 - periodic, 3)."""
    kept = np.asarray(cell, dtype=np.float64)[np.asarray(pbc, dtype=bool)]
    return np.linalg.svd(kept)[2][len(kept) :] if len(kept) else np.eye(3)


def _closed_up(positions, directions: np.ndarray, cutoff: float) -> np.ndarray:
    """Return positions whose empty layers across open directions are as thick as no pair spans, so that an atom far away costs no time."""
    for direction in directions if len(positions) else ():
        heights = positions @ direction
        order = np.argsort(heights)
        surplus = np.maximum(np.diff(heights[order]) - 2.0 * cutoff, 0.0)
        if surplus.any() and np.ptp(heights) < _FARTHEST:
            down = np.zeros(len(positions))
            down[order[1:]] = np.cumsum(surplus)
            positions = positions - down[:, None] * direction
    return positions

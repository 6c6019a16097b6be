"""Neighbour lists kept from step to step: searched with a skin, narrowed to the cutoff at the new positions.

A list of all pairs closer than cutoff + skin holds every pair closer than the cutoff until an atom has moved by half the skin.  It is
made once a system has been seen twice with its atoms near their places, so that unrelated structures cost no wider search.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics.neighbours import NeighbourList, neighbour_list, refuse_closest


@dataclass(frozen=True)
class _Seen:
    """A system as it was, and its list with the skin where one was made."""

    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    pairs: NeighbourList | None

    def near(self, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, distance: float) -> bool:
        """Return whether this is the same cell with every atom closer than a distance to its place."""
        return self.positions.shape == positions.shape and _near(self.positions, positions, self.cell, cell, self.pbc, pbc, distance)


class KeptNeighbours:
    """The lists of the systems of one batch, by their places in it and by cutoff.

    Parameters
    ----------
    skin : [A]
    """

    def __init__(self, skin: float = 0.6):
        if not skin > 0:
            raise ValueError(f"KeptNeighbours.skin: expected a positive length [A], got {skin}")
        self.skin, self._seen = float(skin), {}

    def find(self, place: int, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, cutoff: float) -> NeighbourList:
        """Return what `neighbour_list` gives for the system at a place of the batch; for parameters and errors see there."""
        seen = self._seen.get((place, cutoff))
        if seen is None or not seen.near(positions, cell, pbc, 0.5 * self.skin):
            self._seen[place, cutoff] = _Seen(positions.copy(), cell.copy(), pbc.copy(), None)
            return neighbour_list(positions, cell, pbc, cutoff)
        if seen.pairs is None:
            seen = _Seen(positions.copy(), seen.cell, seen.pbc, neighbour_list(positions, cell, pbc, cutoff + self.skin))
            self._seen[place, cutoff] = seen
        first, index, offset, i, j, distance = _narrowed(seen.pairs.first, seen.pairs.index, seen.pairs.offset, positions, cutoff)
        refuse_closest(i, j, distance)
        return NeighbourList(first, index, offset)


@compiled()
def _near(old, new, old_cell, cell, old_pbc, pbc, distance):
    """Return whether cell and periodicity are the same and every atom has moved by less than a distance."""
    for a in range(3):
        if old_pbc[a] != pbc[a]:
            return False
        for b in range(3):
            if old_cell[a, b] != cell[a, b]:
                return False
    for i in range(len(old)):
        if not (new[i, 0] - old[i, 0]) ** 2 + (new[i, 1] - old[i, 1]) ** 2 + (new[i, 2] - old[i, 2]) ** 2 < distance**2:
            return False
    return True


@compiled()
def _narrowed(first, index, offset, positions, cutoff):
    """Return the list of the pairs closer than the cutoff, and the two atoms and the distance of the closest."""
    kept, kept_index, kept_offset = np.zeros(len(first), np.int64), np.empty_like(index), np.empty_like(offset)
    n, closest, near_i, near_j = 0, np.inf, 0, 0
    for i in range(len(first) - 1):
        x, y, z = positions[i]
        for e in range(first[i], first[i + 1]):
            j = index[e]
            square = (positions[j, 0] + offset[e, 0] - x) ** 2 + (positions[j, 1] + offset[e, 1] - y) ** 2 + (positions[j, 2] + offset[e, 2] - z) ** 2
            if square < cutoff * cutoff:
                kept_index[n] = j
                kept_offset[n, 0], kept_offset[n, 1], kept_offset[n, 2] = offset[e, 0], offset[e, 1], offset[e, 2]
                n += 1
                if square < closest:
                    closest, near_i, near_j = square, i, j
        kept[i + 1] = n
    return kept, kept_index[:n].copy(), kept_offset[:n].copy(), near_i, near_j, np.sqrt(closest)

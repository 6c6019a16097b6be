"""Half neighbour lists that are kept with a skin, for the kernels of `_near`.

The search sorts atoms into bins along the cell vectors and goes through the bins within reach, images included: it is general,
and several times faster than one that returns shifts and distances, which dynamics would pay for every few tens of steps.
"""

from __future__ import annotations

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics.neighbours import CLOSEST_APPROACH


class Pairs:
    """Half neighbour list: the pairs of atom i are entries first[i] to first[i+1] of index and code.

    The vector of a pair is (R_j - home_j) + shifts[code] - (R_i - home_i).  An atom and its own image are listed once.

    Parameters
    ----------
    positions : (N, 3) [A];  cell : (3, 3) [A];  reach : cutoff + skin [A]

    Raises
    ------
    ValueError
        if two atoms are closer than 0.4 A.
    """

    def __init__(self, positions: np.ndarray, cell: np.ndarray, reach: float):
        fractional = positions @ np.linalg.inv(cell)
        self.positions, self.home = positions.copy(), np.floor(fractional) @ cell
        heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        bins = np.clip((2.0 * heights / reach).astype(np.int64), 1, max(1, round(len(positions) ** (1.0 / 3.0))))
        span = np.floor(reach * bins / heights).astype(np.int64) + 1
        most = (span + bins - 1) // bins
        steps = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in most], indexing="ij"), axis=-1).reshape(-1, 3)
        self.shifts = steps @ cell
        place = np.minimum(((fractional - np.floor(fractional)) * bins).astype(np.int64), bins - 1)
        number = (place[:, 0] * bins[1] + place[:, 1]) * bins[2] + place[:, 2]
        order = np.argsort(number, kind="stable")
        edges = np.searchsorted(number[order], np.arange(bins.prod() + 1))
        room = int(len(positions) * (20 + 2.5 * reach**3 * len(positions) / abs(np.linalg.det(cell))))
        self.first, needed = np.zeros(len(positions) + 1, np.int64), -1
        while needed < 0:
            self.index, self.code = np.empty(room, np.int32), np.empty(room, np.int32)
            needed, closest, i, j = _search((positions - self.home)[order], place, order, edges, bins, span, most, self.shifts, reach, self.first, self.index, self.code)
            room *= 2
        self.index, self.code = self.index[:needed], self.code[:needed]
        if closest < CLOSEST_APPROACH**2:
            raise ValueError(
                f"atoms {min(i, j)} and {max(i, j)} are {closest**0.5:.3f} A apart; expected at least {CLOSEST_APPROACH} A. "
                "Check the structure for duplicated atoms or a wrong cell"
            )

    def among(self, chosen: np.ndarray) -> Pairs:
        """Return the list of the chosen pairs, a mask (M,)."""
        new = object.__new__(Pairs)
        counts = np.concatenate([[0], np.cumsum(chosen)])
        new.shifts, new.code, new.index, new.first = self.shifts, self.code[chosen], self.index[chosen], counts[self.first]
        new.positions, new.home = self.positions, self.home
        return new

    def centres(self) -> np.ndarray:
        """Return the atom i of every pair, (M,)."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def hold(self, positions: np.ndarray, skin: float) -> bool:
        """Return whether no atom has moved by more than half the skin [A]."""
        return _moved(positions, self.positions) <= 0.25 * skin * skin


@compiled(fastmath=True, error_model="numpy")
def _moved(positions, before):
    """Return the largest squared displacement."""
    most = 0.0
    for i in range(len(positions)):
        d0, d1, d2 = positions[i, 0] - before[i, 0], positions[i, 1] - before[i, 1], positions[i, 2] - before[i, 2]
        most = max(most, d0 * d0 + d1 * d1 + d2 * d2)
    return most


@compiled(error_model="numpy")
def _search(sorted_positions, place, order, edges, bins, span, most, shifts, reach, first, index, code):
    """Fill the list; return its length, or -1 where there is no room, and the closest pair with its squared distance.

    Bins are visited in one half of the directions, and the own one from each atom to those after it.
    """
    count, limit, closest, close_i, close_j = 0, reach * reach, np.inf, -1, -1
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    for i in range(len(order)):
        x, y, z = sorted_positions[rank[i], 0], sorted_positions[rank[i], 1], sorted_positions[rank[i], 2]
        for a in range(span[0] + 1):
            s0 = (place[i, 0] + a) // bins[0]
            row0 = (place[i, 0] + a - s0 * bins[0]) * bins[1]
            for b in range(-span[1] if a > 0 else 0, span[1] + 1):
                s1 = (place[i, 1] + b) // bins[1]
                row1 = (row0 + place[i, 1] + b - s1 * bins[1]) * bins[2]
                for c in range(-span[2] if a > 0 or b > 0 else 0, span[2] + 1):
                    s2 = (place[i, 2] + c) // bins[2]
                    here = row1 + place[i, 2] + c - s2 * bins[2]
                    shift = ((s0 + most[0]) * (2 * most[1] + 1) + s1 + most[1]) * (2 * most[2] + 1) + s2 + most[2]
                    x0, y0, z0 = shifts[shift, 0] - x, shifts[shift, 1] - y, shifts[shift, 2] - z
                    start, stop = edges[here], edges[here + 1]
                    if a == 0 and b == 0 and c == 0:
                        start = rank[i] + 1
                    if count + stop - start > len(index):
                        return -1, closest, close_i, close_j
                    for m in range(start, stop):
                        d0, d1, d2 = sorted_positions[m, 0] + x0, sorted_positions[m, 1] + y0, sorted_positions[m, 2] + z0
                        square = d0 * d0 + d1 * d1 + d2 * d2
                        index[count], code[count] = order[m], shift
                        count += square <= limit
                        if square < closest:
                            closest, close_i, close_j = square, i, order[m]
        first[i + 1] = count
    return count, closest, close_i, close_j

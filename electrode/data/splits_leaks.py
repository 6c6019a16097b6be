"""Structures that stand in two parts of a split: the same atoms, up to a translation, a lattice vector and their order.

Candidates come from a tree over invariants of each frame: for the atoms j of an element the sorted real and imaginary parts of

    z_j(h) = exp(2 pi i h . x_j) conj(s(h)) / (2 |G_h|),   s(h) = mean over all atoms of exp(2 pi i h . x_j),

which do not change with the origin, the image or the order of atoms, and by at most d where no atom moves by more than d.
Every candidate is then compared atom by atom.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from ase.geometry import complete_cell
from scipy.linalg import qr
from scipy.spatial import cKDTree

from electrode.data.record import ElectrifiedFrame

NEAR = 0.01  # structures whose atoms all lie closer than this are the same [A]
SAME_CHARGE = 1e-3  # charges closer than this are the same, where the charge counts [e]
_OPEN = 20.0  # length that stands for the period of a direction without one [A]
_WAVES = np.array([(1, 1, 0), *((k, 0, 0) for k in range(1, 5)), *((0, k, 0) for k in range(1, 5)), *((0, 0, k) for k in range(1, 5))])
_SAMPLE = 2000  # structures that decide which invariants the tree holds
_KEPT = 6  # invariants kept of each wave, those of largest spread
_COORDINATES = 24  # invariants that the tree holds
_SLACK = 3.0  # reach of the tree over `near` where cells differ, by up to `near` as well
_CHUNK = 256  # structures whose neighbours in the tree are looked for at once


@dataclass(frozen=True)
class Leak:
    """Two frames of one structure in two parts.

    Parameters
    ----------
    first, second : their places among the frames
    parts : the part of each
    distance : largest distance between an atom and its twin, the mean shift taken off [A]
    """

    first: int
    second: int
    parts: tuple[str, str]
    distance: float


def find_leaks(frames: Sequence[ElectrifiedFrame], parts: Sequence[str], *, near: float = NEAR, same_charge: bool = False) -> list[Leak]:
    """Return structures that stand in two parts, one pair for each two parts that share one.

    Parameters
    ----------
    frames : F frames
    parts : F names of parts
    near : structures are the same where no atom lies farther from its twin [A]
    same_charge : count only frames of equal charge, to 0.001 e

    Raises
    ------
    ValueError
        if `near` is not a small positive length, or the lengths differ.
    """
    if not 0.0 < near < 0.2 or len(parts) != len(frames):
        raise ValueError(f"find_leaks: expected 0 < near < 0.2 A and a part for each of {len(frames)} frames, got near = {near}, {len(parts)} parts")
    alike, found = defaultdict(list), []
    for k, frame in enumerate(frames):
        atoms = frame.geometry
        alike[np.sort(atoms.numbers).tobytes(), atoms.pbc.tobytes()].append(k)
    for members in alike.values():
        if len({parts[k] for k in members}) > 1:
            found += _Images.of([frames[k] for k in members], same_charge).leaks(members, [parts[k] for k in members], near)
    return sorted(found, key=lambda leak: (leak.first, leak.second))


@dataclass(frozen=True)
class _Images:
    """F structures of one composition, atoms ordered by element.

    Parameters
    ----------
    numbers : (N,);  pbc : (3,)
    positions : (F, N, 3) [A];  cells : (F, 3, 3) [A], open directions filled in;  charges : (F,) [SAME_CHARGE]
    """

    numbers: np.ndarray
    pbc: np.ndarray
    positions: np.ndarray
    cells: np.ndarray
    charges: np.ndarray

    @classmethod
    def of(cls, frames: Sequence[ElectrifiedFrame], same_charge: bool) -> _Images:
        first = frames[0].geometry
        positions = np.array([f.geometry.positions[np.argsort(f.geometry.numbers, kind="stable")] for f in frames])
        charges = np.array([f.n_excess or 0.0 for f in frames]) / SAME_CHARGE * same_charge
        return cls(np.sort(first.numbers), first.pbc.copy(), positions, np.array([_full_cell(f.geometry) for f in frames]), charges)

    def leaks(self, members: list[int], parts: list[str], near: float) -> Iterator[Leak]:
        """Yield the leaks among the structures, which are frames `members` in `parts`."""
        flat = np.concatenate([self.positions.reshape(len(members), -1), self.cells.reshape(len(members), 9), self.charges[:, None]], axis=1)
        _, first, which = np.unique(flat, axis=0, return_index=True, return_inverse=True)
        places: list[dict[str, int]] = [{} for _ in first]  # of each distinct structure: part -> frame
        for k, u in enumerate(which.ravel()):
            places[u].setdefault(parts[k], members[k])
        for here in places:
            names = list(here)
            yield from (Leak(*sorted((here[a], here[b])), (a, b) if here[a] < here[b] else (b, a), 0.0) for a, b in zip(names, names[1:]))
        several = np.array([len(here) > 1 for here in places])
        names = {name: k for k, name in enumerate(sorted(set(parts)))}
        part = np.array([names[next(iter(here))] for here in places])
        for u, v in self._candidates(first, near):
            if part[u] == part[v] and not (several[u] or several[v]):
                continue
            distance = self._distance(first[u], first[v], near)
            if distance <= near:
                a, b = next((a, b) for a in places[u] for b in places[v] if a != b)
                ends = sorted(((places[u][a], a), (places[v][b], b)))
                yield Leak(ends[0][0], ends[1][0], (ends[0][1], ends[1][1]), distance)

    def _candidates(self, rows: np.ndarray, near: float) -> Iterator[tuple[int, int]]:
        reach = near if np.ptp(self.cells, axis=0).max() < 1e-8 else _SLACK * near
        features = np.column_stack([self._invariants(rows), self.charges[rows] * near])
        sample = features[:: max(1, len(features) // _SAMPLE)]
        columns = features[:, qr(sample - sample.mean(axis=0), mode="r", pivoting=True)[1][:_COORDINATES]]  # large and independent
        tree = cKDTree(columns)
        for start in range(0, len(rows), _CHUNK):
            close = tree.query_ball_point(columns[start : start + _CHUNK], reach + 1e-9, p=np.inf)
            for u, others in enumerate(close, start):
                later = np.array([v for v in others if v > u], dtype=np.int64)
                yield from ((u, int(v)) for v in later[np.abs(features[later] - features[u]).max(axis=1, initial=0.0) <= reach + 1e-9])

    def _invariants(self, rows: np.ndarray) -> np.ndarray:
        """Return the invariants of largest spread of some structures [A]."""
        inverse, kept = np.linalg.inv(self.cells[rows]), []
        scaled = self.positions[rows] @ inverse
        for h in _WAVES:
            waves = np.exp(2j * np.pi * (scaled @ h))
            length = 4.0 * np.pi * np.linalg.norm(inverse @ h, axis=1)
            waves *= (waves.mean(axis=1).conj() / length)[:, None]
            parts = [np.sort(part[:, self.numbers == z], axis=1) for z in np.unique(self.numbers) for part in (waves.real, waves.imag)]
            every = np.concatenate(parts, axis=1)
            kept.append(every[:, np.argsort(-every.std(axis=0))[:_KEPT]])
        return np.concatenate(kept, axis=1)

    def _distance(self, a: int, b: int, near: float) -> float:
        """Return the largest distance between twins of two structures under the best translation, infinite without one [A]."""
        if np.abs(self.cells[a] - self.cells[b]).max() > near or abs(self.charges[a] - self.charges[b]) > 1.0:
            return np.inf
        rarest = min(np.unique(self.numbers), key=lambda z: (self.numbers == z).sum())
        anchors = np.flatnonzero(self.numbers == rarest)
        return min(self._apart(a, b, self.positions[b, j] - self.positions[a, anchors[0]], near) for j in anchors)

    def _apart(self, a: int, b: int, shift: np.ndarray, near: float) -> float:
        cell = self.cells[b]
        steps = (self.positions[a][:, None] + shift - self.positions[b][None]) @ np.linalg.inv(cell)
        steps = (steps - np.rint(steps) * self.pbc) @ cell
        distance = np.where(self.numbers[:, None] == self.numbers, np.linalg.norm(steps, axis=2), np.inf)
        twin = distance.argmin(axis=1)
        rows = np.arange(len(twin))
        if distance[rows, twin].max() > 2.0 * near or len(np.unique(twin)) < len(twin):
            return np.inf
        moved = steps[rows, twin]
        return float(np.linalg.norm(moved - moved.mean(axis=0), axis=1).max())


def _full_cell(atoms) -> np.ndarray:
    """Return the cell with open directions filled in by vectors across the periodic ones."""
    cell = complete_cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0))
    return np.where(atoms.pbc[:, None], cell, _OPEN * cell)

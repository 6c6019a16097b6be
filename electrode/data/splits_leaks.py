"""Structures that stand in two parts of a split: the same atoms, up to a translation, a lattice vector and their order.

Candidates come from a tree over invariants of each frame: for each element the length of its structure factor, |s_Z(h)| / |G_h|, and for
its atoms j the sorted real and imaginary parts of

    z_j(h) = exp(2 pi i h . x_j) conj(s(h)) / (2 |G_h|),   s(h) = mean over all atoms of exp(2 pi i h . x_j),

which do not change with the origin, the image or the order of atoms, and by at most d where no atom moves by more than d.
A candidate is then compared under each translation that brings one atom of the rarest element onto another and a few more atoms onto
theirs; the first that fits decides.  That takes about a millisecond a candidate; crystals that agree in all but a few of many atoms take
longer, as N^2 log N.
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
_PROBES = 16  # atoms that a translation is tried on before it is tried on all
_APART = 1e3  # coordinate between elements in the tree of one structure [A]


@dataclass(frozen=True)
class Leak:
    """Two frames of one structure in two parts.

    Parameters
    ----------
    first, second : their places among the frames
    parts : the part of each
    distance : largest distance between an atom and its twin, the mean shift taken off [A]; of several translations that fit, of one
    """

    first: int
    second: int
    parts: tuple[str, str]
    distance: float


def find_leaks(frames: Sequence[ElectrifiedFrame], parts: Sequence[str], *, near: float = NEAR, same_charge: bool = False) -> list[Leak]:
    """Return structures that stand in two parts, one pair for each two parts that share one.

    Frames whose positions or cell are not finite, or whose cell is flat, are left out.

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
        if _comparable(atoms):
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
        for u, others in self._candidates(first, near):
            others = [v for v in others if part[u] != part[v] or several[u] or several[v]]
            target = _Target.of(self, first[u], near) if others else None
            for v in others:
                distance = self._distance(first[v], first[u], target)
                if distance <= near:
                    a, b = next((a, b) for a in places[u] for b in places[v] if a != b)
                    ends = sorted(((places[u][a], a), (places[v][b], b)))
                    yield Leak(ends[0][0], ends[1][0], (ends[0][1], ends[1][1]), distance)

    def _candidates(self, rows: np.ndarray, near: float) -> Iterator[tuple[int, np.ndarray]]:
        """Yield each structure with those behind it whose invariants are near."""
        reach = near if np.ptp(self.cells, axis=0).max() < 1e-8 else _SLACK * near
        features = np.column_stack([self._invariants(rows), self.charges[rows] * near])
        sample = features[:: max(1, len(features) // _SAMPLE)]
        columns = features[:, qr(sample - sample.mean(axis=0), mode="r", pivoting=True)[1][:_COORDINATES]]  # large and independent
        tree = cKDTree(columns)
        for start in range(0, len(rows), _CHUNK):
            close = tree.query_ball_point(columns[start : start + _CHUNK], reach + 1e-9, p=np.inf)
            for u, others in enumerate(close, start):
                later = np.array([v for v in others if v > u], dtype=np.int64)
                yield u, later[np.abs(features[later] - features[u]).max(axis=1, initial=0.0) <= reach + 1e-9]

    def _invariants(self, rows: np.ndarray) -> np.ndarray:
        """Return the structure factors and the sorted invariants of largest spread of some structures [A]."""
        inverse, kept = np.linalg.inv(self.cells[rows]), []
        scaled = self.positions[rows] @ inverse
        for h in _WAVES:
            waves = np.exp(2j * np.pi * (scaled @ h))
            length = 2.0 * np.pi * np.linalg.norm(inverse @ h, axis=1)
            kept += [(np.abs(waves[:, self.numbers == z].mean(axis=1)) / length)[:, None] for z in np.unique(self.numbers)]
            waves *= (0.5 * waves.mean(axis=1).conj() / length)[:, None]
            parts = [np.sort(part[:, self.numbers == z], axis=1) for z in np.unique(self.numbers) for part in (waves.real, waves.imag)]
            every = np.concatenate(parts, axis=1)
            kept.append(every[:, np.argsort(-every.std(axis=0))[:_KEPT]])
        return np.concatenate(kept, axis=1)

    def _distance(self, a: int, b: int, target: _Target) -> float:
        """Return the largest distance between twins of structure a and the target, which is b, under a translation that fits, infinite without one [A]."""
        if np.abs(self.cells[a] - self.cells[b]).max() > 0.5 * target.reach or abs(self.charges[a] - self.charges[b]) > 1.0:
            return np.inf
        elements, counts = np.unique(self.numbers, return_counts=True)
        anchors = np.flatnonzero(self.numbers == elements[counts.argmin()])
        shifts = self.positions[b, anchors] - self.positions[a, anchors[0]]
        others = np.setdiff1d(np.arange(len(self.numbers)), anchors[:1])
        for probe in others[:: max(1, len(others) // _PROBES)][:_PROBES]:
            if len(shifts) < 2:
                break
            shifts = shifts[np.isfinite(target.nearest(self.positions[a, probe] + shifts, self.numbers[probe])[0])]
        return next((d for shift in shifts if (d := target.apart(self.positions[a] + shift, self.numbers)) <= 0.5 * target.reach), np.inf)


@dataclass(frozen=True)
class _Target:
    """One structure with those of its images that lie just outside the cell.

    Parameters
    ----------
    tree : of positions and elements;  atom : whose image each point is
    cell, inverse : (3, 3) [A], [1/A];  pbc : (3,);  reach : atoms farther from a point are not looked for [A]
    """

    tree: cKDTree
    atom: np.ndarray
    cell: np.ndarray
    inverse: np.ndarray
    pbc: np.ndarray
    reach: float

    @classmethod
    def of(cls, images: _Images, k: int, near: float) -> _Target:
        cell, reach, atom = images.cells[k], 2.0 * near, np.arange(len(images.numbers))
        inverse = np.linalg.inv(cell)
        scaled = _wrapped(images.positions[k] @ inverse, images.pbc)
        for d in np.flatnonzero(images.pbc):
            margin = reach * np.linalg.norm(inverse[:, d])
            sides = [(np.flatnonzero(scaled[:, d] <= margin), 1.0), (np.flatnonzero(scaled[:, d] >= 1.0 - margin), -1.0)]
            atom = np.concatenate([atom, *(atom[rows] for rows, _ in sides)])
            scaled = np.concatenate([scaled, *(scaled[rows] + step * np.eye(3)[d] for rows, step in sides)])
        return cls(cKDTree(np.column_stack([scaled @ cell, _APART * images.numbers[atom]])), atom, cell, inverse, images.pbc, reach)

    def nearest(self, positions: np.ndarray, numbers: np.ndarray | int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the distance of the nearest atom of its element from each position, infinite beyond the reach [A], which it is, and the way to it (M, 3) [A]."""
        inside = _wrapped(positions @ self.inverse, self.pbc) @ self.cell
        distance, point = self.tree.query(np.column_stack([inside, _APART * np.broadcast_to(numbers, len(inside))]), distance_upper_bound=self.reach * (1.0 + 1e-9))
        point = np.minimum(point, len(self.atom) - 1)
        return distance, self.atom[point], self.tree.data[point, :3] - inside

    def apart(self, positions: np.ndarray, numbers: np.ndarray) -> float:
        """Return the largest distance of atoms from their twins, the mean taken off, infinite where one has none [A]."""
        distance, twin, way = self.nearest(positions, numbers)
        if not np.isfinite(distance).all() or len(np.unique(twin)) < len(twin):
            return np.inf
        return float(np.linalg.norm(way - way.mean(axis=0), axis=1).max())


def _wrapped(scaled: np.ndarray, pbc: np.ndarray) -> np.ndarray:
    """Return scaled coordinates inside the cell."""
    return scaled - np.floor(scaled) * pbc


def _comparable(atoms) -> bool:
    """Say whether positions are finite and the periodic cell vectors independent."""
    vectors = atoms.cell.array[atoms.pbc]
    return bool(np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all() and np.linalg.det(vectors @ vectors.T) > 1e-10)


def _full_cell(atoms) -> np.ndarray:
    """Return the cell with open directions filled in by vectors across the periodic ones."""
    cell = complete_cell(np.where(atoms.pbc[:, None], atoms.cell.array, 0.0))
    return np.where(atoms.pbc[:, None], cell, _OPEN * cell)

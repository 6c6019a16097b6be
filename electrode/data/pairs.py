"""Frames to compare: those of one geometry, and those of nearly one, with what the forces say of the way between them.

From one frame to another, both known in n, mu, energy and forces, to third order in the step,

    E2 - E1 = (n2 - n1) [mu1 + mu2]/2 - (R2 - R1) . [F1 + F2]/2
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame

_COORDINATES = 12  # that the tree holds, those of largest spread


@dataclass(frozen=True)
class Step:
    """Two frames of nearly one geometry.

    Parameters
    ----------
    low, high : the frames, ordered by n
    move : (N, 3) [A], positions of `high` less those of `low`
    """

    low: ElectrifiedFrame
    high: ElectrifiedFrame
    move: np.ndarray

    @property
    def electrons(self) -> float:
        """n2 - n1 [e]."""
        return self.high.n_excess - self.low.n_excess

    @property
    def rise(self) -> float:
        """E2 - E1 at fixed charge [eV]."""
        return self.high.fixed_charge_energy - self.low.fixed_charge_energy

    @property
    def mean_mu(self) -> float:
        """[mu1 + mu2]/2 [eV]."""
        return 0.5 * (self.low.mu + self.high.mu)

    @property
    def work(self) -> float:
        """What the forces say of the rise, -(R2 - R1) . [F1 + F2]/2 [eV]."""
        return -0.5 * float(np.sum(self.move * (self.low.forces + self.high.forces)))


def same_geometry(frames: Iterable[ElectrifiedFrame]) -> list[list[ElectrifiedFrame]]:
    """Return frames of equal geometry, method, distance of the counter-charge and field together, in the order of the first."""
    groups: dict[tuple, list[ElectrifiedFrame]] = {}
    for frame in frames:
        groups.setdefault((*conditions(frame), frame.geometry_id), []).append(frame)
    return list(groups.values())


def conditions(frame: ElectrifiedFrame) -> tuple:
    """Return what must be equal where two energies are to be compared: method, place of the counter-charge, field."""
    field = (0.0, 0.0, 0.0) if frame.efield is None else tuple(frame.efield.tolist())
    return frame.method_id, frame.countercharge_gap, frame.countercharge_z, field


def has_slope(frame: ElectrifiedFrame) -> bool:
    """Say whether energy, charge and mu are known and finite."""
    known = has_energy(frame) and None not in (frame.n_excess, frame.mu)
    return known and bool(np.isfinite([frame.n_excess, frame.mu]).all() and np.isfinite(frame.geometry.positions).all())


def has_energy(frame: ElectrifiedFrame) -> bool:
    """Say whether the energy at fixed charge is known and finite."""
    try:
        return bool(np.isfinite(frame.fixed_charge_energy))
    except DataError:
        return False


def has_forces(frame: ElectrifiedFrame) -> bool:
    """Say whether every atom has forces."""
    return frame.forces is not None and frame.forces.shape == (len(frame.geometry), 3) and bool(np.isfinite(frame.forces).all())


def near_steps(frames: Sequence[ElectrifiedFrame], near: float) -> Iterator[Step]:
    """Yield pairs of frames of which no coordinate differs by more than `near` [A], those of equal geometry left out.

    The frames have n and finite positions; atoms are in one order and one periodic image, else the frames are not near.
    """
    alike = defaultdict(list)
    for frame in frames:
        atoms = frame.geometry
        alike[(*conditions(frame), atoms.numbers.tobytes(), atoms.pbc.tobytes(), (np.round(atoms.cell.array, 3) + 0.0).tobytes())].append(frame)
    for members in alike.values():
        flat = np.array([f.geometry.positions.ravel() for f in members])
        for i, j in near_pairs(flat, near):
            if np.abs(flat[i] - flat[j]).max() > 1e-4:
                low, high = (i, j) if members[i].n_excess <= members[j].n_excess else (j, i)
                yield Step(members[low], members[high], (flat[high] - flat[low]).reshape(-1, 3))


def near_pairs(flat: np.ndarray, near: float) -> Iterator[tuple[int, int]]:
    """Yield pairs of rows of (F, K) coordinates that differ by at most `near` in each, in order."""
    spread = np.argsort(-flat.std(axis=0))[:_COORDINATES]
    pairs = cKDTree(flat[:, spread]).query_pairs(near, p=np.inf, output_type="ndarray")
    for i, j in pairs[np.lexsort(pairs.T[::-1])].tolist():
        if np.abs(flat[i] - flat[j]).max() <= near:
            yield i, j

"""Polarisations that are known up to lattice vectors, put on one branch by their Born charges.

    P_2 - P_1 = sum_i (Z_1 + Z_2)_i/2 (R_2 - R_1)_i  up to third order in the displacement,      P = P_label + e n.c,      n whole numbers

Frames of one crystal are joined one after another, each by the nearest two that are joined already.  Where the right side leaves no doubt about n, labels
of all frames are then on one branch, which a model must not choose for each frame anew: two states of a ferroelectric differ by several quanta, and
a fold frame by frame brings each to the branch that is nearest to what the model said before it knew better.  No label says which of all branches it is: of
those it is the one whose polarisations lie most evenly about zero, as two opposite states must.

King-Smith and Vanderbilt, Phys. Rev. B 47, 1651 (1993), https://doi.org/10.1103/PhysRevB.47.1651.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from electrode.data.record import ElectrifiedFrame

JOINED = "joined"
DOUBT = 0.1  # of a quantum that the right side may be off by
WITNESSES = 2  # frames that are joined already and must agree; for the second frame there is one
_SAME_CELL = 1e-3  # [A]


def on_one_branch(frames: Sequence[ElectrifiedFrame]) -> list[ElectrifiedFrame]:
    """Return the frames, those whose dipole is known "modulo_lattice" on one branch where their Born charges leave no doubt.

    These have the `polarization_branch` "joined"; all others are what they were, and each stands alone.

    Parameters
    ----------
    frames : F frames; those of one crystal have the same atoms in the same order, cell and periodic directions
    """
    found = list(frames)
    for rows in _crystals(frames):
        dipoles = _about_zero(_joined([frames[k] for k in rows]), frames[rows[0]])
        for k, dipole in dipoles.items() if len(dipoles) > 1 else ():
            found[rows[k]] = replace(frames[rows[k]], dipole=dipole, polarization_branch=JOINED)
    return found


def moved(start: np.ndarray, end: np.ndarray, frame: ElectrifiedFrame) -> np.ndarray:
    """Return the displacements (..., N, 3) [A] to the nearest images, from scaled positions in the cell of a frame."""
    step = end - start
    return (step - np.where(frame.geometry.pbc, np.round(step), 0.0)) @ _cell(frame)


def change(before: ElectrifiedFrame, after: ElectrifiedFrame, step: np.ndarray) -> np.ndarray:
    """Return sum_i (Z_1 + Z_2)_i/2 (R_2 - R_1)_i, (3,) [e A], of displacements (N, 3) [A]."""
    return np.einsum("nab,nb->a", 0.5 * (before.born_charges + after.born_charges).reshape(-1, 3, 3), step)


def _crystals(frames: Sequence[ElectrifiedFrame]) -> list[list[int]]:
    """Return the rows of the frames of each crystal whose labels can be joined."""
    groups: dict[tuple, list[int]] = {}
    for k, f in enumerate(frames):
        if f.polarization_branch == "modulo_lattice" and f.dipole is not None and f.born_charges is not None and f.geometry.pbc.any():
            cell = np.round(f.geometry.cell.array / _SAME_CELL).astype(int)
            groups.setdefault((f.geometry.numbers.tobytes(), f.geometry.pbc.tobytes(), cell.tobytes(), f.method_id), []).append(k)
    return list(groups.values())


def _cell(frame: ElectrifiedFrame) -> np.ndarray:
    """Return the lattice vectors (3, 3) [A], with unit vectors for those that are not there."""
    return frame.geometry.cell.complete().array


def _joined(frames: Sequence[ElectrifiedFrame]) -> dict[int, np.ndarray]:
    """Return the dipoles (3,) [e A] on the branch of the first frame, of all frames that a chain of near ones leads to."""
    scaled = np.array([f.geometry.get_scaled_positions(wrap=False) for f in frames])
    known, open_ = {0: frames[0].dipole}, np.arange(len(frames)) > 0
    closest = _apart(scaled, 0, frames[0])
    while open_.any():
        k = int(np.argmin(np.where(open_, closest, np.inf)))
        open_[k] = False  # until a nearer one is joined
        dipole = _agreed(frames, scaled, k, known)
        if dipole is not None:
            known[k] = dipole
            apart = _apart(scaled, k, frames[0])
            nearer = (apart < closest) & ~np.isin(np.arange(len(frames)), list(known))
            closest[nearer], open_[nearer] = apart[nearer], True
    return known


def _agreed(frames: Sequence[ElectrifiedFrame], scaled: np.ndarray, k: int, known: dict[int, np.ndarray]) -> np.ndarray | None:
    """Return the dipole (3,) [e A] of frame k that follows from each of the nearest joined frames, or None where one is in doubt or they do not agree."""
    rows = np.array(list(known))
    near = rows[np.argsort(_apart(scaled, k, frames[0])[rows])[:WITNESSES]]
    told = [_continued(frames[j], frames[k], moved(scaled[j], scaled[k], frames[0]), known[j]) for j in near]
    return told[0] if all(d is not None and np.allclose(d, told[0]) for d in told) else None


def _apart(scaled: np.ndarray, k: int, frame: ElectrifiedFrame) -> np.ndarray:
    """Return the distances (F,) [A] of all frames from frame k."""
    return np.linalg.norm(moved(scaled[k], scaled, frame), axis=(1, 2))


def _continued(before: ElectrifiedFrame, after: ElectrifiedFrame, step: np.ndarray, dipole: np.ndarray) -> np.ndarray | None:
    """Return the dipole (3,) [e A] of `after` on the branch on which that of `before` is `dipole`, or None where that is in doubt."""
    cell, pbc = _cell(before), before.geometry.pbc
    times = (dipole + change(before, after, step) - after.dipole) @ np.linalg.inv(cell)
    whole = np.where(pbc, np.round(times), 0.0)
    return after.dipole + whole @ cell if np.abs(times - whole)[pbc].max() < DOUBT else None


def _about_zero(dipoles: dict[int, np.ndarray], frame: ElectrifiedFrame) -> dict[int, np.ndarray]:
    """Return dipoles moved together by whole quanta, so that the middle of their range along each lattice vector is nearest to zero."""
    cell = _cell(frame)
    times = np.array(list(dipoles.values())) @ np.linalg.inv(cell)
    shift = np.where(frame.geometry.pbc, np.round(0.5 * (times.max(0) + times.min(0))), 0.0) @ cell
    return {k: dipole - shift for k, dipole in dipoles.items()}

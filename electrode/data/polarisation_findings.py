"""Measured on frames with polarisations and Born charges: whether the one changes as the other says.

    P_2 - P_1 = sum_i (Z_1 + Z_2)_i/2 (R_2 - R_1)_i  up to third order in the displacement, modulo lattice vectors times e where P is
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from electrode.data.findings import Finding
from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR

_SMALLEST = 0.01  # a change of the polarisation that tells nothing [e A]
_CURVED = 0.3  # of a change, by which it may differ between the charges of the one frame and of the other
_STEPS = 5  # that a unit is judged by
_WRONG = 0.3  # of the changes, that they may be off by
_KINDS = {  # what was done to the charges, and how to see it
    "the Born charges are transposed: expected dP_a/dR_b in row a, column b": lambda z: z.swapaxes(1, 2),
    "the sign of the Born charges or of the dipole is wrong": lambda z: -z,
    "the dipole is in e bohr": lambda z: z / BOHR,
    "positions or the dipole are in bohr, but not both": lambda z: z * BOHR,
}


def polarisation_steps(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return how far changes of the polarisation between frames of one order of atoms are from what Born charges say of short steps."""
    usable = [f for f in frames if f.dipole is not None and f.born_charges is not None and np.isfinite(f.dipole).all() and np.isfinite(f.born_charges).all()]
    steps = [s for s in _steps(usable) if _short(*s)]
    if len(steps) < _STEPS:
        return None
    off = _off(steps)
    text = f"polarisations change as Born charges say over {len(steps)} short steps, up to {100 * off:.2g} % of the changes"
    return Finding("V32", text, {"steps": len(steps), "relative_rms": off}, _problems(steps, off))


def _problems(steps: list, off: float) -> tuple[Problem, ...]:
    if off < _WRONG:
        return ()
    name, best = min(((name, _off(steps, kind)) for name, kind in _KINDS.items()), key=lambda row: row[1])
    what = f"changes of the polarisation are {100 * off:.3g} % off what Born charges say" + (f"; perhaps {name} ({100 * best:.2g} % off then)" if best < _WRONG else "")
    return (Problem("warning", "set", what, "bring dipoles to e A and Born charges to dP_a/dR_b in e, of the same frame and branch", "V32"),)


def _steps(frames: Sequence[ElectrifiedFrame]) -> Iterator[tuple[ElectrifiedFrame, ElectrifiedFrame, np.ndarray]]:
    """Yield each frame with the one before it of the same atoms, cell, field and method, and the displacements (N, 3) [A]."""
    last: dict[tuple, ElectrifiedFrame] = {}
    for frame in frames:
        geometry, field = frame.geometry, np.zeros(3) if frame.efield is None else frame.efield
        key = geometry.numbers.tobytes(), geometry.pbc.tobytes(), np.round(geometry.cell.array, 3).tobytes(), np.round(field, 6).tobytes(), frame.method_id, frame.n_excess
        before, last[key] = last.get(key), frame
        if before is not None:
            yield before, frame, _moved(*(f.geometry.get_scaled_positions(wrap=False) for f in (before, frame)), frame)


def _short(before: ElectrifiedFrame, after: ElectrifiedFrame, step: np.ndarray) -> bool:
    """Return whether the charges of both frames say the same of a step, and that the polarisation changes."""
    size = np.linalg.norm(_change(before, after, step))
    return bool(size > _SMALLEST and np.linalg.norm(_change(after, after, step) - _change(before, before, step)) < _CURVED * size)


def _moved(start: np.ndarray, end: np.ndarray, frame: ElectrifiedFrame) -> np.ndarray:
    """Return the displacements (..., N, 3) [A] to the nearest images, from scaled positions in the cell of a frame."""
    step = end - start
    return (step - np.where(frame.geometry.pbc, np.round(step), 0.0)) @ frame.geometry.cell.complete().array


def _change(before: ElectrifiedFrame, after: ElectrifiedFrame, step: np.ndarray, kind: Callable = lambda z: z) -> np.ndarray:
    """Return sum_i (Z_1 + Z_2)_i/2 (R_2 - R_1)_i, (3,) [e A], of displacements (N, 3) [A], with charges changed in a way."""
    return np.einsum("nab,nb->a", kind(0.5 * (before.born_charges + after.born_charges).reshape(-1, 3, 3)), step)


def _off(steps: Sequence, kind: Callable = lambda z: z) -> float:
    """Return the root mean square difference over that of the changes, with charges changed in a way."""
    said, found = [], []
    for before, after, step in steps:
        said.append(_change(before, after, step, kind))
        found.append(_nearest(after.dipole - before.dipole, said[-1], after))
    said, found = np.array(said), np.array(found)
    return float(np.sqrt(np.mean((found - said) ** 2) / np.mean(said**2)))


def _nearest(value: np.ndarray, to: np.ndarray, frame: ElectrifiedFrame) -> np.ndarray:
    """Return a change of the polarisation (3,) on the branch that is nearest to another."""
    if frame.polarization_branch != "modulo_lattice":
        return value
    cell = frame.geometry.cell.complete().array
    return value - np.where(frame.geometry.pbc, np.round((value - to) @ np.linalg.inv(cell)), 0.0) @ cell

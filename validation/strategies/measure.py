"""Errors of a model on each trajectory of a test, its thermodynamic consistency, and its time for a call.

Energy and forces are compared at the labelled natural variable of the model; the potential at the labelled charge, and the charge at the labelled
potential, one of which has to be solved for: frames without a stable state there are left out of that error and counted as unstable.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.models.conjugate import NoStableState, NotConservative
from electrode.state import Control, Structure
from electrode.thermo import NegativeCapacitance, evaluate
from electrode.train.metrics import compare

QUANTITIES = {"energy": 1e3, "forces": 1e3, "potential": 1e3, "charge": 1.0}  # and what turns eV/atom, eV/A, V, e into the table's meV, meV/A, mV, e
NONE = NoStableState, NegativeCapacitance, NotConservative  # the last where forces are no gradient
BATCH = 40
CHECKED, STEP = 10, 1e-4  # frames, and the step of the charge per area [e/A^2], of the consistency
CALLS = 15


def sums(model: Model, frames: Sequence[ElectrifiedFrame]) -> dict:
    """Return for each quantity {trajectory: [sum of squared errors, their number]}, and `unstable`, frames without the other variable.

    Parameters
    ----------
    model : trained
    frames : labelled in full
    """
    found: dict = {name: {} for name in QUANTITIES}
    rows = [row for k in range(0, len(frames), BATCH) for row in compare(model, frames[k : k + BATCH]).frames]
    solved = {k: v for k, v in enumerate(solved_for(model, frames)) if v is not None}
    for k, (frame, row) in enumerate(zip(frames, rows)):
        wrong = {name: np.ravel(row[name][1] - row[name][0]) for name in row if name in QUANTITIES}
        if k in solved:
            wrong[model.natural] = np.array([solved[k] - getattr(frame, model.natural)])
        for name, e in wrong.items():
            e = e[np.isfinite(e)]  # a label may be missing
            if not e.size:
                continue
            total = found[name].setdefault(str(frame.trajectory), [0.0, 0])
            total[0], total[1] = total[0] + float((QUANTITIES[name] ** 2 * e**2).sum()), total[1] + e.size
    for per_trajectory in found.values():
        for total in per_trajectory.values():
            total[0] = float(f"{total[0]:.7g}")  # as many digits as mean something
    return {**found, "unstable": len(frames) - len(solved)}


def solved_for(model: Model, frames: Sequence[ElectrifiedFrame]) -> list[float | None]:
    """Return the natural variable of each frame at its labelled conjugate, None where the model has no stable state."""
    held = "charge" if model.natural == "potential" else "potential"
    found: list[float | None] = []
    for k in range(0, len(frames), BATCH):
        found += _solved(model, frames[k : k + BATCH], held)
    return found


def _solved(model: Model, frames: Sequence[ElectrifiedFrame], held: str) -> list[float | None]:
    structure = Structure.from_atoms([f.atoms for f in frames])
    try:
        return evaluate(model, structure, Control(**{held: [getattr(f, held) for f in frames]}))[model.natural].tolist()
    except NONE:
        half = len(frames) // 2
        return [None] if half == 0 else _solved(model, frames[:half], held) + _solved(model, frames[half:], held)


def consistency(model: Model, frames: Sequence[ElectrifiedFrame]) -> float | None:
    """Return the root mean square of dE/dQ - Phi [mV], E by finite differences at held charges; None where no frame has stable states."""
    found = []
    for f in frames[:: max(1, len(frames) // CHECKED)][:CHECKED]:
        h = STEP * float(f.geometry.cell.areas()[2])
        structure = Structure.from_atoms([f.atoms] * 3)
        try:
            out = evaluate(model, structure, Control(charge=[f.charge - h, f.charge, f.charge + h]))
        except NONE:
            continue
        e = out["canonical_energy"]
        found.append(1e3 * float((e[2] - e[0]) / (2.0 * h) - out["potential"][1]))
    return float(np.sqrt(np.mean(np.square(found)))) if found else None


def milliseconds(model: Model, frame: ElectrifiedFrame) -> float:
    """Return the median CPU time of energy and forces of one frame at its natural variable [ms]."""
    structure, control = Structure.from_atoms(frame.atoms), Control(**{model.natural: getattr(frame, model.natural)})
    times = []
    for _ in range(CALLS):
        start = time.process_time()
        evaluate(model, structure, control)
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times[2:]))

"""What every export does first: energies of the kind E, frames in a field refused."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from electrode.data.problems import Problem, fault, raise_on_errors
from electrode.data.record import ElectrifiedFrame


def canonical_frames(frames: Sequence[ElectrifiedFrame], needed: Sequence[str], format: str) -> list[ElectrifiedFrame]:
    """Return the frames with energies of kind E; those without an energy stay so.

    Parameters
    ----------
    frames : at least one
    needed : fields of the record that the format cannot do without
    format : its name, for messages

    Raises
    ------
    DataError
        if there is no frame, one is in a field, lacks a needed field, or its energy cannot be converted.
    """
    frames = list(frames)
    if not frames:
        raise fault(format, "expected at least one frame, got none", "give frames to write")
    problems = []
    for frame in frames:
        if frame.efield is not None and np.any(frame.efield):
            problems.append(Problem("error", frame.where, f"eir_efield = {frame.efield.tolist()} V/A: the format {format} has no field", "write these frames as extxyz"))
        for name in needed:
            if getattr(frame, name) is None:
                problems.append(Problem("error", frame.where, f"{name} is missing, which the format {format} needs on every frame", "give it, or write extxyz"))
    raise_on_errors(problems)
    return [frame if frame.energy_kind == "none" else frame.canonical() for frame in frames]

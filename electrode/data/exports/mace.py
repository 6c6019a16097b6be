"""Extended XYZ that MACE and CP-MACE train on: the record, and the keys those programs look for.

    mace      total_charge = Q = -n
    cp-mace   electron = n (excess electrons), potential = mu (the Fermi level)

REF_energy is E and REF_forces are the forces, the default keys of MACE.  A frame without energy has config_energy_weight 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from electrode.data.exports.canonical import canonical_frames
from electrode.data.files import write_frames
from electrode.data.problems import did_you_mean, fault
from electrode.data.record import ElectrifiedFrame

KEYS = {  # format: key -> field of the record and factor
    "mace": {"total_charge": ("n_excess", -1.0)},
    "cp-mace": {"electron": ("n_excess", 1.0), "potential": ("mu", 1.0)},
}


def write_mace(path: str | Path, frames: Sequence[ElectrifiedFrame], format: str = "mace", force: bool = False) -> None:
    """Write frames for MACE or CP-MACE; the file also holds the whole record and reads back as it.

    Parameters
    ----------
    path : extended XYZ file
    frames : at least one, each with its excess electrons (and mu for CP-MACE)
    format : "mace" or "cp-mace"
    force : replace an existing file

    Raises
    ------
    FileExistsError
        if the file exists and `force` is not set.
    DataError
        if the format is unknown, or a frame holds what it cannot, see `canonical_frames`.
    """
    if format not in KEYS:
        raise fault("write_mace", f"unknown format {format!r}{did_you_mean(format, KEYS)}", f"use one of {', '.join(KEYS)}")
    keys = KEYS[format]
    frames = canonical_frames(frames, [name for name, _ in keys.values()], format)
    write_frames(path, [_keyed(frame, keys) for frame in frames], force)


def _keyed(frame: ElectrifiedFrame, keys: dict) -> ElectrifiedFrame:
    extra = {key: factor * getattr(frame, name) + 0.0 for key, (name, factor) in keys.items()}
    if frame.energy_kind == "none":
        extra["config_energy_weight"] = 0.0
    return replace(frame, info={**frame.info, **extra})

"""Systems of DeePMD-kit with frame parameters, and a JSON file in each that names columns, units and signs.

    path/system_000/  type.raw  type_map.raw  electrode.json  set.000/{coord,box,energy,force,fparam}.npy

Frames of one system share their atoms, in order, and the words of the record; numbers that change from frame to frame stand
in `set.000/electrode_*.npy`, which DeePMD-kit passes over.  All frames come back, in the order of the systems.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from electrode.data.exports.canonical import canonical_frames
from electrode.data.problems import did_you_mean, fault
from electrode.data.readers.deepmd import MEANINGS, PREFIX, SIDECAR
from electrode.data.record import COLUMNS, ElectrifiedFrame
from electrode.output import replacing_folder

UNITS = {"coord": "A", "box": "A", "energy": "eV", "force": "eV/A"}
_OWN_FILES = {"energy": "energy", "forces": "force"}
_SHARED = ("word", "flag", "int")  # kinds of fields that all frames of a system share
_NAMES = ("source", "trajectory", "system")  # fields of single frames that are no numbers, in the JSON file


def write_deepmd(path: str | Path, frames: Sequence[ElectrifiedFrame], columns: Sequence[str] = ("n_excess",), force: bool = False) -> list[str]:
    """Write frames as systems of DeePMD-kit and return the names of what was left out.

    Parameters
    ----------
    path : folder to make
    frames : at least one
    columns : of fparam.npy: fields of the record, "charge" or "electrode_potential", see `readers.deepmd`
    force : replace a folder that this function made

    Raises
    ------
    FileExistsError, FileNotFoundError
        if the folder exists and `force` is not set, or it is not one that this function made; if its parent does
        not exist.
    DataError
        if a column is unknown or missing on a frame, or a frame holds what the format cannot, see `canonical_frames`.
    """
    path = Path(path)
    _refuse(path, columns, force)
    frames = canonical_frames(frames, [MEANINGS[c][0] for c in columns], "deepmd")
    type_map = sorted({s for f in frames for s in f.geometry.symbols})
    with replacing_folder(path) as part:
        for k, system in enumerate(_systems(frames)):
            _write_system(part / f"system_{k:03d}", system, type_map, columns)
    return _left_out(frames)


def _refuse(path: Path, columns: Sequence[str], force: bool) -> None:
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder. Create it first.")
    if path.exists() and not force:
        raise FileExistsError(f"{path} exists. Give another name, or force=True to replace it.")
    if path.exists() and not list(path.glob(f"*/{SIDECAR}")):
        raise FileExistsError(f"{path} exists and is no folder that this export made, so it is not replaced. Give another name.")
    for name in columns:
        if name not in MEANINGS or name == "ignore":
            raise fault("write_deepmd", f"column {name!r}{did_you_mean(name, MEANINGS)}: no number of the record", f"use some of {', '.join(n for n in MEANINGS if n != 'ignore')}")


def _systems(frames: list[ElectrifiedFrame]) -> list[list[ElectrifiedFrame]]:
    """Frames that share atoms, pbc and words, in the order in which each group begins."""
    groups: dict[tuple, list[ElectrifiedFrame]] = {}
    for frame in frames:
        if frame.geometry.pbc.any() and frame.geometry.cell.rank < 3:
            raise fault(frame.where, f"pbc = {frame.geometry.pbc.tolist()} with a cell of rank {frame.geometry.cell.rank}", "give the cell all three vectors")
        values = [(row, getattr(frame, row.name)) for row in COLUMNS if row.name not in _NAMES]
        shared = tuple(value if row.metadata["kind"] in _SHARED else value is None for row, value in values)
        key = (tuple(frame.geometry.numbers), tuple(frame.geometry.pbc), shared)
        groups.setdefault(key, []).append(frame)
    return list(groups.values())


def _write_system(folder: Path, frames: list[ElectrifiedFrame], type_map: list[str], columns: Sequence[str]) -> None:
    data = folder / "set.000"
    data.mkdir(parents=True)
    first = frames[0]
    types = [type_map.index(s) for s in first.geometry.symbols]
    (folder / "type.raw").write_text("".join(f"{t}\n" for t in types), encoding="utf-8")
    (folder / "type_map.raw").write_text("".join(f"{s}\n" for s in type_map), encoding="utf-8")
    np.save(data / "coord.npy", np.array([f.geometry.positions.ravel() for f in frames]))
    if first.geometry.pbc.any():
        np.save(data / "box.npy", np.array([f.geometry.cell.array.ravel() for f in frames]))
    else:
        (folder / "nopbc").touch()
    np.save(data / "fparam.npy", np.array([[MEANINGS[c][1] * getattr(f, MEANINGS[c][0]) + 0.0 for c in columns] for f in frames]))
    constant, names = {}, {}
    for row in COLUMNS:
        values = [getattr(f, row.name) for f in frames]
        if row.name in _NAMES:
            names[row.name] = values
        elif values[0] is None:
            continue
        elif row.metadata["kind"] in _SHARED:
            constant[row.name] = values[0]
        elif row.name in _OWN_FILES:
            np.save(data / f"{_OWN_FILES[row.name]}.npy", np.array([np.ravel(v) if np.ndim(v) else v for v in values]))
        elif row.metadata["kind"] == "float" and len(set(values)) == 1:
            constant[row.name] = values[0]
        else:
            np.save(data / f"{PREFIX}{row.name}.npy", np.array(values))
    _write_sidecar(folder, first, columns, constant, names)


def _write_sidecar(folder: Path, first: ElectrifiedFrame, columns: Sequence[str], constant: dict, names: dict) -> None:
    described = [{"name": c, "unit": _unit(c), "is": f"{MEANINGS[c][1]:+g} x {MEANINGS[c][0]} of the record"} for c in columns]
    content = {
        "format": "electrified-interface record 1 for DeePMD-kit", "units": UNITS, "energy": "E, at fixed charge" if first.energy is not None else None,
        "signs": "n_excess: + means electrons added; charge = -n_excess; mu = -electrode_potential", "fparam": described, "pbc": first.geometry.pbc.tolist(), "constant": constant, "frames": names,
    }  # fmt: skip
    (folder / SIDECAR).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _unit(column: str) -> str | None:
    return {"n_excess": "e", "charge": "e", "nelect": "e", "nelect_neutral": "e", "mu": "eV", "electrode_potential": "V absolute"}.get(column)


def _left_out(frames: list[ElectrifiedFrame]) -> list[str]:
    """Names of entries of the frames that have no place in the format."""
    names = {f"info {key}" for f in frames for key in f.info}
    names |= {f"array {key}" for f in frames for key in f.geometry.arrays if key not in ("numbers", "positions")}
    return sorted(names | {"constraints" for f in frames if f.geometry.constraints})

"""The record in numpy archives, for large sets: one array for each field of all frames, no pickle.

Frames of different sizes follow each other; `offsets` says where each begins.  Columns of a field that some frames
lack come with a mask `<key>/known`.  Entries of the user and constraints are JSON, one text a frame.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.constraints import dict2constraint

from electrode.data.compare import difference
from electrode.data.plain import decode, frame_to_plain
from electrode.data.problems import fault
from electrode.data.record import COLUMNS, ElectrifiedFrame
from electrode.data.values import SHAPES, parse_value
from electrode.output import refuse_existing, replacing

LAYOUT = 1  # version of the layout of the archive
_EMPTY = {"float": np.nan, "int": 0, "flag": False, "word": "", "label": ""}
_MARK = "record/layout"


def write_npz(path: str | Path, frames: Sequence[ElectrifiedFrame], force: bool = False) -> None:
    """Write frames as a compressed numpy archive, through a temporary file that is read back before it takes its name.

    Parameters
    ----------
    path : file with the suffix `.npz`
    frames : at least one
    force : replace an existing file

    Raises
    ------
    FileExistsError, FileNotFoundError
        if the file exists and `force` is not set, or there is no such folder.
    DataError
        if there is no frame, one holds a value that would come back otherwise, or a column has two types.
    """
    path, frames = Path(path), list(frames)
    if path.suffix != ".npz" or not frames:
        raise fault(path.name, f"expected a name that ends in .npz and at least one frame, got {len(frames)} frames", "rename the file or give frames")
    refuse_existing([path], force)
    arrays = {**_geometry(frames), **_columns(frames), **_extra_columns(frames)}
    with replacing(path, force) as part:
        np.savez_compressed(part, **arrays)
        for frame, back in zip(frames, read_npz(part), strict=True):
            difference(frame, back)


def read_npz(path: str | Path) -> list[ElectrifiedFrame]:
    """Read frames that `write_npz` wrote.

    Raises
    ------
    FileNotFoundError, DataError
        if there is no such file, or it is no archive of the record.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise fault(path.name, f"not readable as a numpy archive ({error})", "write or fetch the file again") from error
    if arrays.get(_MARK, np.array(0)) != LAYOUT:
        raise fault(path.name, f"expected an archive of the record, layout {LAYOUT}, with the entry {_MARK!r}; got {', '.join(sorted(arrays)[:5])}", "write it with write_npz")
    ends = arrays["offsets"]
    picks = {name: _places(arrays, name, ends) for name in arrays if f"{name}/known" in arrays}
    return [_frame(arrays, picks, k, slice(ends[k], ends[k + 1]), f"{path.name} frame {k}") for k in range(len(ends) - 1)]


def recognises(path: Path) -> bool:
    """Say whether a file is a numpy archive of the record."""
    if path.suffix != ".npz" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return f"{_MARK}.npy" in archive.namelist()


def read(path: Path) -> list[ElectrifiedFrame]:
    """Read all frames; see `read_npz`."""
    return read_npz(path)


def _geometry(frames: Sequence[ElectrifiedFrame]) -> dict[str, np.ndarray]:
    atoms = [f.geometry for f in frames]
    plain = [frame_to_plain(f) for f in frames]
    return {
        _MARK: np.array(LAYOUT), "offsets": np.cumsum([0, *map(len, atoms)]), "numbers": np.concatenate([a.numbers for a in atoms]),
        "positions": np.concatenate([a.positions for a in atoms]), "cell": np.array([a.cell.array for a in atoms]), "pbc": np.array([a.pbc for a in atoms]),
        "info": np.array([json.dumps(p["info"]) for p in plain]), "constraints": np.array([json.dumps(p["geometry"]["constraints"]) for p in plain]),
    }  # fmt: skip


def _columns(frames: Sequence[ElectrifiedFrame]) -> dict[str, np.ndarray]:
    """Return each field that some frame knows, and which frames know it."""
    out = {}
    for row in COLUMNS:
        values, kind, key = [getattr(f, row.name) for f in frames], row.metadata["kind"], row.metadata["key"]
        known = np.array([v is not None for v in values])
        if not known.any():
            continue
        if kind not in SHAPES:
            filled = [_EMPTY[kind] if v is None else v for v in values]
            out[key] = np.array([json.dumps(v) for v in filled]) if kind == "label" else np.array(filled)
        elif SHAPES[kind][0] == -1:
            out[key] = np.concatenate([v for v in values if v is not None])
        else:
            out[key] = np.array([np.full(SHAPES[kind], np.nan) if v is None else v for v in values])
        out[f"{key}/known"] = known
    return out


def _extra_columns(frames: Sequence[ElectrifiedFrame]) -> dict[str, np.ndarray]:
    """Return the columns that are no field of the record, under `arrays/<name>`."""
    out = {}
    for name in sorted({k for f in frames for k in f.geometry.arrays} - {"numbers", "positions"}):
        some = [f.geometry.arrays.get(name) for f in frames]
        given = [a for a in some if a is not None]
        kinds = {(a.dtype.kind, a.dtype.itemsize if a.dtype.kind != "U" else 0, a.shape[1:]) for a in given}
        if len(kinds) > 1 or "/" in name:
            raise fault(frames[0].where, f"column {name!r}: expected one type and shape in all frames, got {sorted(map(str, kinds))}", f"give {name} one type")
        out[f"arrays/{name}"], out[f"arrays/{name}/known"] = np.concatenate(given), np.array([a is not None for a in some])
        if given[0].dtype.kind == "U":
            out[f"arrays/{name}/width"] = np.array([0 if a is None else a.dtype.itemsize // 4 for a in some])
    return out


def _places(arrays: dict, name: str, ends: np.ndarray) -> np.ndarray:
    """Return where the rows of each frame begin in a column of atoms that some frames lack."""
    return np.cumsum([0, *np.where(arrays[f"{name}/known"], np.diff(ends), 0)])


def _frame(arrays: dict, picks: dict, k: int, atoms_of: slice, where: str) -> ElectrifiedFrame:
    atoms = Atoms(arrays["numbers"][atoms_of], positions=arrays["positions"][atoms_of], cell=arrays["cell"][k], pbc=arrays["pbc"][k])
    rows = lambda name: arrays[name][picks[name][k] : picks[name][k + 1]]
    for name in picks:
        if name.startswith("arrays/") and arrays[f"{name}/known"][k]:
            width = arrays.get(f"{name}/width")
            atoms.set_array(name.removeprefix("arrays/"), rows(name) if width is None else rows(name).astype(f"<U{width[k]}"))
    atoms.set_constraint([dict2constraint(decode(c)) for c in json.loads(str(arrays["constraints"][k]))])
    values = {}
    for row in COLUMNS:
        key, kind = row.metadata["key"], row.metadata["kind"]
        if key in picks and arrays[f"{key}/known"][k]:
            per_atom = SHAPES.get(kind, (0,))[0] == -1
            value = rows(key) if per_atom else arrays[key][k]
            values[row.name] = parse_value(json.loads(str(value)) if kind == "label" else value, kind, key, len(atoms), where)
    return ElectrifiedFrame(atoms, where, decode(json.loads(str(arrays["info"][k]))), **values)

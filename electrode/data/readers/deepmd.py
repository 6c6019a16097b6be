"""Systems of DeePMD-kit: a folder with type.raw, type_map.raw and set.*/*.npy, or a folder of such folders.

Neither the order nor the units of the columns of fparam.npy stand in the files.  A system that this package wrote names them,
and all else of the record, in electrode.json; for others the caller names each column.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.data.problems import Problem, fault, warn
from electrode.data.readers.outputs import symbol
from electrode.data.record import COLUMNS, ElectrifiedFrame

SIDECAR = "electrode.json"
PREFIX = "electrode_"  # of the .npy files that only this package reads
SCALARS = tuple(row.name for row in COLUMNS if row.metadata["kind"] == "float" and row.name != "energy")
MEANINGS = {  # of a column: field of the record, factor
    **{name: (name, 1.0) for name in SCALARS},
    "charge": ("n_excess", -1.0),  # net charge [e]
    "electrode_potential": ("mu", -1.0),  # absolute [V]
    "ignore": (None, 0.0),
}
_READ = {"coord", "box", "energy", "force", "fparam"}


def recognises(path: Path) -> bool:
    """Say whether a folder is a system of DeePMD-kit or holds some."""
    return path.is_dir() and bool(_systems(path))


def read(path: Path, *, columns: str | Sequence[str] | None = None, type_map: str | Sequence[str] | None = None) -> list[ElectrifiedFrame]:
    """Read all frames of all systems.

    Parameters
    ----------
    path : folder of a system, or of several
    columns : what each column of fparam.npy is, in order: fields of the record (n_excess [e], mu [eV] ...), "charge" [e],
        "electrode_potential" (absolute [V]) or "ignore"; a list, or words with commas between them
    type_map : chemical symbols of the types, where type_map.raw is missing

    Raises
    ------
    DataError
        if a column is not declared, a shape is wrong, or the folder holds no system.
    """
    systems = _systems(path)
    if not systems:
        raise fault(str(path), "expected a folder with type.raw and set.*/coord.npy, or one of such folders", "name a system of DeePMD-kit")
    return [frame for system in systems for frame in _system(system, path, _words(columns), _words(type_map))]


def _systems(path: Path) -> list[Path]:
    try:
        return sorted(file.parent for file in {*path.glob("type.raw"), *path.glob("**/type.raw")} if list(file.parent.glob("set.*/coord.npy")))
    except OSError:
        return []


def _words(value: str | Sequence[str] | None) -> list[str] | None:
    return [w.strip() for w in value.split(",")] if isinstance(value, str) else None if value is None else list(value)


def _system(system: Path, path: Path, columns: list[str] | None, type_map: list[str] | None) -> list[ElectrifiedFrame]:
    where = path.name if system == path else f"{path.name}/{system.relative_to(path)}"
    known = json.loads((system / SIDECAR).read_text(encoding="utf-8")) if (system / SIDECAR).exists() else {}
    symbols = _symbols(system, type_map, where)
    columns = [c["name"] for c in known["fparam"]] if known else columns
    pbc = known.get("pbc", [not (system / "nopbc").exists()] * 3)
    arrays = [_arrays(folder, len(symbols), columns, f"{where}/{folder.name}") for folder in sorted(system.glob("set.*"))]
    frames = []
    for data in arrays:
        for k in range(len(data["coord"])):
            cell = data["box"][k].reshape(3, 3) if "box" in data else np.zeros((3, 3))
            atoms = Atoms(symbols, data["coord"][k].reshape(-1, 3), cell=cell, pbc=pbc)
            values = {"trajectory": where, "version": 1, **known.get("constant", {}), **{name: column[len(frames)] for name, column in known.get("frames", {}).items()}}
            values |= {name: float(column[k]) if column.ndim == 1 else column[k] for name, column in data["fields"].items()}
            frames.append(ElectrifiedFrame(atoms, where=f"{where} frame {len(frames)}", **values))
    return frames


def _symbols(system: Path, type_map: list[str] | None, where: str) -> list[str]:
    if (system / "type_map.raw").exists():
        type_map = (system / "type_map.raw").read_text(encoding="utf-8").split()
    if type_map is None:
        raise fault(where, "type_map.raw is missing, so the elements are unknown", "pass type_map='Pt,O,H' in the order of the types")
    types = np.loadtxt(system / "type.raw", dtype=int, ndmin=1)
    if types.min() < 0 or types.max() >= len(type_map):
        raise fault(where, f"type.raw has the type {types.max()}, the map has {len(type_map)} elements", "correct type_map")
    return [symbol(type_map[t], where) for t in types]


def _arrays(folder: Path, n_atoms: int, columns: list[str] | None, where: str) -> dict:
    """The arrays of one set: coord and box, and `fields`, name of the record -> values of all frames."""
    files = {file.stem: file for file in folder.glob("*.npy")}
    if "real_atom_types" in files:
        raise fault(where, "a set of mixed type (real_atom_types.npy) is not read", "convert it to systems of one composition each")
    unread = sorted(name for name in files if name not in _READ and not name.startswith(PREFIX))
    if unread:
        warn([Problem("warning", where, f"{', '.join(unread)} have no place in the record and are left out", "keep the original")])
    data = {name: np.load(files[name], allow_pickle=False) for name in files if name not in unread}
    n = len(data["coord"])
    sizes = {"coord": 3 * n_atoms, "box": 9, "force": 3 * n_atoms, "energy": 1}
    for name, array in data.items():
        if len(array) != n or name in sizes and array.size != n * sizes[name]:
            raise fault(where, f"{name}.npy: expected {n} frames of {sizes.get(name, 'any number of')} values, got shape {array.shape}", "write the set again")
    fields = {name.removeprefix(PREFIX): array for name, array in data.items() if name.startswith(PREFIX)}
    if "energy" in data:
        fields["energy"] = data["energy"].reshape(n)
    if "force" in data:
        fields["forces"] = data["force"].reshape(n, n_atoms, 3)
    if "fparam" in data:
        fields |= _columns(data["fparam"].reshape(n, -1), columns, where)
    return {"fields": fields, **{name: data[name] for name in ("coord", "box") if name in data}}


def _columns(fparam: np.ndarray, columns: list[str] | None, where: str) -> dict[str, np.ndarray]:
    if columns is None or len(columns) != fparam.shape[1]:
        raise fault(where, f"fparam.npy has {fparam.shape[1]} column(s), declared are {columns}; neither their order nor their units are in the file", "pass columns='n_excess', 'charge,mu' or the like, one word a column")
    unknown = [c for c in columns if c not in MEANINGS]
    if unknown:
        raise fault(where, f"column {unknown[0]!r}: expected one of {', '.join(MEANINGS)}", "name each column")
    used = [MEANINGS[c] for c in columns]
    fields = [name for name, _ in used if name]
    if len(set(fields)) < len(fields):
        raise fault(where, f"columns {', '.join(columns)}: two of them are the same quantity", "ignore one of them")
    return {name: factor * fparam[:, k] + 0.0 for k, (name, factor) in enumerate(used) if name}

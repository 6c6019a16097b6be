"""A frame of the record as plain values: numbers, words, lists and dictionaries, which JSON keeps without loss.

Arrays of the user's own entries are written {"array": ..., "dtype": ...}, so that they come back with their type; what
has no exact plain form is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from ase import Atoms
from ase.constraints import dict2constraint

from electrode.data.problems import fault
from electrode.data.record import COLUMNS, ElectrifiedFrame
from electrode.data.schema import SCHEMA, violations
from electrode.data.values import parse_value

_KINDS = "fiubU"  # of arrays that are written


def frame_to_plain(frame: ElectrifiedFrame) -> dict:
    """Return the frame as plain values that `record.schema.json` describes; unknown fields are left out.

    Raises
    ------
    DataError
        if an entry has no plain form: not finite, or of a type that is neither number, word, list nor array.
    """
    atoms = frame.geometry
    geometry = {
        "numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist(), "cell": atoms.cell.array.tolist(), "pbc": atoms.pbc.tolist(),
        "arrays": {k: encode(v, k, frame.where) for k, v in atoms.arrays.items() if k not in ("numbers", "positions")},
        "constraints": [encode(c.todict(), "constraint", frame.where) for c in atoms.constraints],
    }  # fmt: skip
    out = {"geometry": geometry, "where": frame.where, "info": {k: encode(v, k, frame.where) for k, v in frame.info.items()}}
    for row in COLUMNS:
        value = getattr(frame, row.name)
        if value is not None:
            out[row.metadata["key"]] = value.tolist() if isinstance(value, np.ndarray) else value
    _refuse_infinite(out, frame.where)
    return out


def frame_from_plain(plain: Mapping, where: str | None = None, check: bool = True) -> ElectrifiedFrame:
    """Return the frame that `frame_to_plain` wrote; missing fields are None, whatever the rules say of them.

    Parameters
    ----------
    plain : values;  where : file and frame, for messages
    check : refuse what breaks the schema, words that it does not know among it

    Raises
    ------
    DataError
        if a value has another type or shape, or, when checked, breaks the schema.
    """
    broken = violations(plain, {**SCHEMA, "required": ["geometry"]}) if check else []
    name = where or str(plain.get("where", "frame") if isinstance(plain, Mapping) else "frame")
    if broken:
        raise fault(name, "; ".join(broken[:5]), "compare with record.schema.json")
    given = plain["geometry"]
    atoms = Atoms(given["numbers"], positions=np.reshape(np.array(given["positions"], dtype=float), (-1, 3)), cell=given["cell"], pbc=given["pbc"])
    for key, value in given.get("arrays", {}).items():
        atoms.set_array(key, decode(value))
    atoms.set_constraint([dict2constraint(decode(c)) for c in given.get("constraints", [])])
    values = {}
    for row in COLUMNS:
        key = row.metadata["key"]
        values[row.name] = None if key not in plain else parse_value(plain[key], row.metadata["kind"], key, len(atoms), name)
    info = {k: decode(v) for k, v in plain.get("info", {}).items()}
    return ElectrifiedFrame(atoms, name, MappingProxyType(info), **values)


def encode(value, key: str, where: str):
    """Return the plain form of an entry.

    Raises
    ------
    DataError
        if there is none.
    """
    if isinstance(value, np.ndarray) and value.dtype.kind in _KINDS:
        return {"array": value.tolist(), "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, np.generic) and value.dtype.kind in _KINDS:
        return value.item()
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value) and not {"array", "dtype"} <= set(value):
        return {k: encode(v, key, where) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(v, key, where) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise fault(where, f"{key}: expected numbers, words, lists or arrays of them, got {value!r} ({type(value).__name__})"[:300], f"remove {key} or write it in another form")


def decode(value):
    """Return what `encode` made plain."""
    if isinstance(value, Mapping):
        if {"array", "dtype", "shape"} == set(value):
            return np.array(value["array"], dtype=np.dtype(value["dtype"])).reshape(value["shape"])
        return {k: decode(v) for k, v in value.items()}
    return [decode(v) for v in value] if isinstance(value, list) else value


def _refuse_infinite(value, where: str, key: str = "record") -> None:
    if isinstance(value, float) and not np.isfinite(value):
        raise fault(where, f"{key}: expected finite numbers, got {value}", "leave the entry out, or correct it")
    if isinstance(value, Mapping):
        for k, v in value.items():
            _refuse_infinite(v, where, k)
    elif isinstance(value, list) and value:
        if isinstance(value[0], (list, dict, Mapping)):
            for v in value:
                _refuse_infinite(v, where, key)
        elif any(isinstance(v, float) and not np.isfinite(v) for v in value):
            raise fault(where, f"{key}: expected finite numbers, got NaN or infinity", "leave the entry out, or correct it")

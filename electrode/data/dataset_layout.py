"""How a data set lies on disk: which field of the record stands in which array, and what stands for a missing value."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from electrode.data.record import COLUMNS

HEAD, VERSION = "dataset.json", 1
COLUMN_OF = {c.name: c for c in COLUMNS}
KIND_OF = {c.name: c.metadata["kind"] for c in COLUMNS}
_DTYPES = {"float": "<f8", "int": "<i8", "flag": "|i1", "word": "<i4", "label": "<i4"}
_LENGTHS = {"vector": 3, "tensor": 9}
_ABSENT = {"f8": np.nan, "i8": np.iinfo(np.int64).min, "i4": -1, "i1": -1}  # by size of number
SCALARS = tuple(name for name, kind in KIND_OF.items() if kind in _DTYPES)
VECTORS = tuple(name for name, kind in KIND_OF.items() if kind in _LENGTHS)
ROWS = tuple(name for name in KIND_OF if name not in (*SCALARS, *VECTORS))  # one row an atom
WORDS = tuple(name for name, kind in KIND_OF.items() if kind in ("word", "label"))
FRAME = np.dtype([
    ("first_atom", "<i8"), ("n_atoms", "<i8"), ("first_byte", "<i8"), ("n_bytes", "<i8"), ("cell", "<f8", (3, 3)), ("pbc", "?", (3,)),
    *((name, _DTYPES[KIND_OF[name]]) for name in SCALARS),
    *((name, "<f8", (_LENGTHS[KIND_OF[name]],)) for name in VECTORS),
])  # fmt: skip
MARK = {name: _ABSENT[FRAME[name].str[1:]] for name in SCALARS}  # what stands for a missing scalar
_CHUNK = 1 << 12  # rows digested at once


def absent(dtype: np.dtype):
    """Return the number that stands for a missing value of a type; numbers of other sizes are never missing."""
    return _ABSENT.get(dtype.str[1:])


def is_absent(values: np.ndarray) -> bool:
    """Say whether all of some values are missing."""
    mark = absent(values.dtype)
    return mark is not None and bool((np.isnan(values) if values.dtype.kind == "f" else values == mark).all())


def to_text(content: Mapping) -> bytes:
    """Return entries as JSON, arrays with their type.

    Raises
    ------
    TypeError
        for a value that is no number, flag, word, array of them, list or dictionary.
    """
    return json.dumps(content, default=_plain).encode("utf-8")


def from_text(text: bytes) -> dict:
    """Return the entries that `to_text` wrote."""
    return json.loads(text.decode("utf-8"), object_hook=_array)


def digest_of(arrays: Mapping[str, np.ndarray], words: Mapping) -> str:
    """Return a name of some arrays and words, read in pieces."""
    total = hashlib.sha256(json.dumps(words, sort_keys=True).encode("utf-8"))
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name} {array.dtype.descr} {array.shape}".encode())
        for start in range(0, len(array), _CHUNK):
            total.update(np.ascontiguousarray(array[start : start + _CHUNK]).tobytes())
    return f"dataset_{total.hexdigest()[:32]}"


def _plain(value):
    if isinstance(value, np.ndarray) and value.dtype.kind in "ifbU":
        return {"__array__": value.tolist(), "type": value.dtype.str}
    if isinstance(value, np.generic) and value.dtype.kind in "ifbU":
        return value.item()
    raise TypeError(f"expected numbers, flags, words or arrays of them, got {value!r:.80} ({type(value).__name__})")


def _array(content: dict):
    return np.array(content["__array__"], dtype=content["type"]) if "__array__" in content else content

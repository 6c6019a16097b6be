"""Values of the record: the type and shape of each kind of field."""

from __future__ import annotations

import numpy as np

from electrode.data.problems import fault

SHAPES = {"vector": (3,), "tensor": (9,), "rows": (-1, 3), "row_tensors": (-1, 9), "column": (-1,), "regions": (-1,)}  # -1 stands for the atoms


def parse_value(value, kind: str, key: str, n_atoms: int, where: str):
    """Return a value of the record in its type and shape.

    Parameters
    ----------
    value : as a file gives it
    kind : float, int, flag, word, label, or one of `SHAPES`
    key : of the record;  n_atoms : of the frame;  where : file and frame, for messages

    Raises
    ------
    DataError
        if the value has another type or shape.
    """
    array = np.asarray(value)
    type_of = array.dtype.kind
    if kind in SHAPES:
        shape = tuple(n_atoms if k == -1 else k for k in SHAPES[kind])
        if type_of not in ("i" if kind == "regions" else "if") or array.shape != shape:
            raise fault(where, f"{key}: expected numbers of shape {shape}, got {array.dtype} of shape {array.shape}", f"write {key} with that shape; a (N, 3, 3) tensor is (N, 9), a (3, 3) tensor 9 numbers")
        out = array.astype(int if kind == "regions" else float)
        out.setflags(write=False)
        return out
    wanted, expected = {"float": ("if", "a number"), "int": ("i", "an integer"), "flag": ("b", "T or F"), "word": ("U", "a word"), "label": ("Ui", "a name")}[kind]
    if array.ndim or type_of not in wanted or (type_of == "U" and not str(value)):
        raise fault(where, f"{key}: expected {expected}, got {value!r} ({type(value).__name__})", f"write {expected} without quotes around numbers; words start with a letter")
    return {"float": float, "int": int, "flag": bool, "word": str, "label": int if type_of == "i" else str}[kind](array[()])

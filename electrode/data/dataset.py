"""A data set on disk: every frame stored once in a folder of plain arrays, read through the page cache when it is asked for.

    dataset.json      version, counts, digest, the words of each column
    frames.npy        one row a frame: numbers of the record, cell, pbc, where its atoms and its text begin
    numbers.npy, positions.npy, forces.npy, ...   one row an atom
    text.npy          bytes: origin, other entries and constraints of each frame, JSON

A missing value is NaN, the smallest integer, or -1 for a flag or a word.  No pickle.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from ase import Atoms
from ase.constraints import dict2constraint

from electrode.data.dataset_layout import HEAD, KIND_OF, MARK, SCALARS, VECTORS, VERSION, absent, digest_of, from_text, is_absent
from electrode.data.problems import did_you_mean, fault
from electrode.data.record import ElectrifiedFrame


class MappedDataset(Sequence):
    """Frames of a folder, or some of them, each built when it is asked for.

    Parameters
    ----------
    path : folder that `dataset_writer.write_dataset` made
    rows : places of the frames to show, all by default

    Raises
    ------
    DataError
        if the folder is no data set, of another version, or cut short.
    """

    def __init__(self, path: str | Path, rows: np.ndarray | None = None):
        self.path = Path(path)
        self._head = _read_head(self.path)
        self._frames, self._text = self._open("frames"), self._open("text")
        self._arrays = {name: self._open(name) for name in self._head["arrays"]}
        self._check_sizes()
        self.rows = np.arange(len(self._frames)) if rows is None else np.asarray(rows, dtype=np.int64)

    @property
    def digest(self) -> str:
        """Name of the content of the whole folder, written when it was made."""
        return self._head["digest"]

    @property
    def n_atoms(self) -> np.ndarray:
        """Number of atoms of each frame, (F,)."""
        return self._frames["n_atoms"][self.rows].astype(np.int64)

    def __reduce__(self):
        return MappedDataset, (self.path, self.rows)  # another process opens the files itself

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index):
        """Return one frame, or for a slice the data set of those frames."""
        if isinstance(index, slice):
            return self.take(self.rows[index], absolute=True)
        return self._frame(int(self.rows[index]))

    def take(self, rows: Sequence[int], absolute: bool = False) -> MappedDataset:
        """Return the frames `rows`, counted among those shown here or, when `absolute`, in the folder."""
        part = copy.copy(self)  # shares the open files
        part.rows = np.asarray(rows, dtype=np.int64) if absolute else self.rows[np.asarray(rows, dtype=np.int64)]
        return part

    def column(self, name: str) -> np.ndarray:
        """Return one field of all frames without building them: (F, ...), missing numbers NaN, missing words None.

        Raises
        ------
        DataError
            for a name that is no field with one value a frame.
        """
        if name not in (*SCALARS, *VECTORS):
            known = [*SCALARS, *VECTORS]
            raise fault(str(self.path), f"no column {name!r}{did_you_mean(name, known)}", f"ask for one of {', '.join(known)}")
        raw = self._frames[name][self.rows]
        if name in self._head["words"]:
            return np.array([*self._head["words"][name], None], dtype=object)[raw]
        return np.where(raw == absent(raw.dtype), np.nan, raw) if KIND_OF[name] in ("int", "flag") else raw

    def batches(self, size: int, seed: int | None = None) -> Iterator[list[ElectrifiedFrame]]:
        """Yield every frame once, in lists of `size`, the last one shorter; in random order where a seed is given."""
        if size < 1:
            raise ValueError(f"batches: expected a size of at least 1, got {size}")
        order = np.arange(len(self)) if seed is None else np.random.default_rng(seed).permutation(len(self))
        for start in range(0, len(order), size):
            yield [self[int(k)] for k in order[start : start + size]]

    @property
    def n_stored(self) -> int:
        """Number of frames of the whole folder."""
        return len(self._frames)

    def atom_rows(self, row: int) -> slice:
        """Return the rows of the atoms of frame `row` of the folder."""
        record = self._frames[row]
        return slice(int(record["first_atom"]), int(record["first_atom"] + record["n_atoms"]))

    def geometry(self, row: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return positions (n, 3) [A], cell (3, 3) [A] and pbc (3,) of frame `row` of the folder, without building it."""
        record = self._frames[row]
        return self._arrays["positions"][self.atom_rows(row)], np.array(record["cell"]), np.array(record["pbc"])

    def verify(self) -> None:
        """Read everything once and compare with the digest.

        Raises
        ------
        DataError
            if the content has changed since it was written.
        """
        found = digest_of({name: self._open(name) for name in ("frames", "text", *self._head["arrays"])}, self._head["words"])
        if found != self.digest:
            raise fault(str(self.path), f"expected the digest {self.digest}, got {found}: the files have changed", "write the data set again")

    def _frame(self, row: int) -> ElectrifiedFrame:
        record = self._frames[row]
        text = from_text(self._text[record["first_byte"] : record["first_byte"] + record["n_bytes"]].tobytes())
        rows = self.atom_rows(row)
        columns = {name: np.array(a[rows]) for name, a in self._arrays.items() if not is_absent(a[rows])}
        values = {name: self._value(name, record[name]) for name in (*SCALARS, *VECTORS)}
        values |= {name: columns.pop(name) for name in columns.keys() & KIND_OF.keys()}
        for value in values.values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
        atoms = Atoms(columns.pop("numbers"), columns.pop("positions"), cell=record["cell"], pbc=record["pbc"], celldisp=text.get("celldisp"))
        for name, array in columns.items():
            about = self._head["arrays"][name]
            atoms.set_array(about["key"], array.astype(bool) if about["flag"] else array)
        atoms.set_constraint([dict2constraint(c) for c in text["constraints"]])
        return ElectrifiedFrame(atoms, text["where"], MappingProxyType(text["info"]), **values)

    def _value(self, name: str, raw):
        if name in VECTORS:
            return None if is_absent(raw) else np.array(raw)
        value = raw.item()
        if value == MARK[name] or value != value:
            return None
        if name in self._head["words"]:
            return self._head["words"][name][value]
        return bool(value) if KIND_OF[name] == "flag" else value

    def _open(self, name: str) -> np.ndarray:
        path = self.path / f"{name}.npy"
        try:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))  # a plain view is faster to slice
        except (OSError, ValueError) as error:
            raise fault(str(path), f"not readable as an array ({error})", "write the data set again") from error

    def _check_sizes(self) -> None:
        found = {"frames": len(self._frames), "atoms": {len(a) for a in self._arrays.values()}, "bytes": len(self._text)}
        wanted = {"frames": self._head["frames"], "atoms": {self._head["atoms"]}, "bytes": self._head["bytes"]}
        if found != wanted:
            raise fault(str(self.path), f"expected {wanted}, got {found}", "write the data set again")


def _read_head(path: Path) -> dict:
    if not (path / HEAD).is_file():
        raise fault(str(path), f"expected a folder with {HEAD}, the data set of write_dataset", "check the name, or write the data set")
    try:
        head = json.loads((path / HEAD).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise fault(str(path / HEAD), f"not readable as JSON ({error})", "write the data set again") from error
    needed = {"version", "frames", "atoms", "bytes", "arrays", "words", "digest"}
    if not isinstance(head, dict) or head.get("version") != VERSION or not needed <= set(head):
        found = head.get("version") if isinstance(head, dict) else type(head).__name__
        raise fault(str(path / HEAD), f"expected version {VERSION} with {', '.join(sorted(needed))}, got {found}", "write the data set again with this version")
    return head

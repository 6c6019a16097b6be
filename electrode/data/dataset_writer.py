"""Writing a data set: frame by frame in constant memory, complete or not at all, never over another."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from contextlib import ExitStack, closing
from pathlib import Path

import numpy as np

from electrode.data.checks import check_frame
from electrode.data.dataset import MappedDataset
from electrode.data.dataset_layout import FRAME, HEAD, ROWS, SCALARS, VECTORS, VERSION, WORDS, absent, digest_of, to_text
from electrode.data.problems import fault, raise_on_errors
from electrode.data.record import ElectrifiedFrame
from electrode.output import replacing_folder

_FILL = 1 << 16  # rows of missing values written at once


def write_dataset(path: str | Path, frames: Iterable[ElectrifiedFrame], check: bool = True) -> MappedDataset:
    """Write frames to a new folder that `MappedDataset` reads, one after the other, and return it.

    The rules of a single frame are checked, those of a set (`consistency.check_set`) are not: that would need all frames at once.

    Parameters
    ----------
    path : folder that does not exist yet; it appears once everything is written
    frames : any iterable, for instance `stream.stream_frames(file)`
    check : whether to check each frame; False for frames that were read with checks

    Raises
    ------
    FileExistsError
        if there is something of that name.
    NoRoom
        see `output.telling_of_room`.
    DataError
        without frames, if one breaks a rule, or for a value that the arrays cannot hold: NaN, infinity, per-atom words, objects.
    """
    path = Path(path)
    if path.exists():
        raise FileExistsError(f"{path} exists. Give another name, or remove it yourself.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder. Create it first.")
    with replacing_folder(path) as draft:
        with closing(_Writer(draft)) as writer:
            for frame in frames:
                if check:
                    raise_on_errors(p for p in check_frame(frame) if p.severity == "error")
                writer.add(frame)
        writer.write_head(path)
    return MappedDataset(path)


class ArrayFile:
    """An .npy file that grows by rows.

    Parameters
    ----------
    path : of the file
    dtype : of a number or record;  tail : shape of one row
    """

    def __init__(self, path: Path, dtype, tail: tuple[int, ...] = ()):
        self.dtype, self.tail, self.length = np.dtype(dtype), tail, 0
        self._file = open(path, "w+b", buffering=1 << 18)
        self._file.write(self._header())

    def append(self, rows: np.ndarray) -> None:
        """Write rows (k, *tail) at the end."""
        self._file.write(np.ascontiguousarray(rows, dtype=self.dtype).tobytes())
        self.length += len(rows)

    def fill(self, length: int) -> None:
        """Write missing values up to a length."""
        while self.length < length:
            count = min(_FILL, length - self.length)
            self.append(np.full((count, *self.tail), absent(self.dtype), dtype=self.dtype))

    def close(self) -> None:
        """Write the final length into the header."""
        with self._file:
            self._file.seek(0)
            self._file.write(self._header())

    def _header(self) -> bytes:
        buffer = io.BytesIO()
        shape = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False, "shape": (self.length, *self.tail)}
        np.lib.format.write_array_header_2_0(buffer, shape)  # padded so that the first number of the shape may grow
        return buffer.getvalue()


class _Writer:
    """The open files of a data set that is being written."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.frames, self.text = ArrayFile(folder / "frames.npy", FRAME), ArrayFile(folder / "text.npy", "|u1")
        self.arrays = {"numbers": ArrayFile(folder / "numbers.npy", "<i2"), "positions": ArrayFile(folder / "positions.npy", "<f8", (3,))}
        self.keys: dict[str, dict] = {name: {"key": name, "flag": False} for name in self.arrays}
        self.extras: dict[str, str] = {}
        self.words: dict[str, dict] = {name: {} for name in WORDS}
        self.atoms = 0

    def add(self, frame: ElectrifiedFrame) -> None:
        """Write one frame."""
        text = self._text(frame)
        record = np.zeros(1, dtype=FRAME)
        record[0]["first_atom"], record[0]["n_atoms"] = self.atoms, len(frame.geometry)
        record[0]["first_byte"], record[0]["n_bytes"] = self.text.length, len(text)
        record[0]["cell"], record[0]["pbc"] = _finite(frame.geometry.cell.array, "cell", frame), frame.geometry.pbc
        for name in (*SCALARS, *VECTORS):
            value = getattr(frame, name)
            if value is None:
                record[0][name] = absent(FRAME[name].base)
            elif name in self.words:
                record[0][name] = self.words[name].setdefault(value, len(self.words[name]))
            else:
                record[0][name] = _finite(value, name, frame)
        self._add_atoms(frame)
        self.frames.append(record)
        self.text.append(np.frombuffer(text, dtype=np.uint8))

    def _text(self, frame: ElectrifiedFrame) -> bytes:
        atoms = frame.geometry
        content = {"where": frame.where, "info": dict(frame.info), "constraints": [c.todict() for c in atoms.constraints]}
        if atoms.get_celldisp().any():
            content["celldisp"] = atoms.get_celldisp().ravel()
        try:
            return to_text(content)
        except TypeError as error:
            raise fault(frame.where, f"an entry cannot be stored: {error}", "remove it or write it in another form") from error

    def _add_atoms(self, frame: ElectrifiedFrame) -> None:
        atoms = frame.geometry
        given = {name: (getattr(frame, name), {"key": name, "flag": False}) for name in ROWS if getattr(frame, name) is not None}
        given |= {name: (atoms.arrays[name], self.keys[name]) for name in ("numbers", "positions")}
        for key in sorted(atoms.arrays.keys() - {"numbers", "positions"}):
            given[self._place_of(key)] = (atoms.arrays[key], {"key": key, "flag": atoms.arrays[key].dtype.kind == "b"})
        for name, (values, about) in given.items():
            values = _finite(values, about["key"], frame)
            if name not in self.arrays:
                self.keys[name] = about
                self.arrays[name] = ArrayFile(self.folder / f"{name}.npy", {"f": "<f8", "i": "<i8", "b": "|i1"}[values.dtype.kind], values.shape[1:])
            file = self.arrays[name]
            if file.tail != values.shape[1:] or self.keys[name] != about or file.dtype.kind != values.dtype.kind.replace("b", "i"):
                raise fault(frame.where, f"{about['key']}: expected the type and shape of the frames before, {file.dtype} {file.tail}, got {values.dtype} {values.shape[1:]}", "write one kind of column in all frames")
            file.fill(self.atoms)
            file.append(values)
        self.atoms += len(atoms)

    def _place_of(self, key: str) -> str:
        """Return the name of the file of an array that is no field of the record."""
        return self.extras.setdefault(key, f"extra{len(self.extras)}")

    def close(self) -> None:
        """Finish all files."""
        with ExitStack() as stack:
            for file in (self.frames, self.text, *self.arrays.values()):
                stack.callback(file.close)
            for file in self.arrays.values():
                if absent(file.dtype) is not None:
                    file.fill(self.atoms)

    def write_head(self, path: Path) -> None:
        """Write what `MappedDataset` reads first; refuse an empty set."""
        if not self.frames.length:
            raise fault(str(path), "expected at least one frame, got none", "give frames to write")
        words = {name: list(known) for name, known in self.words.items()}
        arrays = {name: np.load(self.folder / f"{name}.npy", mmap_mode="r") for name in ("frames", "text", *self.arrays)}
        head = {
            "version": VERSION, "frames": self.frames.length, "atoms": self.atoms, "bytes": self.text.length,
            "arrays": self.keys, "words": words, "digest": digest_of(arrays, words),
        }  # fmt: skip
        (self.folder / HEAD).write_text(json.dumps(head, indent=1) + "\n", encoding="utf-8")


def _finite(values, key: str, frame: ElectrifiedFrame) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype.kind == "u":
        array = array.astype(np.int64)
    if array.dtype.kind not in "ifb" or (array.dtype.kind == "f" and not np.isfinite(array).all()):
        raise fault(frame.where, f"{key}: expected finite numbers or flags, got {array.dtype} with {array.ravel()[:3]}", "correct or remove it")
    return array

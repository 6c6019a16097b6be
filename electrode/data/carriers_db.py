"""The record in ASE databases: scalars can be selected (`db.select('eir_mu<-4')`), and every field comes back exactly.

Each row holds the whole frame as plain values in `data`; the key-value pairs repeat its scalars, for searching only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import ase.db
import numpy as np
from ase.db.core import check

from electrode.data.compare import difference
from electrode.data.plain import frame_from_plain, frame_to_plain
from electrode.data.problems import fault
from electrode.data.record import COLUMNS, ElectrifiedFrame
from electrode.output import refuse_existing, replacing

_MAGIC = b"SQLite format 3\x00"


def write_database(path: str | Path, frames: Sequence[ElectrifiedFrame], force: bool = False) -> None:
    """Write frames as an ASE database (SQLite), through a temporary file that is read back before it takes its name.

    Parameters
    ----------
    path : file with the suffix `.db`
    frames : at least one
    force : replace an existing file

    Raises
    ------
    FileExistsError, FileNotFoundError
        if the file exists and `force` is not set, or there is no such folder.
    DataError
        if there is no frame, or one holds a value that would come back otherwise.
    """
    path, frames = Path(path), list(frames)
    if path.suffix != ".db" or not frames:
        raise fault(path.name, f"expected a name that ends in .db and at least one frame, got {len(frames)} frames", "rename the file or give frames")
    refuse_existing([path], force)
    with replacing(path, force) as part:
        with ase.db.connect(part, type="db", use_lock_file=False) as database:
            for frame in frames:
                database.write(frame.atoms, key_value_pairs=_scalars(frame), data={"record": frame_to_plain(frame)})
        for frame, back in zip(frames, _rows(part), strict=True):
            difference(frame, back)


def read_database(path: str | Path) -> list[ElectrifiedFrame]:
    """Read frames that `write_database` wrote, or the atoms and scalars of the record in another ASE database.

    Raises
    ------
    FileNotFoundError, DataError
        if there is no such file, or it is no database of the record.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder.")
    if not recognises(path):
        raise fault(path.name, "expected an ASE database (SQLite)", "name a file that write_database wrote")
    return list(_rows(path, path.name))


def recognises(path: Path) -> bool:
    """Say whether a file is an SQLite database with the suffix .db."""
    if path.suffix != ".db" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(_MAGIC)) == _MAGIC


def read(path: Path) -> list[ElectrifiedFrame]:
    """Read all frames; see `read_database`."""
    return read_database(path)


def _rows(path: Path, name: str | None = None) -> Iterator[ElectrifiedFrame]:
    with ase.db.connect(path, type="db", use_lock_file=False) as database:
        for k, row in enumerate(database.select()):
            where = None if name is None else f"{name} frame {k}"
            if "record" in row.data:
                yield frame_from_plain(row.data["record"], where, check=False)  # as the other carriers; rules are judged apart
            else:
                atoms = row.toatoms()
                atoms.info = dict(row.key_value_pairs)
                yield ElectrifiedFrame.from_atoms(atoms, where or f"row {row.id}")


def _scalars(frame: ElectrifiedFrame) -> dict:
    """Return the scalars that ASE lets be searched; words that look like numbers it refuses, and they are left out."""
    out = {}
    for row in COLUMNS:
        key, value = row.metadata["key"], getattr(frame, row.name)
        if value is None or isinstance(value, np.ndarray):
            continue
        try:
            check({key: value})
        except ValueError:
            continue
        out[key] = value
    return out

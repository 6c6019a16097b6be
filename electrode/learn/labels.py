"""Labels of an expensive calculator, each on disk the moment it is known.

A folder holds `search.json`, which says what the labels belong to, and one file for each call, `call-0001.npz` and so on, that takes its
name only when it is complete.  What a search does next depends on these files alone: after a kill at any moment it goes on as if there
had been none, and no call whose file is there is made again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.output import replacing, write_json

FORMAT = 1


@dataclass(frozen=True)
class Label:
    """One call of the calculator.

    Parameters
    ----------
    positions : (N, 3) [A]
    energy : [eV], E where there is a charge; None if the call failed
    forces : (N, 3) [eV/A], without constraints, at fixed charge where there is one; None if the call failed
    fmax : largest force on an atom that the constraints leave [eV/A]
    reason : why it was asked for: "end state", "saddle" or "uncertain"
    path : (n, N, 3) [A], the band it was picked from, and from which the next one starts
    charge, potential : [e], [V absolute], of a grand-canonical calculator
    target, held : the potential that was wanted [V absolute], and what the calculator held: "charge" or "potential"
    failure : what the calculator said, empty if all went well
    attempts : how often it was called
    """

    positions: np.ndarray
    energy: float | None
    forces: np.ndarray | None
    fmax: float | None
    reason: str
    path: np.ndarray | None = None
    charge: float | None = None
    potential: float | None = None
    target: float | None = None
    held: str | None = None
    failure: str = ""
    attempts: int = 1

    @property
    def good(self) -> bool:
        """Say whether the calculator gave an answer."""
        return not self.failure


class LabelStore:
    """Labels in the order of their calls, on disk where there is a folder.

    Parameters
    ----------
    folder : created if needed; None keeps the labels in memory alone
    description : plain numbers and words that say what the labels belong to
    resume : go on from the labels that are there

    Raises
    ------
    FileExistsError
        if there are labels and `resume` is not set.
    ValueError
        if they belong to another search, or a file is damaged.
    """

    def __init__(self, folder: str | Path | None, description: dict, resume: bool = False):
        self.folder, self.labels = search_folder(folder, description, resume), []
        while self.folder is not None and (file := self._file(len(self.labels))).exists():
            self.labels.append(read_label(file))
        self._found = len(self.labels)

    def add(self, label: Label) -> None:
        """Keep a label; it is on disk when this returns."""
        if self.folder is not None:
            write_label(self._file(len(self.labels)), label)
        self.labels.append(label)

    def refuse_failures(self, most: int) -> None:
        """Raise ValueError where the last `most` calls have failed; those of an earlier run do not count, the calculator may be mended."""
        recent = self.labels[self._found :][-most:]
        if len(recent) == most and not any(x.good for x in recent):
            raise ValueError(f"the calculator failed {most} times in a row, last with: {recent[-1].failure}. Mend its settings and go on (resume)")

    def _file(self, k: int) -> Path:
        return call_file(self.folder, k)


def search_folder(folder: str | Path | None, description: dict, resume: bool) -> Path | None:
    """Return the folder of a search, made if there is none; arguments and errors as of `LabelStore`."""
    if folder is None:
        return None
    folder = Path(folder)
    if folder.is_file():
        raise FileExistsError(f"{folder} is a file; expected the folder of a search. Give another name.")
    folder.mkdir(exist_ok=True)
    head, wanted = folder / "search.json", json.loads(json.dumps({"format": FORMAT, **description}))
    if not head.exists():
        write_json(head, wanted)
        return folder
    if not resume:
        raise FileExistsError(f"{folder} holds a search. Go on with it (resume, --resume), or give another folder.")
    try:
        found = dict(json.loads(head.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{head}: expected what a search wrote there, got no such JSON ({error}); give another folder") from error
    changed = sorted(k for k in wanted.keys() | found.keys() if found.get(k) != wanted.get(k))
    if changed:
        raise ValueError(f"{head}: its search differs from this one in {', '.join(changed)}; give the same again, or another folder")
    return folder


def describe(name: str, structures: Sequence[Atoms]) -> dict:
    """Return what labels belong to: elements, cell and, under a name, the positions of some structures of the same atoms."""
    rounded = [np.round(atoms.positions, 6).tolist() for atoms in structures]
    return {"numbers": structures[0].numbers.tolist(), "cell": np.round(structures[0].cell.array, 6).tolist(), name: rounded}


def call_file(folder: Path, k: int) -> Path:
    """Return the file of the k-th label, counted from 0."""
    return folder / f"call-{k + 1:04d}.npz"


def write_label(file: Path, label: Label) -> None:
    """Write a label; it is on disk, complete, when this returns."""
    write_whole(file, {f.name: getattr(label, f.name) for f in fields(Label) if getattr(label, f.name) is not None})


def write_whole(file: Path, arrays: dict) -> None:
    """Write arrays under a name that they take only when they are complete on disk."""
    with replacing(file, force=True) as part, part.open("wb") as stream:
        np.savez(stream, **arrays)
        stream.flush()
        os.fsync(stream.fileno())


def read_label(file: Path) -> Label:
    """Return the label of a file; raises ValueError if it is none."""
    try:
        with np.load(file, allow_pickle=False) as data:
            found = {name: data[name] for name in data.files}
        return Label(**{"energy": None, "forces": None, "fmax": None} | {k: v.item() if v.ndim == 0 else v for k, v in found.items()})
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(f"{file}: not a label of this search ({error}); remove the file, its call will be made again") from error

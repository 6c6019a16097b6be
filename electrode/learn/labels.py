"""Labels of an expensive calculator, each on disk the moment it is known.

A folder holds `search.json`, which says what the labels belong to, and one file for each call, `call-0001.npz` and so on, that takes its
name only when it is complete.  What a search does next depends on these files alone: after a kill at any moment it goes on as if there
had been none, and no call whose file is there is made again.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from electrode.output import write_json

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
        self.folder, self.labels, self._found = None if folder is None else Path(folder), [], 0
        if self.folder is None:
            return
        self.folder.mkdir(exist_ok=True)
        head, wanted = self.folder / "search.json", json.loads(json.dumps({"format": FORMAT, **description}))
        if not head.exists():
            write_json(head, wanted)
            return
        if not resume:
            raise FileExistsError(f"{self.folder} holds a search. Go on with it (resume, --resume), or give another folder.")
        found = json.loads(head.read_text(encoding="utf-8"))
        changed = sorted(k for k in wanted.keys() | found.keys() if found.get(k) != wanted.get(k))
        if changed:
            raise ValueError(f"{head}: its search differs from this one in {', '.join(changed)}; give the same again, or another folder")
        while (file := self._file(len(self.labels))).exists():
            self.labels.append(_read(file))
        self._found = len(self.labels)

    def add(self, label: Label) -> None:
        """Keep a label; it is on disk when this returns."""
        if self.folder is not None:
            self._write(label)
        self.labels.append(label)

    def refuse_failures(self, most: int) -> None:
        """Raise ValueError where the last `most` calls have failed; those of an earlier run do not count, the calculator may be mended."""
        recent = self.labels[self._found :][-most:]
        if len(recent) == most and not any(x.good for x in recent):
            raise ValueError(f"the calculator failed {most} times in a row, last with: {recent[-1].failure}. Mend its settings and go on (resume)")

    def _file(self, k: int) -> Path:
        return self.folder / f"call-{k + 1:04d}.npz"

    def _write(self, label: Label) -> None:
        file = self._file(len(self.labels))
        part = file.with_suffix(".part")
        with open(part, "wb") as stream:
            np.savez(stream, **{f.name: getattr(label, f.name) for f in fields(Label) if getattr(label, f.name) is not None})
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, file)


def _read(file: Path) -> Label:
    try:
        with np.load(file, allow_pickle=False) as data:
            found = {name: data[name] for name in data.files}
        return Label(**{"energy": None, "forces": None, "fmax": None} | {k: v.item() if v.ndim == 0 else v for k, v in found.items()})
    except (ValueError, TypeError, OSError, KeyError) as error:
        raise ValueError(f"{file}: not a label of this search ({error}); remove the file, its call will be made again") from error

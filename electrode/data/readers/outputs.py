"""What the readers of code outputs share: numbers by pattern, a frame of one step, a name of the method."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from ase import Atoms
from ase.data import atomic_numbers

from electrode.data.problems import fault
from electrode.data.record import ElectrifiedFrame

NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][-+]?\d+)?)"


def last(pattern: str, text: str) -> float | None:
    """Return the number of the last match of a pattern, or None; `#` in the pattern stands for the number."""
    found = re.findall(pattern.replace("#", NUMBER), text, re.M)
    return number(found[-1]) if found else None


def number(word: str) -> float:
    """Return a number as Fortran or C writes it."""
    return float(word.replace("D", "E").replace("d", "e"))


def symbol(label: str, where: str) -> str:
    """Return the chemical symbol of an atom's label such as Fe1, O_s or Pt-up.

    Raises
    ------
    DataError
        if the label starts with no symbol.
    """
    letters = re.match(r"[A-Za-z]*", label).group().capitalize()
    if letters not in atomic_numbers or letters == "X":
        raise fault(where, f"atom {label!r}: expected a chemical symbol, perhaps with a number behind it", "rename the atom in the output")
    return letters


def complete(path: Path, text: str, mark: str, partial: bool) -> None:
    """Refuse a run that did not come to its end.

    Raises
    ------
    DataError
        if the mark of the end is missing and `partial` is not set.
    """
    if not partial and mark not in text:
        raise fault(path.name, f"the output is cut short: {mark!r} is missing", "finish the run, or pass partial=True to take its complete steps")


def method_id(code: str, settings: Iterable[str]) -> str:
    """Return a name that runs with equal settings share: the code and a digest."""
    lines = "\n".join(" ".join(s.split()) for s in settings)
    return f"{code}_{hashlib.sha256(lines.encode()).hexdigest()[:12]}"


def output_frame(code: str, path: Path, step: int, geometry: Atoms, **values) -> ElectrifiedFrame:
    """Return the frame of one step of an output; the steps of one file are one trajectory."""
    trajectory = f"{path.resolve().parent.name}/{path.name}"
    return ElectrifiedFrame(geometry, where=f"{path.name} step {step}", version=1, source=f"{code} {path.name} step {step}", trajectory=trajectory, **values)

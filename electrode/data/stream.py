"""Reading extended XYZ frame by frame: a file of any length in the memory of one frame.

Each frame is parsed and checked as `files.read_frames` does it; the rules of a set (one kind of energy, dE/dn = mu) need the whole
set, see `consistency.check_set`.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import count, islice
from pathlib import Path

from electrode.data.checks import check_frame
from electrode.data.files import _parse
from electrode.data.problems import DataError, Problem, fault, raise_on_errors, warn
from electrode.data.record import ElectrifiedFrame, build


def stream_frames(path: str | Path, *, strict: bool = True, assume: Mapping | None = None) -> Iterator[ElectrifiedFrame]:
    """Yield the frames of an extended XYZ file, plain or `.gz`, each checked by itself.

    Every warning is given once, for the first frame that it concerns.

    Parameters
    ----------
    path : file; frames are counted from 0 in messages
    strict : raise at the first frame that breaks a rule; otherwise warn
    assume : key or word of the record -> value where a frame lacks it, see `aliases.resolve`

    Raises
    ------
    FileNotFoundError
        if there is no such file.
    DataError
        if the file is empty, cut short or malformed, an entry cannot be read, or, when strict, a rule is broken.
    """
    path, said = Path(path), set()
    for k, first, text in _pieces(path):
        where = f"{path.name} frame {k}"
        atoms = _located(text, where, first)
        frame, notes = build(atoms, where, assume)
        problems = [Problem("warning", where, note, f"check that {note}") for note in notes]
        problems += check_frame(frame)
        if strict:
            raise_on_errors(p for p in problems if p.severity == "error")
        new = [replace(p, severity="warning") for p in problems if p.mend not in said]
        said.update(p.mend for p in new)
        warn(new)
        yield frame


def _located(text: str, where: str, first: int):
    """Parse one frame; what is wrong with it is told by its place in the whole file."""
    try:
        return _parse(text, where)[0]
    except DataError as error:
        in_file = lambda found: f"line {int(found[1]) + first}"
        raise DataError(replace(p, where=where, what=re.sub(r"\bline (\d+)", in_file, p.what)) for p in error.problems) from error


def _pieces(path: Path) -> Iterator[tuple[int, int, str]]:
    """Yield the number, the lines before and the text of each frame."""
    lines, before = _lines(path), 0
    for k in count():
        head = next(lines, "")
        if not head.strip():
            surplus = next((line for line in lines if line.strip()), None)
            if surplus is None and k == 0:
                raise fault(path.name, "the file is empty", "write or fetch it again")
            if surplus is None:
                return
            head += surplus  # frames behind a blank line, which the parser refuses
        size = int(head) if head.strip().isdigit() else -1
        body = list(islice(lines, size + 1))
        yield k, before, head + "".join(body)
        before += 1 + len(body)


def _lines(path: Path) -> Iterator[str]:
    if path.is_dir():
        raise fault(str(path), "expected a file, got a folder", "name one extended XYZ file")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder.")
    opened = gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else open(path, encoding="utf-8")
    try:
        with opened as file:
            yield from file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise fault(path.name, f"the compressed file is cut short or damaged ({error})", "fetch or write the file again") from error
    except UnicodeDecodeError as error:
        raise fault(path.name, f"expected text, got bytes that are not UTF-8 ({error})", "name one extended XYZ file") from error

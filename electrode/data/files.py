"""Reading and writing frames as extended XYZ, with every digit and no silent loss.

ASE parses; what its parser passes over in silence (frames behind a blank line, rows cut short or too long) is
refused here, as is a key given twice.  Columns are written by this module, since ASE keeps 8 decimals, and every file is read back and
compared before it appears under its name.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.io import read
from ase.io.extxyz import key_val_dict_to_str

from electrode.data.checks import accept
from electrode.data.known_sets import translate
from electrode.data.problems import DataError, Problem, fault, raise_on_errors, warn
from electrode.data.record import ElectrifiedFrame, build
from electrode.output import refuse_existing, replacing

_PROPERTIES = re.compile(r"""Properties=["']?([^\s"']+)""")
_VALUE = re.compile(r"""=\s*(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\{[^}]*\}|\[[^\]]*\])""")  # that may hold spaces and signs of equality
_KEY = re.compile(r"""(?:^|(?<=\s))("[^"]*"|'[^']*'|[^\s="']+)\s*=""")
_TYPES = {"f": "R", "i": "I", "b": "L", "U": "S"}


def read_frames(path: str | Path, *, strict: bool = True, assume: Mapping | None = None) -> list[ElectrifiedFrame]:
    """Read all frames of an extended XYZ file, plain or `.gz`, and check them.

    Parameters
    ----------
    path : file; frames are counted from 0 in messages
    strict : raise on every broken rule; otherwise warn, which also lets frames pass that are not converged
    assume : key or word of the record -> value where a frame lacks it, see `aliases.resolve`

    Raises
    ------
    FileNotFoundError
        if there is no such file.
    DataError
        if the file is empty, cut short or malformed, an entry cannot be read, or, when strict, a rule is broken.
    """
    return accept(parse_frames(Path(path), assume), strict)


def parse_frames(path: Path, assume: Mapping | None = None) -> list[ElectrifiedFrame]:
    """Read all frames of an extended XYZ file without checking the rules of the record; see `read_frames`."""
    frames, notes, unread = [], {}, []
    for k, atoms in enumerate(_parse(read_text(path), path.name)):
        try:
            known, said = translate(atoms, f"{path.name} frame {k}")
            frame, assumed = build(known, f"{path.name} frame {k}", assume)
        except DataError as error:
            unread.extend(error.problems)
            continue
        frames.append(frame)
        for note in [*said, *assumed]:
            notes.setdefault(note, []).append(k)
    raise_on_errors(unread)
    warn(Problem("warning", path.name, f"{note}, in {len(k)} of {len(frames)} frames", f"check that {note}") for note, k in notes.items())
    return frames


def write_frames(path: str | Path, frames: Sequence[ElectrifiedFrame], force: bool = False) -> None:
    """Write frames as extended XYZ with all digits, through a temporary file that is read back before it is renamed.

    Parameters
    ----------
    path : file; a name that ends in `.gz` is compressed
    frames : at least one
    force : replace an existing file

    Raises
    ------
    FileExistsError, FileNotFoundError, NoRoom
        see `output.replacing`.
    DataError
        if there is no frame, or one holds a value that extended XYZ would change.
    """
    path, frames = Path(path), list(frames)
    if not frames:
        raise fault(path.name, "expected at least one frame, got none", "give frames to write")
    refuse_existing([path], force)
    written = [_checked(f, k) for k, f in enumerate(frames)]
    text = "".join(_frame_text(atoms) for atoms in written)
    for k, (atoms, back) in enumerate(zip(written, _parse(text, path.name), strict=True)):
        _compare(atoms, back, _label(frames[k], k))
    with replacing(path, force) as part:
        part.write_bytes(gzip.compress(text.encode("utf-8")) if path.suffix == ".gz" else text.encode("utf-8"))


def read_text(path: Path, kind: str = "extended XYZ file") -> str:
    """Return the text of a file, plain or `.gz`; refuse a folder, an empty file, a damaged one and bytes that are no text."""
    if path.is_dir():
        raise fault(str(path), "expected a file, got a folder", f"name one {kind}")
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder.")
    try:
        if path.suffix == ".gz":
            with gzip.open(path, "rt", encoding="utf-8") as file:
                text = file.read()
        else:
            text = path.read_text(encoding="utf-8")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise fault(path.name, f"the compressed file is cut short or damaged ({error})", "fetch or write the file again") from error
    except UnicodeDecodeError as error:
        raise fault(path.name, f"expected text, got bytes that are not UTF-8 ({error})", f"name one {kind}") from error
    if not text.strip():
        raise fault(path.name, "the file is empty", "write or fetch it again")
    return text


def _parse(text: str, name: str) -> list[Atoms]:
    _check_layout(text, name)
    try:
        return read(io.StringIO(text), index=":", format="extxyz")
    except (ValueError, TypeError, KeyError, OSError, OverflowError, IndexError) as error:
        raise fault(name, f"not readable as extended XYZ: {error}", "compare the file with the format, one line of keys and one row an atom") from error


def _check_layout(text: str, name: str) -> None:
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    start = k = 0
    while start < len(lines):
        where, head = f"{name} frame {k}", lines[start].strip()
        if not head.isdigit() or int(head) == 0:
            raise fault(where, f"line {start + 1}: expected the number of atoms, got {head[:40]!r}", "remove blank or surplus lines; frames follow each other directly")
        rows = lines[start + 2 : start + 2 + int(head)]
        if len(rows) < int(head):
            raise fault(where, f"the file is cut short: expected {head} atoms, got {len(rows)}", "write or fetch the file again")
        _refuse_twins(lines[start + 1], where)
        columns = _PROPERTIES.search(lines[start + 1])
        width = sum(int(c) for c in columns.group(1).split(":")[2::3] if c.isdigit()) if columns else 4
        for number, row in enumerate(rows, start + 3):
            got = len(row.split())
            if got != width and (columns or got < width):
                raise fault(where, f"line {number}: expected {width} columns, got {got}", "write or fetch the file again")
        start, k = start + 2 + int(head), k + 1
    if not text.endswith("\n"):  # a number that lost digits is still a number
        warn([Problem("warning", where, "the last line has no end", "see whether the file was cut; a whole file ends with a line break")])


def _refuse_twins(comment: str, where: str) -> None:
    """Refuse a key that stands twice in a comment line, of which the parser would keep the last."""
    keys = Counter(_KEY.findall(_VALUE.sub("=word", comment)))
    twice = [key for key, count in keys.items() if count > 1]
    if twice:
        raise fault(where, f"{', '.join(twice)}: expected once in the comment line, got {max(keys.values())} times", "keep the value that is right")


def _checked(frame: ElectrifiedFrame, k: int) -> Atoms:
    atoms = frame.to_atoms()
    for key, value in {**atoms.info, **atoms.arrays, "Lattice": atoms.cell.array}.items():
        reason = _unwritable(value, key in atoms.arrays)
        if reason:
            raise fault(_label(frame, k), f"{key}: {reason}, got {value!r}"[:300], f"remove {key} or write it in another form")
    return atoms


def _unwritable(value, is_column: bool) -> str:
    """Say why extended XYZ would change a value, or return an empty string."""
    if value is None:
        return "None would come back as True, expected a value"
    array = np.asarray(value)
    kind = array.dtype.kind
    if kind not in _TYPES:
        return f"expected numbers, flags or words of fixed type, not {array.dtype}"
    if array.size == 0:
        return "an empty array would swallow the next entry"
    if kind == "f" and not np.isfinite(array).all():
        return "expected finite numbers"
    if is_column and array.ndim > 2:
        return "expected at most two dimensions; (N, 3, 3) is written as (N, 9)"
    if not is_column and kind == "U" and (array.ndim or str(value).strip() in ("", "T", "F")):
        return "expected a word that is neither empty nor a flag"
    return "expected one line without tabs" if kind == "U" and any(c in str(v) for v in array.ravel() for c in "\n\r\t\v\f") else ""


def _frame_text(atoms: Atoms) -> str:
    columns = {"species": np.array(atoms.get_chemical_symbols()), "pos": atoms.positions}
    columns |= {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    if atoms.constraints:
        if not all(isinstance(c, FixAtoms) for c in atoms.constraints):
            raise fault("write_frames", f"constraints: expected FixAtoms, got {atoms.constraints}", "remove the other constraints")
        columns["move_mask"] = ~np.isin(np.arange(len(atoms)), np.concatenate([c.index for c in atoms.constraints]))
    layout = ":".join(f"{k}:{_TYPES[v.dtype.kind]}:{v[0].size}" for k, v in columns.items())
    lattice = f'Lattice="{" ".join(repr(float(x)) for x in atoms.cell.array.ravel())}" ' if atoms.cell.any() else ""
    pbc = " ".join("FT"[int(p)] for p in atoms.pbc)
    rows = zip(*(v.reshape(len(atoms), -1).tolist() for v in columns.values()))
    body = "\n".join(" ".join(_token(x) for part in row for x in part) for row in rows)
    return f'{len(atoms)}\n{lattice}Properties={layout} pbc="{pbc}" {key_val_dict_to_str(atoms.info)}\n{body}\n'


def _token(value) -> str:
    if isinstance(value, bool):
        return "FT"[value]
    return value if isinstance(value, str) else repr(value)


def _compare(atoms: Atoms, back: Atoms, where: str) -> None:
    if back.calc is not None:
        raise fault(where, f"{', '.join(back.calc.results)} would be read as the result of a calculator", "use the keys REF_energy, REF_forces and so on")
    pairs = {"pbc": (atoms.pbc, back.pbc), "cell": (atoms.cell.array, back.cell.array)}
    for mine, theirs in ((atoms.arrays, back.arrays), (atoms.info, back.info)):
        pairs |= {key: (mine.get(key), theirs.get(key)) for key in {*mine, *theirs}}
    for key, (old, new) in pairs.items():
        a, b = np.asarray(old), np.asarray(new)
        if a.dtype.kind != b.dtype.kind and not {a.dtype.kind, b.dtype.kind} <= {"U", "O"} or not np.array_equal(a, b):
            raise fault(where, f"{key} = {old!r} would come back as {new!r}"[:300], f"remove {key} or write it in another form; words start with a letter")


def _label(frame: ElectrifiedFrame, k: int) -> str:
    return f"frame {k} to write (from {frame.where})"

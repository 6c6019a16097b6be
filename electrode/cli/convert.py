"""`electrode convert`."""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from electrode.cli.inputs import assumed, format_of, share
from electrode.cli.options import add_outputs, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = (
    "Formats are recognised by name and content; --from names one (mace and nequip must be named, they look like extxyz).\n"
    "What a file does not say is declared with --assume: a key of the record (mu_zero=electrolyte) or an option of the\n"
    "reader (total_charge=-0.25, electron=net_charge, columns=n_excess).  Nothing is guessed; a missing word is named."
)
EXAMPLE = (
    "electrode convert neutral/slab.out charged/slab.out --assume sides=1 --output frames.xyz --json summary.json\n"
    "  electrode convert train.xyz --from mace --assume electron=net_charge energy_kind=E mu_zero=electrolyte --to deepmd --output systems"
)
_CARRIERS = {  # of the whole record: module and writer
    "extxyz": ("electrode.data.files", "write_frames"),
    "ase-db": ("electrode.data.carriers_db", "write_database"),
    "npz": ("electrode.data.carriers_npz", "write_npz"),
}
_EXPORTS = ("deepmd", "mace", "cp-mace")  # for other programs, always with energies of the kind E
TARGETS = (*_CARRIERS, *_EXPORTS)


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="outputs of a code, extended XYZ, .db, .npz, folders of data sets and of DeePMD-kit")
    parser.add_argument("--from", "--format", dest="source", metavar="FORMAT", help="format of all inputs; by default each is recognised")
    parser.add_argument("--to", dest="target", default="extxyz", metavar="FORMAT", help=f"{', '.join(TARGETS)} (default %(default)s)")
    parser.add_argument("--output", required=True, metavar="PATH", help="file or, for deepmd, folder to write")
    parser.add_argument("--assume", nargs="+", default=[], metavar="KEY=VALUE", help="what the inputs do not say: keys of the record and options of the reader")
    parser.add_argument("--canonical", action="store_true", help="write every energy as E, at fixed charge; deepmd, mace and cp-mace do so always")
    parser.add_argument("--columns", nargs="+", metavar="NAME", help="of fparam.npy, for deepmd (default n_excess)")
    parser.add_argument("--lenient", action="store_true", help="warn of broken rules of the record instead of stopping")
    add_outputs(parser, "a summary")


def run(arguments) -> int:
    """Read, check, write and say what was done."""
    from electrode.data.problems import did_you_mean

    if arguments.target not in TARGETS:
        raise UsageError(f"--to: unknown format {arguments.target!r}{did_you_mean(arguments.target, TARGETS)}; expected one of {', '.join(TARGETS)}")
    if arguments.columns and arguments.target != "deepmd":
        raise UsageError(f"--columns is not used with --to {arguments.target}. Drop it")
    refuse_existing([arguments.output, arguments.json], arguments.force)
    declared = assumed(arguments.assume)
    with _noting() as notes:
        frames, inputs = _read(arguments, declared)
        left_out = _write(arguments, frames)
    kinds = Counter(frame.energy_kind or "not stated" for frame in frames)
    _show(inputs, len(frames), kinds, declared, left_out, arguments)
    if arguments.json:
        content = {"inputs": inputs, "frames": len(frames), "to": arguments.target, "output": arguments.output, "energy_kinds": kinds, "declared": declared, "notes": notes, "left_out": left_out}
        write_json(arguments.json, content, arguments.force)
    return 0


@contextmanager
def _noting() -> Iterator[list[str]]:
    """Collect what is warned of, each note once, and show it at the end, also where the work stops."""
    notes: list[str] = []
    with warnings.catch_warnings(record=True) as noted:
        warnings.filterwarnings("always", category=UserWarning)
        try:
            yield notes
        finally:
            notes.extend(dict.fromkeys(str(note.message) for note in noted))
            for note in notes:
                print(f"warning: {note}", file=sys.stderr)


def _read(arguments, declared: dict) -> tuple[list, list[dict]]:
    """Return the frames of all inputs, which obey the rules as one set, and a row for each input."""
    from electrode.data.checks import accept
    from electrode.data.readers.registry import read

    rows = [format_of(path, arguments.source, "--from") for path in arguments.inputs]
    frames, inputs = [], []
    for path, row, (assume, options) in zip(arguments.inputs, rows, share(rows, declared)):
        found = read(path, row.name, strict=not arguments.lenient, assume=assume, **options)
        inputs.append({"path": path, "format": row.name, "frames": len(found)})
        frames += found
    if arguments.canonical or arguments.target in _EXPORTS:
        frames = [frame if frame.energy_kind == "none" else frame.canonical() for frame in frames]
    return (accept(frames, not arguments.lenient) if len(inputs) > 1 else frames), inputs


def _write(arguments, frames: list) -> list[str]:
    """Write the frames and return the names of what the format cannot hold."""
    if arguments.target == "deepmd":
        from electrode.data.exports.deepmd import write_deepmd

        return write_deepmd(arguments.output, frames, arguments.columns or ("n_excess",), arguments.force)
    if arguments.target in _CARRIERS:
        module, name = _CARRIERS[arguments.target]
        getattr(import_module(module), name)(arguments.output, frames, arguments.force)
    else:
        from electrode.data.exports.mace import write_mace

        write_mace(arguments.output, frames, arguments.target, arguments.force)
    return []


def _show(inputs: list[dict], n: int, kinds: Counter, declared: dict, left_out: list[str], arguments) -> None:
    print(table(("input", "format", "frames"), [list(row.values()) for row in inputs]))
    print(f"{n} frames written to {Path(arguments.output)} as {arguments.target}; energies: {', '.join(f'{kind} ({count})' for kind, count in kinds.items())}")
    if declared:
        print(f"declared: {', '.join(f'{key}={value}' for key, value in declared.items())}")
    if left_out:
        print(f"left out, the format cannot hold it: {', '.join(left_out)}")

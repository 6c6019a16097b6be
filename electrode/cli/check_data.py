"""`electrode check-data`."""

from __future__ import annotations

import warnings
from collections import Counter

from electrode.cli.inputs import add_data, assumed, format_of, share
from electrode.cli.options import add_outputs
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = (
    "Prints what is there, what was assumed (aliases, known sets), what was measured and what is wrong, each with its rule\n"
    "and what to do. Several files are checked as one set, and for structures that stand in two of them.\n"
    "Exit code 0 without errors, 1 with errors; warnings do not count. docs/record.md explains the rules."
)
EXAMPLE = "electrode check-data train.xyz test.xyz --json report.json --plot coverage.png"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    parser.add_argument("--plot", metavar="FILE", help="figure of charge and potential, .png, .svg or .pdf")
    add_outputs(parser, "the report")


def run(arguments) -> int:
    """Read, check, print and write."""
    from electrode.data.coverage import coverage_lines
    from electrode.data.report import examine, lines
    from electrode.plot import check_suffix

    refuse_existing([arguments.json, arguments.plot], arguments.force)
    if arguments.plot:
        check_suffix(arguments.plot)
    report = examine(*read_files(arguments))
    if arguments.plot and not len(report.states):
        raise UsageError("--plot: no frame has both a charge and a potential. Drop --plot")
    print("\n".join([*lines(report), *(["", *coverage_lines(report.states)] if len(report.states) else [])]))
    if arguments.json:
        write_json(arguments.json, {"files": arguments.data, **report.to_json()}, arguments.force)
    if arguments.plot:
        from electrode.plot_data import plot_coverage

        plot_coverage(report.states, arguments.plot, force=arguments.force)
    return 1 if report.errors else 0


def read_files(arguments) -> tuple[dict[str, list], list[str], list]:
    """Return the frames of each file, unchecked, what their reading assumed, and why some could not be read.

    Raises
    ------
    UsageError, FileNotFoundError
        if a file is named twice, or there is none of that name.
    """
    from electrode.data.problems import DataError
    from electrode.data.readers.registry import parse

    declared, formats, notes, unread = assumed(arguments.assume), {}, [], []
    twice = [path for path, count in Counter(arguments.data).items() if count > 1]
    if twice:
        raise UsageError(f"{twice[0]} is named twice. Name each file once")
    for path in arguments.data:
        try:
            formats[path] = format_of(path, arguments.format)
        except DataError as error:
            unread += error.problems
    files = {path: [] for path in arguments.data}
    for (path, row), (assume, options) in zip(formats.items(), share(formats.values(), declared)):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                files[path] = parse(path, row.name, assume=assume, **options)
            except DataError as error:
                unread += error.problems
        notes += dict.fromkeys(str(w.message).partition(". Do: ")[0] for w in caught)
    return files, notes, unread

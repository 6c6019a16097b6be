"""Files of frames on the command line: the format of each, and which words of --assume are for its reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from electrode.cli.parser import Parser, UsageError

DATASET = "dataset"  # the format whose frames stay on the disk


def add_data(parser: Parser) -> None:
    """Add the data files, their format and what may be assumed of them."""
    parser.add_argument("data", nargs="+", metavar="DATA", help="labelled frames in any known format: extended XYZ, .db, .npz, the folder of a data set, outputs of codes")
    add_reading(parser)


def add_reading(parser: Parser) -> None:
    """Add --format and --assume."""
    parser.add_argument("--format", metavar="NAME", help="format of all files; by default each is recognised")
    parser.add_argument("--assume", nargs="+", default=[], metavar="KEY=VALUE", help="what the files do not say: keys of the record, for instance mu_zero=electrolyte, and options of their reader")


def read_data(arguments) -> Sequence:
    """Return the labelled frames of all data files, in order, or of the folder of a data set; raises what their readers raise.

    Raises
    ------
    UsageError
        for an unknown format or word, or the folder of a data set beside other files.
    """
    from electrode.data.dataset import MappedDataset
    from electrode.data.readers.registry import read

    name, declared = vars(arguments).get("format"), assumed(arguments.assume)
    formats = [format_of(path, name) for path in arguments.data]
    if any(row.name == DATASET for row in formats):
        if len(formats) > 1 or declared:
            raise UsageError("the folder of a data set stands alone: expected one folder without --assume, or files")
        return MappedDataset(arguments.data[0])
    shares = share(formats, declared)
    return [frame for path, row, (assume, options) in zip(arguments.data, formats, shares) for frame in read(path, row.name, assume=assume, **options)]


def format_of(path: str | Path, name: str | None = None, flag: str = "--format"):
    """Return the format of that name, an `electrode.data.readers.registry.Format`, or recognise the file's.

    Raises
    ------
    UsageError
        for an unknown name.
    FileNotFoundError, DataError
        without such a file, or where no format or several fit.
    """
    from electrode.data.problems import did_you_mean
    from electrode.data.readers.registry import FORMATS, recognise

    if name is None:
        return recognise(path)
    if name not in FORMATS:
        raise UsageError(f"{flag}: unknown format {name!r}{did_you_mean(name, FORMATS)}; expected one of {', '.join(FORMATS)}")
    return FORMATS[name]


def share(formats: Iterable, declared: Mapping) -> list[tuple[dict, dict]]:
    """Return for each format what of --assume are keys of the record, and what are options of its reader.

    Raises
    ------
    UsageError
        for a word that is neither.
    """
    from electrode.data.aliases import SPECIAL
    from electrode.data.problems import did_you_mean
    from electrode.data.record import KEY_OF

    formats = list(formats)
    options = {word for row in formats for word in row.options}
    known = {*KEY_OF, *KEY_OF.values(), *SPECIAL}
    for word in declared:
        if word not in known | options:
            raise UsageError(f"--assume: {word!r} is neither a key of the record nor an option of these readers ({', '.join(sorted(options)) or 'they have none'}){did_you_mean(word, known | options)}")
    assume = {key: value for key, value in declared.items() if key not in options}
    return [(assume, {key: value for key, value in declared.items() if key in row.options}) for row in formats]


def assumed(pairs: Sequence[str]) -> dict:
    """Return the words of --assume, KEY=VALUE, as key -> value.

    Raises
    ------
    UsageError
        if one is no such pair.
    """
    import yaml

    out = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals and value):
            raise UsageError(f"--assume: expected KEY=VALUE, got {pair!r}")
        out[key] = yaml.safe_load(value)
    return out

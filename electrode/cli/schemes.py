"""`electrode schemes`."""

from __future__ import annotations

from electrode.cli.options import add_outputs
from electrode.cli.parser import Parser
from electrode.output import refuse_existing, write_json

NOTES = "`natural` is the variable that the scheme's energy depends on."
EXAMPLE = "electrode schemes --json schemes.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_outputs(parser, "the list")


def run(arguments) -> int:
    """Print and write the list."""
    refuse_existing([arguments.json], arguments.force)
    from electrode.models.schemes import SCHEMES

    names = ("natural", "trainable", "title", "doi")
    rows = [{"name": name, **{n: getattr(scheme, n) for n in names}} for name, scheme in SCHEMES.items()]
    for row in rows:
        print(f"{row['name']:14} {row['natural']:10} {row['title']}{'' if row['trainable'] else ' (nothing to train)'}")
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0

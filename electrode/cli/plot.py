"""`electrode plot`."""

from __future__ import annotations

from electrode.cli.parser import Parser
from electrode.output import refuse_existing

NOTES = (
    "RESULT is what neb, scan, evaluate, train, capacitance --concentration, charges or learn wrote with --json, or the history.json or log of a training;\n"
    "what it is, its keys tell."
)
EXAMPLE = "electrode plot barrier.json --output barrier.svg\n  electrode plot barrier.json --curve curve.json --output barrier.png --force"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("result", metavar="RESULT.json", help="what a command wrote with --json")
    parser.add_argument("--output", required=True, metavar="FILE", help="figure, .png, .svg or .pdf")
    parser.add_argument("--curve", metavar="FILE.json", help="what `electrode neb --curve` wrote, drawn between the barriers")
    parser.add_argument("--force", action="store_true", help="replace an existing figure")


def run(arguments) -> int:
    """Draw and say what was drawn."""
    refuse_existing([arguments.output], arguments.force)
    from electrode.plot import check_suffix
    from electrode.plot_results import plot_result, read_result

    check_suffix(arguments.output)
    content = read_result(arguments.result)
    curve = None if arguments.curve is None else read_result(arguments.curve)
    try:
        kind = plot_result(content, arguments.output, curve=curve, force=arguments.force)
    except (KeyError, TypeError) as error:  # a file of a user's own may lack anything
        raise ValueError(f"{arguments.result}: not as a command writes it ({type(error).__name__}: {error})") from error
    print(f"{arguments.output}: {kind.name}")
    return 0

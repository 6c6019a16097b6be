"""`electrode doctor`."""

from __future__ import annotations

from electrode.cli.check_data import read_files
from electrode.cli.inputs import add_reading
from electrode.cli.options import add_outputs
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = (
    "Give single points of one geometry at several charges, or the log of a run at constant potential. Each check says\n"
    "ok, warn, fail, or skip where the data do not tell. Exit code 0 unless a check fails."
)
EXAMPLE = "electrode doctor series.xyz --potential-tolerance 0.01 --json verdicts.json"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    parser.add_argument("data", nargs="+", metavar="FILE", help="frames in any known format, or logs of programs")
    add_reading(parser)
    parser.add_argument("--energy-tolerance", type=float, default=1e-3, metavar="EV", help="what the energies were converged to [eV] (default %(default)s)")
    parser.add_argument("--potential-tolerance", type=float, default=0.01, metavar="V", help="what the potentials were converged to [V] (default %(default)s)")
    add_outputs(parser, "the verdicts")


def run(arguments) -> int:
    """Read, diagnose, print and write."""
    from electrode.data.doctor import Tolerance, diagnose, to_json, worst
    from electrode.data.problems import DataError

    refuse_existing([arguments.json], arguments.force)
    if not (arguments.energy_tolerance > 0.0 and arguments.potential_tolerance > 0.0):
        raise UsageError(f"expected positive tolerances, got {arguments.energy_tolerance:g} eV and {arguments.potential_tolerance:g} V")
    files, assumed, unread = read_files(arguments)
    if unread:
        raise DataError(unread)
    frames = [frame for some in files.values() for frame in some]
    verdicts = diagnose(frames, Tolerance(arguments.energy_tolerance, arguments.potential_tolerance))
    print("\n".join([f"{len(frames)} frames, {len({f.geometry_id for f in frames})} geometries", *(f"assumed: {text}" for text in assumed)]))
    for v in verdicts:
        print(f"{v.verdict:5} {v.check}: {v.what}" + (f"\n      do: {v.mend}" if v.mend else ""))
    skipped = sum(v.verdict == "skip" for v in verdicts)
    print(f"verdict: {worst(verdicts)}" + (f", {skipped} of {len(verdicts)} checks skipped" if skipped else ""))
    if arguments.json:
        write_json(arguments.json, {"files": arguments.data, "assumed": assumed, **to_json(verdicts)}, arguments.force)
    return 1 if worst(verdicts) == "fail" else 0

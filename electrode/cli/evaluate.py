"""`electrode evaluate`."""

from __future__ import annotations

from electrode.cli.inputs import add_data, read_data
from electrode.cli.options import add_model, add_outputs, errors_table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = "Each frame is compared at its labelled natural variable of the model; energies in the natural scalar, nothing refitted."
EXAMPLE = "electrode evaluate test.xyz --model M --json errors.json --plot parity.png"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    add_model(parser)
    parser.add_argument("--split", metavar="FILE", help="split.json of a training; needs --part")
    parser.add_argument("--part", choices=("train", "validation", "test"), help="the part of the split to compare with")
    parser.add_argument("--window", type=float, default=0.5, help="width of the windows of the absolute potential [V] (default %(default)s)")
    parser.add_argument("--plot", metavar="FILE", help="parity figure, .png, .svg or .pdf")
    add_outputs(parser, "the errors")


def run(arguments) -> int:
    """Compare, print and write."""
    refuse_existing([arguments.json, arguments.plot], arguments.force)
    if (arguments.split is None) != (arguments.part is None):
        raise UsageError("--split and --part belong together; give both or neither")
    from electrode.plot import check_suffix, plot_parity

    if arguments.plot:
        check_suffix(arguments.plot)
    found = _compare(arguments)
    systems, windows = found.by_system(), found.by_window(arguments.window)
    errors = {**found.errors(), "natural": found.natural, "systems": systems, "windows": windows}
    _show(found.errors(), systems, windows)
    if arguments.json:
        write_json(arguments.json, errors, arguments.force)
    if arguments.plot:
        pairs = {name: found.pairs(name) for name in ("energy", "forces", "charge", "potential")}
        plot_parity({k: v for k, v in pairs.items() if len(v[0])}, arguments.plot, force=arguments.force)
    return 0


def _compare(arguments):
    from tqdm import tqdm

    from electrode.data.splits import Split
    from electrode.models.store import load_model
    from electrode.train.metrics import compare

    model, frames = load_model(arguments.model), read_data(arguments)
    if arguments.split:
        frames = Split.from_json(arguments.split).select(frames, arguments.part)
    with tqdm(total=len(frames), disable=None, unit="frame") as bar:
        return compare(model, frames, progress=bar.update)


def _show(pooled: dict, systems: dict, windows: list[dict]) -> None:
    print(errors_table({"all": pooled, **systems}))
    if windows:
        edges = ("potential_low_V", "potential_high_V")
        rows = {f"{w[edges[0]]:.2f} to {w[edges[1]]:.2f} V absolute": {k: v for k, v in w.items() if k not in edges} for w in windows}
        print(f"\n{errors_table(rows)}")

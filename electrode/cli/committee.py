"""`electrode committee`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.inputs import add_data, read_data
from electrode.cli.options import add_outputs, errors_table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """Train each member with a --seed of its own and the same --split, on as many cores or machines as there are; `electrode train --members`
trains all of them in one process.  The spread is calibrated on the part `validation` of --split, or on all frames of DATA without one."""
EXAMPLE = "electrode committee data.xyz --models A B C --split split.json --output M"


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    parser.add_argument("--models", nargs="+", required=True, metavar="M", help="folders of models of one scheme, trained alike but for their seeds; a committee brings all of its members")
    parser.add_argument("--split", metavar="FILE", help="the division that the members were trained with, JSON")
    parser.add_argument("--caution", type=float, default=0.0, metavar="K", help="let disagreement cost energy, so that relaxations and bands keep to what the members know; 3 is a good value (default 0)")
    parser.add_argument("--output", required=True, metavar="M", help="folder of the committee")
    add_outputs(parser, "the errors of each part")


def run(arguments) -> int:
    """Join, print the errors and write the committee."""
    refuse_existing([arguments.output, arguments.json], arguments.force)
    _refuse_member(arguments)
    from electrode.data.splits import Split
    from electrode.models.store import load_model, save_model
    from electrode.train.joining import joined
    from electrode.train.metrics import frame_errors

    if arguments.split and not Path(arguments.split).is_file():
        raise FileNotFoundError(f"{arguments.split}: no such file. Check the name of the split.")
    models, frames = [load_model(m) for m in arguments.models], read_data(arguments)
    split = Split.from_json(arguments.split) if arguments.split else None
    parts = split.divide(frames) if split else {"validation": frames}
    committee = joined(models, parts["validation"], arguments.caution)
    errors = {part: frame_errors(committee, some) for part, some in parts.items() if some}
    save_model(committee, arguments.output, force=arguments.force)
    if split:
        split.to_json(Path(arguments.output) / "split.json")
    write_json(Path(arguments.output) / "errors.json", errors)
    print(errors_table(errors))
    if arguments.json:
        write_json(arguments.json, errors, arguments.force)
    return 0


def _refuse_member(arguments) -> None:
    """Keep --force from replacing a member, or what is no model."""
    output = Path(arguments.output)
    if output.resolve() in {Path(m).resolve() for m in arguments.models}:
        raise UsageError(f"--output {output} is one of --models, which would be lost; expected a new name")
    if output.exists() and not (output / "model.json").is_file():
        raise UsageError(f"{output} is not a model, so --force does not replace it; expected a new name, or a folder with model.json")

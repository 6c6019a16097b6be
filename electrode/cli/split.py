"""`electrode split`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.inputs import add_data, read_data
from electrode.cli.options import add_outputs, table
from electrode.cli.parser import Parser, UsageError
from electrode.output import refuse_existing, write_json

NOTES = """A group of frames never stands in two parts. --by potential and charge need --hold-out LOW HIGH (V absolute, e), lowest or
highest (the share of the test), or --folds; by composition, system, reaction and trajectory --hold-out takes names (an element
stands for every frame with it). What is left is divided by trajectory, or by positions where frames carry no trajectory. Frames
of one structure, moved, imaged or reordered, are refused in two parts unless --join keeps their groups together."""
EXAMPLE = "electrode split data.xyz --by potential --hold-out highest --seed 0 --output split.json"
WAYS = ("trajectory", "positions", "composition", "system", "reaction", "potential", "charge")
SHARES = (0.7, 0.15, 0.15)


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    parser.add_argument("--by", choices=WAYS, metavar="WAY", help=f"{', '.join(WAYS)} (default trajectory, or positions without any)")
    parser.add_argument("--fractions", type=float, nargs=3, default=SHARES, metavar="F", help="shares of train, validation and test (default 0.7 0.15 0.15)")
    parser.add_argument("--hold-out", nargs="+", metavar="X", help="what only the test sees: LOW HIGH, lowest, highest, or names")
    parser.add_argument("--folds", type=int, metavar="K", help="write K splits, FILE-0.json and on, each with another part as test")
    parser.add_argument("--stratify-by", default="config_type", metavar="KEY", help="entry whose values all parts share (default %(default)s)")
    parser.add_argument("--near", type=float, default=0.01, metavar="A", help="structures closer than this are the same [A] (default %(default)s)")
    parser.add_argument("--join", action="store_true", help="keep groups that share a structure together")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the shuffle (default %(default)s)")
    parser.add_argument("--output", required=True, metavar="FILE", help="the split, JSON; `electrode train --split` reads it")
    add_outputs(parser, "the number of frames and groups in each part")


def run(arguments) -> int:
    """Divide, print and write."""
    outputs = _outputs(arguments)
    refuse_existing([*outputs, arguments.json], arguments.force)
    if arguments.hold_out and arguments.folds:
        raise UsageError("--hold-out and --folds exclude each other; each fold holds out its own part")
    frames = read_data(arguments)
    splits = _splits(arguments, frames)
    counts = [_counts(split, frames) for split in splits]
    for path, split, count in zip(outputs, splits, counts):
        split.to_json(path, arguments.force)
        held = "" if split.held_out is None else f"; held out: {split.held_out}"
        print(f"{path}: by {split.group}{held}")
        print(table(["part", "frames", "groups"], [[part, row["frames"], row["groups"]] for part, row in count.items()]))
    if arguments.json:
        write_json(arguments.json, {str(path): count for path, count in zip(outputs, counts)}, arguments.force)
    return 0


def _outputs(arguments) -> list[Path]:
    path = Path(arguments.output)
    if arguments.folds is None:
        return [path]
    if arguments.folds < 2:
        raise UsageError(f"--folds: expected at least 2, got {arguments.folds}")
    return [path.with_name(f"{path.stem}-{k}{path.suffix}") for k in range(arguments.folds)]


def _splits(arguments, frames) -> list:
    from electrode.data.splits import check_fractions, split_by_trajectory
    from electrode.data.splits_folds import each_held_out, hold_out, k_fold

    check_fractions(arguments.fractions)
    inner = "positions" if all(f.trajectory is None for f in frames) else "trajectory"
    by = arguments.by or inner
    common = {"seed": arguments.seed, "near": arguments.near, "join": arguments.join}
    if arguments.hold_out:
        return [hold_out(frames, _held_out(arguments, frames, by), tuple(arguments.fractions), group=inner, **common)]
    if by in ("potential", "charge"):
        if arguments.folds is None:
            raise UsageError(f"--by {by} needs --hold-out LOW HIGH, --hold-out lowest or highest, or --folds K")
        return each_held_out(frames, by, arguments.folds, tuple(arguments.fractions), group=inner, **common)
    if arguments.folds is not None:
        return k_fold(frames, arguments.folds, group=by, **common)
    key = arguments.stratify_by
    if key != "config_type" and all(f.info.get(key, getattr(f, key, None)) is None for f in frames):
        raise UsageError(f"--stratify-by {key}: expected an entry of the frames' info or a field of the record; no frame has it")
    return [split_by_trajectory(frames, tuple(arguments.fractions), stratify_by=arguments.stratify_by, group=by, **common)]


def _held_out(arguments, frames, by: str):
    from electrode.data.splits_groups import ENDS, HeldOut, extreme

    words = arguments.hold_out
    if by not in ("potential", "charge"):
        return HeldOut(by, tuple(words))
    if len(words) == 1 and words[0] in ENDS:
        return extreme(frames, by, arguments.fractions[2], words[0])
    try:
        low, high = map(float, words)
    except ValueError:
        raise UsageError(f"--hold-out: expected LOW HIGH, lowest or highest for --by {by}; got {' '.join(words)!r}") from None
    return HeldOut(by, low=low, high=high)


def _counts(split, frames) -> dict[str, dict]:
    parts = split.parts(frames)
    return {part: {"frames": parts.count(part), "groups": len(getattr(split, part)) or None} for part in ("train", "validation", "test")}

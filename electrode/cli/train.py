"""`electrode train`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.options import add_data, add_outputs, errors_table, read_data
from electrode.cli.parser import Parser, UsageError
from electrode.data.problems import did_you_mean
from electrode.output import refuse_existing, write_json

NOTES = """The configuration is YAML with up to two sections: `model`, entries of the scheme's configuration, and `train`, entries
of the training's (terms, epochs, batch_size, learning_rate ...). Without --split, trajectories are divided 70 : 15 : 15 by
--seed. The split that was used stands in M/split.json, the errors of each part in M/errors.json, the course of the
training in M/history.json."""
EXAMPLE = "electrode train data.xyz --scheme dual --output M --max-minutes 5 --seed 0"
SHARES = (0.7, 0.15, 0.15)
SECTIONS = ("model", "train")


def add_arguments(parser: Parser) -> None:
    """Add the arguments of the verb."""
    add_data(parser)
    parser.add_argument("--scheme", required=True, metavar="NAME", help="a name of `electrode schemes`")
    parser.add_argument("--output", required=True, metavar="M", help="folder of the model")
    parser.add_argument("--config", metavar="FILE", help="choices that differ from the defaults, YAML")
    parser.add_argument("--split", metavar="FILE", help="division into train, validation and test, JSON")
    parser.add_argument("--members", type=int, default=1, metavar="K", help="train a committee of K models in the same time; their spread says when not to trust (default %(default)s)")
    parser.add_argument("--caution", type=float, default=0.0, metavar="K", help="let the disagreement of a committee cost energy, so that relaxations and bands keep to what it knows; 3 is a good value (default 0)")
    parser.add_argument("--max-minutes", type=float, metavar="T", help="time for the training loop [minutes]")
    parser.add_argument("--seed", type=int, metavar="S", help="of the split, the initial weights and the order of frames")
    add_outputs(parser, "the errors of each part")


def run(arguments) -> int:
    """Train, print the split and the errors, and write the model."""
    refuse_existing([arguments.json, arguments.output], arguments.force)
    _refuse_other_folder(Path(arguments.output))
    choices, config = configuration(arguments)
    frames = read_data(arguments)
    split = _split(arguments, frames)
    parts = {part: split.select(frames, part) for part in ("train", "validation", "test")}
    for part, some in parts.items():
        print(f"{part}: {len(some)} frames of {len(getattr(split, part))} groups ({split.group})")
    training = _train(arguments, parts, choices, config)
    _save(arguments, training, split)
    errors = _errors(training.model, parts)
    print(errors_table(errors))
    write_json(Path(arguments.output) / "errors.json", errors)
    if arguments.json:
        write_json(arguments.json, errors, arguments.force)
    return 0


def configuration(arguments) -> tuple[dict, object]:
    """Return the scheme's choices and the `TrainConfig` from --config, --seed and --max-minutes, which win over the file.

    Raises
    ------
    UsageError, ValueError, OSError
        for a file that is no YAML mapping, an unknown key (with the nearest name), or a value of wrong type or size.
    """
    from dataclasses import fields

    from electrode.models.base import ModelCard
    from electrode.models.schemes import SCHEMES
    from electrode.models.store import from_plain
    from electrode.train.fit import TrainConfig
    from electrode.train.train import new_model

    if arguments.scheme not in SCHEMES:
        raise UsageError(f"unknown scheme {arguments.scheme!r}: expected one of {', '.join(SCHEMES)}{did_you_mean(arguments.scheme, SCHEMES)}")
    sections = _read_sections(arguments.config) if arguments.config else {}
    choices, training = dict(sections.get("model") or {}), dict(sections.get("train") or {})
    if arguments.seed is not None:
        training["seed"] = arguments.seed
        if "seed" in {f.name for f in fields(SCHEMES[arguments.scheme].config())}:
            choices["seed"] = arguments.seed
    if arguments.max_minutes is not None:
        training["max_minutes"] = arguments.max_minutes
    try:
        new_model(arguments.scheme, ModelCard(elements=(1,)), choices)  # a trial, so that mistakes show before data are read
        return choices, from_plain(TrainConfig, training)
    except TypeError as error:
        raise UsageError(f"the configuration has an entry of the wrong type ({error}), got model: {choices}, train: {training}") from error


def _refuse_other_folder(folder: Path) -> None:
    """Keep --force from replacing anything that is no model."""
    if folder.exists() and not (folder / "model.json").is_file():
        raise UsageError(f"{folder} is not a model, so --force does not replace it; expected a new name, or a folder with model.json")


def _read_sections(path: str) -> dict:
    import yaml

    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{path}: no such file. Check the name of the configuration.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not readable as YAML: {error}") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path}: expected the sections {' and '.join(SECTIONS)}, got {content!r:.80}")
    for name, section in content.items():
        if name not in SECTIONS:
            raise UsageError(f"{path}: unknown section {name!r}, expected {' and '.join(SECTIONS)}{did_you_mean(str(name), SECTIONS)}")
        if section is not None and not isinstance(section, dict):
            raise UsageError(f"{path}: expected entries in the section {name!r}, got {section!r:.80}")
    return _numbers(content)


def _numbers(value):
    """Return numbers for the words that YAML leaves as text, such as 1e-3."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _split(arguments, frames):
    from electrode.data.splits import Split, split_by_trajectory

    if arguments.split:
        if not Path(arguments.split).is_file():
            raise FileNotFoundError(f"{arguments.split}: no such file. Check the name of the split.")
        return Split.from_json(arguments.split)
    group = "positions" if all(f.trajectory is None for f in frames) else "trajectory"
    return split_by_trajectory(frames, SHARES, seed=arguments.seed or 0, group=group)


def _train(arguments, parts: dict, choices: dict, config):
    from tqdm import tqdm

    from electrode.train.train import train

    with tqdm(total=100, disable=None, bar_format="{l_bar}{bar}| {elapsed} {postfix}") as bar:

        def progress(row: dict) -> None:
            bar.update(round(100 * row["done"]) - bar.n)
            bar.set_postfix_str(f"epoch {row['epoch']}, validation loss {row['validation_loss']:.4g}")

        return train(arguments.scheme, parts["train"], parts["validation"], config, choices, progress, arguments.members, arguments.caution)


def _errors(model, parts: dict) -> dict:
    from electrode.train.metrics import frame_errors

    return {part: frame_errors(model, frames) for part, frames in parts.items() if frames}


def _save(arguments, training, split) -> None:
    from electrode.models.store import save_model

    folder = Path(arguments.output)
    save_model(training.model, folder, force=arguments.force)
    split.to_json(folder / "split.json")
    write_json(folder / "history.json", training.history)

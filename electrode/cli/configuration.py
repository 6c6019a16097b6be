"""The YAML file of `electrode train --config`."""

from __future__ import annotations

from pathlib import Path

from electrode.cli.parser import UsageError
from electrode.data.problems import did_you_mean

SECTIONS = ("model", "train")


def configuration(arguments) -> tuple[dict, object]:
    """Return the scheme's choices and the `TrainConfig` from --config, --base, --seed and --max-minutes, which win over the file.

    Raises
    ------
    UsageError, ValueError, OSError
        for a file that is no YAML mapping, an unknown key (with the nearest name), or a value of wrong type or size.
    """
    from dataclasses import fields

    from electrode.models.base import ModelCard
    from electrode.models.schemes import find_scheme
    from electrode.models.store import from_plain
    from electrode.train.config import TrainConfig
    from electrode.train.train import new_model

    known = find_scheme(arguments.scheme)
    sections = _read_sections(arguments.config) if arguments.config else {}
    choices, training = dict(sections.get("model") or {}), {**known.training, **(sections.get("train") or {})}
    if arguments.base is not None:
        choices["base"] = arguments.base
    if arguments.seed is not None:
        training["seed"] = arguments.seed
        if arguments.start is None and "seed" in {f.name for f in fields(known.config())}:
            choices["seed"] = arguments.seed
    if arguments.start is not None and choices:
        raise UsageError(f"--start brings its own choices of the model, got others: {', '.join(choices)}. Leave them out, or train a new model")
    if arguments.max_minutes is not None:
        training["max_minutes"] = arguments.max_minutes
    try:
        new_model(arguments.scheme, ModelCard(elements=(1,)), choices)  # a trial, so that mistakes show before data are read
        return choices, from_plain(TrainConfig, training)
    except TypeError as error:
        raise UsageError(f"the configuration has an entry of the wrong type ({error}), got model: {choices}, train: {training}") from error


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

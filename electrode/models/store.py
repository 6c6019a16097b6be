"""Models on disk: a folder with `model.json` (scheme, choices, card) and `weights.safetensors`.  No pickle, ever."""

from __future__ import annotations

import difflib
import json
from dataclasses import MISSING, asdict, fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import get_args, get_type_hints

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from electrode.models.base import Model, ModelCard
from electrode.models.schemes import SCHEMES, find_scheme, scheme_of
from electrode.output import replacing_folder

FORMAT = 1


class ModelFileError(ValueError):
    """A stored model is missing, damaged, or written by another version."""


def shipped_models() -> tuple[str, ...]:
    """Return the names of the models inside the package."""
    root = files("electrode") / "shipped"
    return tuple(sorted(p.name for p in root.iterdir() if (p / "model.json").is_file())) if root.is_dir() else ()


def ready_schemes() -> tuple[str, ...]:
    """Return the names of the schemes that work untrained: nothing to train, and a default for every choice."""
    found = []
    for name, scheme in SCHEMES.items():
        if not scheme.trainable and all(f.default is not MISSING or f.default_factory is not MISSING for f in fields(scheme.config())):
            found.append(name)
    return tuple(found)


def build_model(scheme: str, config) -> Model:
    """Return a new model of the scheme with that name.

    Raises
    ------
    ValueError
        for an unknown scheme, with the nearest name.
    """
    return find_scheme(scheme).load()(config)


def load_model(source) -> Model:
    """Return a model from a Model (itself), a folder, or the name of a shipped one.

    A scheme that needs no training and has a default configuration, such as "baseline", loads by its name.

    Raises
    ------
    ModelFileError
        if there is no such model, or its files are damaged.
    """
    if isinstance(source, Model):
        return source
    folder = Path(source)
    if not folder.is_dir() and str(source) in shipped_models():
        folder = Path(str(files("electrode") / "shipped" / str(source)))
    if not folder.is_dir() and str(source) in ready_schemes():
        return build_model(str(source), SCHEMES[str(source)].config()()).eval()
    if not folder.is_dir():
        names = (*shipped_models(), *ready_schemes())
        raise ModelFileError(f"no model {str(source)!r}: expected a folder with model.json, or one of {', '.join(names)}{_nearest(str(source), names)}")
    head = _read_head(folder / "model.json")
    try:
        card = from_plain(ModelCard, head["card"])
        model = build_model(head["scheme"], from_plain(find_scheme(head["scheme"]).config(), head["config"]))
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelFileError(f"{folder / 'model.json'}: {error}; expected what save_model writes") from error
    _load_weights(model, folder / "weights.safetensors")
    model.card = card
    return model.eval()


def save_model(model: Model, folder: str | Path, force: bool = False, *, single_precision: bool = False) -> None:
    """Write a model to a folder, completely or not at all.

    Parameters
    ----------
    model : of one of the schemes
    folder : place to write;  force : replace a model that is there
    single_precision : halve the weights' size by rounding them; they are still read into double precision

    Raises
    ------
    FileExistsError
        if the folder exists and `force` is not set, or holds no model.
    ValueError
        for a model that is of no scheme, or has weights that are not finite.
    NoRoom
        see `output.telling_of_room`.
    """
    folder = Path(folder)
    _require_free(folder, force)
    scheme = scheme_of(model)
    if scheme is None:
        raise ValueError(f"save_model: expected a model of one of the schemes {', '.join(SCHEMES)}; got {type(model).__name__}")
    weights = {k: v.detach().contiguous().clone() for k, v in model.state_dict().items()}
    broken = [k for k, v in weights.items() if v.is_floating_point() and not torch.isfinite(v).all()]
    if broken:
        raise ValueError(f"save_model: {', '.join(broken)} hold NaN or infinity; train the model again")
    if single_precision:
        weights = {k: v.float() if v.is_floating_point() else v for k, v in weights.items()}
    head = {"format": FORMAT, "scheme": scheme, "config": asdict(model.config), "card": asdict(model.card)}
    folder.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(folder) as draft:
        (draft / "model.json").write_text(json.dumps(head, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        save_file(weights, draft / "weights.safetensors")


def _require_free(folder: Path, force: bool) -> None:
    if folder.exists() and not force:
        raise FileExistsError(f"{folder} exists. Give another name, or force=True to replace it.")
    if folder.exists() and not (folder / "model.json").is_file():
        raise FileExistsError(f"{folder} exists and holds no model.json: only a model is replaced. Give another name, or remove it yourself.")


def from_plain(kind, content):
    """Return the frozen dataclass `kind` from the plain dictionary that `asdict` made of it.

    Raises
    ------
    ValueError
        for an unknown key, with the nearest name.
    """
    hints = get_type_hints(kind)
    known = {f.name for f in fields(kind)}
    for key in content:
        if key not in known:
            raise ValueError(f"{kind.__name__} has no entry {key!r}: expected some of {', '.join(sorted(known))}{_nearest(key, known)}")
    return kind(**{k: _restore(hints[k], v) for k, v in content.items()})


def _nearest(name: str, known) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _restore(hint, value):
    inner = next((h for h in (hint, *get_args(hint)) if is_dataclass(h)), None)
    if isinstance(value, dict) and inner is not None:
        return from_plain(inner, value)
    if isinstance(value, (list, tuple)):
        inner = next((h for h in get_args(hint) if is_dataclass(h)), None)
        return tuple(from_plain(inner, v) if inner and isinstance(v, dict) else _restore(None, v) for v in value)
    return value


def _read_head(path: Path) -> dict:
    try:
        head = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ModelFileError(f"{path} is missing or not readable as JSON ({error}); expected what save_model writes") from error
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        found = head.get("format") if isinstance(head, dict) else type(head).__name__
        raise ModelFileError(f"{path}: expected format {FORMAT}, got {found}; train the model again with this version")
    known = head.get("scheme") in SCHEMES or ":" in str(head.get("scheme"))  # of a user's own scheme `find_scheme` says what is missing
    if not {"scheme", "config", "card"} <= set(head) or not known:
        raise ModelFileError(f"{path}: expected scheme, config and card of a known scheme; got {sorted(head)}, scheme {head.get('scheme')!r}")
    return head


def _some(names: list[str]) -> str:
    """Return the first few of many names and how many more there are."""
    return f"{names[:3]}" + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _load_weights(model: Model, path: Path) -> None:
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelFileError(f"{path} is missing or damaged ({error}); expected a safetensors file") from error
    expected = model.state_dict()
    if set(weights) != set(expected):
        missing, other = sorted(set(expected) - set(weights)), sorted(set(weights) - set(expected))
        raise ModelFileError(
            f"{path}: expected the weights that this version's {type(model).__name__} has; missing tensors {_some(missing)}, unexpected {_some(other)}. "
            "Train the model again, or read it with the version that wrote it"
        )
    for name, value in weights.items():
        if value.shape != expected[name].shape:
            raise ModelFileError(f"{path}: {name} has shape {tuple(value.shape)}, expected {tuple(expected[name].shape)}")
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise ModelFileError(f"{path}: {name} holds NaN or infinity")
    model.load_state_dict({k: v.to(expected[k].dtype) for k, v in weights.items()})

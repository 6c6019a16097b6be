"""The state of a dynamics as numbers and words, and its file: .npz without pickle.

The nuclei may be moved by any dynamics of ASE: all numbers, arrays and random generators that it keeps are taken, its own objects
(a chain of thermostats) included.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import numpy as np

from electrode.models.base import Model
from electrode.output import replacing

FORMAT = 1
_NOT_STATE = ("atoms", "max_steps", "nsteps", "observers", "comm", "logfile", "trajectory", "_orig_trajectory", "_master")


def nuclei_state(dynamics) -> dict:
    """Return numbers, arrays and generators of an ASE dynamics by their path, such as "_thermostat._eta".

    Raises
    ------
    ValueError
        if it draws from numpy's global generator, whose state is not its own.
    """
    found = {}
    for path, value in _parts(dynamics, dynamics, ""):
        if isinstance(value, np.ndarray):
            value = value.copy()
        found[path] = generator_state(value) if _is_generator(value) else value
    return found


def set_nuclei_state(dynamics, state: dict) -> None:
    """Put back what `nuclei_state` gave."""
    for path, value in state.items():
        *owners, name = path.split(".")
        owner = dynamics
        for part in owners:
            owner = getattr(owner, part)
        if isinstance(value, str):
            set_generator_state(getattr(owner, name), value)
        else:
            setattr(owner, name, value.copy() if isinstance(value, np.ndarray) else value)


def generator_state(rng) -> str:
    """Return the state of a numpy Generator or RandomState as JSON."""
    state = rng.bit_generator.state if isinstance(rng, np.random.Generator) else rng.get_state(legacy=False)
    return json.dumps(state, default=lambda x: x.tolist())


def set_generator_state(rng, text: str) -> None:
    """Put a generator into a state that `generator_state` gave."""
    state = json.loads(text)
    if isinstance(rng, np.random.Generator):
        rng.bit_generator.state = state
    else:
        state["state"]["key"] = np.array(state["state"]["key"], dtype=np.uint32)
        rng.set_state(state)


def model_digest(model: Model) -> str:
    """Return a SHA-256 of a model's class, choices, card and weights."""
    digest = hashlib.sha256(repr((type(model).__qualname__, getattr(model, "config", None), model.card)).encode())
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def write_state(path: str | Path, head: dict, state: dict, force: bool = False) -> None:
    """Write a head (JSON) and a state (numbers, arrays, words) to .npz.

    Raises
    ------
    FileExistsError, FileNotFoundError
        see `output.refuse_existing`.
    """
    with replacing(path, force) as part, part.open("wb") as file:
        np.savez(file, head=json.dumps({"format": FORMAT, **head}, sort_keys=True), **state)


def read_state(path: str | Path, head: dict) -> dict:
    """Return the state in a file that was written with the same head.

    Raises
    ------
    FileNotFoundError
        if there is none.
    ValueError
        if it is damaged, or belongs to another run: what differs is named.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file; expected what ElectrodeDynamics.save wrote")
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found, state = json.loads(str(stored["head"])), {k: stored[k] for k in stored.files if k != "head"}
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no state of a dynamics could be read ({error}); expected what ElectrodeDynamics.save wrote") from error
    wanted = json.loads(json.dumps({"format": FORMAT, **head}))
    other = [f"{k} (here {_short(wanted.get(k))}, in the file {_short(found.get(k))})" for k in sorted({*wanted, *found}) if wanted.get(k) != found.get(k)]
    if other:
        raise ValueError(f"{path} belongs to another run: {'; '.join(other)}. Go on with the same model, mode and settings, or start anew")
    return {k: _plain(v) for k, v in state.items()}


def _parts(dynamics, owner, prefix: str):
    home = {"ase.md", ".".join(type(dynamics).__module__.split(".")[:2])}
    for name, value in vars(owner).items():
        if name in _NOT_STATE:
            continue
        if value is np.random or value is np.random.mtrand._rand:
            raise ValueError(f"{type(dynamics).__name__} draws from numpy's global generator, whose state is not its own: give it rng=np.random.default_rng(seed)")
        if isinstance(value, (bool, int, float, np.number)) or _is_generator(value) or (isinstance(value, np.ndarray) and value.dtype.kind in "bif"):
            yield prefix + name, value
        elif ".".join(type(value).__module__.split(".")[:2]) in home and hasattr(value, "__dict__"):
            yield from _parts(dynamics, value, f"{prefix}{name}.")


def _is_generator(value) -> bool:
    return isinstance(value, (np.random.Generator, np.random.RandomState))


def _short(value) -> str:
    text = str(value)
    return text if len(text) < 60 else text[:28] + " ... " + text[-28:]


def _plain(array: np.ndarray):
    return array.item() if array.ndim == 0 else array

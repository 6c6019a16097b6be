"""A training on disk, so that it goes on after an interruption as if there had been none.

One safetensors file, its header holding the rest as JSON; it takes its name only when it is complete.
"""

from __future__ import annotations

import hashlib
import json
import signal
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from electrode.data.record import ElectrifiedFrame
from electrode.output import refuse_existing, replacing

FORMAT = "1"
_LABELS = ("energy", "energy_kind", "n_excess", "nelect_neutral", "mu", "mu_zero", "efield", "forces", "hardness", "dipole", "born_charges", "trajectory", "method_id")


class CheckpointError(ValueError):
    """A checkpoint is missing, damaged, or of another training."""


@dataclass(frozen=True)
class Checkpoint:
    """Where and how often a training is kept.

    Parameters
    ----------
    path : the file
    every_seconds : longest time between two writings
    every_epochs : passes over the data between two writings, None for the time alone
    resume : go on from the file that is there
    allow_change : go on even with other data or other choices than the file was written with
    """

    path: str | Path
    every_seconds: float = 60.0
    every_epochs: int | None = None
    resume: bool = False
    allow_change: bool = False

    def __post_init__(self):
        if not self.every_seconds > 0 or (self.every_epochs is not None and self.every_epochs < 1):
            raise ValueError(f"Checkpoint: expected every_seconds > 0 and every_epochs >= 1 or None, got {self.every_seconds} and {self.every_epochs}")
        refuse_existing([self.path], force=True)  # the folder must be there
        if Path(self.path).exists() and not self.resume:
            raise FileExistsError(f"{self.path} exists: a training was interrupted. Go on with it (--resume), or remove the file to begin again.")
        if self.resume and not Path(self.path).is_file():
            raise CheckpointError(f"{self.path}: no such file, so there is nothing to go on with; leave resume (--resume) out to begin a training")


def write_checkpoint(path: str | Path, tensors: Mapping[str, Tensor], state: Mapping) -> None:
    """Replace the file by these tensors and this state, completely or not at all; NoRoom on a full disk, see `output.telling_of_room`."""
    header = {"format": FORMAT, "state": json.dumps(state)}
    with replacing(path, force=True) as part:
        save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, part, metadata=header)


def read_checkpoint(path: str | Path) -> tuple[dict[str, Tensor], dict]:
    """Return what `write_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        for a file that is missing, damaged or of another format.
    """
    try:
        with safe_open(path, "pt") as file:
            header = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}
        if header.get("format") == FORMAT:
            return tensors, json.loads(header["state"])
    except (OSError, SafetensorError, KeyError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{path} is missing or damaged ({error}); begin the training again") from error
    raise CheckpointError(f"{path}: expected a checkpoint of format {FORMAT}, got {header.get('format')}; begin the training again")


def fingerprint(frames: Sequence[ElectrifiedFrame]) -> str:
    """Return a name that only frames with the same atoms and labels, in the same order, have."""
    digest = hashlib.sha256()
    for f in frames:
        for array in (f.geometry.numbers, f.geometry.positions, f.geometry.cell.array, f.geometry.pbc):
            digest.update(np.ascontiguousarray(array).tobytes())
        for name in _LABELS:
            value = getattr(f, name)
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return digest.hexdigest()


def refuse_change(then: Mapping, now: Mapping, path: str | Path) -> None:
    """Raise CheckpointError, naming each difference, unless a training is what it was when the checkpoint was written."""
    old, new = _flat(then), _flat(json.loads(json.dumps(now)))
    changed = [f"{k}: {old.get(k)} then, {new.get(k)} now" for k in sorted(old.keys() | new.keys()) if old.get(k) != new.get(k)]
    if changed:
        shown = "; ".join(f"{c:.100}" for c in changed[:5])
        raise CheckpointError(f"{path} is of another training ({shown}). Give the same data and choices, or allow the change (--allow-change)")


def _flat(content: Mapping, name: str = "") -> dict:
    found = {}
    for key, value in content.items():
        found |= _flat(value, f"{name}{key}.") if isinstance(value, Mapping) else {f"{name}{key}": value}
    return found


class Interruption:
    """While it lasts, SIGINT and SIGTERM are noted rather than obeyed, so that work stops where it can go on; the second one stops at once.

    Outside the main thread, where Python gives no signals, it does nothing.

    Parameters
    ----------
    active : False to leave the signals as they are
    """

    def __init__(self, active: bool = True):
        self.active = active
        self.caught: int = 0
        self._before: dict = {}

    def __enter__(self) -> Interruption:
        if self.active and threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame) -> None:
        if self.caught:
            raise KeyboardInterrupt
        self.caught = number

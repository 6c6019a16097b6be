"""A training under way written to its checkpoint and put back, whatever the loop that takes its steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict

import torch

from electrode.models.base import Model
from electrode.train.averaging import Average
from electrode.train.checkpoint import Checkpoint, read_checkpoint, refuse_change, write_checkpoint
from electrode.train.course import Course, Training
from electrode.train.stored import pack, unpack


class Keeper:
    """What writes and reads the checkpoint of a training.

    Parameters
    ----------
    checkpoint : where and how often, None for nowhere
    identity : what must not change where the training is gone on with
    model, optimiser, average, training : what is kept besides the `Course`
    """

    def __init__(self, checkpoint: Checkpoint | None, identity: Mapping, model: Model, optimiser: torch.optim.Optimizer, average: Average, training: Training):
        self.checkpoint, self.identity = checkpoint, identity
        self._kept = model, optimiser, average, training
        self._written = time.monotonic()

    def write(self, course: Course, more: Mapping | None = None) -> None:
        """Write the training, with whatever else the loop needs to go on."""
        tensors, state = pack(*self._kept)
        write_checkpoint(self.checkpoint.path, tensors, {**state, **(more or {}), "course": asdict(course), "identity": self.identity})
        self._written = time.monotonic()

    def after_step(self, stopped: int, write: Callable[[], None]) -> None:
        """Write where the last time is too long ago or a signal came.

        Raises
        ------
        KeyboardInterrupt
            after a signal.
        """
        if self.checkpoint is None:
            return
        if stopped or time.monotonic() - self._written > self.checkpoint.every_seconds:
            write()
        if stopped:
            raise KeyboardInterrupt(f"stopped by a signal; {self.checkpoint.path} holds the training")

    def after(self, epoch: int) -> bool:
        """Return whether this many epochs ask for a writing."""
        return self.checkpoint is not None and bool(self.checkpoint.every_epochs) and epoch % self.checkpoint.every_epochs == 0

    def read(self) -> dict | None:
        """Put back the training that the checkpoint holds and return the state beside it; None where nothing is to be gone on with.

        Raises
        ------
        CheckpointError
            for a file that is damaged, or of another training.
        """
        if self.checkpoint is None or not self.checkpoint.resume:
            return None
        tensors, state = read_checkpoint(self.checkpoint.path)
        if not self.checkpoint.allow_change:
            refuse_change(state["identity"], self.identity, self.checkpoint.path)
        unpack(tensors, state, *self._kept)
        return state

"""One training loop for every scheme, and for all members of a committee at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict

import numpy as np
import torch

from electrode.models.base import Model
from electrode.nn.precision import single_precision
from electrode.train.blocks import Block, blocks
from electrode.train.bootstrap import bootstrap_weights
from electrode.train.checkpoint import Checkpoint, Interruption, fingerprint
from electrode.train.config import TERMS, TrainConfig
from electrode.train.course import Training
from electrode.train.descent import Descent
from electrode.train.loss import LABELS
from electrode.train.polish import polish
from electrode.train.predictions import members_of
from electrode.train.processes import ALONE, Processes

__all__ = ["TERMS", "TrainConfig", "Training", "fit"]


def fit(
    model: Model,
    training_frames: Sequence,
    validation_frames: Sequence,
    config: TrainConfig = TrainConfig(),
    progress: Callable[[dict], None] | None = None,
    *,
    weights: np.ndarray | None = None,
    warm: bool = False,
    checkpoint: Checkpoint | None = None,
    processes: Processes = ALONE,
) -> Training:
    """Train a model in its natural variable and leave it with the weights that validate best.

    Parameters
    ----------
    model : adapted to the training frames first, see `Model.adapt`; the members of a committee are trained at once, in one batched
        pass, each on its own loss
    training_frames, validation_frames : `ElectrifiedFrame`, both not empty and of different trajectories; a frame counts for
        the labels that it has, and needs the model's natural variable
    config : the choices
    progress : called with a row of the history after each validation
    warm : the model was trained before: its scales and constants stay
    weights : (F,) or, for a committee, (M, F), how much each training frame counts; by default as `config.bootstrap` says
    checkpoint : where the training is kept, None for nowhere
    processes : those that train together, see `processes`

    Raises
    ------
    ValueError
        if a set is empty, or holds no label of the loss.
    FloatingPointError
        if the loss is no longer finite.
    CheckpointError
        if the checkpoint cannot be gone on with.
    KeyboardInterrupt
        after SIGINT or SIGTERM, once the checkpoint is written.
    """
    if not len(training_frames) or not len(validation_frames):
        raise ValueError(f"fit needs frames to train and to validate on; got {len(training_frames)} and {len(validation_frames)}")
    if weights is None and config.bootstrap:
        weights = _drawn(model, training_frames, config)
    data, check = blocks(model, training_frames, weights, processes), blocks(model, validation_frames, None, processes)
    _require_labels(config, processes, training=data, validation=check)
    if not warm:
        model.adapt(data if processes.size == 1 else blocks(model, training_frames, jacobians=False))
    identity = _identity(model, training_frames, validation_frames, config, processes) if checkpoint else {}
    descent = Descent(model, data, check, config, progress, checkpoint, identity, processes)
    with Interruption(checkpoint is not None) as stop:
        with single_precision([getattr(model, "pattern", model)]) if config.single else nullcontext():
            descent.run(stop)
        training = descent.training
        if config.polish:
            polish(training, data, check, config, progress, stop, processes)
    model.load_state_dict(training.weights)
    model.eval()
    return training


def _drawn(model: Model, frames: Sequence, config: TrainConfig) -> np.ndarray:
    drawn = bootstrap_weights(frames, members_of(model), config.seed)
    return drawn if members_of(model) > 1 else drawn[0]


def _identity(model: Model, training_frames: Sequence, validation_frames: Sequence, config: TrainConfig, processes: Processes) -> dict:
    """Return what must not change where a training is gone on with."""
    own = asdict(model.config) if hasattr(model, "config") else {}
    data = {"training": fingerprint(training_frames), "validation": fingerprint(validation_frames)}
    return {"train": asdict(config), "model": own, "data": data, "processes": processes.size}


def _require_labels(config: TrainConfig, processes: Processes, **sets: list[Block]) -> None:
    """Refuse sets without a single label of any term that counts."""
    wanted = [t.quantity for t in config.terms if t.weight]
    for name, data in sets.items():
        labels = [b.labels[LABELS[q]] for b in data for q in wanted if LABELS.get(q) in b.labels]
        needless = any(q not in LABELS for q in wanted)
        number = processes.sum(torch.tensor(float(sum(int(torch.isfinite(x).sum()) for x in labels))))
        if not number and not needless:
            raise ValueError(f"the {name} frames have no label of the loss: expected some of {', '.join(wanted)}; give labelled frames or other terms")

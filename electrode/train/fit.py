"""One training loop for every scheme that is described by kernels."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from electrode.models.base import Model
from electrode.train.blocks import Block, batches, blocks
from electrode.train.loss import LABELS, Term, loss, root_mean_square

TERMS = (Term("energy", 1.0, 0.002), Term("forces", 3.0, 0.06), Term("conjugate", 1.0, 0.01))


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained.

    Parameters
    ----------
    terms : the loss
    max_minutes : time for the loop; the learning rate falls to zero over it, or over `epochs`, whichever ends first
    epochs : passes over the data, None for as many as the time allows
    batch_size : frames
    learning_rate, weight_decay : of AdamW
    gradient_clip : largest norm of a step's gradient
    validate_every : epochs between validations; the weights with the lowest validation loss are kept
    seed : of the order of frames
    """

    terms: tuple[Term, ...] = TERMS
    max_minutes: float = 5.0
    epochs: int | None = None
    batch_size: int = 20
    learning_rate: float = 5e-3
    weight_decay: float = 0.1
    gradient_clip: float = 100.0
    validate_every: int = 10
    seed: int = 0

    def __post_init__(self):
        for name in ("max_minutes", "batch_size", "learning_rate", "gradient_clip", "validate_every"):
            if not getattr(self, name) > 0:
                raise ValueError(f"TrainConfig.{name}: expected a positive number, got {getattr(self, name)}")
        if not self.weight_decay >= 0 or (self.epochs is not None and self.epochs < 1) or not self.terms:
            raise ValueError("TrainConfig: expected weight_decay >= 0, epochs >= 1 or None, and at least one term")


@dataclass
class Training:
    """What a training leaves: the model with the best weights and the history of errors."""

    model: Model
    history: list[dict] = field(default_factory=list)
    best: float = math.inf
    weights: dict | None = None

    def validate(self, epoch: int, rate: float, config: TrainConfig, data: list[Block], check: list[Block]) -> dict:
        """Record the errors, and keep the weights if the validation loss is the lowest so far."""
        found = root_mean_square(check, self.model)
        score = sum(t.weight * (found[t.quantity] / t.scale) ** 2 for t in config.terms if t.quantity in found)
        if not math.isfinite(score):
            raise _diverged(config, f"at epoch {epoch}")
        if score < self.best:
            self.best, self.weights = score, copy.deepcopy(self.model.state_dict())
        row = {"epoch": epoch, "learning_rate": rate, "validation_loss": score, **{f"validation_{k}": v for k, v in found.items()}}
        self.history.append(row)
        return row


def fit(
    model: Model,
    training_frames: Sequence,
    validation_frames: Sequence,
    config: TrainConfig = TrainConfig(),
    progress: Callable[[dict], None] | None = None,
) -> Training:
    """Train a model in its natural variable and leave it with the weights that validate best.

    Parameters
    ----------
    model : with kernels; it is adapted to the training frames first, see `Model.adapt`
    training_frames, validation_frames : `ElectrifiedFrame`, both not empty and of different trajectories
    config : the choices
    progress : called with a row of the history after each validation

    Raises
    ------
    ValueError
        if a set is empty, or holds no label of the loss.
    FloatingPointError
        if the loss is no longer finite.
    """
    data, check = _described(model, config, training_frames, validation_frames)
    model.adapt(data)
    generator = np.random.default_rng(config.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.99))
    result, start, epoch, done = Training(model), time.monotonic(), 0, 0.0
    while done < 1.0:
        rate = 0.5 * config.learning_rate * (1.0 + math.cos(math.pi * done))
        for group in optimiser.param_groups:
            group["lr"] = rate
        for batch in batches(data, config.batch_size, generator):
            _step(model, optimiser, batch, config)
        epoch += 1
        done = _share_done(config, epoch, time.monotonic() - start)
        if epoch % config.validate_every == 0 or done >= 1.0:
            row = result.validate(epoch, rate, config, data, check)
            if progress is not None:
                progress({**row, "done": min(done, 1.0)})
    model.load_state_dict(result.weights)
    model.eval()
    return result


def _step(model: Model, optimiser, batch: Block, config: TrainConfig) -> None:
    optimiser.zero_grad()
    value = loss(config.terms, batch, batch.predict(model, create_graph=True))
    if not torch.isfinite(value):
        raise _diverged(config, "within an epoch")
    if not value.requires_grad:
        return  # no frame of this batch has a label of the loss
    value.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), config.gradient_clip)
    optimiser.step()


def _diverged(config: TrainConfig, when: str) -> FloatingPointError:
    return FloatingPointError(f"training diverged {when}: lower learning_rate (now {config.learning_rate:g})")


def _described(model: Model, config: TrainConfig, training_frames: Sequence, validation_frames: Sequence) -> tuple[list[Block], list[Block]]:
    if not len(training_frames) or not len(validation_frames):
        raise ValueError(f"fit needs frames to train and to validate on; got {len(training_frames)} and {len(validation_frames)}")
    data, check = blocks(model, training_frames), blocks(model, validation_frames)
    _require_labels(config, training=data, validation=check)
    return data, check


def _require_labels(config: TrainConfig, **sets: list[Block]) -> None:
    """Refuse sets without a single label of any term that counts."""
    wanted = [t.quantity for t in config.terms if t.weight]
    for name, data in sets.items():
        labels = [b.labels[LABELS[q]] for b in data for q in wanted if q in LABELS]
        if labels and not any(torch.isfinite(x).any() for x in labels):
            raise ValueError(f"the {name} frames have no label of the loss: expected some of {', '.join(wanted)}; give labelled frames or other terms")


def _share_done(config: TrainConfig, epoch: int, seconds: float) -> float:
    by_time = seconds / (60.0 * config.max_minutes)
    return by_time if config.epochs is None else max(by_time, epoch / config.epochs)

"""Where a training stands, and the model with the history that it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.train.predictions import members_of


@dataclass
class Course:
    """Everything of a training that changes besides weights and history.

    Parameters
    ----------
    order : state of the generator of the order of frames at the beginning of this epoch
    epoch, batch : epochs that are done, and batches of this one
    seconds, done : time spent, and the share of the whole, at the end of the last epoch
    losses : sum of the members' losses over this epoch's batches
    lowest, waited, falls : lowest mean validation loss, validations since, falls of the learning rate from a plateau
    over : whether the descent is
    """

    order: dict
    epoch: int = 0
    batch: int = 0
    seconds: float = 0.0
    done: float = 0.0
    losses: list[float] = field(default_factory=list)
    lowest: float = math.inf
    waited: int = 0
    falls: int = 0
    over: bool = False

    def share_done(self, minutes: float, epochs: int | None) -> float:
        """Return how much of the minutes or of the epochs is over, the larger; of the minutes where the epochs are not bounded."""
        by_time = self.seconds / (60.0 * minutes)
        return by_time if epochs is None else max(by_time, self.epoch / epochs)

    def judge(self, score: float, patience: int) -> None:
        """Count a validation with or without a lower loss; a plateau of `patience` of them is a fall."""
        self.waited = 0 if score < self.lowest else self.waited + 1
        self.lowest = min(score, self.lowest)
        if self.waited and self.waited % patience == 0:
            self.falls += 1


@dataclass
class Training:
    """What a training leaves: the model with the best weights and the history of errors.

    Parameters
    ----------
    model : trained
    history : a row for each validation, and of each member of a committee
    best : lowest validation loss, the mean over the members' lowest ones
    weights : state of the model with each member's best weights
    scores : (M,) the members' lowest validation losses
    """

    model: Model
    history: list[dict] = field(default_factory=list)
    best: float = math.inf
    weights: dict[str, Tensor] | None = None
    scores: np.ndarray | None = None

    def record(self, row: dict, scores: np.ndarray, errors: dict[str, np.ndarray], losses: list[float]) -> list[dict]:
        """Add what a validation found to the history, a row for each member, and return the rows."""
        size = members_of(self.model)
        rows = []
        for k in range(size):
            found = {f"validation_{name}": float(np.ravel(e)[k]) for name, e in errors.items()}
            which = {"member": k} if size > 1 else {}
            rows.append({**which, **row, "training_loss": losses[k], "validation_loss": float(scores[k]), **found})
        self.history += rows
        return rows

    def keep(self, scores: np.ndarray) -> None:
        """Keep the weights of each member whose validation loss is its lowest so far."""
        state = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if self.weights is None:
            self.weights, self.scores = state, np.array(scores)
        better = scores < self.scores
        self.scores = np.where(better, scores, self.scores)
        self.best = float(self.scores.mean())
        chosen = torch.from_numpy(better)
        for name, value in state.items():
            which = chosen if len(better) == 1 else chosen.reshape(-1, *[1] * (value.dim() - 1))
            self.weights[name] = torch.where(which, value, self.weights[name]).reshape(value.shape)

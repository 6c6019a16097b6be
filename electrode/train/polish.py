"""Full-batch quasi-Newton iterations after the stochastic descent, where small networks still have something to gain.

L-BFGS with a line search that satisfies the strong Wolfe conditions, on the loss over all training frames, one member after the
other.  Validated every few iterations: what does not validate better is not kept, so that polishing never worsens a model.

Liu and Nocedal, Math. Program. 45, 503 (1989), https://doi.org/10.1007/BF01589116.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.train.blocks import Block, in_order
from electrode.train.checkpoint import Interruption
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.descent import validation
from electrode.train.loss import counts, loss
from electrode.train.predictions import members_of, predictions
from electrode.train.processes import Processes

CHUNK = 128  # frames in one part of the full-batch gradient
MEMORY = 30  # pairs that L-BFGS keeps
STRIDE = 10  # iterations between validations
PATIENCE = 5  # validations without a lower loss after which it ends


@dataclass
class _Polishing:
    """One model of a training, polished on its own."""

    model: Model
    data: list[Block]
    check: list[Block]
    config: TrainConfig
    processes: Processes

    def __post_init__(self):
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        self.of = self.processes.sum(torch.stack([counts(self.config.terms, b) for b in self.data]).sum(0))
        self.optimiser = torch.optim.LBFGS(self.parameters, max_iter=STRIDE, history_size=MEMORY, line_search_fn="strong_wolfe", tolerance_change=0.0)

    def loss(self) -> torch.Tensor:
        """Return the loss over all frames and leave its gradient."""
        self.optimiser.zero_grad()
        total = torch.zeros((), dtype=torch.float64)
        for part in in_order(self.data, CHUNK):
            out = predictions(self.model, part, True, self.config.quantities)
            value = loss(self.config.terms, part, out, self.of)
            if value.requires_grad:
                value.backward()
            total += value.detach()
        self.processes.sum_gradients(self.parameters)
        return self.processes.sum(total)

    def stride(self) -> tuple[float, np.ndarray, dict]:
        """Iterate, and return the training loss before it, the validation loss and its errors."""
        before = float(self.optimiser.step(self.loss))
        return before, *validation(self.model, self.check, self.config, self.processes)


def polish(
    training: Training, data: list[Block], check: list[Block], config: TrainConfig, progress: Callable[[dict], None] | None,
    stop: Interruption, processes: Processes,
) -> None:  # fmt: skip
    """Polish the best weights of a training, and keep what validates better, each member on its own.

    Parameters
    ----------
    training : of the descent; its history gets rows with "polish", the number of iterations
    data, check, config, progress, processes : see `Descent`
    stop : looked at between validations

    Raises
    ------
    KeyboardInterrupt
        after a signal.
    """
    size = members_of(training.model)
    training.model.load_state_dict(training.weights)
    models = training.model.members() if size > 1 else [training.model]
    minutes = config.max_minutes * config.polish_share / size
    for k, model in enumerate(models):
        own = [replace(b, weight=b.weight[:, k]) if size > 1 and b.weight is not None else b for b in data]
        best = {name: v.clone() for name, v in model.state_dict().items()}
        for row, better in _strides(_Polishing(model, own, check, config, processes), training, k, minutes, stop):
            if better:
                best = {name: v.clone() for name, v in model.state_dict().items()}
            training.history.append(row)
            if progress is not None:
                progress({**row, "done": 1.0})
        model.load_state_dict(best)
    if isinstance(training.model, Committee):
        training.model.take(models)
    training.weights = {name: v.detach().clone() for name, v in training.model.state_dict().items()}
    training.best = float(training.scores.mean())


def _strides(polishing: _Polishing, training: Training, k: int, minutes: float, stop: Interruption):
    """Yield a row of the history and whether it is the best so far, until nothing is gained or the time is over."""
    start, waited, which = time.monotonic(), 0, {"member": k} if members_of(training.model) > 1 else {}
    epoch = max(row["epoch"] for row in training.history)
    for number in range(STRIDE, polishing.config.polish + STRIDE, STRIDE):
        before, score, errors = polishing.stride()
        better = bool(score[0] < training.scores[k])
        training.scores[k] = min(score[0], training.scores[k])
        waited = 0 if better else waited + 1
        found = {f"validation_{name}": float(e) for name, e in errors.items()}
        yield {**which, "epoch": epoch, "polish": number, "training_loss": before, "validation_loss": float(score[0]), **found}, better
        over = polishing.processes.of_first(float(waited >= PATIENCE or not np.isfinite(score[0]) or time.monotonic() - start > 60.0 * minutes))
        if over:
            return
        if polishing.processes.of_first(float(stop.caught)):
            raise KeyboardInterrupt("stopped by a signal while polishing")

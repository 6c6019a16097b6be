"""The stochastic descent: epochs of steps with validations between, which can stop after any batch and go on."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.train.averaging import Average
from electrode.train.blocks import Block, batches, in_order
from electrode.train.checkpoint import Checkpoint, Interruption
from electrode.train.config import TrainConfig
from electrode.train.course import Course, Training
from electrode.train.frame_batches import ATOMS
from electrode.train.freezing import Freezing
from electrode.train.keeping import Keeper
from electrode.train.loss import counts, loss, root_mean_square
from electrode.train.predictions import member_predictions, members_of
from electrode.train.processes import Processes
from electrode.train.thinning import thinned

VALIDATION_BATCH = 256  # frames in one evaluation


class Descent:
    """A training under way.

    Parameters
    ----------
    model : adapted, with its first weights
    data, check : training and validation blocks
    config, progress, checkpoint, processes : see `fit`
    identity : what must not change where the training is gone on with
    """

    def __init__(
        self, model: Model, data: list[Block], check: list[Block], config: TrainConfig, progress: Callable[[dict], None] | None,
        checkpoint: Checkpoint | None, identity: dict, processes: Processes,
    ):  # fmt: skip
        self.model, self.data, self.check, self.config, self.processes = model, data, check, config, processes
        self.progress, self.checkpoint = progress, checkpoint
        self.members = members_of(model)
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        self.freezing = Freezing(model, config.freeze)
        self.optimiser = config.optimiser_of(self.freezing.optimiser_groups(), self.members)
        self.average = Average(model, config.averaging)
        self.generator = np.random.default_rng(config.seed)
        self.training = Training(model)
        self.course = Course(order=self.generator.bit_generator.state, losses=[0.0] * self.members)
        self.keeper = Keeper(checkpoint, identity, model, self.optimiser, self.average, self.training)
        self._go_on(self.keeper.read())
        self._started = time.monotonic() - self.course.seconds

    def run(self, stop: Interruption) -> None:
        """Go on until the time or the epochs are over, or no validation is better any more.

        Raises
        ------
        KeyboardInterrupt
            after a signal, once the checkpoint is written.
        """
        try:
            while not self.course.over:
                self.freezing.apply(self.course.epoch)
                self._epoch(stop)
        finally:
            self.freezing.release()
        self._write()

    def _epoch(self, stop: Interruption) -> None:
        course, config = self.course, self.config
        rate = config.learning_rate * config.schedule.rate(course.done, course.falls)
        for group in self.optimiser.param_groups:
            group["lr"] = rate * group["share"]
        self.generator.bit_generator.state = course.order
        for batch in islice(batches(self.data, config.batch_size, self.generator, self.processes), course.batch, None):
            stopped = self._step(batch, stop.caught)
            course.batch += 1
            self.keeper.after_step(stopped, self._write)
        losses, number = [x / course.batch for x in course.losses], course.epoch + 1
        course.epoch, course.batch, course.order, course.losses = number, 0, self.generator.bit_generator.state, [0.0] * self.members
        course.seconds = self.processes.of_first(time.monotonic() - self._started)
        course.done = self._share_done()
        if number % config.validate_every == 0 or course.done >= 1.0:
            self._validate(rate, losses)
        course.over = course.done >= 1.0 or (config.patience is not None and course.waited >= config.patience)
        if self.keeper.after(number):
            self._write()

    def _share_done(self) -> float:
        return self.course.share_done(self.config.descent_minutes, self.config.epochs)

    def _step(self, batch: Block, caught: int) -> int:
        """Take a step, and return a number other than 0 where a process caught a signal."""
        config = self.config
        batch = thinned(batch, config.response_rows, np.random.default_rng([config.seed, self.course.epoch, self.course.batch]))  # alike where it is gone on with
        terms = config.terms_at(self.course.done)
        of = self.processes.sum(counts(terms, batch))
        self.optimiser.zero_grad()
        value = torch.zeros(self.members, dtype=torch.float64)
        if len(batch):
            value = loss(terms, batch, member_predictions(self.model, batch, True, config.quantities), of)
        told = self.processes.sum(torch.cat([value.detach().reshape(-1), torch.tensor([float(caught)], dtype=torch.float64)]))
        if not torch.isfinite(told).all():
            raise diverged(config, "within an epoch")
        self.course.losses = [a + b for a, b in zip(self.course.losses, told.tolist())]
        if value.requires_grad:
            value.sum().backward()
        self.processes.sum_gradients(self.parameters)
        if any(p.grad is not None for p in self.parameters):  # else no frame of this batch has a label of the loss
            clip(self.parameters, config.gradient_clip, self.members)
            self.optimiser.step()
            self.average.update()
        return int(told[-1])

    def _validate(self, rate: float, losses: list[float]) -> None:
        with self.average.applied():
            scores, errors = validation(self.model, self.check, self.config, self.processes)
            if not np.isfinite(scores).all():
                raise diverged(self.config, f"at epoch {self.course.epoch}")
            self.training.keep(scores)
        self.course.judge(float(scores.mean()), self.config.schedule.patience)
        rows = self.training.record({"epoch": self.course.epoch, "learning_rate": rate}, scores, errors, losses)
        for row in rows if self.progress is not None else ():
            self.progress({**row, "seconds": self.course.seconds, "done": min(self.course.done, 1.0)})

    def _write(self) -> None:
        if self.checkpoint is None or not self.processes.first:
            return
        if self.course.batch:  # within an epoch
            self.course.seconds = time.monotonic() - self._started
        self.keeper.write(self.course)

    def _go_on(self, state: dict | None) -> None:
        if state is None:
            return
        self.course = Course(**state["course"])
        if self.checkpoint.allow_change:  # with more epochs or minutes it goes on
            self.course.over, self.course.done = False, self._share_done()
            self.course.over = self.course.done >= 1.0


def validation(model: Model, check: list[Block], config: TrainConfig, processes: Processes) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the validation loss of each member (M,) and the root mean square errors by quantity, () or (M,)."""
    found = root_mean_square(in_order(check, VALIDATION_BATCH, ATOMS // members_of(model)), model, config.quantities, processes)
    score = sum(t.weight * (found[t.quantity] / t.scale) ** 2 for t in config.terms if t.quantity in found)
    return np.reshape(score, -1), found


def clip(parameters: list[Tensor], largest: float, members: int) -> None:
    """Shorten the gradient of each member to `largest`."""
    if members == 1:
        torch.nn.utils.clip_grad_norm_(parameters, largest)
        return
    grads = [p.grad for p in parameters if p.grad is not None]
    norm = torch.stack([g.flatten(1).square().sum(1) for g in grads]).sum(0).sqrt()
    factor = (largest / (norm + 1e-6)).clamp(max=1.0)
    for g in grads:
        g.mul_(factor.reshape(-1, *[1] * (g.dim() - 1)))


def diverged(config: TrainConfig, when: str) -> FloatingPointError:
    """Return the error of a loss that is no longer finite."""
    return FloatingPointError(f"training diverged {when}: lower learning_rate (now {config.learning_rate:g})")

"""The descent of several heads on one trunk: each step sees a batch of every head, and it can stop after any step and go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch

from electrode.models.base import Model
from electrode.train.averaging import Average
from electrode.train.blocks import Block, batches
from electrode.train.checkpoint import Checkpoint, Interruption
from electrode.train.config import TrainConfig
from electrode.train.course import Course, Training
from electrode.train.descent import clip, diverged, validation
from electrode.train.elastic import Elastic
from electrode.train.freezing import Freezing
from electrode.train.keeping import Keeper
from electrode.train.loss import Term, loss
from electrode.train.predictions import predictions
from electrode.train.processes import ALONE


class Stream:
    """The batches of some frames for ever, each pass in another order.

    Parameters
    ----------
    data : the frames;  size : of a batch
    seed : of the order
    """

    def __init__(self, data: Sequence[Block], size: int, seed: Sequence[int]):
        self.data, self.size, self._generator = data, size, np.random.default_rng(seed)
        self.go_on(self._generator.bit_generator.state, 0)

    def go_on(self, order: Mapping, taken: int) -> None:
        """Begin the pass that a state of the generator gives, after some of its batches."""
        self.order, self.taken, self._generator.bit_generator.state = order, taken, order
        self._pass = islice(batches(self.data, self.size, self._generator), taken, None)

    def __next__(self) -> Block:
        batch = next(self._pass, None)
        if batch is None:
            self.go_on(self._generator.bit_generator.state, 0)
            batch = next(self._pass)
        self.taken += 1
        return batch


@dataclass(frozen=True)
class Task:
    """What one head learns.

    Parameters
    ----------
    name, model : of the head
    check : validation frames
    weight : of its loss
    terms : of its loss, in units of the spread of its labels
    stream : training frames
    """

    name: str
    model: Model
    check: list[Block]
    weight: float
    terms: tuple[Term, ...]
    stream: Stream

    @property
    def steps(self) -> int:
        """Batches of one pass over the frames."""
        return sum(-(-len(block) // self.stream.size) for block in self.stream.data)

    def loss(self, done: float) -> torch.Tensor:
        """Return the weighted loss of the next batch, of the terms that count when this share of the training is done."""
        batch, terms = next(self.stream), tuple(t for t in self.terms if done >= t.begins)
        return self.weight * loss(terms, batch, predictions(self.model, batch, True, tuple(t.quantity for t in terms)))


class Together:
    """A training of all heads under way; an epoch is one pass over the frames of the head that serves, the others' go round as they come.

    Parameters
    ----------
    model : with the heads
    tasks : of each head that learns
    serves : name of the one that is the model
    config, progress, checkpoint : see `fit_heads`
    identity : what must not change where the training is gone on with
    spring : the elastic loss, zero without one
    """

    def __init__(
        self, model: Model, tasks: Sequence[Task], serves: str, config: TrainConfig, progress: Callable[[dict], None] | None,
        checkpoint: Checkpoint | None, identity: Mapping, spring: Callable[[], torch.Tensor | float] = lambda: 0.0,
    ):  # fmt: skip
        self.model, self.tasks, self.serves, self.config, self.progress, self.spring = model, tasks, serves, config, progress, spring
        self.training, self.freezing, self.average = Training(model), Freezing(model, config.freeze), Average(model, config.averaging)
        self.optimiser = config.optimiser_of(self.freezing.optimiser_groups())
        self.course = Course(order={}, losses=[0.0])
        self.keeper = Keeper(checkpoint, identity, model, self.optimiser, self.average, self.training)
        self._go_on(self.keeper.read())
        self._started = time.monotonic() - self.course.seconds

    def run(self, stop: Interruption) -> Training:
        """Go on until the time or the epochs are over.

        Raises
        ------
        KeyboardInterrupt
            after a signal, once the checkpoint is written.
        """
        if not self.training.history:
            self._validate(None)
        try:
            while not self.course.over:
                self.freezing.apply(self.course.epoch)
                self._epoch(stop)
        finally:
            self.freezing.release()
        self._write()
        return self.training

    def _epoch(self, stop: Interruption) -> None:
        course, config = self.course, self.config
        for group in self.optimiser.param_groups:
            group["lr"] = config.learning_rate * config.schedule.rate(course.done, 0) * group["share"]
        steps = next(task.steps for task in self.tasks if task.name == self.serves)
        while course.batch < steps:
            course.losses[0] += self._step()
            course.batch += 1
            self.keeper.after_step(stop.caught, self._write)
        mean = course.losses[0] / steps
        course.epoch, course.batch, course.losses = course.epoch + 1, 0, [0.0]
        course.seconds = time.monotonic() - self._started
        course.done = self._share_done()
        course.over = course.done >= 1.0
        if course.epoch % config.validate_every == 0 or course.over:
            self._validate(mean)
        if self.keeper.after(course.epoch):
            self._write()

    def _share_done(self) -> float:
        return self.course.share_done(self.config.max_minutes, self.config.epochs)

    def _step(self) -> float:
        self.optimiser.zero_grad()
        value = sum(task.loss(self.course.done) for task in self.tasks) + self.spring()
        if not torch.isfinite(value):
            raise diverged(self.config, "within an epoch")
        value.backward()
        clip([p for p in self.model.parameters() if p.grad is not None], self.config.gradient_clip, 1)
        self.optimiser.step()
        self.average.update()
        return float(value.detach())

    def _validate(self, mean: float | None) -> None:
        row, total = {"epoch": self.course.epoch} | ({} if mean is None else {"training_loss": mean}), 0.0
        with self.average.applied():
            for task in self.tasks:
                score, errors = validation(task.model, task.check, replace(self.config, terms=task.terms), ALONE)
                total = total + task.weight * score
                named = {quantity: float(e) for quantity, e in errors.items()}
                row |= {f"{task.name}_{quantity}": e for quantity, e in named.items()}
                if task.name == self.serves:
                    row |= {f"validation_{quantity}": e for quantity, e in named.items()}
            if not np.isfinite(total).all():
                raise diverged(self.config, f"at epoch {self.course.epoch}")
            self.training.keep(total)
        self.training.history.append({**row, "validation_loss": float(total[0])})
        if self.progress is not None:
            self.progress({**self.training.history[-1], "done": min(self.course.done, 1.0)})

    def _write(self) -> None:
        if self.keeper.checkpoint is None:
            return
        if self.course.batch:  # within an epoch
            self.course.seconds = time.monotonic() - self._started
        self.keeper.write(self.course, {"streams": {task.name: [task.stream.order, task.stream.taken] for task in self.tasks}})

    def _go_on(self, state: dict | None) -> None:
        if state is None:
            return
        self.course = Course(**state["course"])
        for task in self.tasks:
            task.stream.go_on(*state["streams"][task.name])
        if self.keeper.checkpoint.allow_change:  # with more epochs or minutes it goes on
            self.course.done = self._share_done()
            self.course.over = self.course.done >= 1.0

"""All heads of a trunk trained at once: every step sees frames of each, so that none is forgotten.

    L = sum_k lambda_k L_k + k/2 sum_p F_p (theta_p - theta_p^0)^2

L_k is the loss of head k on its own frames, each of its terms in units of the spread of its own labels, so that the weights lambda
compare like with like; the second sum is that of `train.elastic`, where it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from electrode.models.base import Model
from electrode.models.multihead import Multihead
from electrode.train.averaging import Average
from electrode.train.blocks import Block, batches, blocks
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.descent import clip, diverged, validation
from electrode.train.elastic import Elastic
from electrode.train.freezing import Freezing
from electrode.train.loss import Term, loss
from electrode.train.predictions import predictions
from electrode.train.processes import ALONE

LEAST_SPREAD = {"energy": 1e-4, "forces": 1e-3}  # of labels, per atom [eV] and [eV/A]; 1e-3 of anything else


@dataclass(frozen=True)
class HeadData:
    """What one head learns from.

    Parameters
    ----------
    training, validation : `ElectrifiedFrame` of one method
    batch_size : frames of it in a step, None for the training's own number
    """

    training: Sequence
    validation: Sequence
    batch_size: int | None = None

    def __post_init__(self):
        if not len(self.training) or not len(self.validation) or (self.batch_size is not None and self.batch_size < 1):
            got = f"{len(self.training)}, {len(self.validation)} and {self.batch_size}"
            raise ValueError(f"HeadData: expected frames to train and to validate on and a batch_size >= 1, got {got}")


def fit_heads(
    model: Multihead, data: Mapping[str, HeadData], config: TrainConfig, progress: Callable[[dict], None] | None = None, *,
    warm: bool = False, elastic: Elastic | None = None, stiffness: float = 0.0,
) -> Training:  # fmt: skip
    """Train the heads together and leave the model with the weights whose weighted validation loss is lowest.

    Parameters
    ----------
    model : its heads that have no data stay, but for the trunk
    data : of each head by its name
    config : the choices; terms that a head has no labels for, or no answer to, are left out of its loss
    progress : called with each row of the history: errors of every head under its name, "neutral_forces", of the one that serves as
        "validation_forces" too
    warm : the model was trained before: its scales and constants stay
    elastic, stiffness : springs and their k

    Raises
    ------
    ValueError
        for an unknown head, polishing or drawn trajectories, which this loop has not, or a head without a label of the loss.
    FloatingPointError
        if the loss is no longer finite.
    """
    _refuse(model, data, config)
    parts = {name: (blocks(model.heads[name], d.training), blocks(model.heads[name], d.validation)) for name, d in data.items()}
    if not warm:
        model.adapt_all({name: training for name, (training, _) in parts.items()})
    terms = {name: own_terms(model.heads[name], training, config.terms) for name, (training, _) in parts.items()}
    weight = {head.name: head.weight for head in model.config.heads}
    heads = [_Head(name, model.heads[name], *parts[name], weight[name], d.batch_size or config.batch_size, terms[name]) for name, d in data.items()]
    training = _Together(model, heads, config, progress, elastic, stiffness).run()
    model.load_state_dict(training.weights)
    return training


def own_terms(head: Model, data: Sequence[Block], terms: Sequence[Term]) -> tuple[Term, ...]:
    """Return the terms that a head has labels for and answers to, in units of the spread of its labels.

    Energies spread about the energies of the elements, as the head has them before it is trained.

    Raises
    ------
    ValueError
        where none is left.
    """
    found = []
    for term in terms:
        if term.quantity == "conjugate" and "conjugate" in head.fails:
            continue
        values = [_spreading(head, block, term.quantity) for block in data]
        values = torch.cat([v[~torch.isnan(v)] for v in values])
        if len(values):
            spread = values.square().mean().sqrt() if term.quantity == "forces" else values.std(unbiased=False)
            found.append(replace(term, scale=float(spread.clamp(min=LEAST_SPREAD.get(term.quantity, 1e-3)))))
    if not found:
        raise ValueError(f"fit_heads: the training frames have no label of the loss: expected some of {', '.join(t.quantity for t in terms)}")
    return tuple(found)


def _spreading(head: Model, block: Block, quantity: str) -> torch.Tensor:
    if quantity != "energy":
        return block.labels[quantity].flatten()
    size = len(block.structure.numbers) // len(block)
    elements = block.structure.total(head.network.element_energy[head.network.rows(block.structure)])
    return (block.labels["energy"] - elements) / size


def _refuse(model: Multihead, data: Mapping[str, HeadData], config: TrainConfig) -> None:
    unknown = sorted(set(data) - set(model.heads))
    if unknown or model.config.serves not in data:
        raise ValueError(f"fit_heads: expected data of heads among {list(model.heads)}, and of {model.config.serves!r}, which serves; got {list(data)}")
    if config.polish or config.bootstrap:
        raise ValueError("fit_heads: expected a descent alone, without polish and bootstrap; leave them out")


@dataclass(frozen=True)
class _Head:
    name: str
    model: Model
    training: list[Block]
    check: list[Block]
    weight: float
    batch_size: int
    terms: tuple[Term, ...]

    @property
    def steps(self) -> int:
        """Batches of one pass over the frames."""
        return sum(-(-len(block) // self.batch_size) for block in self.training)

    def replayed(self, generator: np.random.Generator) -> Iterator[Block]:
        """Yield batches of the head's frames for ever, each pass in another order."""
        while True:
            yield from batches(self.training, self.batch_size, generator)

    def loss(self, batch: Block) -> torch.Tensor:
        return self.weight * loss(self.terms, batch, predictions(self.model, batch, True, tuple(t.quantity for t in self.terms)))


@dataclass
class _Together:
    """The descent: an epoch is one pass over the frames of the head that serves; the others' go round as they come."""

    model: Multihead
    heads: list[_Head]
    config: TrainConfig
    progress: Callable[[dict], None] | None
    elastic: Elastic | None
    stiffness: float

    def run(self) -> Training:
        config, training = self.config, Training(self.model)
        self.freezing, self.average = Freezing(self.model, config.freeze), Average(self.model, config.averaging)
        self.optimiser = torch.optim.AdamW(self.freezing.optimiser_groups(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.99))
        generator, start, epoch, done = np.random.default_rng(config.seed), time.monotonic(), 0, 0.0
        frames = [h.replayed(generator) for h in self.heads]
        steps = next(h.steps for h in self.heads if h.name == self.model.config.serves)
        self._validate(training, 0, None, 0.0)
        while done < 1.0:
            self.freezing.apply(epoch)
            for group in self.optimiser.param_groups:
                group["lr"] = config.learning_rate * config.schedule.rate(done, 0) * group["share"]
            mean = sum(self._step([next(f) for f in frames]) for _ in range(steps)) / steps
            epoch, done = epoch + 1, (time.monotonic() - start) / (60.0 * config.max_minutes)
            done = done if config.epochs is None else max(done, epoch / config.epochs)
            if epoch % config.validate_every == 0 or done >= 1.0:
                self._validate(training, epoch, mean, done)
        self.freezing.release()
        return training

    def _step(self, each: list[Block]) -> float:
        self.optimiser.zero_grad()
        value = sum(h.loss(batch) for h, batch in zip(self.heads, each))
        if self.elastic is not None:
            value = value + self.stiffness * self.elastic.energy()
        if not torch.isfinite(value):
            raise diverged(self.config, "within an epoch")
        value.backward()
        moving = [p for p in self.model.parameters() if p.grad is not None]
        clip(moving, self.config.gradient_clip, 1)
        self.optimiser.step()
        self.average.update()
        return float(value.detach())

    def _validate(self, training: Training, epoch: int, mean: float | None, done: float) -> None:
        row, total = {"epoch": epoch} | ({} if mean is None else {"training_loss": mean}), 0.0
        with self.average.applied():
            for head in self.heads:
                score, errors = validation(head.model, head.check, replace(self.config, terms=head.terms), ALONE)
                total = total + head.weight * score
                row |= {f"{head.name}_{quantity}": float(e) for quantity, e in errors.items()}
                if head.name == self.model.config.serves:
                    row |= {f"validation_{quantity}": float(e) for quantity, e in errors.items()}
            if not np.isfinite(total).all():
                raise diverged(self.config, f"at epoch {epoch}")
            training.keep(total)
        training.history.append({**row, "validation_loss": float(total[0])})
        if self.progress is not None:
            self.progress({**training.history[-1], "done": min(done, 1.0)})

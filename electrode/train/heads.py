"""All heads of a trunk trained at once: every step sees frames of each, so that none is forgotten.

    L = sum_k lambda_k L_k + k/2 sum_p F_p (theta_p - theta_p^0)^2

L_k is the loss of head k on its own frames, each of its terms in units of the spread of its own labels, so that the weights lambda
compare like with like; the second sum is that of `train.elastic`, where it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import torch

from electrode.models.base import Model
from electrode.models.multihead import Multihead
from electrode.train.blocks import Block, blocks
from electrode.train.checkpoint import Checkpoint, Interruption, fingerprint
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.elastic import Elastic
from electrode.train.loss import Term
from electrode.train.together import Stream, Task, Together

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
    warm: bool = False, elastic: Elastic | None = None, stiffness: float = 0.0, checkpoint: Checkpoint | None = None,
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
    checkpoint : where the training is kept, None for nowhere

    Raises
    ------
    ValueError
        for an unknown head, polishing or drawn trajectories, which this loop has not, or a head without a label of the loss.
    FloatingPointError
        if the loss is no longer finite.
    CheckpointError
        if the checkpoint cannot be gone on with.
    KeyboardInterrupt
        after SIGINT or SIGTERM, once the checkpoint is written.
    """
    _refuse(model, data, config)
    parts = {name: (blocks(model.heads[name], d.training), blocks(model.heads[name], d.validation)) for name, d in data.items()}
    if not warm:
        model.adapt_all({name: training for name, (training, _) in parts.items()})
    tasks = [_task(model, k, name, d, parts[name], config) for k, (name, d) in enumerate(data.items())]
    spring = (lambda: 0.0) if elastic is None else lambda: stiffness * elastic.energy()
    identity = _identity(model, data, config, stiffness) if checkpoint else {}
    together = Together(model, tasks, model.config.serves, config, progress, checkpoint, identity, spring)
    with Interruption(checkpoint is not None) as stop:
        training = together.run(stop)
    model.load_state_dict(training.weights)
    return training


def _task(model: Multihead, k: int, name: str, data: HeadData, parts: tuple[list[Block], list[Block]], config: TrainConfig) -> Task:
    training, check = parts
    weight = next(head.weight for head in model.config.heads if head.name == name)
    stream = Stream(training, data.batch_size or config.batch_size, (config.seed, k))
    return Task(name, model.heads[name], check, weight, own_terms(model.heads[name], training, config.terms), stream)


def _identity(model: Multihead, data: Mapping[str, HeadData], config: TrainConfig, stiffness: float) -> dict:
    """Return what must not change where the training is gone on with."""
    frames = {name: {"training": fingerprint(d.training), "validation": fingerprint(d.validation), "batch_size": d.batch_size} for name, d in data.items()}
    return {"train": asdict(config), "model": asdict(model.config), "data": frames, "stiffness": stiffness}


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

"""A `multihead` from two sets of frames: those of the head that serves, and those of the other, replayed in every step.

A committee is trained one member after the other, each with its own trunk, and consists of the heads that serve: templates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from electrode.models.base import Model
from electrode.train.checkpoint import Checkpoint
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.heads import HeadData, fit_heads
from electrode.train.joining import joined
from electrode.train.train import card_of, new_model
from electrode.train.transfer import transferred

SCHEME = "multihead"


def train_with_replay(
    training_frames: Sequence, validation_frames: Sequence, replayed: HeadData, config: TrainConfig | None = None, choices: dict | None = None,
    progress: Callable[[dict], None] | None = None, members: int = 1, caution: float = 0.0, *, start: Model | None = None, checkpoint: Checkpoint | None = None,
) -> Training:  # fmt: skip
    """Train the two heads of a new model together; the card is that of the frames that it serves, with the elements of both sets.

    Parameters
    ----------
    training_frames, validation_frames : `ElectrifiedFrame` of the head that serves
    replayed : frames of the other, of any method
    config : how to train, None for what suits the scheme
    choices : entries of the scheme's configuration that differ from its defaults
    progress : called with each row of the history
    members, caution : of a committee, see `train.train`; they share the time of `config`
    checkpoint : where the training of a single model is kept, None for nowhere
    start : a network trained on neutral frames, such as `template-a`, from which both heads and the trunk begin; the frames then hold no other elements

    Raises
    ------
    ValueError
        for more than two heads, for a checkpoint of a committee, and as `train.train` and `fit_heads` do.
    """
    if members < 1 or caution < 0 or (caution and members < 2) or (members > 1 and checkpoint):
        raise ValueError(f"replay: expected at least one member, two where caution > 0, and no checkpoint of several; got {members} members, caution {caution}")
    config, sets = config or TrainConfig.for_scheme(SCHEME), (training_frames, validation_frames, replayed)
    if members == 1:
        return _single(*sets, config, choices, progress, start, checkpoint)
    return _committee([_single(*sets, *_of_member(k, members, config, choices), _told(progress, k, members), start) for k in range(members)], validation_frames, caution)


def _of_member(k: int, members: int, config: TrainConfig, choices: dict | None) -> tuple[TrainConfig, dict]:
    """Return the training of one member, its share of the time, and its choices: seeds of its own."""
    own = replace(config, max_minutes=config.max_minutes / members, seed=config.seed + k)
    return own, {**(choices or {}), "seed": (choices or {}).get("seed", 0) + k}


def _told(progress: Callable[[dict], None] | None, k: int, members: int) -> Callable[[dict], None] | None:
    return progress and (lambda row: progress({"member": k, **row, "done": (k + row["done"]) / members}))


def _committee(each: list[Training], validation_frames: Sequence, caution: float) -> Training:
    """Return the committee of the heads that serve."""
    heads = [t.model.heads[t.model.config.serves] for t in each]
    for head, training in zip(heads, each):
        head.card = training.model.card
    model = joined(heads, validation_frames, caution)
    history, scores = [{"member": k, **row} for k, t in enumerate(each) for row in t.history], np.array([t.best for t in each])
    return Training(model, history, float(scores.mean()), model.state_dict(), scores)


def _single(training_frames, validation_frames, replayed: HeadData, config: TrainConfig, choices, progress, start, checkpoint=None) -> Training:
    card = card_of([*training_frames, *validation_frames])
    both = {int(z) for f in (*replayed.training, *replayed.validation) for z in f.geometry.numbers} | set(card.elements)
    card = replace(card, elements=tuple(sorted(both)))
    model = new_model(SCHEME, card, choices) if start is None else transferred(start, SCHEME, training_frames, choices)
    others = [name for name in model.heads if name != model.config.serves]
    if len(others) != 1:
        raise ValueError(f"replay: expected one head beside {model.config.serves!r}, got {', '.join(others)}; train more with `train.heads.fit_heads`")
    data = {others[0]: replayed, model.config.serves: HeadData(training_frames, validation_frames)}
    result = fit_heads(model, data, config, progress, warm=start is not None, checkpoint=checkpoint)
    model.card = replace(card, elements=tuple(model.config.elements))
    return result

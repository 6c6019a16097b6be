"""A `multihead` from two sets of frames: those of the head that serves, and those of the other, replayed in every step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from electrode.models.base import Model
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.heads import HeadData, fit_heads
from electrode.train.train import card_of, new_model
from electrode.train.transfer import transferred

SCHEME = "multihead"


def train_with_replay(
    training_frames: Sequence, validation_frames: Sequence, replayed: HeadData, config: TrainConfig | None = None, choices: dict | None = None,
    progress: Callable[[dict], None] | None = None, *, start: Model | None = None,
) -> Training:  # fmt: skip
    """Train the two heads of a new model together; the card is that of the frames that it serves, with the elements of both sets.

    Parameters
    ----------
    training_frames, validation_frames : `ElectrifiedFrame` of the head that serves
    replayed : frames of the other, of any method
    config : how to train, None for what suits the scheme
    choices : entries of the scheme's configuration that differ from its defaults
    progress : called with each row of the history
    start : a network trained on neutral frames, such as `template-a`, from which both heads and the trunk begin; the frames then hold no other elements

    Raises
    ------
    ValueError
        for more than two heads, and as `train.train` and `fit_heads` do.
    """
    card = card_of([*training_frames, *validation_frames])
    both = {int(z) for f in (*replayed.training, *replayed.validation) for z in f.geometry.numbers} | set(card.elements)
    card = replace(card, elements=tuple(sorted(both)))
    model = new_model(SCHEME, card, choices) if start is None else transferred(start, SCHEME, training_frames, choices)
    others = [name for name in model.heads if name != model.config.serves]
    if len(others) != 1:
        raise ValueError(f"replay: expected one head beside {model.config.serves!r}, got {', '.join(others)}; train more with `train.heads.fit_heads`")
    data = {others[0]: replayed, model.config.serves: HeadData(training_frames, validation_frames)}
    result = fit_heads(model, data, config or TrainConfig.for_scheme(SCHEME), progress, warm=start is not None)
    model.card = replace(card, elements=tuple(model.config.elements))
    return result

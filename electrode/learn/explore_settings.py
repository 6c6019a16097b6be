"""What can be chosen about an exploration, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model


@dataclass(frozen=True)
class ExploreSettings:
    """How much is explored, and when it is enough.

    Parameters
    ----------
    threshold : largest disagreement on a force along the dynamics at the end [eV/A]
    stop : disagreement at which a dynamics ends, in thresholds
    steps, interval, timestep : of each dynamics: steps, steps from one look to the next, [fs]
    start, rattle : structures labelled before the first training, and the displacement of those beyond the first of each potential [A]
    batch : labels of a round
    members : of the committee
    hold_out : every so many labels one is for validation
    max_calls : of the calculator, failed ones included
    max_rounds : of labels
    seed : of everything that is drawn

    Raises
    ------
    ValueError
        for a value that makes no sense.
    """

    threshold: float = 0.15
    stop: float = 4.0
    steps: int = 400
    interval: int = 10
    timestep: float = 0.5
    start: int = 8
    rattle: float = 0.05
    batch: int = 8
    members: int = 4
    hold_out: int = 5
    max_calls: int = 100
    max_rounds: int = 20
    seed: int = 0

    def __post_init__(self):
        for name in ("threshold", "stop", "steps", "interval", "timestep", "rattle", "batch", "max_calls", "max_rounds"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")
        if self.members < 2 or self.hold_out < 2 or self.start < 4:
            raise ValueError(f"expected at least 2 members, hold_out of 2 and 4 structures to start with; got {self.members}, {self.hold_out} and {self.start}")
        if self.max_calls < self.start:
            raise ValueError(f"max_calls: expected at least the {self.start} structures to start with, got {self.max_calls}")


@dataclass(frozen=True)
class Explored:
    """What a search found.

    Parameters
    ----------
    converged, status : whether no dynamics met a disagreement above the threshold
    model : committee trained on all labels
    frames : the labels as frames of the record
    disagreement : largest of each round's dynamics [eV/A]
    calls : of the calculator, failed ones included
    failures : what the calculator said where it failed
    """

    converged: bool
    status: str
    model: Model
    frames: tuple[ElectrifiedFrame, ...]
    disagreement: tuple[float, ...]
    calls: int
    failures: tuple[str, ...]

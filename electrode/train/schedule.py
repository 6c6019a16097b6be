"""The learning rate over a training."""

from __future__ import annotations

import math
from dataclasses import dataclass

from electrode.data.problems import did_you_mean

SHAPES = ("cosine", "constant", "plateau")
_START = 0.01  # of the rate, where a warm-up begins


@dataclass(frozen=True)
class Schedule:
    """Factor of the learning rate.

    Parameters
    ----------
    shape : "cosine" falls from 1 to 0 over the training; "constant" stays; "plateau" falls by `factor` whenever the validation loss,
        the mean over the members, was not lowered for `patience` validations
    warm_up : share of the training over which the rate first rises linearly
    factor, patience : of "plateau"
    """

    shape: str = "cosine"
    warm_up: float = 0.0
    factor: float = 0.5
    patience: int = 10

    def __post_init__(self):
        if self.shape not in SHAPES:
            raise ValueError(f"Schedule.shape: expected one of {', '.join(SHAPES)}, got {self.shape!r}{did_you_mean(str(self.shape), SHAPES)}")
        if not 0 <= self.warm_up < 1 or not 0 < self.factor < 1 or not self.patience >= 1:
            raise ValueError(f"Schedule: expected 0 <= warm_up < 1, 0 < factor < 1 and patience >= 1, got {self.warm_up}, {self.factor}, {self.patience}")

    def rate(self, done: float, falls: int) -> float:
        """Return the factor where the share `done` of the training has passed, after `falls` falls from a plateau."""
        if done < self.warm_up:
            return _START + (1.0 - _START) * done / self.warm_up
        if self.shape == "cosine":
            return 0.5 * (1.0 + math.cos(math.pi * min((done - self.warm_up) / (1.0 - self.warm_up), 1.0)))
        return self.factor**falls if self.shape == "plateau" else 1.0

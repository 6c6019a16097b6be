"""What can be chosen about a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.learn.labels import Label


@dataclass(frozen=True)
class LearnSettings:
    """When a search has arrived, and how far it trusts what it has learned.

    Parameters
    ----------
    fmax : largest force of the calculator at the saddle [eV/A]
    images : of the band, end states included
    trust : the band moves until an image's standard deviation exceeds this [eV]
    certainty : largest standard deviation along the band at the end [eV]; in a search at potentials only of images that may be higher than the saddle
    max_calls : of the calculator, end states and failed ones included
    max_failures : failed calls in a row after which the search gives up

    Raises
    ------
    ValueError
        for a value that makes no sense.
    """

    fmax: float = 0.05
    images: int = 9
    trust: float = 0.3
    certainty: float = 0.05
    max_calls: int = 50
    max_failures: int = 3

    def __post_init__(self):
        if self.images < 5:
            raise ValueError(f"images: expected at least 5, end states included; got {self.images}")
        for name in ("fmax", "trust", "certainty", "max_calls", "max_failures"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")

    def calls_left(self, labels: Sequence[Label]) -> int:
        """Return how many calls are left after those of some labels."""
        return self.max_calls - sum(x.attempts for x in labels)

    def calls_for_ends(self, labels: Sequence[Label], missing: int) -> int:
        """Return how many calls are left; raises ValueError where they are fewer than the end states that have no label."""
        left = self.calls_left(labels)
        if left < missing:
            raise ValueError(f"max_calls: expected at least {self.max_calls - left + missing}, {missing} of them for end states without a label; got {self.max_calls}")
        return left

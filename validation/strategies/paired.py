"""Whether one strategy is better than another: a paired bootstrap over the trajectories of a test.

Both are measured on the same frames.  Trajectories are drawn with replacement, the same for both, and the ratio of their root mean square errors
is taken each time; where its 95 % interval holds 1 the pair is undecided.  With several seeds the squared errors of all are added first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

DRAWS = 4000
FEWEST = 5  # trajectories, below which nothing is decided


@dataclass(frozen=True)
class Verdict:
    """The ratio of two errors, first over second.

    Parameters
    ----------
    ratio : of root mean square errors;  low, high : its 95 % interval, NaN where nothing is decided
    word : "better" (the first is), "worse" or "undecided"
    """

    ratio: float
    low: float
    high: float
    word: str


def pooled(several: list[Mapping]) -> dict[str, tuple[float, int]]:
    """Return {trajectory: (sum of squares, number)} of several results of the same frames, their sums added."""
    names = set.intersection(*(set(one) for one in several)) if several else set()
    return {n: (sum(one[n][0] for one in several), sum(one[n][1] for one in several)) for n in sorted(names)}


def error(of: Mapping) -> float:
    """Return the root mean square error of {trajectory: (sum of squares, number)}; NaN of nothing."""
    number = sum(n for _, n in of.values())
    return float(np.sqrt(sum(s for s, _ in of.values()) / number)) if number else float("nan")


def verdict(first: Mapping, second: Mapping, seed: int = 0) -> Verdict:
    """Return whether the first error is smaller, from trajectories that both have."""
    names = sorted(set(first) & set(second))
    a, b = ({n: which[n] for n in names} for which in (first, second))
    ratio = error(a) / error(b) if names and error(b) > 0 else float("nan")
    if len(names) < FEWEST or not np.isfinite(ratio):
        return Verdict(ratio, float("nan"), float("nan"), "undecided")
    drawn = np.random.default_rng(seed).integers(len(names), size=(DRAWS, len(names)))
    rms = [np.sqrt(v[:, 0][drawn].sum(1) / v[:, 1][drawn].sum(1)) for v in (np.array([which[n] for n in names]) for which in (a, b))]
    low, high = np.quantile(rms[0] / rms[1], (0.025, 0.975)).tolist()
    return Verdict(ratio, low, high, "better" if high < 1.0 else "worse" if low > 1.0 else "undecided")

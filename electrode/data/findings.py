"""What is measured on a set of frames: numbers, a line of text, and the problems that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame


@dataclass(frozen=True)
class Finding:
    """One thing measured.

    Parameters
    ----------
    rule : of `rules.RULES`
    text : what was measured, with its size and unit
    numbers : the same, name with unit -> value
    problems : what is wrong, if anything
    """

    rule: str
    text: str
    numbers: Mapping[str, float | int]
    problems: tuple[Problem, ...] = ()


def median_and_max(values: Sequence[float], unit: str) -> tuple[dict, str]:
    """Return the number, median and maximum of sizes, as numbers and as words."""
    sizes = np.abs(np.asarray(values, dtype=float))
    numbers = {"count": len(sizes), f"median_{unit}": float(np.median(sizes)), f"max_{unit}": float(sizes.max())}
    return numbers, f"median {np.median(sizes):.3g}, largest {sizes.max():.3g}"


def among(frames: Sequence[ElectrifiedFrame], shown: int = 3) -> str:
    """Return the places of some frames."""
    more = f" and {len(frames) - shown} more" if len(frames) > shown else ""
    return ", ".join(f.where for f in frames[:shown]) + more

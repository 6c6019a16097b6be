"""What is measured on a set of frames: numbers, a line of text, and the problems that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame

Pairs = Sequence  # of frames of one composition, `low` and `high`


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


def by_composition(measure: Callable[[Pairs], Finding | None], pairs: Pairs) -> Finding | None:
    """Return what is measured on all pairs, with the errors of single compositions where the set as a whole has no problem.

    A part has fewer pairs than the set, so that only an error, a factor that is that of a unit, is told of it, and no warning.

    Parameters
    ----------
    measure : pairs -> what is found, None where they are too few to tell
    pairs : of frames of one composition, `low` and `high`
    """
    whole, parts = measure(pairs), {}
    if whole is None or whole.problems:
        return whole
    for pair in pairs:
        parts.setdefault(pair.low.geometry.get_chemical_formula(), []).append(pair)
    found = {formula: part.problems for formula, some in parts.items() if (part := measure(some)) is not None}
    return replace(whole, problems=tuple(_of(formula, parts[formula], p) for formula, each in found.items() for p in each if p.severity == "error"))


def _of(formula: str, pairs: Pairs, problem: Problem) -> Problem:
    """Return the problem of a set as that of one composition."""
    frames = list({id(f): f for pair in pairs for f in (pair.low, pair.high)}.values())
    return replace(problem, where=among(frames), what=f"{len(frames)} frames of {formula}: {problem.what}")

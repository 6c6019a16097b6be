"""Where the next call helps most.

The highest image of the surrogate's band is asked for as long as it is not a confirmed saddle: one where the calculator itself found
forces below the threshold and an energy above both end states.  Where the surrogate shows no saddle, where the calculator has failed, and
once a saddle is confirmed, the most uncertain image is asked for, until the band is certain; that shows other, higher saddles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.learn.band import RISE, Relaxed
from electrode.learn.labels import Label
from electrode.learn.settings import LearnSettings

SAME_PLACE, SAME_ENERGY = 0.3, 0.01  # within which the surrogate's saddle is the confirmed one [A], [eV]
DOUBT = 3.0  # standard deviations within which an image may be higher than it seems
ALIKE = 1.5  # largest forces of a saddle asked for that the next band still starts from, over the smallest found so far
SOFT, SHORTEST = 2.0, 0.1  # spring that the forces at a saddle asked for are taken to have [eV/A^2], least reach of the next band [A]
LEAST = 0.1  # of the trust at the start, to which failed predictions may take it
FAILED, KNOWN = 0.05, 0.003  # nearer than this to a structure that failed, or is known, no call is made [A]


class NothingLeft(ValueError):
    """Every image of the band is known, or the calculator failed there."""


@dataclass(frozen=True)
class Choice:
    """An image to be asked for, or None where nothing is left to ask; `saddle` is the confirmed one."""

    image: int | None
    reason: str
    saddle: int | None


def confirmed(labels: Sequence[Label], energies: np.ndarray, fmax: float) -> int | None:
    """Return the last label asked for as a saddle if the calculator says that it is one.

    Parameters
    ----------
    labels : good ones, the two end states first
    energies : (M,) of the labels [eV], on one scale
    fmax : [eV/A]
    """
    asked = [k for k, x in enumerate(labels) if x.reason == "saddle"]
    if not asked or labels[asked[-1]].fmax >= fmax or energies[asked[-1]] < energies[:2].max() + RISE:
        return None
    return asked[-1]


def choose(band: Relaxed, labels: Sequence[Label], energies: np.ndarray, failed: Sequence[Label], settings: LearnSettings, everywhere: bool = True) -> Choice:
    """Return what to ask for next; arguments as in `confirmed`, `failed` the labels without an answer.

    With `everywhere` the whole band must be certain at the end, otherwise it is enough that no image can be as high as the saddle.

    Raises
    ------
    NothingLeft
        if every image of the band is known or the calculator failed there.
    """
    top, found = band.top, confirmed(labels, energies, settings.fmax)
    avoided = [(x, FAILED) for x in failed] + [(x, KNOWN) for x in labels]
    allowed = [k for k in band.most_uncertain if all(_apart(band.positions[k], x) > limit for x, limit in avoided)]
    if found is not None and _is_same(band, labels[found], energies[found]):
        if (band.complete and band.std.max() < settings.certainty) if everywhere else not doubtful(band, settings):
            return Choice(None, "", found)
    elif band.rises and top in allowed:
        return Choice(top, "saddle", None)
    if not allowed:
        raise NothingLeft("nothing is left to ask: every image of the band is known, or the calculator failed there; see the messages, and go on (resume) with more images")
    return Choice(int(allowed[0]), "uncertain", found)


def _is_same(band: Relaxed, label: Label, energy: float) -> bool:
    return abs(band.energies[band.top] - energy) < SAME_ENERGY and _apart(band.positions[band.top], label) < SAME_PLACE


def _apart(positions: np.ndarray, label: Label) -> float:
    return float(np.linalg.norm(positions - label.positions, axis=1).max())


def doubtful(band: Relaxed, settings: LearnSettings) -> bool:
    """Say whether an uncertain image could be higher than the highest, by `DOUBT` standard deviations."""
    high = band.energies + DOUBT * band.std > band.energies[band.top]
    high[band.top] = False
    return bool((high & (band.std > settings.certainty)).any())


def trusted(labels: Sequence[Label], settings: LearnSettings) -> float:
    """Return the standard deviation up to which a band may move: half of it after a saddle with larger forces than the one before, more again after others [eV]."""
    trust, forces = settings.trust, [x.fmax for x in labels if x.reason == "saddle"]
    for before, after in zip(forces, forces[1:]):
        trust = max(0.5 * trust, LEAST * settings.trust) if after > before else min(1.5 * trust, settings.trust)
    return trust


def closest(labels: Sequence[Label]) -> Label | None:
    """Return the label whose path the next band starts from: the last saddle asked for, unless one before had much smaller forces, else the last label.

    Forces alone would not do: along soft motions they rise before they fall, and the band would start from one place for ever.
    """
    asked = [x for x in labels if x.reason == "saddle"]
    if asked:
        least = min(x.fmax for x in asked)
        return next(x for x in reversed(asked) if x.fmax <= ALIKE * least)
    return next((x for x in reversed(labels) if x.path is not None), None)


def reach_from(label: Label | None) -> float | np.ndarray:
    """Return how far the next band may move from the path of a label: the image asked for as a saddle as far as its forces over a soft spring, others anywhere [A]."""
    if label is None or label.reason != "saddle":
        return np.inf
    reach = np.full(len(label.path), np.inf)
    reach[np.linalg.norm(label.path - label.positions, axis=(1, 2)).argmin()] = max(label.fmax / SOFT, SHORTEST)
    return reach

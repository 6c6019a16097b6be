"""Where the next call helps most.

The highest image of the surrogate's band is asked for as long as it is not a confirmed saddle: one where the calculator itself found
forces below the threshold and an energy above both end states.  While uncertainty holds the band back, the highest and the most uncertain
image take turns.  Where the surrogate shows no saddle, where the calculator has failed, and once a saddle is confirmed, the most uncertain
image is asked for, until the whole band is certain; that shows other, higher saddles.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.learn.band import RISE, Relaxed
from electrode.learn.labels import Label
from electrode.learn.settings import LearnSettings

SAME_PLACE, SAME_ENERGY = 0.3, 0.01  # within which the surrogate's saddle is the confirmed one [A], [eV]
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


def choose(band: Relaxed, labels: Sequence[Label], energies: np.ndarray, failed: Sequence[Label], settings: LearnSettings) -> Choice:
    """Return what to ask for next; arguments as in `confirmed`, `failed` the labels without an answer.

    Raises
    ------
    NothingLeft
        if every image of the band is known or the calculator failed there.
    """
    top, found = band.top, confirmed(labels, energies, settings.fmax)
    held_back = not band.complete and band.std.max() > settings.trust
    avoided = [(x, FAILED) for x in failed] + [(x, KNOWN) for x in labels]
    allowed = [k for k in band.most_uncertain if all(_apart(band.positions[k], x) > limit for x, limit in avoided)]
    if found is not None and _is_same(band, labels[found], energies[found]):
        if band.complete and band.std.max() < settings.certainty:
            return Choice(None, "", found)
    elif band.rises and top in allowed and not (held_back and labels[-1].reason == "saddle"):
        return Choice(top, "saddle", None)
    if not allowed:
        raise NothingLeft("nothing is left to ask: every image of the band is known, or the calculator failed there; see the messages, and go on (resume) with more images")
    return Choice(int(allowed[0]), "uncertain", found)


def _is_same(band: Relaxed, label: Label, energy: float) -> bool:
    return abs(band.energies[band.top] - energy) < SAME_ENERGY and _apart(band.positions[band.top], label) < SAME_PLACE


def _apart(positions: np.ndarray, label: Label) -> float:
    return float(np.linalg.norm(positions - label.positions, axis=1).max())

"""Where the counter-charge of a structure stands, against where it stood in the training data."""

from __future__ import annotations

import torch
from torch import Tensor

from electrode.state import GAP_KEY, Structure

SAME_GAP = 0.05  # distances closer than this are one [A]


def excess_gap(structure: Structure, which: Tensor, trained: tuple[float, float] | None) -> Tensor:
    """Return by how much the distances of the counter-charges of systems `which` (s,) exceed the shortest that was trained, (s,) [A].

    Where one distance was trained, or none is known, it is zero.

    Parameters
    ----------
    trained : shortest and longest distance in the training data [A], or None where not known

    Raises
    ------
    ValueError
        for a distance outside the trained ones, or none where several were trained.
    """
    if trained is None:
        return torch.zeros(len(which), dtype=torch.float64)
    low, high = trained
    several, gap = high - low > SAME_GAP, structure.countercharge_gap
    gap = torch.full((len(which),), torch.nan, dtype=torch.float64) if gap is None else gap[which].double()
    missing, wrong = several & torch.isnan(gap) & structure.pbc[which, 0], (gap < low - SAME_GAP) | (gap > high + SAME_GAP)
    if (missing | wrong).any():
        found = "none" if missing.any() else f"{float(gap[wrong][0]):g} A"
        raise ValueError(
            f"system {int(which[missing | wrong][0])}: expected the distance of its counter-charge from the top metal layer, {low:g} to {high:g} A as in training, "
            f"got {found}. Set atoms.info[{GAP_KEY!r}] or Structure.countercharge_gap, or train a model with frames of that distance"
        )
    return torch.where(torch.isnan(gap), 0.0, gap - low) if several else torch.zeros_like(gap)

"""Where a model may be trusted: elements, charge and potential inside what it was trained on."""

from __future__ import annotations

import warnings

from torch import Tensor

from electrode.models.base import Model
from electrode.state import Structure


class OutsideTrainedRange(UserWarning):
    """The charge or the potential lies outside what the model was trained on."""


class UncertainBarrier(UserWarning):
    """The members of a committee disagree about a barrier by more than it can be trusted with."""


def outside(model: Model, structure: Structure, out: dict[str, Tensor]) -> list[str]:
    """Return a message for each quantity that leaves the model's trained range, naming the range.

    Parameters
    ----------
    model : with a card
    structure : S systems
    out : what `evaluate` gave, `charge` (S,) [e] and `potential` (S,) [V]
    """
    messages = []
    rows = (
        ("potential", out["potential"], model.card.potential_range, "V absolute"),
        ("charge per area", out["charge"] / structure.area, model.card.surface_charge_range, "e/A^2"),
    )
    for name, values, window, unit in rows:
        if window is None:
            continue
        low, high = float(values.min()), float(values.max())
        worst = low if window[0] - low > high - window[1] else high
        if low < window[0] - 1e-9 or high > window[1] + 1e-9:
            messages.append(f"{name} {worst:.4g} {unit} is outside the trained range {window[0]:.4g} to {window[1]:.4g} {unit}")
    return messages


def check_elements(model: Model, structure: Structure) -> None:
    """Raise ValueError if the structure holds elements that the model does not know."""
    known = set(model.card.elements)
    unknown = sorted(set(structure.numbers.tolist()) - known)
    if known and unknown:
        raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {sorted(known)}; train with frames that hold them")


def check_domain(model: Model, structure: Structure, out: dict[str, Tensor], *, strict: bool, warned: bool = False) -> bool:
    """Warn once (`warned` says that it was done), or raise when `strict`, for each range that is left.

    Returns
    -------
    bool, whether a warning was given now or before

    Raises
    ------
    ValueError
        when `strict`.
    """
    messages = outside(model, structure, out)
    if messages and strict:
        raise ValueError("; ".join(messages) + ". Choose a value inside, or pass strict=False to go on with a warning")
    if messages and not warned:
        warnings.warn("; ".join(messages) + "; the result is an extrapolation", OutsideTrainedRange, stacklevel=3)
    return warned or bool(messages)

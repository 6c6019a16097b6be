"""Where a model may be trusted: elements, charge and potential inside what it was trained on."""

from __future__ import annotations

import warnings

from torch import Tensor

from electrode.models.base import Model
from electrode.state import Structure


DISAGREEMENT = 0.01  # spread of a committee's energies that tells of a structure unlike the training data [eV per atom]


class OutsideTrainedRange(UserWarning):
    """The charge, the potential or the structure lies outside what the model was trained on."""


class UncertainBarrier(UserWarning):
    """The members of a committee disagree about a barrier by more than it can be trusted with."""


def outside(model: Model, structure: Structure, out: dict[str, Tensor]) -> list[str]:
    """Return a message for each quantity that leaves the model's trained range, and for other signs of extrapolation.

    Parameters
    ----------
    model : with a card
    structure : S systems
    out : what `evaluate` gave, `charge` (S,) [e], `potential` (S,) [V], `capacitance` (S,) [e/V], a committee's `energy_std`
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
    if (out["capacitance"] <= 0).any():
        messages.append(f"the capacitance is {float(out['capacitance'].min()):.3g} e/V, which no stable interface has")
    spread = (out["energy_std"] / structure.counts).max() if "energy_std" in out else 0.0
    if spread > DISAGREEMENT:
        messages.append(f"the committee's members differ by {1e3 * float(spread):.0f} meV/atom, more than {1e3 * DISAGREEMENT:.0f}")
    return messages


def check_elements(model: Model, structure: Structure) -> None:
    """Raise ValueError if the structure holds elements that the model does not know."""
    known = set(model.card.elements)
    unknown = sorted(set(structure.numbers.tolist()) - known)
    if known and unknown:
        raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {sorted(known)}; train with frames that hold them")


def check_domain(model: Model, structure: Structure, out: dict[str, Tensor], *, strict: bool, warned: bool = False, where: str = "") -> bool:
    """Warn once (`warned` says that it was done), or raise when `strict`, of each range that is left; `where` opens the message.

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
        raise ValueError(where + "; ".join(messages) + ". Choose a value inside, or pass strict=False to go on with a warning")
    if messages and not warned:
        warnings.warn(where + "; ".join(messages) + "; the result is an extrapolation", OutsideTrainedRange, stacklevel=3)
    return warned or bool(messages)

"""Where a model may be trusted: elements, periodicity, charge and potential inside what it was trained on."""

from __future__ import annotations

import warnings

import numpy as np
from ase.geometry import complete_cell
from torch import Tensor

from electrode.models.base import Model
from electrode.state import Structure

GAP = 6.0  # a layer without atoms that is as wide as this ends a structure: beyond the reach of short-ranged interactions [A]
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
    messages = _other_periodicity(model.card.pbc, structure)
    rows = (
        ("potential", out["potential"], model.card.potential_range, "V absolute"),
        ("charge per area", out["charge"] / structure.area, model.card.surface_charge_range, "e/A^2"),
    )
    for name, values, window, unit in rows:
        if window is None:
            continue
        low, high = min(values := values.tolist()), max(values)
        worst = low if window[0] - low > high - window[1] else high
        if low < window[0] - 1e-9 or high > window[1] + 1e-9:
            messages.append(f"{name} {worst:.4g} {unit} is outside the trained range {window[0]:.4g} to {window[1]:.4g} {unit}")
    if (least := min(out["capacitance"].tolist())) <= 0:
        messages.append(f"the capacitance is {least:.3g} e/V, which no stable interface has")
    spread = (out["energy_std"] / structure.counts).max() if "energy_std" in out else 0.0
    if spread > DISAGREEMENT:
        messages.append(f"the committee's members differ by {1e3 * float(spread):.0f} meV/atom, more than {1e3 * DISAGREEMENT:.0f}")
    return messages


def periodicity(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray) -> tuple[bool, bool, bool]:
    """Return the directions along which atoms go on from cell to cell: periodic, and without a layer of `GAP` that holds no atom.

    Parameters
    ----------
    positions : (N, 3) [A];  cell : (3, 3) [A];  pbc : (3,)
    """
    full = complete_cell(np.where(np.reshape(pbc, (3, 1)), cell, 0.0))
    inverse = np.linalg.inv(full)
    scaled = np.sort((positions @ inverse) % 1.0, axis=0)
    gap = np.diff(scaled, axis=0, append=scaled[:1] + 1.0).max(axis=0) / np.linalg.norm(inverse, axis=0)
    return tuple(bool(p) and bool(g < GAP) for p, g in zip(pbc, gap))


def _other_periodicity(trained: tuple[bool, bool, bool] | None, structure: Structure) -> list[str]:
    """Return a message where a system goes on along other directions than the training data."""
    if trained is None:
        return []
    positions, cell, pbc = (x.detach().double().numpy() for x in (structure.positions, structure.cell, structure.pbc))
    which = structure.system.numpy()
    found = {periodicity(positions[which == k], cell[k], pbc[k] > 0) for k in range(len(cell))}
    return [f"a structure is periodic along {_directions(other)}, the training data along {_directions(trained)}" for other in sorted(found - {tuple(trained)})]


def _directions(pbc: tuple[bool, bool, bool]) -> str:
    names = [name for name, periodic in zip("abc", pbc) if periodic]
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names or ["no vector"])


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

"""A new training that begins with the weights of a trained model.

An element of the new frames that the model does not know takes the place of the most similar one that they do not hold: another metal
for a metal, of the nearest bond radius r and electronegativity chi,

    (r - r')^2/(0.1 A)^2 + (chi - chi')^2/(0.5 V)^2  least

Its networks or kernels begin as those of that element, shifted by what the scheme knows of both from published tables; its energy is fitted to the new frames.
Least squares then fit the difference: the prior's mean is the old model, not zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.models.schemes import SCHEMES, find_scheme, scheme_of
from electrode.models.store import build_model, from_plain
from electrode.physics.elements import BOND_RADIUS, ELECTRONEGATIVITY, METAL, SYMBOLS
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.geometries import by_geometry
from electrode.train.labels import held, natural_energy

RADIUS, LEVEL = 0.1, 0.5  # what counts as a step in bond radius [A] and electronegativity [V]
BATCH = 32  # frames in one evaluation


def trained_scheme(model: Model) -> str:
    """Return the name of the scheme of a model, or of a committee's members.

    Raises
    ------
    ValueError
        for a model that no scheme makes, or that has nothing to train.
    """
    if isinstance(model, Committee):
        return model.config.scheme
    name = scheme_of(model)
    if name is None or not find_scheme(name).trainable:
        trainable = ", ".join(n for n, s in SCHEMES.items() if s.trainable)
        raise ValueError(f"start: expected a trained model of one of the schemes {trainable}, or a committee of them; got {type(model).__name__}")
    return name


def substitutes(known: Sequence[int], wanted: Sequence[int]) -> dict[int, int]:
    """Return which known element each unknown one of the wanted takes the place of, {known: unknown} by atomic number.

    Raises
    ------
    ValueError
        where no element is left to be replaced.
    """
    found: dict[int, int] = {}
    for z in sorted(set(wanted) - set(known)):
        free = [k for k in known if k not in wanted and k not in found and METAL[k] == METAL[z]]
        if not free:
            raise ValueError(
                f"start: the model knows {', '.join(SYMBOLS[k] for k in known)}, and none of them can give its place to {SYMBOLS[z]}: expected a "
                f"{'metal' if METAL[z] else 'non-metal'} that the new frames do not hold. Train a new model on the frames of both"
            )
        apart = [((BOND_RADIUS[k] - BOND_RADIUS[z]) / RADIUS) ** 2 + ((ELECTRONEGATIVITY[k] - ELECTRONEGATIVITY[z]) / LEVEL) ** 2 for k in free]
        found[free[int(np.argmin(apart))]] = z
    return found


def started(model: Model, frames: Sequence) -> Model:
    """Return a new model with the weights of a trained one, for the elements of the frames.

    Parameters
    ----------
    model : trained, of a scheme, or a committee, which gives a committee
    frames : `ElectrifiedFrame` of the new training, which the energies of elements that are new are fitted to

    Raises
    ------
    ValueError
        see `substitutes` and `trained_scheme`; for new elements in a scheme without energies of the elements.
    """
    if isinstance(model, Committee):
        members = [started(m, frames) for m in model.members()]
        committee = Committee(replace(model.config, member=members[0].config))
        committee.take(members)
        committee.card = members[0].card
        return committee.eval()
    scheme = trained_scheme(model)
    swap = substitutes(model.card.elements, sorted({int(z) for f in frames for z in f.geometry.numbers}))
    config = from_plain(find_scheme(scheme).config(), _swapped(asdict(model.config), swap))
    if find_scheme(scheme).linear:
        config = replace(config, landmarks=config.landmarks + min(config.landmarks, _environments(frames)))
    fresh, published = build_model(scheme, config), build_model(scheme, model.config).state_dict()
    for name, value in fresh.state_dict().items():
        corner = value[tuple(slice(n) for n in published[name].shape)]  # the rest is room for more landmarks
        corner += model.state_dict()[name] - published[name]
    fresh.card = replace(model.card, elements=tuple(sorted(swap.get(z, z) for z in model.card.elements)), calibration=None)
    if swap:
        fit_energies(fresh, frames, tuple(swap.values()))
    return fresh.eval()


def _environments(frames: Sequence) -> int:
    """Return the largest number of atoms of one element in the different geometries of the frames."""
    numbers = np.concatenate([frames[rows[0]].geometry.numbers for rows in by_geometry(frames)])
    return int(np.bincount(numbers).max())


def fit_energies(model: Model, frames: Sequence, elements: Sequence[int]) -> None:
    """Fit the energies of some elements to what a model leaves of the labelled energies; frames without one count for nothing.

    Raises
    ------
    ValueError
        for a scheme without energies of the elements.
    """
    table, own = _energies(model)
    counts, rest = [], []
    for k in range(0, len(frames), BATCH):
        some = [f for f in frames[k : k + BATCH] if natural_energy(model, f) is not None]
        if some:
            structure = Structure.from_atoms([f.atoms for f in some])
            out = evaluate(model, structure, Control(**held(model, some)))
            rest.append(np.array([natural_energy(model, f) for f in some]) - out["natural_energy"].detach().numpy())
            counts.append(np.array([[np.count_nonzero(f.geometry.numbers == z) for z in elements] for f in some], float))
    if rest:
        energies = np.linalg.lstsq(np.concatenate(counts), np.concatenate(rest), rcond=None)[0]
        with torch.no_grad():
            table[[own.index(z) for z in elements]] += torch.from_numpy(energies)


def _energies(model: Model) -> tuple[Tensor, tuple[int, ...]]:
    """Return the table of the elements' energies and its elements in order."""
    if hasattr(model, "heads") and hasattr(model.heads, "offsets"):
        return model.heads.offsets.detach()[:, 0], _elements(asdict(model.config))
    tables = [v for name, v in (*model.named_parameters(), *model.named_buffers()) if name.split(".")[-1] in ("element_energy", "atomic_energies")]
    if len(tables) != 1:
        raise ValueError(f"start: {type(model).__name__} has no energies of its elements, so that it cannot take new ones; start from frames of its own elements")
    return tables[0].detach().reshape(-1), _elements(asdict(model.config))


def _elements(plain: dict) -> tuple[int, ...]:
    """Return the first entry "elements" of a nested configuration."""
    if "elements" in plain:
        return tuple(plain["elements"])
    return next((found for value in plain.values() if isinstance(value, dict) and (found := _elements(value))), ())


def _swapped(plain, swap: dict[int, int]):
    """Return a nested configuration with other elements at the places of some."""
    if isinstance(plain, dict):
        return {name: tuple(swap.get(z, z) for z in value) if name == "elements" else _swapped(value, swap) for name, value in plain.items()}
    return [_swapped(value, swap) for value in plain] if isinstance(plain, (list, tuple)) else plain

"""A trained network under another scheme: what both have keeps its weights, what is new starts at zero.

A network trained on neutral frames (`template-a`, or `correction`) becomes one that sees the charge or the potential.  The weights of a
condition are zero at first, so that the new model's energies and forces are the old ones, beside the capacitor where it has one; which of
them move, and when, is for `train.freezing` to say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

import torch

from electrode.models.base import Model
from electrode.models.multihead import Multihead
from electrode.models.schemes import SCHEMES
from electrode.models.store import build_model, from_plain
from electrode.models.templates import PLACE
from electrode.nn.atomic import AtomicNetwork
from electrode.train.labels import charge_of, potential_of
from electrode.train.start import fit_energies

SHARED = ("elements", "representation", "readout_hidden")  # of the configuration
TAKING = (*(f"template-{letter}" for letter in PLACE), "correction", "cp-mlff-node", "multihead")  # their conditions can start at nothing


def transferable(model: Model, scheme: str) -> bool:
    """Return whether a scheme can take the network of a model, and begin as that model."""
    return scheme in TAKING and isinstance(getattr(model, "network", None), AtomicNetwork)


def transferred(model: Model, scheme: str, frames: Sequence, choices: dict | None = None) -> Model:
    """Return a new model of a scheme with the network of a trained one.

    Parameters
    ----------
    model : trained, with a `network` of `nn.atomic`
    scheme : whose network is of the same kind
    frames : `ElectrifiedFrame` to be trained on, which the scales of what is new are fitted to, and, where they are of another method, the
        energies of the elements; none to leave both
    choices : entries of the new scheme's configuration, none of the network's own

    Raises
    ------
    ValueError
        for a model without such a network, a scheme without, choices of the network, or elements that it does not know.
    """
    _refuse(model, scheme, frames, choices or {})
    plain = asdict(model.config)
    own = {**SCHEMES[scheme].choices, **(choices or {}), **{name: plain[name] for name in SHARED}}
    fresh = build_model(scheme, from_plain(SCHEMES[scheme].config(), own))
    parts = list(fresh.heads.values()) if isinstance(fresh, Multihead) else [fresh]
    for part in parts:
        part.network.load_state_dict(model.network.state_dict())
    fresh.card = replace(model.card, calibration=None)
    if len(frames):
        new = fresh.heads[fresh.config.serves] if isinstance(fresh, Multihead) else fresh
        fit_condition(new, frames)
        if {f.method_id for f in frames} - set(model.card.method_ids):
            fit_energies(new, frames, new.config.elements)
    return fresh.eval()


def fit_condition(model: Model, frames: Sequence) -> None:
    """Fit the scale of the condition and the capacitor to the labels of the frames."""
    number = lambda value: float("nan") if value is None else value
    table = [(number(charge_of(f)), number(potential_of(f)), float(f.geometry.cell.areas()[2])) for f in frames]
    charge, potential, area = torch.tensor(table, dtype=torch.float64).T
    value, conjugate = (charge, potential) if model.natural == "charge" else (potential, charge)
    model.conditioning.adapt(value, area)
    if model.capacitor is not None:
        model.capacitor.adapt(value, conjugate, area)


def _refuse(model: Model, scheme: str, frames: Sequence, choices: dict) -> None:
    if not transferable(model, scheme):
        raise ValueError(f"start: expected a model and a scheme that share a network of message passing, got {type(model).__name__} and {scheme!r}; train anew")
    taken = sorted(set(choices) & {*SHARED, *SCHEMES[scheme].choices})
    if taken:
        raise ValueError(f"start: the model brings its own network and the scheme its own choices; expected neither in the choices, got {', '.join(taken)}")
    unknown = sorted({int(z) for f in frames for z in f.geometry.numbers} - set(model.config.elements))
    if unknown:
        raise ValueError(f"start: elements {unknown} (atomic numbers) are not in the model, which knows {list(model.config.elements)}; train it on frames that hold them")

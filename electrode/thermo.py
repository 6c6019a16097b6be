"""The one place where a model's scalar is differentiated and transformed between fixed charge and fixed potential.

    E(R, Q)                     dE/dQ = Phi           F = -dE/dR at fixed Q
    Omega(R, Phi) = E - Phi Q   dOmega/dPhi = -Q      F = -dOmega/dR at fixed Phi, the same force at the matched state
    H(R, Q, F)                  dH/dF = -P
    C = dQ/dPhi = 1 / (d2E/dQ2) = -d2Omega/dPhi2 > 0
"""

from __future__ import annotations

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.conjugate import NegativeCapacitance, NoStableState, natural_variable, two_slopes
from electrode.state import Control, Structure

__all__ = ["NegativeCapacitance", "NoStableState", "evaluate"]


def evaluate(
    model: Model,
    structure: Structure,
    control: Control,
    *,
    guess: Tensor | None = None,
    create_graph: bool = False,
) -> dict[str, Tensor]:
    """Return every quantity of `electrode.keys` that the model defines, in the control that is held.

    Parameters
    ----------
    model : a Model of either natural variable
    structure : S systems with N atoms
    control : charge [e] or potential [V, absolute], one value or one for each system, and perhaps a field [V/A]
    guess : (S,) start for the natural variable where it must be solved for, e.g. from the neighbouring potential
    create_graph : keep the graph, so that the results can be differentiated once more (training in the natural variable)

    Returns
    -------
    dict of tensors, see `electrode.keys.KEYS`; `forces` belong to `grand_energy` when the potential is held and to
    `canonical_energy` (`enthalpy` with a field) when the charge is

    Raises
    ------
    NoStableState, NegativeCapacitance
        if the conjugate variable cannot be found, with the (Q, Phi) tried.
    ValueError
        for a field given to a model that does not read one, or `create_graph` with the other variable held.
    """
    control = control.expand(structure.n_systems)
    if control.field is not None and not model.uses_field:
        raise ValueError(f"{type(model).__name__} does not read a field; drop Control.field or use a field scheme")
    if create_graph and control.held != model.natural:
        raise ValueError(
            f"create_graph: expected the model's natural variable, {model.natural}, to be held; got {control.held}. What is solved for "
            "does not carry the graph: train in the natural variable"
        )
    positions = structure.positions.detach().requires_grad_()
    moving = structure.at(positions)
    with torch.enable_grad():
        description = model.describe(moving)
        fixed = {k: v.detach() for k, v in description.items()}
        x = natural_variable(model, structure, control, fixed, guess)
        return _derivatives(model, moving, control, description, x, create_graph)


def _derivatives(model, moving, control, description, x, create_graph) -> dict[str, Tensor]:
    x = x.detach().requires_grad_()
    field_ = None if control.field is None else control.field.detach().requires_grad_()
    extras = dict(model(moving, Control(**{model.natural: x}, field=field_), description))
    scalar = extras.pop("natural_energy")
    slope_x, stiffness = two_slopes(scalar, x)
    leaves = [moving.positions] + ([] if field_ is None else [field_])
    slopes = torch.autograd.grad(scalar.sum(), leaves, create_graph=create_graph, materialize_grads=True)
    out = {"natural_energy": scalar, "forces": -slopes[0], "capacitance": 1.0 / stiffness if model.natural == "charge" else -stiffness}
    # the transform takes the value that is held, not the one reached: its error is then second order in the difference
    if model.natural == "charge":
        potential = slope_x if control.held == "charge" else control.potential
        out |= {"charge": x, "potential": potential, "canonical_energy": scalar, "grand_energy": scalar - potential * x}
    else:
        charge = -slope_x if control.held == "potential" else control.charge
        out |= {"charge": charge, "potential": x, "canonical_energy": scalar + x * charge, "grand_energy": scalar}
    out["excess_electrons"] = -out["charge"]
    if field_ is not None:
        out |= {"dipole": -slopes[1], "enthalpy": out["canonical_energy"]}
    out |= extras
    return out if create_graph else {k: v.detach() for k, v in out.items()}

"""The one place where a model's scalar is differentiated and transformed between fixed charge and fixed potential.

    E(R, Q)                     dE/dQ = Phi           F = -dE/dR at fixed Q
    Omega(R, Phi) = E - Phi Q   dOmega/dPhi = -Q      F = -dOmega/dR at fixed Phi, the same force at the matched state
    H(R, Q, F)                  dH/dF = -P
    Z_i = dP/dR_i = dF_i/dF      alpha = dP/dF = -d2H/dF2      (`response`)
    C = dQ/dPhi = 1 / (d2E/dQ2) = -d2Omega/dPhi2 > 0
"""

from __future__ import annotations

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.conjugate import NegativeCapacitance, NoStableState, NotConservative, answer, natural_variable, require_gradient
from electrode.models.fields import field_of, refuse_charge_along_periods
from electrode.state import Control, Structure

__all__ = ["NegativeCapacitance", "NoStableState", "NotConservative", "evaluate", "response"]


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
    NotConservative
        if the other variable is held of a model whose forces are no gradient.
    ValueError
        for a field given to a model that does not read one, a net charge in a field along a periodic direction, `create_graph` with
        the other variable held, or a precision that the model has not or its weights have not.
    """
    control = _in_precision(model, structure, control.expand(structure.n_systems))
    if control.field is not None:
        _require_field(model)
        refuse_charge_along_periods(structure, control)
    if create_graph and control.held != model.natural:
        raise ValueError(
            f"create_graph: expected the model's natural variable, {model.natural}, to be held; got {control.held}. What is solved for "
            "does not carry the graph: train in the natural variable"
        )
    written = None if create_graph or control.field is not None else model.closed_form(structure)
    if written is not None:
        x = natural_variable(model, structure, control, None, guess, written).detach()
        out, slopes = written.results(x)
        return _transformed(model, control, x, out, *slopes)
    positions = structure.positions.detach().requires_grad_()
    moving = structure.at(positions)
    with torch.enable_grad():
        description = model.describe(moving)
        fixed = {k: v.detach() for k, v in description.items()}
        x = natural_variable(model, structure, control, fixed, guess)
        return _derivatives(model, moving, control, description, x, create_graph)


def response(model: Model, structure: Structure, control: Control) -> dict[str, Tensor]:
    """Return Born charges and polarisability at the charge held: what the polarisation answers to displacements and to the field.

        Z_i,ab = dP_a/dR_i,b = dF_i,b/dF_a,      alpha_ab = dP_a/dF_b

    Parameters
    ----------
    model : of a field scheme, its natural variable the charge
    structure : S systems with N atoms
    control : charge [e] and field [V/A], no field for zero

    Returns
    -------
    dict with "born_charges" (N, 3, 3) [e], polarisation before displacement, and "polarizability" (S, 3, 3) [e A^2/V]

    Raises
    ------
    ValueError
        for a model that reads no field, whose charge is not held, or a net charge in a field along a periodic direction.
    NotConservative
        for a model whose forces are no gradient.
    """
    _require_field(model)
    require_gradient(model, "response")
    if model.natural != "charge" or control.held != "charge":
        raise ValueError(f"response: expected the charge held of a model natural in it, got {control.held} held of one natural in {model.natural}; these responses are those at fixed charge")
    control = control.expand(structure.n_systems)
    refuse_charge_along_periods(structure, control)
    with torch.enable_grad():
        positions, field = structure.positions.detach().requires_grad_(), field_of(structure, control).detach().requires_grad_()
        moving = structure.at(positions)
        scalar = model(moving, Control(charge=control.charge.detach(), field=field), model.describe(moving))["natural_energy"]
        (slope,) = torch.autograd.grad(scalar.sum(), field, create_graph=True, materialize_grads=True)
        each = [_slopes(-slope[:, a].sum(), [positions, field]) for a in range(3)]
    born, polarizability = (torch.stack([e[k] for e in each], dim=1).detach() for k in (0, 1))
    return {"born_charges": born, "polarizability": polarizability}


def _slopes(value: Tensor, wrt: list[Tensor]) -> tuple[Tensor, ...]:
    if not value.requires_grad:
        return tuple(torch.zeros_like(x) for x in wrt)
    return torch.autograd.grad(value, wrt, retain_graph=True, materialize_grads=True)


def _in_precision(model: Model, structure: Structure, control: Control) -> Control:
    """Return the control in the precision of the structure, which the model must share."""
    given = structure.positions.dtype
    own = next((p.dtype for p in model.parameters()), given)
    if "single" in model.fails and torch.float32 in (given, own):
        raise ValueError(f"{type(model).__name__}: {model.fails['single']}; got float32. Give structure and model in float64, or use another scheme: all but equilibration and razor offer float32")
    if given != own:
        raise ValueError(f"{type(model).__name__}: expected positions in the precision of the weights, {own}; got {given}. Convert one, Structure.from_atoms(atoms, dtype=...) or model.to(dtype)")
    if given == torch.float64:
        return control
    return Control(**{k: v.to(given) for k in ("charge", "potential", "field") if (v := getattr(control, k)) is not None})


def _require_field(model: Model) -> None:
    if not model.uses_field:
        raise ValueError(f"{type(model).__name__} does not read a field; drop Control.field or use a field scheme")


def _derivatives(model, moving, control, description, x, create_graph) -> dict[str, Tensor]:
    x = x.detach().requires_grad_()
    field_ = None if control.field is None else control.field.detach().requires_grad_()
    extras = dict(model(moving, Control(**{model.natural: x}, field=field_), description))
    slope_x, stiffness = answer(model, extras, x)
    scalar = extras.pop("natural_energy")
    if extras.pop("potential_head", None) is not None:
        (extras["potential_slope"],) = torch.autograd.grad(scalar.sum(), x, retain_graph=True, create_graph=create_graph, materialize_grads=True)
    leaves = [moving.positions] + ([] if field_ is None else [field_])
    slopes = torch.autograd.grad(scalar.sum(), leaves, create_graph=create_graph, materialize_grads=True)
    out = _transformed(model, control, x, {"natural_energy": scalar, "forces": -slopes[0]}, slope_x, stiffness)
    if field_ is not None and model.conservative:
        out |= {"dipole": -slopes[1], "enthalpy": out["canonical_energy"]}
    out |= extras
    return out if create_graph else {k: v.detach() for k, v in out.items()}


def _transformed(model, control, x, out, slope_x, stiffness) -> dict[str, Tensor]:
    """Return the results with charge, potential, capacitance and both energies beside them, from the scalar's derivatives in x."""
    scalar = out["natural_energy"]
    out = {**out, "capacitance": 1.0 / stiffness if model.natural == "charge" else -stiffness}
    # the transform takes the value that is held, not the one reached: its error is then second order in the difference
    if model.natural == "charge":
        potential = slope_x if control.held == "charge" else control.potential
        out |= {"charge": x, "potential": potential, "canonical_energy": scalar, "grand_energy": scalar - potential * x}
    else:
        charge = -slope_x if control.held == "potential" else control.charge
        out |= {"charge": charge, "potential": x, "canonical_energy": scalar + x * charge, "grand_energy": scalar}
    return out | {"excess_electrons": -out["charge"]}

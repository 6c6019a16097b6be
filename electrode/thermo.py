"""The one place where a model's scalar is differentiated and transformed between fixed charge and fixed potential.

    E(R, Q)                     dE/dQ = Phi           F = -dE/dR at fixed Q
    Omega(R, Phi) = E - Phi Q   dOmega/dPhi = -Q      F = -dOmega/dR at fixed Phi, the same force at the matched state
    H(R, Q, F)                  dH/dF = -P
    C = dQ/dPhi = 1 / (d2E/dQ2) = -d2Omega/dPhi2 > 0
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from electrode.models.base import Model, middle_of_range
from electrode.state import Control, Structure

TOLERANCE = 1e-8  # [V] or [e]; the force error is first order in what is left
MAX_STEPS = 80
MAX_VOLTS = 2.0  # longest Newton step


class NoStableState(ValueError):
    """No state of the model has the charge or potential that was asked for; the message lists the pairs tried."""


class NegativeCapacitance(NoStableState):
    """The model's energy is concave in the charge (or Omega convex in the potential) where a state was sought."""


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
        x = _natural_variable(model, structure, control, fixed, guess)
        return _derivatives(model, moving, control, description, x, create_graph)


def _derivatives(model, moving, control, description, x, create_graph) -> dict[str, Tensor]:
    x = x.detach().requires_grad_()
    field_ = None if control.field is None else control.field.detach().requires_grad_()
    extras = dict(model(moving, Control(**{model.natural: x}, field=field_), description))
    scalar = extras.pop("natural_energy")
    slope_x, stiffness = _two_slopes(scalar, x)
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


def slope(model: Model, structure: Structure, control: Control, description: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the conjugate of the natural variable and its derivative.

    Phi = dE/dQ and dPhi/dQ = 1/C at natural charge, Q = -dOmega/dPhi and dQ/dPhi = C at natural potential; each (S,).
    """
    sign = 1.0 if model.natural == "charge" else -1.0
    x = control.value.detach().requires_grad_()
    scalar = model(structure, Control(**{model.natural: x}, field=control.field), description)["natural_energy"]
    first, second = _two_slopes(scalar, x)
    return sign * first.detach(), sign * second.detach()


def _two_slopes(scalar: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the first and second derivative of each system's scalar by its own x; the graph stays."""
    (first,) = torch.autograd.grad(scalar.sum(), x, create_graph=True, materialize_grads=True)
    if not first.requires_grad:
        return first, torch.zeros_like(x)
    (second,) = torch.autograd.grad(first.sum(), x, retain_graph=True, materialize_grads=True)
    return first, second


@dataclass
class _Search:
    """Bracket of each system's root and the states visited, for the message if it fails."""

    low: Tensor
    high: Tensor
    tried: list = field(default_factory=list)

    def record(self, x: Tensor, conjugate: Tensor, stiffness: Tensor, residual: Tensor) -> None:
        self.tried.append((x.clone(), conjugate, stiffness))
        self.low = torch.where(residual < 0, torch.maximum(self.low, x), self.low)
        self.high = torch.where(residual > 0, torch.minimum(self.high, x), self.high)

    def step(self, x: Tensor, residual: Tensor, stiffness: Tensor, largest: Tensor) -> Tensor:
        """Newton where it stays inside the bracket, else halve the bracket; `largest` bounds the step."""
        newton = torch.where(stiffness > 0, -residual / stiffness, -torch.sign(residual) * largest)
        new = x + newton.clamp(-largest, largest)
        inside = (new > self.low) & (new < self.high)
        bracketed = torch.isfinite(self.low) & torch.isfinite(self.high)
        middle = 0.5 * (self.low + self.high)
        return torch.where(inside | ~bracketed, new, torch.where(bracketed, middle, new))


def _natural_variable(model, structure, control, description, guess) -> Tensor:
    """Return the natural variable at which the held one has its value."""
    if control.held == model.natural:
        return control.value
    target = control.value.detach()
    x = _start(model, structure, guess).to(target)
    search = _Search(torch.full_like(x, -torch.inf), torch.full_like(x, torch.inf))
    tolerance = max(TOLERANCE, 64 * torch.finfo(x.dtype).eps * float(target.abs().max()))
    for _ in range(MAX_STEPS):
        conjugate, stiffness = slope(model, structure, Control(**{model.natural: x}, field=control.field), description)
        residual = conjugate - target
        search.record(x, conjugate, stiffness, residual)
        if not torch.isfinite(conjugate).all():
            break
        if (residual.abs() < tolerance).all():
            _require_stable(model, control, search, residual, stiffness)
            return x - residual / stiffness
        largest = _largest_step(model, stiffness)
        moved = search.step(x, residual, stiffness, largest)
        x = torch.where(residual.abs() < tolerance, x, moved)
    raise _failure(NoStableState, model, control, search, residual)


def _largest_step(model: Model, stiffness: Tensor) -> Tensor:
    if model.natural == "potential":
        return torch.full_like(stiffness, MAX_VOLTS)
    return torch.where(stiffness > 0, MAX_VOLTS / stiffness.clamp(min=1e-12), torch.full_like(stiffness, 0.1)).clamp(max=1e6)


def _start(model: Model, structure: Structure, guess: Tensor | None) -> Tensor:
    if guess is not None:
        return guess.detach().expand(structure.n_systems).clone()
    return middle_of_range(model.card, model.natural, structure)


def _require_stable(model, control, search, residual, stiffness) -> None:
    if not (stiffness > 0).all():
        raise _failure(NegativeCapacitance, model, control, search, torch.where(stiffness > 0, 0.0 * residual, torch.inf))


def _failure(kind, model, control, search, residual) -> NoStableState:
    """Return the error for the system that is worst off, with what was tried for it."""
    k = int(torch.nan_to_num(residual.abs(), nan=torch.inf).argmax())
    rows = [(float(x[k]), float(c[k]), float(h[k])) for x, c, h in search.tried]
    negative = kind is NoStableState and len(rows) > 1 and any(h <= 0 for *_, h in rows)
    pairs = [(a, b) if model.natural == "charge" else (b, a) for a, b, _ in rows]
    shown = pairs if len(pairs) <= 12 else pairs[:6] + pairs[-6:]
    table = ", ".join(f"({q:.6g} e, {phi:.6g} V)" for q, phi in shown)
    unit = "V" if control.held == "potential" else "e"
    why = "negative capacitance" if kind is NegativeCapacitance or negative else "target not reached"
    return (NegativeCapacitance if negative else kind)(
        f"system {k}: no stable state at {control.held} = {float(control.value[k]):.6g} {unit} ({why}). "
        f"Tried {len(pairs)} pairs (Q, Phi): {table}. Ask for a value inside the trained range, or hold the other variable"
    )

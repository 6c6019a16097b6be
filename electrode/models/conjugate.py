"""The electronic variable that a model is not natural in: its value, its slope, and the search for a value held.

    Phi = dE/dQ,  1/C = d2E/dQ2 at natural charge;    Q = -dOmega/dPhi,  C = -d2Omega/dPhi2 at natural potential
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from electrode.models.base import Model, middle_of_range
from electrode.models.closed_form import ClosedForm
from electrode.state import Control, Structure

TOLERANCE = 1e-8  # [V] or [e]; the force error is first order in what is left
MAX_STEPS = 80
MAX_VOLTS = 2.0  # longest Newton step


class NoStableState(ValueError):
    """No state of the model has the charge or potential that was asked for; the message lists the pairs tried."""


class NotConservative(ValueError):
    """The model's forces are no gradient of its energy, and what was asked for needs one that is."""


class NegativeCapacitance(NoStableState):
    """The model's energy is concave in the charge (or Omega convex in the potential) where a state was sought."""


def slope(model: Model, structure: Structure, control: Control, description: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the conjugate of the natural variable and its derivative.

    Phi = dE/dQ and dPhi/dQ = 1/C at natural charge, Q = -dOmega/dPhi and dQ/dPhi = C at natural potential; each (S,).
    """
    sign = 1.0 if model.natural == "charge" else -1.0
    x = control.value.detach().requires_grad_()
    first, second = answer(model, model(structure, Control(**{model.natural: x}, field=control.field), description), x)
    return sign * first.detach(), sign * second.detach()


def _written_slope(model: Model, written: ClosedForm, x: Tensor) -> tuple[Tensor, Tensor]:
    first, second = written.slopes(x)
    return (first, second) if model.natural == "charge" else (-first, -second)


def answer(model: Model, out: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """Return dA/dx and d2A/dx2 of the scalar A, each (S,), or in their place the model's potential head and its slope; the graph stays."""
    if model.conjugate != "head":
        return two_slopes(out["natural_energy"], x)
    (second,) = torch.autograd.grad(out["potential_head"].sum(), x, retain_graph=True, materialize_grads=True)
    return out["potential_head"], second


def require_gradient(model: Model, what: str) -> None:
    """Refuse a model whose forces are a head of their own for `what` needs a scalar.

    Raises
    ------
    NotConservative
    """
    if not model.conservative:
        raise NotConservative(
            f"{what}: expected a model whose forces are the gradient of its energy, got {type(model).__name__}, whose forces are a head of their own. "
            f"Evaluate it at a held {model.natural}, or train a conservative scheme"
        )


def two_slopes(scalar: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
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


def natural_variable(
    model: Model, structure: Structure, control: Control, description: dict[str, Tensor] | None, guess: Tensor | None = None, written: ClosedForm | None = None
) -> Tensor:
    """Return the natural variable (S,) at which the held one has its value, by Newton steps inside a bracket.

    Parameters
    ----------
    model, structure, control : as for `thermo.evaluate`
    description : without graph
    guess : (S,) start, else the middle of the trained range
    written : the model's scalar written out, which then needs no description

    Raises
    ------
    NoStableState, NegativeCapacitance
        if there is none, with the (Q, Phi) tried, or the model has no conjugate at all.
    NotConservative
        for a model whose forces are no gradient.
    """
    if control.held == model.natural:
        return control.value
    require_gradient(model, f"{control.held} held")
    if "conjugate" in model.fails:
        raise NoStableState(f"{type(model).__name__}: {model.fails['conjugate']}; hold the {model.natural}, or train a scheme that has one")
    target = control.value.detach()
    x = _start(model, structure, guess).to(target)
    search = _Search(torch.full_like(x, -torch.inf), torch.full_like(x, torch.inf))
    tolerance = max(TOLERANCE, 64 * torch.finfo(x.dtype).eps * float(target.abs().max()))
    for _ in range(MAX_STEPS):
        conjugate, stiffness = _written_slope(model, written, x) if written is not None else slope(model, structure, Control(**{model.natural: x}, field=control.field), description)
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

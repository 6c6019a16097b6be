"""What a model says of a block: its scalar's derivatives through the cached Jacobians, for one model or all members at once.

    F = -J^T dA/dG,   conjugate = +-dA/dx,   C = dQ/dPhi,   dF/dx = -J^T d2A/dGdx,   P = -dA/dF,   Z = dP/dR = J^T dP/dG
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.state import Control

if TYPE_CHECKING:
    from electrode.train.blocks import Block

RESPONSES = ("capacitance", "force_slope", "born_charges")  # second derivatives: computed when asked for


def members_of(model: Model) -> int:
    """Return the number of models that are trained at once."""
    return model.config.size if isinstance(model, Committee) else 1


def member_predictions(model: Model, block: Block, create_graph: bool = False, quantities: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return what `predictions` does, of each member of a committee, the members first; of another model as it is."""
    if not isinstance(model, Committee):
        return predictions(model, block, create_graph, quantities)
    size = model.config.size
    many = lambda v: v.detach().expand(size, *v.shape).requires_grad_()
    held, leaves = {k: many(v) for k, v in block.held.items()}, {k: many(v) for k, v in block.description.items()}
    return _derivatives(model, block, held, leaves, model.each(block.structure, held, leaves), create_graph, quantities)


def predictions(model: Model, block: Block, create_graph: bool = False, quantities: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """Return the model's scalar at the labelled control, its derivatives, and its extras.

    Parameters
    ----------
    model, block : as they are
    create_graph : keep the graph, for training
    quantities : those of `RESPONSES` that are wanted besides the first derivatives

    Returns
    -------
    dict with "energy" (B,) [eV], "forces" (B, 3n) [eV/A], "conjugate" (B,) [V] or [e], in a field "dipole" (B, 3) [e A]; where wanted
    "capacitance" (B,) [e/V], "force_slope" (B, 3n) [eV/A per natural variable], "born_charges" (B, 9n) [e]
    """
    leaf = lambda v: v.detach().requires_grad_()
    held, leaves = {k: leaf(v) for k, v in block.held.items()}, {k: leaf(v) for k, v in block.description.items()}
    return _derivatives(model, block, held, leaves, model(block.structure, Control(**held), leaves), create_graph, quantities)


def _derivatives(model, block, held, leaves, out, create_graph, quantities) -> dict[str, Tensor]:
    out = dict(out)
    energy = out.pop("natural_energy")
    wanted = [q for q in RESPONSES if q in quantities]
    slopes = _gradient(energy, [*held.values(), *leaves.values()], create_graph or bool(wanted))
    by_control = dict(zip(held, slopes))
    sign = 1.0 if model.natural == "charge" else -1.0
    conjugate = sign * by_control[model.natural]
    found = {"energy": energy, "forces": -_pulled(block, leaves, slopes[len(held) :]), "conjugate": conjugate, **out}
    if "field" in held:
        found["dipole"] = -by_control["field"]
    if "capacitance" in wanted:
        (stiffness,) = _gradient(conjugate, [held[model.natural]], create_graph)
        found["capacitance"] = stiffness if model.natural == "potential" else _inverse_near(block.labels["capacitance"], stiffness)
    if "force_slope" in wanted:
        found["force_slope"] = -sign * _pulled(block, leaves, _gradient(conjugate, list(leaves.values()), create_graph))
    if "born_charges" in wanted and "field" in held:
        each = [_pulled(block, leaves, _gradient(found["dipole"][..., k], list(leaves.values()), create_graph)) for k in range(3)]
        by_atom = [z.reshape(*z.shape[:-1], -1, 3) for z in each]  # (..., B, n, displacement) of one polarisation
        found["born_charges"] = torch.stack(by_atom, dim=-2).flatten(-3)
    return found


def _gradient(value: Tensor, wrt: list[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    if not value.requires_grad:
        return tuple(torch.zeros_like(x) for x in wrt)
    return torch.autograd.grad(value.sum(), wrt, create_graph=create_graph, retain_graph=True, materialize_grads=True)


def _pulled(block: Block, leaves: dict[str, Tensor], slopes) -> Tensor:
    """Return J^T s (..., B, 3n); without a Jacobian the description is the positions themselves."""
    b = len(block)
    total = 0.0
    for name, slope in zip(leaves, slopes):
        lead = slope.shape[: slope.dim() - block.description[name].dim()]
        slope = slope.reshape(*lead, b, -1)
        if name in block.jacobian:
            rows = slope.reshape(-1, b, slope.shape[-1]).transpose(0, 1)
            slope = torch.bmm(rows, block.jacobian[name]).transpose(0, 1).reshape(*lead, b, -1)
        total = total + slope
    return total


def _inverse_near(capacitance: Tensor, stiffness: Tensor) -> Tensor:
    """Return 1/stiffness to first order about the labelled capacitance: a start without any capacitance does not diverge."""
    return capacitance * (2.0 - capacitance * stiffness)

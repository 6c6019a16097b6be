"""What a model says of a block: its scalar's derivatives through the cached Jacobians, for one model or all members at once.

    F = -J^T dA/dG,   conjugate = +-dA/dx,   C = dQ/dPhi,   dF/dx = -J^T d2A/dGdx,   P = -dA/dF,   Z = dP/dR = J^T dP/dG,   alpha = dP/dF
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.state import Control
from electrode.train.thinning import labelled_rows

if TYPE_CHECKING:
    from electrode.train.blocks import Block

RESPONSES = ("capacitance", "force_slope", "born_charges", "polarizability")  # second derivatives: computed when asked for


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
    "capacitance" (B,) [e/V], "force_slope" (B, 3n) [eV/A per natural variable], "born_charges" (B, 9n) [e],
    "polarizability" (B, 9) [e A^2/V]; of a scheme whose potential is a
    head "potential_slope" (B,), dE/dQ [V]
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
    slope = sign * by_control[model.natural]
    conjugate = out.pop("potential_head", slope)  # a head of its own stands in its place
    found = {"energy": energy, "forces": -_pulled(block, leaves, slopes[len(held) :]), "conjugate": conjugate, **out}
    if conjugate is not slope:
        found["potential_slope"] = slope
    if "forces" in out:
        found["forces"] = out["forces"].reshape(*out["forces"].shape[:-2], len(block), -1)
    if "born_charges" in out:
        found["born_charges"] = out["born_charges"].reshape(*out["born_charges"].shape[:-3], len(block), -1)
    if "field" in held and model.conservative:
        found["dipole"] = -by_control["field"]
    if "capacitance" in wanted:
        (stiffness,) = _gradient(conjugate, [held[model.natural]], create_graph)
        found["capacitance"] = stiffness if model.natural == "potential" else _inverse_near(block.labels["capacitance"], stiffness)
    if "force_slope" in wanted:
        found["force_slope"] = -sign * _pulled(block, leaves, _gradient(slope, list(leaves.values()), create_graph))
    if {"born_charges", "polarizability"} & set(wanted) and "dipole" in found:
        found |= _of_polarisation(block, found["dipole"], held["field"], leaves, create_graph)
    return found


def _of_polarisation(block: Block, dipole: Tensor, field: Tensor, leaves: dict[str, Tensor], create_graph: bool) -> dict[str, Tensor]:
    """Return "born_charges" (..., B, 9n) and "polarizability" (..., B, 9), zeros in rows where the block has neither label."""
    lead, n = dipole.shape[:-1], block.structure.positions.numel() // len(block)
    by_atom, by_field = [dipole.new_zeros(*lead, n // 3, 3)] * 3, [dipole.new_zeros(*lead, 3)] * 3
    for k in labelled_rows(block):
        slope, *moved = _gradient(dipole[..., k], [field, *leaves.values()], create_graph)
        by_field[k], by_atom[k] = slope, _pulled(block, leaves, moved).reshape(*lead, -1, 3)  # (..., B, n, displacement)
    return {"born_charges": torch.stack(by_atom, dim=-2).flatten(-3), "polarizability": torch.stack(by_field, dim=-2).flatten(-2)}


def _gradient(value: Tensor, wrt: list[Tensor], create_graph: bool) -> tuple[Tensor, ...]:
    if not value.requires_grad:
        return tuple(torch.zeros_like(x) for x in wrt)
    return torch.autograd.grad(value.sum(), wrt, create_graph=create_graph, retain_graph=True, materialize_grads=True)


def _pulled(block: Block, leaves: dict[str, Tensor], slopes) -> Tensor:
    """Return the sum of J^T s (..., B, 3n) over the descriptions."""
    b, total = len(block), 0.0
    for name, slope in zip(leaves, slopes):
        lead = slope.shape[: slope.dim() - block.description[name].dim()]
        total = total + block.pull(name, slope.reshape(*lead, b, -1))
    return total


def _inverse_near(capacitance: Tensor, stiffness: Tensor) -> Tensor:
    """Return 1/stiffness to first order about the labelled capacitance: a start without any capacitance does not diverge."""
    return capacitance * (2.0 - capacitance * stiffness)

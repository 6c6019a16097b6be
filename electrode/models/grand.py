"""A charge-natural model seen at fixed potential.

    Omega(R, Phi) = min_Q [E(R, Q) - Phi Q],    dOmega/dPhi = -Q,    dOmega/dR = dE/dR at fixed Q

The minimum Q0 is found without a graph.  One Newton step with a graph follows,

    Q1(R, Phi) = Q0 - [E_Q(R, Q0) - Phi]/E_QQ,    Omega = E(R, Q1) - Phi Q1

where Q0 and E_QQ are numbers.  The step does not move Q, but it has the derivatives of the exact minimum: dQ1/dPhi =
1/E_QQ and dQ1/dR = -E_QR/E_QQ, by the implicit function theorem.  An error delta in Q changes Omega by E_QQ delta^2/2,
because Omega is stationary in Q; Q1 is exact to first order in (R, Phi), its error is of second order and that of Omega of
fourth.  Hence torch gives the first, second and third derivatives of Omega exactly, parameters of the model included:

    Omega_R = E_R,    Omega_RR = E_RR - E_RQ E_QR/E_QQ,    Omega_PhiPhi = -1/E_QQ = -C
"""

from __future__ import annotations

import torch
from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model
from electrode.state import Control, Structure

_TOLERANCE = 1e-8  # [V] before the last step, which squares the error
_STEPS = 80
_VOLTS = 2.0  # longest Newton step


class Grand(Model):
    """The grand energy of a charge-natural model, as a potential-natural model that can stand in a `Sum`.

    Extras are those of the model at the charge found; "member_energies" of a committee are E - Phi Q at that charge, too
    high by second order in how far the members' own charges are from it.  It is of no scheme: save the model inside.

    Parameters
    ----------
    model : of natural variable "charge"

    Raises
    ------
    ValueError
        for a model of another natural variable.
    """

    natural = "potential"

    def __init__(self, model: Model):
        super().__init__()
        if model.natural != "charge":
            raise ValueError(f"Grand: expected a model of natural charge, got {type(model).__name__} of natural {model.natural}; use it as it is")
        self.model, self.card = model, model.card
        self.uses_field, self.conjugate = model.uses_field, model.conjugate
        self.conservative, self.variational = model.conservative, model.variational

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernels of the model inside."""
        return self.model.kernels(structure)

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return the description of the model inside."""
        return self.model.describe(structure)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy", Omega (S,) [eV], and the extras of the model inside.

        Raises
        ------
        ValueError
            where the control does not hold the potential, or no charge has that potential and a positive capacitance.
        """
        if control.potential is None:
            raise ValueError("Grand: expected a control that holds the potential [V, absolute], got a charge; use evaluate")
        control = control.expand(structure.n_systems)
        potential = control.potential
        with torch.enable_grad():
            start, stiffness = self._minimum(structure, control, {k: v.detach() for k, v in description.items()})
            reached = start.detach().requires_grad_()
            (slope,) = torch.autograd.grad(self._energy(structure, reached, control.field, description).sum(), reached, create_graph=True)
        charge = reached.detach() - (slope - potential) / stiffness
        out = dict(self.model(structure, Control(charge=charge, field=control.field), description))
        out["natural_energy"] = out["natural_energy"] - potential * charge
        if "member_energies" in out:
            out["member_energies"] = out["member_energies"] - (potential * charge).detach()[:, None]
        return out

    def _energy(self, structure: Structure, charge: Tensor, field: Tensor | None, description: dict[str, Tensor]) -> Tensor:
        return self.model(structure, Control(charge=charge, field=field), description)["natural_energy"]

    def _slopes(self, structure, charge, field, description) -> tuple[Tensor, Tensor]:
        """Return dE/dQ and d2E/dQ2 of each system, (S,), as numbers."""
        charge = charge.detach().requires_grad_()
        energy = self._energy(structure, charge, field, description)
        (first,) = torch.autograd.grad(energy.sum(), charge, create_graph=True, materialize_grads=True)
        if not first.requires_grad:
            return first, torch.zeros_like(charge)
        (second,) = torch.autograd.grad(first.sum(), charge, materialize_grads=True)
        return first.detach(), second

    def _minimum(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the charge of least E - Phi Q and d2E/dQ2 there, (S,), by Newton steps that stay inside the bracket."""
        potential, still = control.potential.detach(), structure.at(structure.positions.detach())
        field = None if control.field is None else control.field.detach()
        charge = (0.5 * sum(self.card.surface_charge_range or (0.0, 0.0)) * structure.area).to(potential)
        low, high = torch.full_like(charge, -torch.inf), torch.full_like(charge, torch.inf)
        tolerance = max(_TOLERANCE, 64 * torch.finfo(charge.dtype).eps * float(potential.abs().max()))
        for _ in range(_STEPS):
            slope, stiffness = self._slopes(still, charge, field, description)
            excess = slope - potential
            done = excess.abs() < tolerance
            if done.all() or not torch.isfinite(excess).all():
                break
            low, high = torch.where(excess < 0, charge, low), torch.where(excess > 0, charge, high)
            charge = torch.where(done, charge, _next(charge, excess, stiffness, low, high))
        if not (done & (stiffness > 0)).all():
            raise ValueError(_failure(potential, charge, slope, stiffness, done))
        return charge, stiffness


def _next(charge: Tensor, excess: Tensor, stiffness: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Return the next charge: Newton's where it stays inside the bracket, else the middle of the bracket."""
    convex = stiffness > 0
    longest = torch.where(convex, _VOLTS / stiffness.clamp(min=1e-12), torch.full_like(stiffness, 0.1)).clamp(max=1e6)
    step = torch.where(convex, -excess / stiffness.clamp(min=1e-12), -torch.sign(excess) * longest)
    new = charge + step.clamp(-longest, longest)
    outside = (new <= low) | (new >= high)
    bracketed = torch.isfinite(low) & torch.isfinite(high)
    return torch.where(outside & bracketed, 0.5 * (low + high), new)


def _failure(potential: Tensor, charge: Tensor, slope: Tensor, stiffness: Tensor, done: Tensor) -> str:
    """Return the message for the first system without a stable charge."""
    k = int((~done | (stiffness <= 0)).nonzero()[0])
    why = "negative capacitance" if float(stiffness[k]) <= 0 else "target not reached"
    return (
        f"Grand: expected a charge of potential {float(potential[k]):.6g} V for system {k}, got {float(slope[k]):.6g} V at "
        f"{float(charge[k]):.6g} e ({why}). Ask for a potential inside the trained range, or use the model itself at fixed charge"
    )

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
from electrode.models.conjugate import natural_variable, require_gradient, two_slopes
from electrode.state import Control, Structure


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
        require_gradient(model, "Grand")
        if model.conjugate == "head":
            raise ValueError(f"Grand: expected a potential that is dE/dQ, got {type(model).__name__}, whose potential is a head of its own; train it as a derivative")
        self.model, self.card = model, model.card
        self.uses_field, self.conjugate, self.branch_safe = model.uses_field, model.conjugate, model.branch_safe
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
            where the control does not hold the potential.
        NoStableState, NegativeCapacitance
            where no charge has that potential and a positive capacitance.
        """
        if control.potential is None:
            raise ValueError("Grand: expected a control that holds the potential [V, absolute], got a charge; use evaluate")
        control = control.expand(structure.n_systems)
        potential = control.potential
        fixed = {k: v.detach() for k, v in description.items()}
        field = None if control.field is None else control.field.detach()
        with torch.enable_grad():
            still = structure.at(structure.positions.detach())
            reached = natural_variable(self.model, still, Control(potential=potential.detach(), field=field), fixed).detach().requires_grad_()
            energy = self.model(structure, Control(charge=reached, field=control.field), description)["natural_energy"]
            slope, stiffness = two_slopes(energy, reached)
        charge = reached.detach() - (slope - potential) / stiffness.detach()
        out = dict(self.model(structure, Control(charge=charge, field=control.field), description))
        out["natural_energy"] = out["natural_energy"] - potential * charge
        if "member_energies" in out:
            out["member_energies"] = out["member_energies"] - (potential * charge).detach()[:, None]
        return out

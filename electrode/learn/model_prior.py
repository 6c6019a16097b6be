"""A model of this package as what is known before the first call: its E(R, Q), to second order in the charge.

    E(R, Q) = E(R, q) + phi (Q - q) + d (Q - q)^2 / 2   = a(R) + b(R) Q + d Q^2 / 2

about the charge q(R) of a potential phi for a scheme natural in the potential, about a charge q for one natural in the charge: either
way one evaluation for a structure, whatever charges are asked for.  The stiffness d is the one that a search expects; what the model says
otherwise is left to the labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from electrode.models.base import Model, middle_of_range
from electrode.models.conjugate import require_gradient, two_slopes
from electrode.state import Control, Structure


@dataclass(frozen=True)
class ModelPrior:
    """Energies and potentials of a model.

    Parameters
    ----------
    atoms : gives all but the positions
    model : conservative; expanded about the middle of its trained range
    stiffness : d [V/e]
    """

    atoms: Atoms
    model: Model
    stiffness: float

    charged = True

    def __post_init__(self):
        require_gradient(self.model, "prior")

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return a (m,) [eV], its gradients (m, N, 3), b (m,) [V] and its gradients (m, N, 3)."""
        one = Structure.from_atoms(self.atoms)
        places = one.positions.new_tensor(positions).reshape(-1, 3).requires_grad_()
        moving = one.repeat(len(positions)).at(places)
        x = middle_of_range(self.model.card, self.model.natural, moving).requires_grad_()
        out = self.model(moving, Control(**{self.model.natural: x}), self.model.describe(moving))
        energy, answer = out["natural_energy"], two_slopes(out["natural_energy"], x)[0]
        # E, q and phi of the state: Omega is E - phi q, and minus q its slope
        held = self.model.natural == "charge"
        q, phi = (x, answer) if held else (-answer, x)
        at = energy if held else energy + phi * q
        found = []
        for value in (at - phi * q + 0.5 * self.stiffness * q**2, phi - self.stiffness * q):
            (slope,) = torch.autograd.grad(value.sum(), places, retain_graph=True, materialize_grads=True)
            found += [value.detach().numpy(), slope.numpy().reshape(positions.shape)]
        return tuple(found)

"""How a neutral energy answers to charge, with coefficients that a linear fit finds from a few frames.

    E(R, Q) = sum_i o(Z_i) + D(R) + Phi0(R) Q + Q^2/(2C(R))

    D      = sum_i d(G_i)                                        correction of the neutral energy
    Phi0   = c + [sum_i m(Z_i) h_i + sum_i p(G_i)]/A             potential of zero charge: dipoles normal to the surface
    1/C    = [s + sum_i r(G_i)/A]/A                              capacitance

h_i is the height of an atom outside the electrode above its outer layer, A the area.  Phi0 is intensive, as a dipole layer's
potential is: two cells side by side have that of one.  Away from all reference environments what depends on G_i falls to zero, and
a capacitor with fixed dipoles beside the neutral model is left.  d, p and r are sums of Gaussians around reference environments G_m
of the atom's own element,

    d(G_i) = sum_m d_m exp(-|G_i - G_m|^2/(2 l^2))

with the symmetry functions G.  Forces change with charge by -dPhi0/dR, the same function: E has one gradient.
Bergmann, Bonnet, Marzari, Reuter and Hoermann, Phys. Rev. Lett. 135, 146201 (2025), arXiv 2505.19745 (the expansion in Q); Bartok,
Payne, Kondor and Csanyi 2010, https://doi.org/10.1103/PhysRevLett.104.136403 (Gaussians around environments).  Departs from the
first in the capacitance, which may depend on the neighbourhood.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.models.base import Model, held_charge
from electrode.models.plates import outer_layer, require_whole
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure

PARTS = ("energy", "dipole", "stiffness")  # the columns of `Response.coefficients`


@dataclass(frozen=True)
class ResponseConfig:
    """The size of a response.

    Parameters
    ----------
    symmetry_functions : of the environments
    n_environments : number of reference environments
    length : l, in units of the symmetry functions
    """

    symmetry_functions: SymmetryFunctions
    n_environments: int
    length: float = 3.0

    def __post_init__(self):
        if not self.length > 0.0 or self.n_environments < 0:
            raise ValueError(f"ResponseConfig: expected length > 0 and n_environments >= 0, got {self.length} and {self.n_environments}")


class Response(Model):
    """The part of an energy that knows the charge; without environments a plain capacitor with fixed dipoles.

    Buffers, which `train.electrify` fills: `environments` (M, F) and `environment_channel` (M,), the element of each;
    `coefficients` (M, 3), d_m [eV], p_m [V A^2], r_m [V A^4/e]; `element_energy` o [eV] and `element_moment` m [V A] of each
    element; `shift` c [V]; `stiffness` s [V A^2/e].
    """

    natural = "charge"

    def __init__(self, config: ResponseConfig):
        super().__init__()
        self.config = config
        functions, m = config.symmetry_functions, config.n_environments
        zeros = lambda *shape: torch.zeros(shape, dtype=torch.float64)
        self.register_buffer("environments", zeros(m, functions.n_features))
        self.register_buffer("environment_channel", torch.zeros(m, dtype=torch.int64))
        self.register_buffer("coefficients", zeros(m, len(PARTS)))
        self.register_buffer("element_energy", zeros(len(functions.elements)))
        self.register_buffer("element_moment", zeros(len(functions.elements)))
        self.register_buffer("shift", zeros())
        self.register_buffer("stiffness", zeros())

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F) of the structure."""
        positions = structure.positions.detach().double().numpy()
        functions = self.config.symmetry_functions
        pairs = batch_neighbours(positions, structure.cell.double().numpy(), structure.pbc.numpy(), structure.counts.numpy(), functions.cutoff)
        return {"symmetry": functions.bind(structure.numbers.numpy(), positions, pairs)}

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return "symmetry" (N, F) and "heights" (S, E) [A], the sum over the atoms of each element."""
        return {**super().describe(structure), "heights": self.heights(structure)}

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def heights(self, structure: Structure) -> Tensor:
        """Return the summed heights of each element's atoms outside the electrode, (S, E) [A], differentiable.

        Raises
        ------
        ValueError
            for a system without electrode atoms, or not one slab with all else above it.
        """
        require_whole(structure)
        z = (structure.positions * structure.normal[structure.system]).sum(1)
        layer = outer_layer(structure, z)[structure.system]
        above = torch.where(structure.electrode, 0.0, z - layer)
        member = nn.functional.one_hot(self.channel(structure), len(self.element_energy)).to(z)
        return structure.total(above[:, None] * member)

    def likeness(self, symmetry: Tensor, channel: Tensor) -> Tensor:
        """Return the Gaussian of each atom's distance to each reference environment, (N, M), zero for another element."""
        squared = symmetry.square().sum(1)[:, None] - 2.0 * symmetry @ self.environments.T + self.environments.square().sum(1)
        same = channel[:, None] == self.environment_channel
        return torch.where(same, torch.exp(-0.5 * squared / self.config.length**2), 0.0)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        charge, area, channel = held_charge(self, structure, control), structure.area, self.channel(structure)
        per_atom = self.likeness(description["symmetry"], channel) @ self.coefficients
        energy, dipole, stiffness = structure.total(per_atom).unbind(-1)
        energy = energy + structure.total(self.element_energy[channel])
        potential = self.shift + (description["heights"] @ self.element_moment + dipole) / area
        return {"natural_energy": energy + potential * charge + 0.5 * (self.stiffness + stiffness / area) / area * charge**2}

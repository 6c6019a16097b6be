"""A network without electrochemistry, the control of `extrapolation`: the potential is one more input of every atom's network.

    Omega(R, Phi) = S(R) + sum_i [ E0_Z + N_Z(G_i, (Phi - Phi_c)/s) ]

G_i are the symmetry functions and S the short-range energy of the scheme `dual`; there is no charge, no capacitor and no decay into the
electrolyte.  Charge and capacitance are derivatives of the scalar like those of every model.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.models.base import Model
from electrode.models.dual import Dual, DualConfig
from electrode.models.schemes import SCHEMES, Scheme
from electrode.nn.networks import ElementNetworks, Slots
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure

WIDTH = 68  # of both hidden layers, which gives about as many weights as the three networks of `dual` have


@dataclass(frozen=True)
class PlainConfig:
    """Choices of the control.

    Parameters
    ----------
    symmetry_functions : the descriptor
    hidden : widths of the hidden layers
    seed : of the initial weights
    """

    symmetry_functions: SymmetryFunctions
    hidden: tuple[int, ...] = (WIDTH, WIDTH)
    seed: int = 0

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> PlainConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(SymmetryFunctions(tuple(sorted(elements))))


class Plain(Model):
    """A network that is given the potential as a number."""

    natural = "potential"

    def __init__(self, config: PlainConfig):
        super().__init__()
        self.config = config
        n, f = len(config.symmetry_functions.elements), config.symmetry_functions.n_features
        self.network = ElementNetworks(n, f + 1, config.hidden, 1, torch.Generator().manual_seed(config.seed))
        self.scales = Dual(DualConfig(config.symmetry_functions, hidden=(1,), local_energy=False))  # for its features, their scales and the constants
        for parameter in self.scales.parameters():
            parameter.requires_grad_(False)
        self.element_energy = nn.Parameter(torch.zeros(n, dtype=torch.float64))

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F) and the short-range energy (S,)."""
        return {name: kernel for name, kernel in self.scales.kernels(structure).items() if name != "decay"}

    def adapt(self, data) -> None:
        """Scale features to the training data and fit the elements' energies."""
        self.scales.adapt(data)
        self.element_energy.data.copy_(self.scales.element_energy)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return Omega (S,) [eV]."""
        own = self.scales
        channel = torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))
        slots = Slots.of(channel, len(self.element_energy))
        seen = ((control.potential - own.potential_centre) / own.potential_scale)[structure.system]
        scaled = (description["symmetry"] - own.feature_mean[channel]) / own.feature_scale[channel]
        local = slots.gather(self.network(slots.spread(torch.cat([scaled, seen[:, None]], dim=1))))[:, 0]
        return {"natural_energy": structure.total(self.element_energy[channel] + local) + description["short_range"]}


SCHEMES["plain"] = Scheme("validation.plain", "Plain", "PlainConfig", "a network without electrochemistry", "potential", True)

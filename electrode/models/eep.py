"""The electrode potential as an input of every atom's network, over the smooth power spectrum.

    Omega(R, Phi) = sum_i [ E0_Z + MLP_Z(p_i, U) ] - c A (Phi - Phi_0)^2/2,    U = (Phi - mean)/spread

with p_i the power spectrum of the neighbourhood; the charge is Q = -dOmega/dPhi.  U against SHE and the absolute potential
differ by a constant, which the mean of the training data takes off, so that both give the same network.
Zhou, Fu, Liu and Liu, J. Phys. Chem. C 129, 6414 (2025), https://doi.org/10.48550/arXiv.2411.14732.

The publication speaks of nuclear forces at a given potential and leaves open which energy it learns; forces at fixed
potential are those of Omega, so that Omega it is here.  Departs from it: the charge is a derivative, which training sees
where frames have it; U is standardised, and starts with weights of zero; features are scaled, and told apart by pairs of
elements (`physics.power_spectrum`); the networks stand beside the mean capacitor (Phi_0, c) of the training data.

As published, with `capacitor=False`, U enters all atoms alike and nothing but the data keeps Omega concave in Phi: outside the
potentials of the training data the charge soon saturates with the networks' tanh, or has a negative capacitance.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.models.adapting import element_energies, states
from electrode.models.base import Model
from electrode.nn.capacitor import Capacitor
from electrode.nn.networks import ElementNetworks, Slots
from electrode.nn.scaling import ElementScale
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.power_spectrum import PowerSpectrum
from electrode.state import Control, Structure


@dataclass(frozen=True)
class EepConfig:
    """Choices of the scheme.

    Parameters
    ----------
    spectrum : the descriptor
    hidden : widths of the hidden layers of each element's network
    capacitor : stand beside the mean capacitor of the training data; False for the networks alone, as published
    seed : of the initial weights
    """

    spectrum: PowerSpectrum
    hidden: tuple[int, ...] = (32, 32)
    capacitor: bool = True
    seed: int = 0

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> EepConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(PowerSpectrum(tuple(sorted(elements))))


class Eep(Model):
    """Zhou et al.'s explicit electrode potential in one scalar Omega(R, Phi)."""

    one_slab = True
    natural = "potential"
    symmetry = "E(3)"

    def __init__(self, config: EepConfig):
        super().__init__()
        self.config = config
        n, f = len(config.spectrum.elements), config.spectrum.n_features
        self.scale = ElementScale(n, f)
        self.network = ElementNetworks(n, f + 1, config.hidden, 1, torch.Generator().manual_seed(config.seed))
        nn.init.zeros_(self.network.weights[0][:, -1])  # atoms do not see the potential at first
        self.element_energy = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.capacitor = Capacitor("potential")
        self.register_buffer("potential_mean", torch.tensor(4.44, dtype=torch.float64))
        self.register_buffer("potential_spread", torch.tensor(1.0, dtype=torch.float64))

    def kernels(self, structure: Structure) -> dict:
        """Return the power spectrum (N, F) of the structure."""
        positions = structure.positions.detach().double().numpy()
        cell, pbc, counts = structure.cell.double().numpy(), structure.pbc.numpy(), structure.counts.numpy()
        pairs = batch_neighbours(positions, cell, pbc, counts, self.config.spectrum.cutoff)
        return {"spectrum": self.config.spectrum.bind(structure.numbers.numpy(), positions, pairs)}

    @torch.no_grad()
    def adapt(self, data) -> None:
        """Fit scales, the capacitor and the elements' energies to the training data (`train.blocks.Block`)."""
        self.scale.adapt(torch.cat([b.description["spectrum"] for b in data]), torch.cat([self.channel(b.structure) for b in data]))
        potential, charge, area = states(data)
        self.potential_mean.copy_(potential.mean())
        self.potential_spread.copy_(potential.std(unbiased=False).clamp(min=0.1))
        self.capacitor.adapt(potential, charge, area)
        self.element_energy.zero_()
        one_hot = lambda structure: nn.functional.one_hot(self.channel(structure), len(self.element_energy)).double()
        self.element_energy.copy_(element_energies(self, data, one_hot))

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.spectrum.channels(structure.numbers.numpy()))

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy", Omega (S,) [eV]."""
        channel = self.channel(structure)
        seen = ((control.potential - self.potential_mean) / self.potential_spread)[structure.system]
        slots = Slots.of(channel, len(self.element_energy))
        inputs = torch.cat([self.scale(description["spectrum"], channel), seen[:, None]], dim=1)
        energy = structure.total(self.element_energy[channel] + slots.gather(self.network(slots.spread(inputs)))[:, 0])
        return {"natural_energy": energy + self.capacitor(control.potential, structure.area) if self.config.capacitor else energy}

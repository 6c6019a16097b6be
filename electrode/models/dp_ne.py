"""Deep potential with the number of electrons: the excess electrons enter the fitting network of every atom.

    E(R, n) = sum_i [ E0_Z + FIT_Z(D_i, x) ] + Phi_0 Q + Q^2/(2 c A),    x = (n/A - mean)/spread,    n = -Q

with D_i the smooth deep-potential descriptor and A the area of the surface.  The work function is Phi = dE/dQ = -dE/dn, a
derivative without a head of its own.
Sun, Jin, Yang and Xu, Nat. Commun. 16, 3600 (2025), https://doi.org/10.48550/arXiv.2407.12458; for the descriptor see
`nn.deep_potential`.

There the embedding widths are DeePMD-kit's, 25, 50, 100 with M< = 16, and the fitting widths 240, 240, 240.  Departs from it:
smaller networks, for a laptop; the electrons are counted per area, which is the same network on cells of one area and gives
two cells side by side twice the energy of one; the fitting networks read D_i less its mean, over its spread, both those of the
training data before the first step; the input x starts with weights of zero; training sees the work function where frames have
it; the networks stand beside the mean capacitor (Phi_0, c) of the training data.  `capacitor=False` leaves it out,
as published, but for the shift Phi_0 of the potential's zero; dPhi/dQ > 0 then is for the data to teach.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.models.adapting import SAMPLE, element_energies, states
from electrode.models.base import Model
from electrode.nn.atomic import check_elements
from electrode.nn.capacitor import Capacitor
from electrode.nn.deep_potential import DeepPotential, ResidualNetworks
from electrode.nn.graph import Graph
from electrode.nn.scaling import ElementScale, element_rows
from electrode.state import Control, Structure


@dataclass(frozen=True)
class DpNeConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers, each once
    cutoff, inner : the descriptor ends at the one and is smoothed from the other on [A]
    embedding : widths of the embedding networks
    axis : M<, columns of the second factor of the descriptor
    hidden : widths of each element's fitting network
    capacitor : stand beside the mean capacitor of the training data; False for the networks alone, as published
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    cutoff: float = 6.0
    inner: float = 0.5
    embedding: tuple[int, ...] = (8, 16, 32)
    axis: int = 8
    hidden: tuple[int, ...] = (64, 64)
    capacitor: bool = True
    seed: int = 0

    def __post_init__(self):
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> DpNeConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class DpNe(Model):
    """Sun et al.'s deep potential with electrons in one scalar E(R, Q)."""

    one_slab = True
    natural = "charge"
    symmetry = "E(3)"

    def __init__(self, config: DpNeConfig):
        super().__init__()
        self.config = config
        n, draw = len(config.elements), torch.Generator().manual_seed(config.seed)
        self.descriptor = DeepPotential(n, config.embedding, config.axis, config.inner, config.cutoff, draw)
        self.scale = ElementScale(n, self.descriptor.n_features)
        self.fitting = ResidualNetworks(n, (self.descriptor.n_features + 1, *config.hidden), 1, draw)
        nn.init.zeros_(self.fitting.weights[0][:, -1])  # atoms do not see the electrons at first
        self.element_energy = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.capacitor = Capacitor("charge")
        self.register_buffer("electrons_mean", torch.tensor(0.0, dtype=torch.float64))
        self.register_buffer("electrons_spread", torch.tensor(0.01, dtype=torch.float64))

    @torch.no_grad()
    def adapt(self, data) -> None:
        """Fit scales, the capacitor and the elements' energies to the training data (`train.blocks.Block`)."""
        sample = [b.take(torch.linspace(0, len(b) - 1, min(len(b), SAMPLE)).long()).structure for b in data]
        graphs = [Graph.of(x, x.positions, self.config.cutoff) for x in sample]
        channels = [self.channel(x) for x in sample]
        self.descriptor.adapt(graphs, channels)
        self.scale.adapt(torch.cat([self.descriptor(g, c) for g, c in zip(graphs, channels)]), torch.cat(channels))
        charge, potential, area = states(data)
        self.electrons_mean.copy_((-charge / area).mean())
        self.electrons_spread.copy_((charge / area).std(unbiased=False).clamp(min=1e-6))
        self.capacitor.adapt(charge, potential, area)
        self.element_energy.zero_()
        one_hot = lambda structure: nn.functional.one_hot(self.channel(structure), len(self.element_energy)).double()
        self.element_energy.copy_(element_energies(self, data, one_hot))

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return element_rows(structure.numbers, self.config.elements)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy", E (S,) [eV].

        Raises
        ------
        ValueError
            where the control does not hold the charge, or for an element that the model does not have.
        """
        if control.charge is None:
            raise ValueError("DpNe: expected a control that holds the charge [e], got a potential; use evaluate, or Grand beside others")
        charge, area = control.charge, structure.area
        channel = self.channel(structure)
        seen = ((-charge / area - self.electrons_mean) / self.electrons_spread)[structure.system]
        described = self.scale(self.descriptor(Graph.of(structure, description["positions"], self.config.cutoff), channel), channel)
        per_atom = self.fitting(torch.cat([described, seen[:, None]], dim=1), channel)[:, 0]
        level = self.capacitor(charge, area) if self.config.capacitor else self.capacitor.level * charge
        return {"natural_energy": structure.total(self.element_energy[channel] + per_atom) + level}

"""Forces from heads of their own, beside an energy whose gradient they are not.

    vector        F_i = s sum_c w_c(h_i) v_ic, less its mean over the system: one network, for energy and forces
    components    F_i = s (Out_x(h_i^x), Out_y(h_i^y), Out_z(h_i^z)): three more networks, one for each component

The vectors v of the equivariant network turn with the atoms, and so do the forces; the scalars of the second kind do not, so that
a turned surface has other forces: it is there to be compared with.  Both are a control for schemes whose forces are a gradient, which
fixed potential always allows: there they are that of Omega.  What needs a gradient (a held conjugate, bands, sums) is refused.  With
no weight on the energy the training is one on forces alone.

A perspective on machine-learning potentials for electrified interfaces, RSC Appl. Interfaces (2026), D6LF00149A, Fig. 3.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.models.base import Model
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.dense import perceptron
from electrode.nn.graph import Graph
from electrode.state import Control, Structure

HEADS = ("vector", "components")
OWN_FORCES = "the forces are a head of their own, which nothing makes the gradient of the energy"
SCALARS = "three scalars for the components of a force do not turn with the atoms"


@dataclass(frozen=True)
class DirectForcesConfig:
    """Choices of the scheme.

    Parameters
    ----------
    energy : the network with the energy, see `models.templates`; that of "vector" must be equivariant
    heads : "vector" or "components"
    """

    energy: TemplateConfig
    heads: str = "vector"

    def __post_init__(self):
        if self.heads not in HEADS:
            raise ValueError(f"DirectForcesConfig.heads: expected one of {HEADS}, got {self.heads!r}{did_you_mean(str(self.heads), HEADS)}")
        if self.heads == "vector" and self.energy.representation.kind != "equivariant":
            raise ValueError(f"DirectForcesConfig: expected an equivariant representation, which has vectors, got {self.energy.representation.kind!r}")

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> DirectForcesConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(TemplateConfig.for_elements(elements))


class DirectForces(Model):
    """An energy, and forces beside it."""

    one_slab = True
    conservative = False

    def __init__(self, config: DirectForcesConfig):
        super().__init__()
        self.config, shape = config, config.energy.representation
        self.energy = Template(config.energy)
        self.natural, self.symmetry = self.energy.natural, self.energy.symmetry
        self.fails = {**self.energy.fails, "gradient": OWN_FORCES}
        if config.heads == "vector":
            self.vector = perceptron((shape.channels, shape.channels, shape.channels), torch.Generator().manual_seed(config.energy.seed + 1), last_gain=0.1)
        else:
            self.symmetry, self.fails = "E(2)", {**self.fails, "rotation": SCALARS}
            self.components = nn.ModuleList(Template(replace(config.energy, seed=config.energy.seed + k)) for k in (1, 2, 3))

    def adapt(self, data) -> None:
        """Fit what is not trained to the training data, see `adapt_network`."""
        for each in (self.energy, *(self.components if self.config.heads == "components" else ())):
            each.adapt(data)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return Omega, or E where the charge is the variable, and "forces" (N, 3) [eV/A]."""
        positions, model = description["positions"], self.energy
        seen = model.conditioning(structure, control.value, positions)
        if self.config.heads == "components":
            forces = torch.stack([self._component(part, structure, control, positions) for part in self.components], dim=1)
            return {**model(structure, control, description), "forces": forces}
        network = model.network
        features, vectors = network.representation.both(network.rows(structure), Graph.of(structure, positions, network.cutoff), seen.start, seen.modulations)
        forces = network.energy_scale * torch.einsum("nc,nkc->nk", self.vector(features), vectors)
        mean = structure.total(forces) / structure.counts.to(forces)[:, None]
        energy = structure.total(network.energies(structure, features, seen))
        if model.capacitor is not None:
            energy = energy + model.capacitor(control.value, structure.area)
        return {"natural_energy": energy, "forces": forces - mean.index_select(0, structure.system)}

    def _component(self, part: Template, structure: Structure, control: Control, positions: Tensor) -> Tensor:
        seen = part.conditioning(structure, control.value, positions)
        return part.network.energy_scale * part.network.readout(part.network.features(structure, positions, seen), seen.readout)

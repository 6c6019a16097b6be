"""One differentiable electric enthalpy: forces, polarisation, Born charges and polarisability are its derivatives.

    H(R, Q, F) = sum_i [ E0_Z + s Out(h_i) ] - Q F.r_c,      dH/dF = -P,      Z_i = dP/dR_i,      alpha = dP/dF

h_i are the numbers of an equivariant network that sees the field as vectors (`nn.field`): without a field nothing of it is left, joint
rotations and inversions of atoms and field change nothing, and Z and alpha of a crystal can be trained on frames without any field.
With two networks, Out(h_i) - F.p_i(R, F) stands in the place of Out(h_i): h_i sees no field, and p_i are vectors of a network that does.
Any smooth H can be written so, and neither has to make room for what the other learns; but the first learns nothing from Z and alpha either.
H depends on differences of positions alone and has one value in a periodic cell too: the branch of the polarisation that goes on from zero field.
Labels of a polarisation that is known up to a lattice vector times e are compared modulo it.  Homogeneous insulators and molecules:
inside a metal a uniform field is screened, which a short-ranged network cannot know.

Falletta et al., Nat. Commun. 16, 4031 (2025).  Departs from it: `nn.equivariant`, not Allegro; two networks where asked for; the term of a net charge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.fields import NO_CONJUGATE, adapt_field_network, enthalpy
from electrode.nn.atomic import check_elements
from electrode.nn.field import AtomicEnergies, FieldEnergies, FieldNetwork
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure


@dataclass(frozen=True)
class EnthalpyConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    representation : of each network, which must be equivariant
    max_l : order of the harmonics of neighbours' directions, 1 or 2; with two an atom knows angles, and answers to a field by its direction
    networks : 1, or 2 with p_i from a network of its own
    readout_hidden : width of the readout
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    max_l: int = 2
    networks: int = 1
    readout_hidden: int = 32
    seed: int = 0

    def __post_init__(self):
        if self.representation.kind != "equivariant":
            raise ValueError(f"EnthalpyConfig: expected an equivariant representation, whose vectors take the field, got {self.representation.kind!r}")
        if self.max_l not in (1, 2):
            raise ValueError(f"EnthalpyConfig.max_l: expected 1 or 2, got {self.max_l}")
        if self.networks not in (1, 2):
            raise ValueError(f"EnthalpyConfig.networks: expected 1 or 2, got {self.networks}")
        if self.readout_hidden < 1:
            raise ValueError(f"EnthalpyConfig.readout_hidden: expected a width of at least 1, got {self.readout_hidden}")
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> EnthalpyConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Enthalpy(Model):
    """Falletta et al.'s scalar H(R, F), with the energy of a net charge."""

    natural = "charge"
    uses_field = True
    branch_safe = True
    symmetry = "E(3)"
    fails = {"conjugate": NO_CONJUGATE}

    def __init__(self, config: EnthalpyConfig):
        super().__init__()
        self.config, shape = config, config.representation
        draw = torch.Generator().manual_seed(config.seed)
        sizes = len(config.elements), shape.channels, shape.layers, shape.radial_functions, shape.cutoff
        energies = AtomicEnergies(*sizes, draw, config.max_l, config.readout_hidden, config.networks == 1)
        both = (energies,) if config.networks == 1 else (FieldEnergies(*sizes, draw, config.max_l), energies)
        self.network = FieldNetwork(config.elements, shape.cutoff, *both)

    def adapt(self, data) -> None:
        """Fit scales and the elements' energies to the training data."""
        adapt_field_network(self, data)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return H."""
        return {"natural_energy": enthalpy(self.network, structure, control, description["positions"])}

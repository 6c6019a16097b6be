"""Field-induced embedded densities with recursion: forces in a uniform field, and the cell voltage it stands for.

    H(R, Q, F) = sum_i [ E0_Z + s NN_Z(rho_i) ] - Q F.r_c,      rho of `nn.embedded_density`,      P = -dH/dF

Trained on forces alone, which is all that a periodic cell in a field has labels for, H is left open up to a function of the field
(`branch_safe` is false: energies in a field along a periodic direction are then refused by the calculator, forces are not).  Trained on
molecules, H, dipole and polarisability mean what they say.

Between two faces of one periodic slab in electrolyte, a field along the normal is a cell voltage,

    V = F.c = F_z L_z = Phi(face below the electrolyte) - Phi(face above it)

the metal inside is at one potential, so that all of what the field's potential falls by over the period falls across the electrolyte.  The face
below the electrolyte is the upper side of the slab, the face above it the lower side of the slab's next image; V > 0 makes the
first the anode.  `simulate.held.field_of_voltage` gives the field.

Zhang and Jiang, Nat. Commun. 14, 6424 (2023); Feng and Jiang, JACS Au 5, 5939 (2025), arXiv 2506.10548 (the interface).  Departs from them: P = -dH/dF
where the published code returns +dH/dF as the dipole; tanh networks over densities scaled by element; unit vectors in the orbitals.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.fields import NO_CONJUGATE, adapt_field_network, enthalpy
from electrode.nn.atomic import check_elements
from electrode.nn.embedded_density import EmbeddedDensity
from electrode.nn.field import FieldNetwork
from electrode.state import Control, Structure


@dataclass(frozen=True)
class FireannConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    cutoff : [A]
    radial_functions, max_l : of the orbitals
    densities : embedded densities of an atom
    recursions : times that neighbours pass their densities on
    hidden : widths of the hidden layers of every network
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    cutoff: float = 5.0
    radial_functions: int = 8
    max_l: int = 2
    densities: int = 32
    recursions: int = 2
    hidden: tuple[int, ...] = (32, 32)
    seed: int = 0

    def __post_init__(self):
        sizes = {"radial_functions": 2, "max_l": 1, "densities": 1, "recursions": 0}
        for name, least in sizes.items():
            if getattr(self, name) < least:
                raise ValueError(f"FireannConfig.{name}: expected at least {least}, got {getattr(self, name)}")
        if not self.cutoff > 0:
            raise ValueError(f"FireannConfig.cutoff: expected a positive distance [A], got {self.cutoff}")
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> FireannConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Fireann(Model):
    """Zhang and Jiang's recursive densities in a field, with the energy of a net charge."""

    natural = "charge"
    uses_field = True
    symmetry = "E(3)"
    fails = {"conjugate": NO_CONJUGATE}

    def __init__(self, config: FireannConfig):
        super().__init__()
        self.config, c, n = config, config, len(config.elements)
        draw = torch.Generator().manual_seed(c.seed)
        density = EmbeddedDensity(n, c.radial_functions, c.max_l, c.densities, c.recursions, c.hidden, c.cutoff, draw)
        self.network = FieldNetwork(c.elements, c.cutoff, density)

    def adapt(self, data) -> None:
        """Fit scales and the elements' energies to the training data."""
        adapt_field_network(self, data)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return H."""
        return {"natural_energy": enthalpy(self.network, structure, control, description["positions"])}

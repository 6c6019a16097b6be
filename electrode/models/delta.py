"""A network that learns what the classical baseline misses.

    Omega(R, Phi) = Omega_baseline(R, Phi) + Omega_network(R, Phi),    Omega_baseline = E0 - C (Phi - Phi0 - c)^2/2

The baseline's E0, Phi0 and C are those of `models.baseline`, untrained; its minimum over the charge is written out, as its energy is
quadratic in the charge.  Charges and capacitances of the two add up, and where the network knows nothing a classical interface is
left.  The shift c of the potential's zero is set once, before training, as the elements' energies are.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model
from electrode.models.baseline import Baseline, BaselineConfig
from electrode.models.dual import Dual, DualConfig
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure

PREFIX = "network."


@dataclass(frozen=True)
class DeltaConfig:
    """The two terms.

    Parameters
    ----------
    network : the dual network; the baseline brings the short-range energy, so that it has none of its own
    baseline : the classical model
    seed : added to that of the network
    """

    network: DualConfig
    baseline: BaselineConfig = field(default_factory=BaselineConfig)
    seed: int = 0

    def __post_init__(self):
        if self.network.short_range:
            raise ValueError("DeltaConfig: expected network.short_range = False, got True; the baseline holds that energy already")
        if self.baseline.offsets:
            raise ValueError("DeltaConfig: expected a baseline without offsets, got some; the network's element energies serve")

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> DeltaConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(DualConfig(SymmetryFunctions(tuple(sorted(elements))), short_range=False))


class Delta(Model):
    """A dual network beside the baseline at fixed potential."""

    natural = "potential"
    variational = False

    def __init__(self, config: DeltaConfig):
        super().__init__()
        self.config = config
        self.baseline = Baseline(config.baseline)
        self.network = Dual(replace(config.network, seed=config.network.seed + config.seed))
        self.register_buffer("potential_shift", torch.tensor(config.baseline.potential_shift, dtype=torch.float64))

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the baseline's kernel, "interface", and the network's, named "network.symmetry" and so on."""
        network = {PREFIX + name: kernel for name, kernel in self.network.kernels(structure).items()}
        return {**self.baseline.kernels(structure), **network}

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return the descriptions of both; the baseline's "charges" carry no gradient."""
        network = {PREFIX + name: value for name, value in self.network.describe(structure).items()}
        return {**self.baseline.describe(structure), **network}

    def adapt(self, data) -> None:
        """Set the shift of the potential's zero from the labels, and let the network adapt to what the baseline leaves of the energies."""
        rows = torch.cat([b.natural - b.description["interface"][:, 1] - b.description["interface"][:, 2] * b.labels["conjugate"] for b in data])
        self.potential_shift.copy_(rows[torch.isfinite(rows)].mean())
        left = []
        for block in data:
            energy = block.labels["energy"] - self._baseline_energy(block.structure, block.natural, block.description["interface"])[0]
            own = {name.removeprefix(PREFIX): value for name, value in block.description.items() if name.startswith(PREFIX)}
            left.append(replace(block, description=own, labels={**block.labels, "energy": energy}))
        self.network.adapt(left)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy", Omega (S,) [eV], and "atomic_charges" (N,) [e] where the description holds the baseline's."""
        own = {name.removeprefix(PREFIX): value for name, value in description.items() if name.startswith(PREFIX)}
        out = dict(self.network(structure, control, own))
        energy, charge = self._baseline_energy(structure, control.potential, description["interface"])
        out["natural_energy"] = out["natural_energy"] + energy
        latent = out.pop("atomic_charges")
        if "charges" in description:
            fixed, share = description["charges"].unbind(-1)
            out["atomic_charges"] = latent + (fixed + share * charge.detach()[structure.system])
        return out

    def _baseline_energy(self, structure: Structure, potential: Tensor, interface: Tensor) -> tuple[Tensor, Tensor]:
        """Return the baseline's grand energy [eV] and charge [e] at a potential, each (S,)."""
        neutral, zero, stiffness = interface.unbind(-1)
        charge = (potential - zero - self.potential_shift) / stiffness
        return neutral - 0.5 * stiffness * charge**2, charge

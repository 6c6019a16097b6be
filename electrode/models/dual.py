"""Dual learning: a charge network and an electronegativity network over symmetry functions.

    Omega(R, Phi) = sum_i [ e_i + (chi_i - Phi) q_i + J_Z q_i^2 / 2 ]
    q_i   = Q_Z(G_i, (Phi - Phi_c) D_i)       charge network: symmetry functions and decaying potential functions
    chi_i = X_Z(G_i)                          electronegativity network: the neighbourhood alone
    e_i   = E0_Z, or E0_Z + L_Z(G_i) with `local_energy`, to whose sum `short_range` adds a classical energy

Chen, El Khatib, Lindgren, Willard, Medford and Peterson, npj Comput. Mater. 9, 73 (2023),
https://doi.org/10.1038/s41524-023-01007-6.  Departs from it: the electrons' level enters as mu_e = -Phi, so that
dOmega/dPhi = -Q holds; Q is that derivative, and the sum of q_i is an extra that training may pull towards it
(`consistency`); the decaying functions are smooth and follow the surface; the potential is centred; a local energy and a
classical short-range energy may stand beside the products.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from electrode.models.base import Model
from electrode.models.closed_form import Prepared
from electrode.models.dual_closed_form import DualMembers, DualWeights
from electrode.nn.networks import ElementNetworks, Slots
from electrode.physics.decay_functions import DecayFunctions
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.pair import Bonds, ShortRange, ShortRangeKernel
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure

SCALE_FLOOR = 3.0  # smallest scale of a feature, in units of the median spread of its element's features


@dataclass(frozen=True)
class DualConfig:
    """Choices of the dual scheme.

    Parameters
    ----------
    symmetry_functions, decay_functions : the descriptors
    hidden : widths of the hidden layers of each network
    local_energy : learn a neighbourhood-dependent energy beside the products of charge and electronegativity
    short_range : stand beside the classical short-range energy of `physics.pair`, so that the networks learn the difference
        and atoms keep their size where no data are
    seed : of the initial weights
    """

    symmetry_functions: SymmetryFunctions
    decay_functions: DecayFunctions = field(default_factory=DecayFunctions)
    hidden: tuple[int, ...] = (32, 32)
    local_energy: bool = True
    short_range: bool = True
    seed: int = 0

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> DualConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(SymmetryFunctions(tuple(sorted(elements))))


class Dual(Model):
    """Chen et al.'s scheme in one scalar Omega(R, Phi)."""

    natural = "potential"
    variational = False

    def __init__(self, config: DualConfig):
        super().__init__()
        self.config = config
        self._prepared = Prepared(DualWeights.of)
        functions, n_decay = config.symmetry_functions, len(config.decay_functions.decay_constants)
        n, f = len(functions.elements), functions.n_features
        draw = torch.Generator().manual_seed(config.seed)
        self.charge_network = ElementNetworks(n, f + n_decay, config.hidden, 1, draw)
        self.electronegativity_network = ElementNetworks(n, f, config.hidden, 1, draw)
        self.energy_network = ElementNetworks(n, f, config.hidden, 1, draw) if config.local_energy else None
        self.element_energy = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.electronegativity = nn.Parameter(torch.zeros(n, dtype=torch.float64))
        self.hardness = nn.Parameter(torch.ones(n, dtype=torch.float64))
        self.register_buffer("feature_mean", torch.zeros(n, f, dtype=torch.float64))
        self.register_buffer("feature_scale", torch.ones(n, f, dtype=torch.float64))
        self.register_buffer("potential_centre", torch.tensor(4.44, dtype=torch.float64))
        self.register_buffer("potential_scale", torch.tensor(1.0, dtype=torch.float64))

    @property
    def reach(self) -> float:
        """The cutoff [A]; the plane, which all atoms of the electrode set, is among what is `wide`."""
        return self.config.symmetry_functions.cutoff

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F), the decaying functions (N, K) and the short-range energy (S,) of the structure."""
        return {**self.near(structure), **self.wide(structure)}

    def near(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F) and the short-range energy (S,)."""
        positions = structure.positions.detach().double().numpy()
        functions = self.config.symmetry_functions
        cell, pbc = structure.cell.double().numpy(), structure.pbc.numpy()
        pairs = batch_neighbours(positions, cell, pbc, structure.counts.numpy(), functions.cutoff)
        if structure.share is not None:
            pairs = pairs.around(structure.share.own.numpy())  # an atom without neighbours has no short-range energy
        kernels = {"symmetry": functions.bind(structure.numbers.numpy(), positions, pairs)}
        if self.config.short_range:
            short = ShortRange(structure.numbers.numpy(), Bonds.of(positions, pairs), functions.cutoff)
            kernels["short_range"] = ShortRangeKernel(short, structure.system.numpy())
        return kernels

    def wide(self, structure: Structure) -> dict:
        """Return the decaying functions (N, K), whose plane follows the whole surface."""
        positions, normal = structure.positions.detach().double().numpy(), structure.normal.double().numpy()
        which = structure.system.numpy(), structure.electrode.numpy(), structure.pbc[:, 2].numpy()
        return {"decay": self.config.decay_functions.bind(positions, normal, *which)}

    def adapt(self, data) -> None:
        """Scale features to the training data (`train.blocks.Block` of natural potential) and fit the elements' energies.

        One scale serves all features of an element, floored at a few times their median spread: features that hardly vary
        then stay small, which keeps the networks from reading noise into them.
        """
        channel = torch.cat([self._channel(b.structure) for b in data])
        features = torch.cat([b.description["symmetry"] for b in data])
        for k in torch.unique(channel):
            spread = features[channel == k].std(0, unbiased=False)
            self.feature_mean[k] = features[channel == k].mean(0)
            self.feature_scale[k] = spread.clamp(min=max(SCALE_FLOOR * float(spread.median()), 1e-3))
        potential = torch.cat([b.natural for b in data])
        self.potential_centre.copy_(potential.mean())
        self.potential_scale.copy_(potential.std(unbiased=False).clamp(min=0.1))
        counts = [b.structure.total(nn.functional.one_hot(self._channel(b.structure), len(self.element_energy)).double()) for b in data]
        energy = torch.cat([b.labels["energy"] - (b.description["short_range"] if self.config.short_range else 0.0) for b in data])
        kept = ~torch.isnan(energy)
        solution = torch.linalg.lstsq(torch.cat(counts)[kept], energy[kept, None], driver="gelsd").solution
        with torch.no_grad():
            self.element_energy.copy_(solution[:, 0])

    def _channel(self, structure: Structure) -> Tensor:
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def members_of(self, structure: Structure, owner: nn.Module, weights: Callable[[], dict[str, Tensor]], kernels: dict | None = None) -> DualMembers | None:
        """Return models of this configuration at the atoms, written out; None in single precision or for a piece without its kernels."""
        if (structure.share is not None and kernels is None) or structure.positions.dtype != torch.float64 or owner.hardness.dtype != torch.float64:
            return None
        kernels = self.kernels(structure) if kernels is None else kernels
        return DualMembers(self._prepared.of(owner, weights), structure, self.config.symmetry_functions.channels(structure.numbers.numpy()), kernels)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return Omega and the latent charges q_i, whose sum need not be -dOmega/dPhi."""
        channel = self._channel(structure)
        slots = Slots.of(channel, len(self.element_energy))
        g = slots.spread((description["symmetry"] - self.feature_mean[channel]) / self.feature_scale[channel])
        shift = ((control.potential - self.potential_centre) / self.potential_scale)[structure.system]
        seen = slots.spread(shift[:, None] * description["decay"])
        q = slots.gather(self.charge_network(torch.cat([g, seen], dim=2)))[:, 0]
        chi = self.potential_centre + self.electronegativity[channel] + slots.gather(self.electronegativity_network(g))[:, 0]
        energy = self.element_energy[channel]
        if self.energy_network is not None:
            energy = energy + slots.gather(self.energy_network(g))[:, 0]
        potential = control.potential[structure.system]
        energy = energy + (chi - potential) * q + 0.5 * self.hardness[channel] * q**2
        total = structure.total(energy)
        if self.config.short_range:
            total = total + description["short_range"]
        return {"natural_energy": total, "atomic_charges": q}

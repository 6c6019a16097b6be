"""MACE with the electrode's charge on every atom: an equivariant message-passing network under one scalar.

    E(R, Q) = sum_i E0_Z + Phi_0 Q + Q^2/(2 c A) + s MACE(R; x),    h_i = W_Z + x w,    x = (Q/A - mean)/spread

The scaled charge per area x enters the first features h_i of every atom beside its element ("node augmentation"); all that
follows is mace-torch's ScaleShiftMACE.  w starts at zero, so that the first step is that of plain MACE beside the mean capacitor
(Phi_0, c) of the training data.  With condition "potential" the scalar is Omega(R, Phi), the capacitor -c A (Phi - Phi_0)^2/2.

Wang, Fang, Huang and Liu, J. Chem. Theory Comput. 21, 7628 (2025); Batatia et al., Adv. Neural Inf. Process. Syst. 35 (2022),
https://doi.org/10.48550/arXiv.2206.07697.  Departs from the former: Phi = dE/dQ (Q = -dOmega/dPhi) instead of a head of its own, the
charge is per area, and the capacitor.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.models.adapting import element_energies, force_scale, states
from electrode.models.base import Model
from electrode.models.mace_network import mace_network, neutral_weights
from electrode.nn.capacitor import LEVEL, TYPICAL, capacitor_energy, mean_capacitor
from electrode.physics.neighbours import batch_neighbours
from electrode.state import Control, Structure
from electrode.units import capacitance_per_cell

CONDITIONS = ("charge_per_area", "charge", "potential")


@dataclass(frozen=True)
class MaceNodeConfig:
    """Choices of the scheme; all but the first three are those of MACE.

    Parameters
    ----------
    elements : atomic numbers
    condition : what every atom sees: "charge_per_area" [e/A^2], "charge" [e], or "potential" [V], which is then the natural variable
    capacitor : stand beside the mean capacitor of the training data; False for the bare network
    channels, max_l : features of an atom and their highest degree
    layers, max_ell, correlation : message passings, degree of the spherical harmonics, order of the products
    cutoff [A], radial_functions, radial_hidden : of the radial network
    average_neighbours : what sums over neighbours are divided by
    readout_hidden : width of the last layer's readout
    residual_first : self-connection in the first layer too, as in foundation models
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    condition: str = "charge_per_area"
    capacitor: bool = True
    channels: int = 16
    max_l: int = 0
    layers: int = 2
    max_ell: int = 2
    correlation: int = 3
    cutoff: float = 5.0
    radial_functions: int = 8
    radial_hidden: tuple[int, ...] = (32, 32)
    average_neighbours: float = 8.0
    readout_hidden: int = 16
    residual_first: bool = False
    seed: int = 0

    def __post_init__(self):
        if self.condition not in CONDITIONS:
            raise ValueError(f"MaceNodeConfig.condition: expected one of {CONDITIONS}, got {self.condition!r}{did_you_mean(str(self.condition), CONDITIONS)}")
        if not self.elements or tuple(sorted(set(self.elements))) != tuple(self.elements):
            raise ValueError(f"MaceNodeConfig.elements: expected ascending atomic numbers, each once, got {self.elements}")

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> MaceNodeConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class MaceNode(Model):
    """A MACE that sees the charge or the potential as a feature of every atom."""

    one_slab = True
    fails = {"committee": "since its layers are compiled with their weights; train single models, or a committee of another scheme"}

    def __init__(self, config: MaceNodeConfig):
        super().__init__()
        self.config = config
        self.natural = "potential" if config.condition == "potential" else "charge"
        self.network = mace_network(config)
        number = lambda value: torch.tensor(value, dtype=torch.float64)
        self.register_buffer("condition_mean", number(4.44 if self.natural == "potential" else 0.0))
        self.register_buffer("condition_spread", number(1.0 if config.condition != "charge_per_area" else 0.01))
        self.register_buffer("neutral_potential", number(LEVEL))
        self.register_buffer("capacitance_per_area", number(capacitance_per_cell(TYPICAL, 1.0)))
        self._warm = False

    def take_neutral(self, path: str | Path) -> None:
        """Take the weights of a MACE of this architecture, trained on neutral frames: the model then is that MACE, beside the capacitor.

        Training afterwards keeps the network's scale and refits the elements' energies.

        Parameters
        ----------
        path : safetensors file of a ScaleShiftMACE's `state_dict()` with one head, which leaves out what sums over neighbours are divided
            by: the configuration's `average_neighbours` must be that model's

        Raises
        ------
        ValueError
            for a file that is not safetensors, or does not fit, see `neutral_weights`.
        """
        self.network.load_state_dict(neutral_weights(path, self.network), strict=False)
        nn.init.zeros_(self.network.joint_embedding.weight)
        self._warm = True

    def adapt(self, data) -> None:
        """Fit the capacitor, the scale of the condition and of the energy, and the elements' energies to the training data (`train.blocks.Block`)."""
        value, conjugate, area = states(data)
        seen = self._seen(value, area)
        self.condition_mean.copy_(seen.mean())
        self.condition_spread.copy_(seen.std(unbiased=False).clamp(min=1e-6))
        if self.config.capacitor:
            for mine, found in zip((self.neutral_potential, self.capacitance_per_area), mean_capacitor(self.natural, value, conjugate, area)):
                mine.copy_(found)
        if (scale := force_scale(data)) is not None and not self._warm:
            self.network.scale_shift.scale.copy_(scale)
        energies = self.network.atomic_energies_fn.atomic_energies
        energies.zero_()
        energies.copy_(element_energies(self, data, self._elements).reshape(energies.shape))

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E, or Omega where the potential is the condition."""
        value, area = control.value, structure.area
        condition = (self._seen(value, area) - self.condition_mean) / self.condition_spread
        energy = self.network(self._graph(structure, description["positions"], condition), compute_force=False)["energy"]
        return {"natural_energy": energy + self._capacitor(value, area) if self.config.capacitor else energy}

    def _seen(self, value: Tensor, area: Tensor) -> Tensor:
        return value / area if self.config.condition == "charge_per_area" else value

    def _capacitor(self, value: Tensor, area: Tensor) -> Tensor:
        return capacitor_energy(self.natural, value, area, self.neutral_potential, self.capacitance_per_area)

    def _graph(self, structure: Structure, positions: Tensor, condition: Tensor) -> dict[str, Tensor]:
        """Return the batch as MACE reads it; which atoms are neighbours carries no derivative."""
        counts = structure.counts
        points, cell = positions.detach().double().numpy(), structure.cell.double().numpy()
        pairs = batch_neighbours(points, cell, structure.pbc.numpy(), counts.numpy(), self.config.cutoff)
        index = torch.from_numpy(pairs.index)
        centre = torch.arange(len(points)).repeat_interleave(torch.from_numpy(pairs.first).diff())
        return {
            "positions": positions.view_as(positions),  # MACE marks what it is given as wanting a gradient
            "node_attrs": self._elements(structure),
            "edge_index": torch.stack([centre, index]),
            "shifts": torch.from_numpy(pairs.offset).to(positions),
            "cell": structure.cell.flatten(0, 1),
            "batch": structure.system,
            "ptr": nn.functional.pad(counts.cumsum(0), (1, 0)),
            "condition": condition,
        }

    def _elements(self, structure: Structure) -> Tensor:
        """Return which of the model's elements each atom is, (N, elements) of 0 and 1."""
        which = structure.numbers[:, None] == self.network.atomic_numbers
        if not which.any(1).all():
            unknown = sorted(set(structure.numbers[~which.any(1)].tolist()))
            raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {list(self.config.elements)}; train with frames that hold them")
        return which.double()

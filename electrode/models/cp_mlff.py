"""Message passing that sees the number of electrons, with a head of its own for the Fermi level.

    E(R, Q) = sum_i [ E0_Z + s Out(h_i) ] + capacitor(Q),      mu = -e Phi,      Phi = Phi_c(Q) + r Head(...)

x is the number of electrons less its mean over the training data, here over its spread too, and enters

    node      beside the one-hot element of every atom: h_i^0 = W [onehot(Z_i), x];    Head of mean_i [h_i^1, h_i^T]
    global    a state of the whole cell, which atoms read and write at each layer (`nn.global_state`);    Head of the last state

As published (`fermi="head"`) nothing makes the head the derivative of E: `potential` is the head's, at a held potential the charge
is found with it, and `potential_slope` is dE/dQ; the difference is reported, and `Term("consistency")` trains it.  At a held potential
the forces then belong to no energy.  With `fermi="derivative"` there is no head, and the label of the Fermi level trains dE/dQ.

Wang, Fang, Huang and Liu, J. Chem. Theory Comput. 21, 7628 (2025).  Departs from it: the network is `nn.equivariant`, whose last layer
alone is read out; electrons are counted per area (`variable="charge"`, as published, makes two cells with twice the charge another
state); the mean capacitor of the training data stands beside E and beside the head, Phi_c = Phi_0 + Q/(c A), which with `capacitor=False`,
as published, is the mean of the labels.  On mace-torch's network, `mace-node` with condition "charge" is `node` with `fermi="derivative"`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.models.adapting import adapt_network, states
from electrode.models.base import Model
from electrode.models.templates import NOT_PER_AREA
from electrode.nn.atomic import AtomicNetwork, check_elements
from electrode.nn.capacitor import LEVEL, Capacitor
from electrode.nn.conditioning import ConditionConfig, Conditioning
from electrode.nn.dense import linear
from electrode.nn.global_state import GlobalState, mean_of_atoms
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure

ALLOWED = {"place": ("node", "global"), "fermi": ("head", "derivative"), "variable": ("charge_per_area", "charge")}
OWN_HEAD = "the potential is a head of its own, which nothing makes the derivative of the energy"


@dataclass(frozen=True)
class CpMlffConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    place : where the electrons enter, "node" or "global"
    fermi : whether the potential is a "head", as published, or the "derivative" of the energy
    variable : "charge_per_area" [e/A^2], or "charge" [e], as published
    capacitor : stand beside the mean capacitor of the training data; False as published
    representation, readout_hidden : the network
    state_width : features of the state of "global"
    head_hidden : width of the head
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    place: str = "node"
    fermi: str = "head"
    variable: str = "charge_per_area"
    capacitor: bool = True
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    readout_hidden: int = 32
    state_width: int = 32
    head_hidden: int = 32
    seed: int = 0

    def __post_init__(self):
        for name, allowed in ALLOWED.items():
            if (value := getattr(self, name)) not in allowed:
                raise ValueError(f"CpMlffConfig.{name}: expected one of {allowed}, got {value!r}{did_you_mean(str(value), allowed)}")
        if min(self.readout_hidden, self.state_width, self.head_hidden) < 1:
            raise ValueError(f"CpMlffConfig: expected widths of at least 1, got {self.readout_hidden}, {self.state_width} and {self.head_hidden}")
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> CpMlffConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class CpMlff(Model):
    """Wang et al.'s two networks in one scalar E(R, Q), and their Fermi level."""

    one_slab = True
    natural = "charge"
    symmetry = "E(3)"

    def __init__(self, config: CpMlffConfig):
        super().__init__()
        self.config, shape = config, config.representation
        self.conjugate = config.fermi
        self.fails = ({"size": NOT_PER_AREA} if config.variable == "charge" else {}) | ({"derivative": OWN_HEAD} if config.fermi == "head" else {})
        draw = torch.Generator().manual_seed(config.seed)
        self.network = AtomicNetwork(config.elements, shape, config.readout_hidden, draw)
        where = "embedding" if config.place == "node" else "none"
        self.conditioning = Conditioning(ConditionConfig(config.variable, where), shape.channels, shape.layers, config.readout_hidden, draw)
        self.state = GlobalState(shape.channels, shape.layers, config.state_width, draw) if config.place == "global" else None
        self.capacitor = Capacitor("charge") if config.capacitor else None
        pooled = 2 * shape.channels if self.state is None else config.state_width
        self.head = _Head(pooled, config.head_hidden, 0.0 if config.capacitor else LEVEL, draw) if config.fermi == "head" else None

    def adapt(self, data) -> None:
        """Fit what is not trained to the training data, see `adapt_network`, and the level and scale of the head to its labels."""
        adapt_network(self, data)
        if self.head is not None:
            charge, potential, area = states(data)
            self.head.adapt(potential if self.capacitor is None else potential - self.capacitor.potential(charge, area))

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E, and of a model with a head "potential_head" (S,) [V].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        if control.charge is None:
            raise ValueError("CpMlff: expected a control that holds the charge [e], got a potential; use evaluate, or Grand beside others")
        charge, positions, passed = control.charge, description["positions"], []

        def kept(h: Tensor) -> Tensor:
            passed.append(h)
            return h

        seen = self.conditioning(structure, charge, positions)
        visit = kept if self.state is None else self.state.visit(structure, self.conditioning.standard(charge, structure.area))
        features = self.network.features(structure, positions, seen, visit)
        energy = structure.total(self.network.energies(structure, features))
        out = {"natural_energy": energy if self.capacitor is None else energy + self.capacitor(charge, structure.area)}
        if self.head is not None:
            pooled = mean_of_atoms(structure, torch.cat([passed[1], passed[-1]], dim=1)) if self.state is None else visit.state
            level = self.head(pooled)
            out["potential_head"] = level if self.capacitor is None else level + self.capacitor.potential(charge, structure.area)
        return out


class _Head(nn.Module):
    """A perceptron with rectified units, in the scale of the labels."""

    def __init__(self, n_inputs: int, hidden: int, level: float, draw: torch.Generator):
        super().__init__()
        self.first, self.last = linear(n_inputs, hidden, draw), linear(hidden, 1, draw)
        self.register_buffer("level", torch.tensor(level, dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def adapt(self, labels: Tensor) -> None:
        """Take the level and the scale of labels (F,) [V], NaN where there is none."""
        kept = labels[~torch.isnan(labels)]
        if len(kept) > 1:
            self.level.copy_(kept.mean())
            self.scale.copy_(kept.std(unbiased=False).clamp(min=0.01))

    def forward(self, pooled: Tensor) -> Tensor:
        """Return (S,) [V] from (S, n_inputs)."""
        return self.level + self.scale * self.last(torch.relu(self.first(pooled)))[:, 0]

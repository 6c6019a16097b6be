"""How the atoms of a network see the electronic variable: which one, where it enters, raw or through a small network.

    x = (seen - mean)/spread,      g = x, or a perceptron of x,      s_i an envelope in space, or 1
    embedding    h_i^0 + s_i W g                      interactions and readout may change with x
    readout      W' h_i^T + s_i W g + bias            the readout alone may
    layers       h_i (1 + s_i A g) + s_i B g          everything, after each layer

All W, A and B are zero at first: what is conditioned starts as what it was without, and frozen it stays so.
Perez, Strub, de Vries, Dumoulin and Courville, AAAI Conf. Artif. Intell. (2018), https://doi.org/10.48550/arXiv.1709.07871 (layers).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.nn.dense import linear, perceptron
from electrode.physics.one_face import require_one_face
from electrode.state import Structure

VARIABLES = {"potential": "potential", "charge": "charge", "charge_per_area": "charge"}  # and the natural variable of the scalar
PLACES = ("none", "embedding", "readout", "layers")
_FIRST = {"potential": (4.44, 1.0), "charge": (0.0, 0.1), "charge_per_area": (0.0, 0.01)}  # mean and spread before any data
_SOFTNESS = 0.3  # [A], over which heights count as the surface's


@dataclass(frozen=True)
class Envelope:
    """How far above the electrode atoms see the variable: 1/(1 + exp((height - reach)/width)).

    Heights are measured along the normal from the electrode's uppermost atoms.

    Parameters
    ----------
    reach, width : [A]
    """

    reach: float = 4.0
    width: float = 0.7

    def __post_init__(self):
        if not self.width > 0:
            raise ValueError(f"Envelope.width: expected a positive length [A], got {self.width}")

    def of(self, structure: Structure, positions: Tensor) -> Tensor:
        """Return the envelope at each atom, (N,), differentiable in the positions (N, 3) [A].

        Raises
        ------
        ValueError
            for a system without electrode atoms, or not one slab with all else above it.
        """
        electrode = structure.electrode.to(structure.positions.dtype)
        number = structure.total(electrode)
        if not number.all():
            raise ValueError("Envelope: expected electrode atoms in every system, got one without; mark them (tags, eir_region) or leave the envelope out")
        height = (positions * structure.normal[structure.system]).sum(1)
        require_one_face(*(x.detach().numpy() for x in (height, structure.system, structure.electrode, structure.pbc[:, 2])))
        height = height - (structure.total(height * electrode) / number)[structure.system]
        weight = torch.exp(height / _SOFTNESS) * electrode
        surface = structure.total(height * weight) / structure.total(weight)
        return torch.sigmoid((self.reach - height + surface[structure.system]) / self.width)


@dataclass(frozen=True)
class ConditionConfig:
    """What atoms see of the electronic variable.

    Parameters
    ----------
    variable : "potential" [V, absolute], "charge" [e] or "charge_per_area" [e/A^2]
    where : "none", "embedding", "readout" or "layers"
    embedded : width of the perceptron g, 0 for the variable itself
    envelope : where in space, None for everywhere
    """

    variable: str = "potential"
    where: str = "layers"
    embedded: int = 0
    envelope: Envelope | None = None

    def __post_init__(self):
        for name, known in (("variable", tuple(VARIABLES)), ("where", PLACES)):
            if getattr(self, name) not in known:
                got = getattr(self, name)
                raise ValueError(f"ConditionConfig.{name}: expected one of {known}, got {got!r}{did_you_mean(str(got), known)}")
        if self.embedded < 0:
            raise ValueError(f"ConditionConfig.embedded: expected the width of a perceptron, or 0 for none; got {self.embedded}")

    @property
    def natural(self) -> str:
        """The variable that the network's scalar is natural in, "potential" or "charge"."""
        return VARIABLES[self.variable]


@dataclass(frozen=True)
class Conditions:
    """What to add where; None and () where nothing is.

    Parameters
    ----------
    start : (N, channels), to the embedding
    modulations : for each layer (a, b), each (N, channels)
    readout : (N, hidden), to the readout's first layer
    """

    start: Tensor | None = None
    modulations: tuple[tuple[Tensor, Tensor], ...] = ()
    readout: Tensor | None = None


class Conditioning(nn.Module):
    """The electronic variable, standardised, on its way into a network.

    Parameters
    ----------
    config : what and where
    channels, layers, hidden : of the representation, and of the readout's first layer
    draw : source of the initial weights of g
    """

    def __init__(self, config: ConditionConfig, channels: int, layers: int, hidden: int, draw: torch.Generator):
        super().__init__()
        self.config, self.layers = config, layers
        mean, spread = _FIRST[config.variable]
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float64))
        self.register_buffer("spread", torch.tensor(spread, dtype=torch.float64))
        width = config.embedded or 1
        self.embed = perceptron((1, width, width), draw) if config.embedded and config.where != "none" else nn.Identity()
        outputs = {"none": 0, "embedding": channels, "readout": hidden, "layers": 2 * channels * layers}[config.where]
        self.weight = linear(width, outputs, draw, bias=False, gain=0.0) if outputs else None

    def seen(self, value: Tensor, area: Tensor) -> Tensor:
        """Return the conditioning variable (S,) from the natural one (S,) [e] or [V] and the areas (S,) [A^2]."""
        return value / area if self.config.variable == "charge_per_area" else value

    def adapt(self, value: Tensor, area: Tensor) -> None:
        """Take the mean and the spread of the training data."""
        seen = self.seen(value, area)
        self.mean.copy_(seen.mean())
        self.spread.copy_(seen.std(unbiased=False).clamp(min=1e-6))

    def standard(self, value: Tensor, area: Tensor) -> Tensor:
        """Return x (S,), the conditioning variable standardised."""
        return (self.seen(value, area) - self.mean) / self.spread

    def forward(self, structure: Structure, value: Tensor, positions: Tensor) -> Conditions:
        """Return what the variable (S,) [e] or [V] adds to the features of each atom at `positions` (N, 3) [A]."""
        if self.weight is None:
            return Conditions()
        added = self.weight(self.embed(self.standard(value, structure.area)[:, None])).index_select(0, structure.system)
        if self.config.envelope is not None:
            added = added * self.config.envelope.of(structure, positions)[:, None]
        if self.config.where == "layers":
            parts = added.chunk(2 * self.layers, dim=1)
            return Conditions(modulations=tuple(zip(parts[::2], parts[1::2])))
        return Conditions(start=added) if self.config.where == "embedding" else Conditions(readout=added)

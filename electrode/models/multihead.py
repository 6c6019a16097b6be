"""One trunk, and a head for each ensemble or method: what neutral frames teach of the atoms serves the electrified ones too.

    A_k(R, x) = sum_i [ E0_Zk + s_k Out_k(h_i; x) ] + capacitor_k(x),      h = Interact(Embed(Z)), of all heads

Each head has its own variable, elements' energies, scale and perhaps capacitor, see `models.templates`; one of them serves, and is what
the model is to everyone else.  `train.heads` trains all at once, with frames of every head in each step.  A committee is one of heads that
serve, each with a trunk of its own, see `train.replay`.

A perspective on machine-learning potentials for electrified interfaces, RSC Appl. Interfaces (2026), D6LF00149A, Fig. 5.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from electrode.data.problems import did_you_mean
from electrode.models.adapting import element_energies, sample_graphs
from electrode.models.base import Model
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.atomic import check_elements
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure


NO_COMMITTEE = "since its heads share their trunk; with frames to replay (--replay) training makes one of the heads that serve, which are templates"


@dataclass(frozen=True)
class Head:
    """One head.

    Parameters
    ----------
    name : without dots
    template, variable, capacitor : what it sees, see `models.templates.TemplateConfig`; "a" for neutral frames
    weight : lambda of its loss where heads are trained together
    """

    name: str
    template: str = "a"
    variable: str = "charge"
    capacitor: bool = False
    weight: float = 1.0

    def __post_init__(self):
        if not self.weight > 0:
            raise ValueError(f"Head.weight: expected a number > 0, got {self.weight}")


NEUTRAL, ELECTRIFIED = Head("neutral"), Head("electrified", "e", "charge_per_area", True, weight=0.3)


@dataclass(frozen=True)
class MultiheadConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    heads : at least two, of different names
    serves : name of the head that the model's energy is
    embedded, readout_hidden : widths in every head
    representation : the trunk
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    heads: tuple[Head, ...] = (NEUTRAL, ELECTRIFIED)
    serves: str = "electrified"
    embedded: int = 16
    readout_hidden: int = 32
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    seed: int = 0

    def __post_init__(self):
        names = [head.name for head in self.heads]
        if len(names) < 2 or len(set(names)) < len(names) or any(not n or "." in n for n in names):
            raise ValueError(f"MultiheadConfig.heads: expected two or more, of different names without dots, got {names}")
        if self.serves not in names:
            raise ValueError(f"MultiheadConfig.serves: expected one of {names}, got {self.serves!r}{did_you_mean(str(self.serves), names)}")
        check_elements(self.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> MultiheadConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))

    def template(self, head: Head, number: int) -> TemplateConfig:
        """Return the configuration of a head, the number of which moves the seed."""
        shape = {"embedded": self.embedded, "readout_hidden": self.readout_hidden, "representation": self.representation}
        return TemplateConfig(self.elements, head.template, head.variable, capacitor=head.capacitor, seed=self.seed + number, **shape)


class Multihead(Model):
    """Heads that share their trunk; `heads` holds each as a model of its own, which has the same weights."""

    one_slab = True

    def __init__(self, config: MultiheadConfig):
        super().__init__()
        self.config = config
        self.heads = nn.ModuleDict({head.name: Template(config.template(head, k)) for k, head in enumerate(config.heads)})
        first, *others = self.heads.values()
        for other in others:
            other.network.representation = first.network.representation
        serving = self.heads[config.serves]
        self.natural, self.symmetry, self.fails = serving.natural, serving.symmetry, {**serving.fails, "committee": NO_COMMITTEE}

    def adapt(self, data) -> None:
        """Fit what is not trained of the head that serves to its training data, see `adapt_network`."""
        self.heads[self.config.serves].adapt(data)

    @torch.no_grad()
    def adapt_all(self, data: Mapping[str, Sequence]) -> None:
        """Fit what is not trained of every head to its own blocks of training frames, and the trunk's scales to all of them."""
        for name, some in data.items():
            self.heads[name].adapt(some)
        network = self.heads[self.config.serves].network
        network.representation.basis.adapt([g for some in data.values() for g in sample_graphs(some, network.cutoff)])
        for name, some in data.items():
            own = self.heads[name].network
            own.element_energy.zero_()
            own.element_energy.copy_(element_energies(self.heads[name], some, own.one_hot))

    def take(self, name: str, model: Model) -> None:
        """Take the trunk and one head from a trained model with the same network, such as `template-a`.

        Raises
        ------
        ValueError
            for another network.
        """
        own, other = self.heads[name].network, getattr(model, "network", None)
        same = lambda a, b: {k: v.shape for k, v in a.state_dict().items()} == {k: v.shape for k, v in b.state_dict().items()}
        if other is None or tuple(model.config.elements) != tuple(self.config.elements) or not same(own, other):
            raise ValueError(f"Multihead.take: expected a model with the network of these heads and the elements {list(self.config.elements)}, got {type(model).__name__}")
        own.load_state_dict(other.state_dict())

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return what the head that serves gives."""
        return self.heads[self.config.serves](structure, control, description)

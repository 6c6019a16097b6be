"""The perspective's templates: one network of message passing, and the electronic variable at different places in it.

    A(R, x) = sum_i [ E0_Z + s Out(h_i^T; x) ] + capacitor(x),      h^T = Interact(h^0; x),      h_i^0 = Embed(Z_i; x)

A is Omega(R, Phi) for a potential and E(R, Q) for a charge; the conjugate is its derivative.  By letter, x enters

    a  nowhere           b  at the embedding, as it is       c  at the readout, as it is
    f  after each layer  d  at the embedding, through g(x)   e  at the readout, through g(x)           (f through g(x))

Everything of x starts at zero (`nn.conditioning`).  A template without capacitor has no physics of the interface: the control row of a
comparison.  The capacitor is the mean one of the training data; it and f are additions to the published five.
A perspective on machine-learning potentials for electrified interfaces, RSC Appl. Interfaces (2026), D6LF00149A.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from electrode.models.adapting import adapt_network
from electrode.models.base import Model
from electrode.nn.atomic import AtomicNetwork, check_elements
from electrode.nn.capacitor import Capacitor
from electrode.nn.conditioning import ConditionConfig, Conditioning, Envelope
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure

PLACE = {"a": "none", "b": "embedding", "c": "readout", "d": "embedding", "e": "readout", "f": "layers"}
THROUGH = "def"  # those that see g(x)
NO_CONJUGATE = "the scalar does not depend on charge or potential: the conjugate and the capacitance are zero"
NOT_PER_AREA = "each atom sees the charge of the whole cell: two cells with twice the charge are another state to it"


@dataclass(frozen=True)
class TemplateConfig:
    """Choices of a template.

    Parameters
    ----------
    elements : atomic numbers
    template : letter, "a" to "f"
    variable : "potential" [V], then the natural variable, "charge" [e] or "charge_per_area" [e/A^2]
    embedded : width of g in d, e and f
    envelope : where in space atoms see the variable, None for everywhere
    capacitor : stand beside the mean capacitor of the training data
    representation : the network
    readout_hidden : width of the readout, which must not be linear: a linear one lets x change no force in c
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    template: str = "f"
    variable: str = "potential"
    embedded: int = 16
    envelope: Envelope | None = None
    capacitor: bool = False
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    readout_hidden: int = 32
    seed: int = 0

    def __post_init__(self):
        if self.template not in PLACE:
            raise ValueError(f"TemplateConfig.template: expected one of {', '.join(PLACE)}, got {self.template!r}")
        if self.embedded < 1 or self.readout_hidden < 1:
            raise ValueError(f"TemplateConfig: expected widths of at least 1, got embedded {self.embedded} and readout_hidden {self.readout_hidden}")
        check_elements(self.elements)

    @property
    def condition(self) -> ConditionConfig:
        """What the letter stands for."""
        return ConditionConfig(self.variable, PLACE[self.template], self.embedded if self.template in THROUGH else 0, self.envelope)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> TemplateConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Template(Model):
    """A network that sees the charge or the potential at one place."""

    one_slab = True

    def __init__(self, config: TemplateConfig):
        super().__init__()
        self.config = config
        shape, condition, draw = config.representation, config.condition, torch.Generator().manual_seed(config.seed)
        self.natural = condition.natural
        self.symmetry = "E(3)" if config.envelope is None else "E(2)"
        self.fails = _fails(config)
        self.network = AtomicNetwork(config.elements, shape, config.readout_hidden, draw)
        self.conditioning = Conditioning(condition, shape.channels, shape.layers, config.readout_hidden, draw)
        self.capacitor = Capacitor(self.natural) if config.capacitor else None

    def adapt(self, data) -> None:
        """Fit what is not trained to the training data, see `adapt_network`."""
        adapt_network(self, data)

    @property
    def reach(self) -> float | None:
        """As far as the messages come [A]; None with an envelope, which knows the whole surface."""
        shape = self.config.representation
        return None if self.config.envelope is not None else shape.layers * shape.cutoff

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return Omega, or E where the charge is the variable."""
        seen = self.conditioning(structure, control.value, description["positions"])
        features = self.network.features(structure, description["positions"], seen)
        energy = structure.total(self.network.energies(structure, features, seen))
        return {"natural_energy": energy if self.capacitor is None else energy + structure.of_cell(self.capacitor(control.value, structure.area))}


def _fails(config: TemplateConfig) -> dict[str, str]:
    """Return what no such template can pass, see `Model.fails`."""
    if config.template == "a":
        return {} if config.capacitor else {"conjugate": NO_CONJUGATE}
    return {"size": NOT_PER_AREA} if config.variable == "charge" else {}

"""A neutral network and a correction that vanishes, exactly, at a reference of the electronic variable.

    A(R, x) = sum_i [ E0_Z + s Out(h_i^T) ] + sum_i s d(h_i^T, x) + capacitor(x) - capacitor(x_ref)

    "difference"   d = f(h, g(x)) - f(h, g(x_ref))
    "product"      d = (x - x_ref) f(h, g(x))

At natural charge the reference is the neutral cell, 0 e: what ordinary, neutral calculations label is the first sum alone, and d is
-Phi_0 n + n^2/2C and what is beyond it.  Omega(R, Phi) has no potential at which it is that sum: a reference must then be named.
The correction starts at zero; `representation` and `readout` can be trained on neutral frames first and kept.
A perspective on machine-learning potentials for electrified interfaces, RSC Appl. Interfaces (2026), D6LF00149A, Fig. 2; the mean
capacitor of the training data beside it is an addition.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from electrode.data.problems import did_you_mean
from electrode.models.adapting import adapt_network
from electrode.models.base import Model
from electrode.models.templates import NOT_PER_AREA
from electrode.nn.atomic import AtomicNetwork, check_elements
from electrode.nn.capacitor import Capacitor
from electrode.nn.conditioning import ConditionConfig, Conditioning, Envelope
from electrode.nn.readout import Readout
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure

FORMS = ("difference", "product")


@dataclass(frozen=True)
class CorrectionConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    form : "difference" or "product"
    variable : "charge_per_area" [e/A^2], "charge" [e] or "potential" [V]
    reference : value of the natural variable without correction [e] or [V]; None for 0 e, a potential must be given
    embedded : width of g, 0 for the variable itself
    envelope : where in space atoms see the variable, None for everywhere
    capacitor : let the mean capacitor of the training data stand beside the correction
    representation, readout_hidden : the network
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    form: str = "difference"
    variable: str = "charge_per_area"
    reference: float | None = None
    embedded: int = 16
    envelope: Envelope | None = None
    capacitor: bool = True
    representation: RepresentationConfig = field(default_factory=RepresentationConfig)
    readout_hidden: int = 32
    seed: int = 0

    def __post_init__(self):
        if self.form not in FORMS:
            raise ValueError(f"CorrectionConfig.form: expected one of {FORMS}, got {self.form!r}{did_you_mean(str(self.form), FORMS)}")
        if self.condition.natural == "potential" and self.reference is None:
            raise ValueError("CorrectionConfig.reference: expected the potential [V, absolute] at which the correction vanishes, got none; there is no common one")
        if self.readout_hidden < 1:
            raise ValueError(f"CorrectionConfig.readout_hidden: expected at least 1, got {self.readout_hidden}")
        check_elements(self.elements)

    @property
    def condition(self) -> ConditionConfig:
        """What the correction's readout sees."""
        return ConditionConfig(self.variable, "readout", self.embedded, self.envelope)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> CorrectionConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Correction(Model):
    """A network of the neutral energy with a correction of its own readout."""

    one_slab = True

    def __init__(self, config: CorrectionConfig):
        super().__init__()
        self.config = config
        shape, draw = config.representation, torch.Generator().manual_seed(config.seed)
        self.natural = config.condition.natural
        self.symmetry = "E(3)" if config.envelope is None else "E(2)"
        self.fails = {"size": NOT_PER_AREA} if config.variable == "charge" else {}
        self.network = AtomicNetwork(config.elements, shape, config.readout_hidden, draw)
        self.correction = Readout(shape.channels, config.readout_hidden, draw, gain=float(config.form == "difference"))
        self.conditioning = Conditioning(config.condition, shape.channels, shape.layers, config.readout_hidden, draw)
        self.capacitor = Capacitor(self.natural) if config.capacitor else None

    def adapt(self, data) -> None:
        """Fit what is not trained to the training data, see `adapt_network`."""
        adapt_network(self, data)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E, or Omega where the potential is the variable."""
        features = self.network.features(structure, description["positions"])
        value, reference = control.value, torch.full_like(control.value, self.config.reference or 0.0)
        correction = self._correction(structure, value, reference, features, description["positions"])
        energy = structure.total(self.network.energies(structure, features) + self.network.energy_scale * correction)
        if self.capacitor is not None:
            energy = energy + (self.capacitor(value, structure.area) - self.capacitor(reference, structure.area))
        return {"natural_energy": energy}

    def _correction(self, structure: Structure, value: Tensor, reference: Tensor, features: Tensor, positions: Tensor) -> Tensor:
        """Return d of each atom, (N,)."""
        at = lambda x: self.correction(features, self.conditioning(structure, x, positions).readout)
        if self.config.form == "difference":
            return at(value) - at(reference)
        distance = self.conditioning.seen(value - reference, structure.area) / self.conditioning.spread
        return distance.index_select(0, structure.system) * at(value)

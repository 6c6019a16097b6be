"""A neutral model made aware of the electrode's charge and potential: `Sum(NeutralBase, Response)`, on disk as one model.

    E(R, Q) = E0(R) + E_response(R, Q)

Made by `electrode electrify` from a few charged frames, see `train.electrify`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model
from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
from electrode.models.response import Response, ResponseConfig
from electrode.models.sum import Sum
from electrode.state import Control, Structure


@dataclass(frozen=True)
class ElectrifiedConfig:
    """The two terms.

    Parameters
    ----------
    base : the neutral model
    response : what depends on the charge
    """

    base: NeutralBaseConfig
    response: ResponseConfig


class Electrified(Model):
    """A neutral base and a response; `base` and `response` are the terms."""

    natural = "charge"

    def __init__(self, config: ElectrifiedConfig):
        super().__init__()
        self.config = config
        self.sum = Sum(NeutralBase(config.base), Response(config.response))

    @property
    def base(self) -> NeutralBase:
        """The neutral model."""
        return self.sum.terms[0]

    @property
    def response(self) -> Response:
        """What depends on the charge."""
        return self.sum.terms[1]

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernels of both terms."""
        return self.sum.kernels(structure)

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return the descriptions of both terms."""
        return self.sum.describe(structure)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV]."""
        return self.sum(structure, control, description)

"""Which message-passing representation a network has, and of what size."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from electrode.data.problems import did_you_mean
from electrode.nn.equivariant import Equivariant
from electrode.nn.invariant import Invariant

KINDS = {"invariant": Invariant, "equivariant": Equivariant}


@dataclass(frozen=True)
class RepresentationConfig:
    """Choices of a representation.

    Parameters
    ----------
    kind : "invariant" or "equivariant", see `nn.invariant` and `nn.equivariant`
    channels : features of an atom
    layers : message passings
    radial_functions, cutoff [A] : of the radial basis
    """

    kind: str = "equivariant"
    channels: int = 32
    layers: int = 2
    radial_functions: int = 8
    cutoff: float = 5.0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"RepresentationConfig.kind: expected one of {tuple(KINDS)}, got {self.kind!r}{did_you_mean(str(self.kind), KINDS)}")
        if self.channels < 1 or self.layers < 1:
            raise ValueError(f"RepresentationConfig: expected at least one channel and one layer, got {self.channels} and {self.layers}")

    def build(self, n_elements: int, draw: torch.Generator) -> Invariant | Equivariant:
        """Return the representation for this number of elements, with weights from `draw`."""
        return KINDS[self.kind](n_elements, self.channels, self.layers, self.radial_functions, self.cutoff, draw)

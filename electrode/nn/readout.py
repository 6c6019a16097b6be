"""A number for each atom from its features."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear


class Readout(nn.Module):
    """One number for each atom by a perceptron of one hidden layer, or, with hidden = 0, by a linear map.

    Parameters
    ----------
    channels : features of an atom;  hidden : width;  draw : source of the initial weights
    gain : of the last layer, 0 for a readout that gives zero at first
    """

    def __init__(self, channels: int, hidden: int, draw: torch.Generator, gain: float = 1.0):
        super().__init__()
        self.first = linear(channels, hidden or 1, draw)
        self.last = linear(hidden, 1, draw, gain=gain) if hidden else None

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """Return (N,) from features (N, channels) and what a condition adds to the first layer, (N, hidden or 1)."""
        h = self.first(features) if added is None else self.first(features) + added
        return (h if self.last is None else self.last(nn.functional.silu(h)))[:, 0]

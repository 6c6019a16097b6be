"""A state of the whole system that atoms read before each passing of messages, and write after it.

    g_0 = W x,      h_i <- MLP[h_i, g] sigmoid(MLP'[h_i, g]),      h <- Interact_t(h),      g <- MLP''[g, mean_i h_i]

The same weights serve all layers.  What atoms read replaces their features, nothing is added to them.
Wang, Fang, Huang and Liu, J. Chem. Theory Comput. 21, 7628 (2025).  Departs from it in that what is written passes smooth units, not
rectified ones: the slope of an energy in x would jump.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear, perceptron
from electrode.state import Structure


def mean_of_atoms(structure: Structure, features: Tensor) -> Tensor:
    """Return the mean of features (N, C) over the atoms of each system, (S, C)."""
    return structure.total(features) / structure.counts.to(features)[:, None]


class GlobalState(nn.Module):
    """The weights that read and write the state.

    Parameters
    ----------
    channels, layers : features of an atom, C, and message passings
    width : G, of the state
    draw : source of the initial weights
    """

    def __init__(self, channels: int, layers: int, width: int, draw: torch.Generator):
        super().__init__()
        self.layers = layers
        self.first = linear(1, width, draw)
        self.read = perceptron((channels + width, channels, channels), draw)
        self.gate = perceptron((channels + width, channels, channels), draw)
        self.write = perceptron((width + channels, width, width), draw)

    def visit(self, structure: Structure, x: Tensor) -> Visit:
        """Return a state that begins with x (S,), for one pass through a representation."""
        return Visit(self, structure, self.first(x[:, None]))


class Visit:
    """The state (S, G) on its way through the layers of a representation, see `nn.invariant`; `state` holds the last one."""

    def __init__(self, weights: GlobalState, structure: Structure, state: Tensor):
        self.weights, self.structure, self.state, self._passed = weights, structure, state, -1

    def __call__(self, features: Tensor) -> Tensor:
        """Write the features (N, C) of the layer that was left, and return what the next one reads; after the last they stay."""
        self._passed += 1
        if self._passed:
            self.state = self.weights.write(torch.cat([self.state, mean_of_atoms(self.structure, features)], dim=1))
        if self._passed == self.weights.layers:
            return features
        both = torch.cat([features, self.state.index_select(0, self.structure.system)], dim=1)
        return self.weights.read(both) * torch.sigmoid(self.weights.gate(both))

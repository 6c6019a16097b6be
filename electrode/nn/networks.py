"""Small networks, one for each element, all elements in one batched product."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Slots:
    """A place for each atom in a table (elements, longest, features), so that one product serves all elements.

    Parameters
    ----------
    place : (N,) index of each atom's row in the flattened table
    shape : elements and length of the table
    """

    place: Tensor
    shape: tuple[int, int]

    @classmethod
    def of(cls, channel: Tensor, n_elements: int) -> Slots:
        """Return the slots of atoms with these element indices (N,)."""
        seen = nn.functional.one_hot(channel, n_elements).cumsum(0)
        longest = max(int(seen[-1].max()), 1) if len(channel) else 1
        rank = seen.gather(1, channel[:, None])[:, 0] - 1
        return cls(channel * longest + rank, (n_elements, longest))

    def spread(self, inputs: Tensor) -> Tensor:
        """Return (elements, longest, features) from one row for each atom (N, features); empty slots are zero."""
        table = inputs.new_zeros(self.shape[0] * self.shape[1], inputs.shape[1]).index_copy(0, self.place, inputs)
        return table.reshape(*self.shape, -1)

    def gather(self, table: Tensor) -> Tensor:
        """Return one row for each atom (N, features) from (elements, longest, features)."""
        return table.flatten(0, 1)[self.place]


class ElementNetworks(nn.Module):
    """One multilayer perceptron for each element, tanh between layers.

    Parameters
    ----------
    n_elements, n_inputs, n_outputs : int
    hidden : widths of the hidden layers
    generator : source of the initial weights
    """

    def __init__(self, n_elements: int, n_inputs: int, hidden: tuple[int, ...], n_outputs: int, generator: torch.Generator):
        super().__init__()
        sizes = [n_inputs, *hidden, n_outputs]
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for a, b in zip(sizes[:-1], sizes[1:]):
            draw = torch.randn(n_elements, a, b, generator=generator, dtype=torch.float64) / math.sqrt(a)
            self.weights.append(nn.Parameter(draw))
            self.biases.append(nn.Parameter(torch.zeros(n_elements, 1, b, dtype=torch.float64)))

    def forward(self, table: Tensor) -> Tensor:
        """Return outputs (elements, longest, n_outputs) of inputs (elements, longest, n_inputs), see `Slots`."""
        x = table
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight)
            if layer + 1 < len(self.weights):
                x = torch.tanh(x)
        return x

"""Dense layers with weights from a given generator, in double precision."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

SILU_GAIN = 1.68  # keeps the mean square of normal numbers through a SiLU


def linear(n_inputs: int, n_outputs: int, draw: torch.Generator, *, bias: bool = True, gain: float = 1.0) -> nn.Linear:
    """Return a linear layer with normal weights of variance gain^2/n_inputs and no bias at first.

    With gain 0 it gives zero at first, for what training has yet to find worth having.
    """
    layer = nn.Linear(n_inputs, n_outputs, bias=bias, device="meta", dtype=torch.float64).to_empty(device="cpu")
    with torch.no_grad():
        layer.weight.copy_(gain / math.sqrt(max(n_inputs, 1)) * torch.randn(n_outputs, n_inputs, generator=draw, dtype=torch.float64))
        if bias:
            layer.bias.zero_()
    return layer


def perceptron(sizes: Sequence[int], draw: torch.Generator, *, last_gain: float = SILU_GAIN) -> nn.Sequential:
    """Return linear layers of these widths with a SiLU between two of them."""
    layers: list[nn.Module] = []
    for k, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.SiLU()] if k else []
        layers.append(linear(a, b, draw, gain=last_gain if k == len(sizes) - 2 else SILU_GAIN if k else 1.0))
    return nn.Sequential(*layers)

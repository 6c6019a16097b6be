"""The exponential moving average of weights, which forgets the noise of single steps.

    w_t = d w_(t-1) + (1 - d) theta_t,   d = min(decay, (1 + t)/(10 + t)),   w_0 = theta_0

The start of d keeps the first, untrained weights from lingering.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """The average of a model's parameters.

    Parameters
    ----------
    model : whose parameters
    decay : between 0 and 1; at 0 the average is the model itself
    """

    def __init__(self, model: nn.Module, decay: float):
        self.decay, self.steps = decay, 0
        self._model = model
        self.weights: dict[str, Tensor] = {k: p.detach().clone() for k, p in model.named_parameters()} if decay else {}

    def update(self) -> None:
        """Take in the parameters after a step."""
        self.steps += 1
        decay = min(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        with torch.no_grad():
            for name, p in self._model.named_parameters():
                if name in self.weights:
                    self.weights[name].lerp_(p, 1.0 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the model have the averaged weights for a while."""
        own = {k: p.detach().clone() for k, p in self._model.named_parameters() if k in self.weights}
        self._put(self.weights)
        try:
            yield
        finally:
            self._put(own)

    def _put(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, p in self._model.named_parameters():
                if name in weights:
                    p.copy_(weights[name])

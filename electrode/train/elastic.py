"""Weights held by springs where what was learned before would suffer: elastic weight consolidation.

    L + k/2 sum_p F_p (theta_p - theta_p^0)^2,      F_p = mean over frames of (dL_frame/dtheta_p)^2

Kirkpatrick et al., Proc. Natl. Acad. Sci. 114, 3521 (2017), https://doi.org/10.1073/pnas.1611835114.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.models.base import Model
from electrode.train.blocks import Block, in_order
from electrode.train.loss import Term, loss
from electrode.train.predictions import predictions


@dataclass(frozen=True)
class Elastic:
    """The springs of some weights.

    Parameters
    ----------
    weights : P parameters, as they move
    rest : P tensors, where they pull to
    fisher : P tensors, how much the old loss answers to each
    """

    weights: tuple[nn.Parameter, ...]
    rest: tuple[Tensor, ...]
    fisher: tuple[Tensor, ...]

    @classmethod
    def of(cls, model: Model, data: Sequence[Block], terms: Sequence[Term]) -> Elastic:
        """Return the springs of a model's weights as they are, from the frames and the loss that they were trained on."""
        weights = tuple(p for p in model.parameters() if p.requires_grad)
        squares, number = [torch.zeros_like(p) for p in weights], 0
        for frame in in_order(data, 1):
            value = loss(terms, frame, predictions(model, frame, True, tuple(t.quantity for t in terms)))
            if value.requires_grad:
                slopes = torch.autograd.grad(value, weights, allow_unused=True)
                squares = [s if g is None else s + g.detach().square() for s, g in zip(squares, slopes)]
            number += 1
        return cls(weights, tuple(p.detach().clone() for p in weights), tuple(s / max(number, 1) for s in squares))

    def energy(self) -> Tensor:
        """Return 1/2 sum_p F_p (theta_p - theta_p^0)^2."""
        return 0.5 * sum((f * (p - r).square()).sum() for p, r, f in zip(self.weights, self.rest, self.fisher))

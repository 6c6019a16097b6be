"""Forces without a Jacobian: J^T s of each frame's kernel, and J v for the slope of a loss in s.

Both are linear, so that either is the other's derivative.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from electrode.bridge import Kernel


def pulled(slope: Tensor, kernels: Sequence[Kernel], shape: Sequence[int]) -> Tensor:
    """Return J^T s (..., B, 3n) of slopes (..., B, K) in what B kernels describe, differentiable in s.

    Parameters
    ----------
    shape : of a row of the description, whose rows of one frame times their features are the K slopes
    """
    return _Pull.apply(slope, kernels, tuple(shape))


def _each(tensor: Tensor, kernels: Sequence[Kernel], shape: tuple[int, ...], product: str) -> Tensor:
    """Return the product of every row of (..., B, K) with its kernel."""
    rows = np.ascontiguousarray(tensor.detach().numpy()).reshape(-1, len(kernels), tensor.shape[-1])
    out = [[np.ravel(getattr(k, product)(row.reshape(-1, *shape))) for k, row in zip(kernels, some)] for some in rows]
    return torch.from_numpy(np.array(out)).reshape(*tensor.shape[:-1], -1)


class _Pull(torch.autograd.Function):
    @staticmethod
    def forward(ctx, slope, kernels, shape):
        ctx.kernels, ctx.shape = kernels, shape
        return _each(slope, kernels, shape, "pull")

    @staticmethod
    def backward(ctx, displacement):
        return _Push.apply(displacement, ctx.kernels, ctx.shape), None, None


class _Push(torch.autograd.Function):
    @staticmethod
    def forward(ctx, displacement, kernels, shape):
        ctx.kernels, ctx.shape = kernels, shape
        return _each(displacement, kernels, (3,), "push")

    @staticmethod
    def backward(ctx, slope):
        return _Pull.apply(slope, ctx.kernels, ctx.shape), None, None

"""The only door between numba kernels and torch: values, first and second derivatives cross here.

A kernel is bound to one set of positions and maps them to an array of features G(R).  It supplies G, the products
J^T g and J v with its Jacobian J = dG/dR, and the derivative of J^T g along a displacement, (d2(g.G)/dR2) v.
Two autograd Functions chain them, so that forces can be trained on and Hessians taken; third derivatives are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from torch import Tensor


_AT_ONCE = 64  # rows of a Jacobian


class Kernel(Protocol):
    """Features of a fixed set of positions, with derivative products; arrays are float64."""

    def values(self) -> np.ndarray:
        """Return G, any shape."""

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3), for g of the shape of G."""

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return J v, of the shape of G, for v (N, 3)."""

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""


class TorchKernel:
    """A torch function of the positions as a `Kernel`, for what stands among numba kernels.

    Parameters
    ----------
    function : positions (N, 3) -> features, twice differentiable
    positions : (N, 3) [A]
    """

    def __init__(self, function: Callable[[Tensor], Tensor], positions: Tensor):
        self.function, self.positions = function, positions.detach().double()

    def values(self) -> np.ndarray:
        """Return G."""
        return self.function(self.positions).detach().numpy()

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3)."""
        return self._pulled(torch.from_numpy(cotangent))[1].detach().numpy()

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return J v, of the shape of G, as the derivative of v.(J^T g) in g."""
        g = torch.zeros_like(self.function(self.positions)).requires_grad_()
        return torch.autograd.grad(self._pulled(g)[1], g, torch.from_numpy(displacement))[0].numpy()

    @torch.enable_grad()
    def jacobian(self, n: int) -> np.ndarray:
        """Return J of each system of n atoms by itself, (N / n, its features, 3 n)."""
        x = self.positions.clone().requires_grad_()
        features = self.function(x).flatten()
        systems = len(x) // n
        units = torch.eye(len(features) // systems, dtype=features.dtype).repeat(1, systems)
        rows = [torch.autograd.grad(features, x, some, retain_graph=True, is_grads_batched=True)[0] for some in units.split(_AT_ONCE)]
        return torch.cat(rows).reshape(len(units), systems, 3 * n).transpose(0, 1).numpy()

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        x, pulled = self._pulled(torch.from_numpy(cotangent))
        return torch.autograd.grad(pulled, x, torch.from_numpy(displacement), materialize_grads=True)[0].numpy()

    @torch.enable_grad()  # torch's own functions switch it off
    def _pulled(self, cotangent: Tensor) -> tuple[Tensor, Tensor]:
        x = self.positions.clone().requires_grad_()
        return x, torch.autograd.grad(self.function(x), x, cotangent, create_graph=True)[0]


def differentiable(kernel: Kernel, positions: Tensor) -> Tensor:
    """Return the features of `kernel` as a function of `positions`, twice differentiable by torch."""
    return _Values.apply(positions, kernel)


def _numpy(tensor: Tensor) -> np.ndarray:
    return np.ascontiguousarray(tensor.detach().cpu().numpy(), dtype=np.float64)


class _Values(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, kernel):
        ctx.kernel = kernel
        ctx.save_for_backward(positions)
        return torch.from_numpy(kernel.values()).to(positions)

    @staticmethod
    def backward(ctx, cotangent):
        (positions,) = ctx.saved_tensors
        return _Pull.apply(positions, cotangent, ctx.kernel), None


class _Pull(torch.autograd.Function):
    @staticmethod
    def forward(ctx, positions, cotangent, kernel):
        ctx.kernel = kernel
        ctx.save_for_backward(positions, cotangent)
        return torch.from_numpy(kernel.pull(_numpy(cotangent))).to(positions)

    @staticmethod
    def backward(ctx, displacement):
        return (*_Second.apply(*ctx.saved_tensors, displacement, ctx.kernel), None)


class _Second(torch.autograd.Function):
    """The derivative of J^T g in the positions and in g, along a displacement.

    Not marked `once_differentiable`: torch leaves that mark's error out of `autograd.grad(..., inputs)` and returns zeros.
    """

    @staticmethod
    def forward(ctx, positions, cotangent, displacement, kernel):
        v = _numpy(displacement)
        along = torch.from_numpy(kernel.pull_along(_numpy(cotangent), v)).to(positions)
        return along, torch.from_numpy(kernel.push(v)).to(cotangent)

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError("the descriptors have two derivatives; a third was asked for. Use finite differences of the second")

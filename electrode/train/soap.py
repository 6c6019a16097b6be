"""AdamW in the eigenbasis of the gradients of each weight matrix.

    L <- b L + (1 - b) G G^T,      R <- b R + (1 - b) G^T G,      L = Q_L D_L Q_L^T,      R = Q_R D_R Q_R^T
    V <- b V + (1 - b) (Q_L^T G Q_R)^2,      M <- a M + (1 - a) G,      W <- W - rate Q_L [ Q_L^T M Q_R / sqrt V ] Q_R^T

The weights of one layer answer to each other, and a rate for each weight knows nothing of that; turned into the eigenbasis they nearly do not.
The bases follow by one orthogonal iteration in every few steps.  A side of a matrix longer than `LARGEST` is not turned; vectors take
steps of AdamW.

Vyas et al., https://doi.org/10.48550/arXiv.2409.11321.  Departs from it: the second moments are not sorted with the eigenvalues, a small diagonal
stands beside L and R, and the members of a committee, or the elements' networks of one stack, have bases of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

SIDES = ("left", "right")
EVERY = 10  # steps between two turns of the bases
LARGEST = 300  # side of a matrix whose basis is followed
EPSILON = 1e-8
RIDGE = 1e-6  # of the mean eigenvalue


class Soap(torch.optim.Optimizer):
    """The optimiser.

    Parameters
    ----------
    groups : weights, or dicts with them under "params"
    lr, weight_decay : the rate, and the share of a weight that a rate of one takes off
    betas : a, b
    members : models whose weights are stacked along the first axis, 1 for one that is not stacked
    """

    def __init__(self, groups: Iterable, lr: float, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.99), members: int = 1):
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "betas": betas})
        self.members = members

    @torch.no_grad()
    def step(self) -> None:
        """Take a step along the gradients that there are."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, weight.grad, group)

    def _move(self, weight: Tensor, gradient: Tensor, group: dict) -> None:
        state, (a, b) = self.state[weight], group["betas"]
        if not state:
            state |= {"step": torch.zeros(()), "mean": torch.zeros_like(weight), "square": torch.zeros_like(weight), **self._spreads(weight)}
        sides = [side for side in SIDES if side in state]
        for side in sides:
            state[side].lerp_(gradient @ gradient.mT if side == "left" else gradient.mT @ gradient, 1.0 - b)
        if not state["step"]:
            state |= {f"{side}_basis": torch.linalg.eigh(_told_apart(state[side]))[1].flip(-1).contiguous() for side in sides}
        state["step"] += 1
        left, right, n = state.get("left_basis"), state.get("right_basis"), int(state["step"])
        state["mean"].lerp_(gradient, 1.0 - a)
        state["square"].lerp_(_turned(gradient, left, right).square(), 1.0 - b)
        towards = _turned(state["mean"], left, right) / (1.0 - a**n)
        step = towards / ((state["square"] / (1.0 - b**n)).sqrt() + EPSILON)
        weight.mul_(1.0 - group["lr"] * group["weight_decay"]).sub_(_turned_back(step, left, right), alpha=group["lr"])
        if n % EVERY == 0:
            state |= {f"{side}_basis": torch.linalg.qr(_told_apart(state[side]) @ state[f"{side}_basis"])[0].contiguous() for side in sides}

    def _spreads(self, weight: Tensor) -> dict[str, Tensor]:
        """Return L and R as far as they are followed, zeros."""
        if weight.dim() < (3 if self.members > 1 else 2):
            return {}
        return {side: weight.new_zeros(*weight.shape[:-2], n, n) for side, n in zip(SIDES, weight.shape[-2:]) if 1 < n <= LARGEST}


def _told_apart(spread: Tensor) -> Tensor:
    """Return L or R with a small diagonal that falls from row to row: where gradients are nil, rounding alone would choose the basis."""
    falling = torch.linspace(1.0, 0.0, spread.shape[-1], dtype=spread.dtype)
    return spread + RIDGE * spread.diagonal(dim1=-2, dim2=-1).mean(-1, keepdim=True)[..., None] * torch.diag(falling)


def _turned(matrix: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:
    """Return Q_L^T matrix Q_R."""
    matrix = matrix if left is None else left.mT @ matrix
    return matrix if right is None else matrix @ right


def _turned_back(matrix: Tensor, left: Tensor | None, right: Tensor | None) -> Tensor:
    """Return Q_L matrix Q_R^T."""
    matrix = matrix if left is None else left @ matrix
    return matrix if right is None else matrix @ right.mT

"""What charge that moves along the bonds outside the electrode adds to its potential.

    beta_ik = sum_j f_k(r_ij) (psi_j - psi_i),    f_k(r) = exp[-(r - c_k)^2/(2 w_k^2)] fc(r),    w_k = 0.16 c_k

for atoms i, j outside the electrode with psi of `models.plates`: a charge b f_k taken from i and given to each j adds b beta_ik.  However b
depends on the neighbourhood, what moves stays in the molecule, so that the molecule's net charge does not change with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from electrode.physics.neighbours import NeighbourList
from electrode.state import Structure

WIDTH = 0.16  # of a shell, over its centre: O-H, H-H in water and hydrogen bonds part
REACH = 7.0  # widths beyond its centre where a shell is less than 1e-10


def bond_potential(structure: Structure, psi: Tensor, pairs: NeighbourList, cutoff: float, shells: Sequence[float]) -> Tensor:
    """Return beta, (N, K) [V A^2/e], of shells c_k [A] among pairs closer than the cutoff [A], differentiable in positions and psi (N,)."""
    of = torch.from_numpy(np.repeat(np.arange(len(pairs.first) - 1), np.diff(pairs.first)))
    other, offset = torch.from_numpy(pairs.index), torch.from_numpy(pairs.offset)
    if not len(shells):
        return psi.new_zeros(len(psi), 0)
    near = (structure.positions[other] + offset - structure.positions[of]).detach().norm(dim=1) < (1.0 + REACH * WIDTH) * max(shells)
    counts = near & ~(structure.electrode[of] | structure.electrode[other])
    of, other, offset = of[counts], other[counts], offset[counts]
    distance = (structure.positions[other] + offset - structure.positions[of]).norm(dim=1)
    centre = psi.new_tensor(shells)
    shell = torch.exp(-0.5 * ((distance[:, None] - centre) / (WIDTH * centre)) ** 2) * (0.5 + 0.5 * torch.cos(math.pi * distance / cutoff))[:, None] ** 2
    return torch.zeros(len(psi), len(shells), dtype=psi.dtype).index_add(0, of, shell * (psi[other] - psi[of])[:, None])

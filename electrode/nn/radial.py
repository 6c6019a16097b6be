"""Functions of the distance between two atoms that vanish smoothly at a cutoff.

    f_n(r) = sqrt(2/c) sin(n pi r/c)/r u(r/c),    u(x) = 1 - (p+1)(p+2)/2 x^p + p(p+2) x^(p+1) - p(p+1)/2 x^(p+2)

u and its first two derivatives vanish at x = 1.
Gasteiger, Gross and Guennemann, Int. Conf. Learn. Represent. (2020), https://doi.org/10.48550/arXiv.2003.03123.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from electrode.nn.graph import Graph

STEEPNESS = 6  # p


class RadialBasis(nn.Module):
    """Spherical Bessel functions of order zero under an envelope.

    Parameters
    ----------
    n_functions : number of functions
    cutoff : c [A]
    """

    def __init__(self, n_functions: int, cutoff: float):
        super().__init__()
        if n_functions < 1 or not cutoff > 0:
            raise ValueError(f"RadialBasis: expected at least one function and a positive cutoff [A], got {n_functions} and {cutoff}")
        self.n_functions, self.cutoff = n_functions, float(cutoff)
        self.register_buffer("scale", torch.ones(n_functions, dtype=torch.float64))

    def forward(self, distances: Tensor) -> Tensor:
        """Return the functions (P, n_functions) of distances (P,) [A] between 0 and the cutoff."""
        wave = distances.new_tensor([math.pi * n / self.cutoff for n in range(1, self.n_functions + 1)])
        return torch.sin(distances[:, None] * wave) * (self.envelope(distances) * math.sqrt(2.0 / self.cutoff) / distances)[:, None]

    def envelope(self, distances: Tensor) -> Tensor:
        """Return u (P,)."""
        p, x = STEEPNESS, distances / self.cutoff
        return 1.0 - x**p * (0.5 * (p + 1) * (p + 2) - x * (p * (p + 2) - 0.5 * p * (p + 1) * x))

    def adapt(self, graphs: list[Graph]) -> None:
        """Scale each function so that its sum over the neighbours of an atom has the root mean square 1 in these graphs."""
        sums = torch.cat([g.total(self(g.distances)) for g in graphs]).detach()
        self.scale.copy_(1.0 / sums.square().mean(0).sqrt().clamp(min=1e-3))

    def around(self, graph: Graph, max_l: int = 1) -> Tensor:
        """Return scale * f_n Y_lm(r/|r|) of each neighbour of each atom, (N, (max_l + 1)^2 n_functions, K): the number, x, y, z, then `quadratic`."""
        values = self(graph.distances) * self.scale
        direction = graph.vectors / graph.distances[:, None]
        angular = direction if max_l == 1 else torch.cat([direction, quadratic(direction)], dim=1)
        pairs = torch.cat([values, (angular[:, :, None] * values[:, None, :]).flatten(1)], dim=1)
        return graph.gathered(pairs).mT


def quadratic(direction: Tensor) -> Tensor:
    """Return the five harmonics of order two of unit vectors (P, 3), (P, 5); their products with those of another sum to (3 cos^2 - 1)/2."""
    x, y, z = direction.unbind(1)
    root = math.sqrt(3.0)
    return torch.stack([root * x * y, root * y * z, root * z * x, 0.5 * root * (x * x - y * y), 1.5 * z * z - 0.5], dim=1)


def symmetric(harmonics: Tensor) -> Tensor:
    """Return the symmetric matrices without trace (N, 3, 3, C) that components of `quadratic` (N, 5, C) stand for: 3/2 d d^T - 1/2 for one direction d."""
    xy, yz, zx, across, along = harmonics.unbind(1)
    root = math.sqrt(0.75)
    xy, yz, zx, across, half = root * xy, root * yz, root * zx, root * across, 0.5 * along
    return torch.stack([across - half, xy, zx, xy, -across - half, yz, zx, yz, along], dim=1).unflatten(1, (3, 3))

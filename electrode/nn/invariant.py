"""Invariant message passing: atoms gather their neighbours' features through radial filters, with angles by scalar products.

    D_i  = sum_j f(r_ij) (1, r_ij/|r_ij|) h_j            (a number and a vector for each radial function and channel)
    h_i <- h_i + MLP[h_i, W_0 D_i^number, (W_1 D_i^vector) . (W_2 D_i^vector)]

The filters W mix radial functions and channels, so that every pair of channels has a radial filter of its own, linear in the radial
functions: continuous filters as in SchNet, summed before they are applied.  Departs from it in that, and in the scalar products.

Schuett, Sauceda, Kindermans, Tkatchenko and Mueller, J. Chem. Phys. 148, 241722 (2018), https://doi.org/10.1063/1.5019779.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear, perceptron
from electrode.nn.graph import Graph
from electrode.nn.radial import RadialBasis


class InvariantLayer(nn.Module):
    """One passing of messages.

    Parameters
    ----------
    channels : C, features of an atom;  n_functions : B, radial functions;  draw : source of the initial weights
    """

    def __init__(self, channels: int, n_functions: int, draw: torch.Generator):
        super().__init__()
        self.number = linear(n_functions * channels, channels, draw, bias=False)
        self.vector = linear(n_functions * channels, 2 * channels, draw, bias=False)
        self.update = perceptron((3 * channels, channels, channels), draw)

    def forward(self, h: Tensor, around: Tensor, graph: Graph) -> Tensor:
        """Return the new features (N, C) from h (N, C) and `RadialBasis.around`."""
        density = torch.bmm(around, graph.neighbours_of(h)).reshape(len(h), 4, -1)
        a, b = self.vector(density[:, 1:]).chunk(2, dim=2)
        return h + self.update(torch.cat([h, self.number(density[:, 0]), (a * b).sum(1)], dim=1))


class Invariant(nn.Module):
    """Features of atoms that no rotation, reflection or translation changes.

    Parameters
    ----------
    n_elements : rows of the embedding
    channels, layers : features of an atom, message passings
    n_functions, cutoff [A] : of the radial basis
    draw : source of the initial weights
    """

    def __init__(self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, draw: torch.Generator):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(n_elements, channels, generator=draw, dtype=torch.float64))
        self.basis = RadialBasis(n_functions, cutoff)
        self.interaction = nn.ModuleList(InvariantLayer(channels, n_functions, draw) for _ in range(layers))

    def forward(self, channel: Tensor, graph: Graph, start: Tensor | None = None, modulations=(), visit=None) -> Tensor:
        """Return the features (N, C).

        Parameters
        ----------
        channel : (N,) row of each atom's element in the embedding
        graph : of this cutoff
        start : (N, C) added to the embedding, or None
        modulations : for each layer (a, b), each (N, C), by which its features become h (1 + a) + b; or nothing
        visit : given the features (N, C) before each layer and after the last, returns what to go on with; or None
        """
        h = self.embedding[channel] if start is None else self.embedding[channel] + start
        around = self.basis.around(graph)
        for k, layer in enumerate(self.interaction):
            h = layer(h if visit is None else visit(h), around, graph)
            if modulations:
                a, b = modulations[k]
                h = torch.addcmul(h + b, h, a)
        return h if visit is None else visit(h)

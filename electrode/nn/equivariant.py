"""Equivariant message passing: every atom has numbers and vectors, and both travel.

    D_i  = sum_j f(r_ij) (1, r_ij/|r_ij|) h_j,     V_i = sum_j f(r_ij) v_j
    v_i <- v_i + W_1 D_i^vector + W_2 V_i,         d_i = (U v_i) . (W v_i)
    h_i <- h_i + a(h_i, W_0 D_i^number, d_i),      v_i <- v_i + b(h_i, W_0 D_i^number, d_i) U v_i

With tensors, T_i = W_3 sum_j f(r_ij) Y_2(r_ij/|r_ij|) h_j, which tell angles apart that vectors do not, (U' T_i) . (W' T_i) and (W v_i) . (U' T_i) (U v_i)
stand beside d_i, and v_i gains (U' T_i) (U v_i) times a third function: what a vector, such as a field, does then depends on its direction in
the surroundings of the atom.

A rotation or an inversion of the atoms turns the vectors with them and leaves the numbers alone.  Departs from the publication in
that filters are linear in the radial functions and mix the channels (see `nn.invariant`), and in that products stand in the place of
the vectors' lengths, whose derivative breaks off at zero.

Schuett, Unke and Gastegger, Int. Conf. Mach. Learn. (2021), https://doi.org/10.48550/arXiv.2102.03150.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear, perceptron
from electrode.nn.graph import Graph
from electrode.nn.radial import RadialBasis, symmetric


class EquivariantLayer(nn.Module):
    """One passing of messages.

    Parameters
    ----------
    channels : C, numbers and vectors of an atom;  n_functions : B, radial functions
    first, last : no vectors come in from the neighbours, or are asked for
    draw : source of the initial weights
    tensors : whether to look at the harmonics of order two of the neighbours' directions
    """

    def __init__(self, channels: int, n_functions: int, first: bool, last: bool, draw: torch.Generator, tensors: bool = False):
        super().__init__()
        self.n_functions, self.tensors = n_functions, tensors
        self.number = linear(n_functions * channels, channels, draw, bias=False)
        self.vector = linear(n_functions * channels, channels, draw, bias=False)
        self.carried = None if first else linear(n_functions * channels, channels, draw, bias=False)
        self.mix = linear(channels, 2 * channels, draw, bias=False)
        self.n_seen = (4 if tensors else 2) * channels
        self.update = perceptron((channels + self.n_seen, channels, channels * (1 if last else 3 if tensors else 2)), draw)
        self.tensor = linear(n_functions * channels, channels, draw, bias=False) if tensors else None
        self.mix_tensors = linear(channels, 2 * channels, draw, bias=False) if tensors else None

    def forward(
        self, h: Tensor, v: Tensor | None, around: Tensor, graph: Graph, pushed: Tensor | None = None, by: nn.Module | None = None, scaled: Callable = lambda x: x
    ) -> tuple[Tensor, Tensor]:
        """Return the new numbers (N, C) and vectors (N, 3, C).

        Parameters
        ----------
        h, v : (N, C), and (N, 3, C) or None for none
        around : of `RadialBasis`, to the order two with tensors
        pushed, by : a vector (N, 3), one for all atoms of a system, and a linear map: v + by(h) times it comes in; the sums of h over the
            neighbours, which are known, give those of by(h)
        scaled : of what the update sees beside h, (N, `n_seen`)
        """
        n, c = h.shape
        density = torch.bmm(around, graph.neighbours_of(h)).reshape(n, -1, self.n_functions * c)
        moved = self.vector(density[:, 1:4])
        if v is not None:
            spread = torch.bmm(around[:, : self.n_functions], graph.neighbours_of(v.reshape(n, -1)))
            moved = moved + v + self.carried(spread.reshape(n, -1, 3, c).transpose(1, 2).reshape(n, 3, -1))
        if pushed is not None:
            number = by(h) + self.carried(by(density[:, 0].reshape(n, -1, c)).flatten(1))
            moved = moved + pushed[:, :, None] * number[:, None, :]
        a, b = self.mix(moved).chunk(2, dim=2)
        seen, ways = [self.number(density[:, 0]), (a * b).sum(1)], [a]
        if self.tensors:
            left, right = self.mix_tensors(self.tensor(density[:, 4:])).chunk(2, dim=2)
            ways.append((symmetric(left) * a[:, None]).sum(2))
            seen += [(left * right).sum(1), (ways[1] * b).sum(1)]
        update = self.update(torch.cat([h, scaled(torch.cat(seen, dim=1))], dim=1))
        gates = update[:, None, c:].split(c, dim=2) if update.shape[1] > c else ()
        return h + update[:, :c], moved + sum(gate * way for gate, way in zip(gates, ways))


class Equivariant(nn.Module):
    """Invariant features of atoms by way of vectors; parameters as those of `nn.invariant.Invariant`."""

    def __init__(self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, draw: torch.Generator):
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(n_elements, channels, generator=draw, dtype=torch.float64))
        self.basis = RadialBasis(n_functions, cutoff)
        self.interaction = nn.ModuleList(EquivariantLayer(channels, n_functions, k == 0, k == layers - 1, draw) for k in range(layers))

    def forward(self, channel: Tensor, graph: Graph, start: Tensor | None = None, modulations=(), visit=None) -> Tensor:
        """Return the numbers (N, C); for parameters see `Invariant.forward`, modulations and visits touch no vector."""
        return self.both(channel, graph, start, modulations, visit)[0]

    def both(self, channel: Tensor, graph: Graph, start: Tensor | None = None, modulations=(), visit=None) -> tuple[Tensor, Tensor]:
        """Return the numbers (N, C) and the vectors (N, 3, C)."""
        h, v = self.embedding[channel] if start is None else self.embedding[channel] + start, None
        around = self.basis.around(graph)
        for k, layer in enumerate(self.interaction):
            h, v = layer(h if visit is None else visit(h), v, around, graph)
            if modulations:
                a, b = modulations[k]
                h = torch.addcmul(h + b, h, a)
        return h if visit is None else visit(h), v

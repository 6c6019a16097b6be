"""The smooth deep-potential descriptor of two-atom embeddings, called se_e2_a in DeePMD-kit.

    D_i = A_i A_i<^T,   A_i = (1/N) sum_j G(s_ij) (x) R_ij,   R_ij = (s_ij/b_Z) (1, x/r, y/r, z/r)
    s(r) = 1/r for r < r_s;   (1/r) [u^3 (-6 u^2 + 15 u - 10) + 1], u = (r - r_s)/(r_c - r_s), up to r_c;   0 beyond

G is an embedding network of s for each pair of elements, with M outputs; A< keeps the first of them.  N is the mean number
of neighbours and b_Z the spread of s about atoms of element Z, both of the training data.  s has two continuous derivatives.
Zhang, Han, Wang, Saidi, Car and E, Adv. Neural Inf. Process. Syst. 31 (2018), https://doi.org/10.48550/arXiv.1805.09003.  Departs from
DeePMD-kit in N, a fixed size of its tables there, and in that R is scaled and not shifted, so that it vanishes at the cutoff.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from electrode.nn.graph import Graph


def smooth_inverse(distances: Tensor, inner: float, cutoff: float) -> Tensor:
    """Return s (P,) [1/A] of distances (P,) [A]."""
    u = ((distances - inner) / (cutoff - inner)).clamp(0.0, 1.0)
    return (u**3 * (-6.0 * u**2 + 15.0 * u - 10.0) + 1.0) / distances


class ResidualNetworks(nn.Module):
    """One perceptron for each kind of row: tanh layers with x + tanh(x W + b) where the width stays, (x, x) + tanh(x W + b) where it doubles.

    Parameters
    ----------
    n_kinds : number of networks
    sizes : width of the input and of each tanh layer
    n_outputs : of a linear layer at the end, 0 for none
    draw : source of the initial weights
    """

    def __init__(self, n_kinds: int, sizes: tuple[int, ...], n_outputs: int, draw: torch.Generator):
        super().__init__()
        self.linear_end = n_outputs > 0
        widths = [*sizes, n_outputs] if n_outputs else [*sizes]
        normal = lambda *shape: torch.randn(*shape, generator=draw, dtype=torch.float64)
        self.weights = nn.ParameterList(normal(n_kinds, a, b) / math.sqrt(a) for a, b in zip(widths, widths[1:]))
        last = len(widths) - 2
        self.biases = nn.ParameterList(
            torch.zeros(n_kinds, b, dtype=torch.float64) if self.linear_end and k == last else normal(n_kinds, b) for k, b in enumerate(widths[1:])
        )

    def forward(self, x: Tensor, kind: Tensor) -> Tensor:
        """Return outputs (P, n) of rows (P, sizes[0]) of these kinds (P,)."""
        order = torch.argsort(kind, stable=True)
        sizes = torch.bincount(kind, minlength=len(self.weights[0])).tolist()
        parts = x.index_select(0, order).split(sizes)
        out = torch.cat([self._network(part, k) for k, part in enumerate(parts) if len(part)]) if len(x) else x.new_zeros(0, self.weights[-1].shape[-1])
        return out.index_select(0, torch.argsort(order))

    def _network(self, x: Tensor, k: int) -> Tensor:
        for layer, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            y = torch.addmm(bias[k], x, weight[k])
            if self.linear_end and layer + 1 == len(self.weights):
                return y
            times = y.shape[1] // x.shape[1] if y.shape[1] in (x.shape[1], 2 * x.shape[1]) else 0
            x = torch.tanh(y) + (x if times == 1 else torch.cat([x, x], dim=1)) if times else torch.tanh(y)
        return x


class DeepPotential(nn.Module):
    """The descriptor of each atom, (M, M<), from a `Graph`.

    Parameters
    ----------
    n_elements : int
    embedding : widths of the embedding networks, the last is M
    axis : M<, at most M
    inner, cutoff : r_s and r_c [A]
    draw : source of the initial weights
    """

    def __init__(self, n_elements: int, embedding: tuple[int, ...], axis: int, inner: float, cutoff: float, draw: torch.Generator):
        super().__init__()
        if not 0 < inner < cutoff:
            raise ValueError(f"DeepPotential: expected 0 < inner < cutoff [A], got {inner} and {cutoff}")
        if not embedding or not 0 < axis <= embedding[-1]:
            raise ValueError(f"DeepPotential: expected embedding widths and an axis of 1 to the last of them, got {embedding} and {axis}")
        self.n_elements, self.axis, self.inner, self.cutoff = n_elements, axis, float(inner), float(cutoff)
        self.embedding = ResidualNetworks(n_elements**2, (1, *embedding), 0, draw)
        self.n_features = embedding[-1] * axis
        self.register_buffer("mean", torch.zeros(n_elements, dtype=torch.float64) + 0.2)  # of s, about each element
        self.register_buffer("spread", torch.zeros(n_elements, dtype=torch.float64) + 0.2)
        self.register_buffer("neighbours", torch.tensor(40.0, dtype=torch.float64))

    @torch.no_grad()
    def adapt(self, graphs: list[Graph], channels: list[Tensor]) -> None:
        """Take the mean and the spread of s, and the number of neighbours, from training structures with element indices (N,)."""
        s = torch.cat([smooth_inverse(g.distances, self.inner, self.cutoff) for g in graphs])
        about = torch.cat([c[g.centre] for g, c in zip(graphs, channels)])
        for k in torch.unique(about).tolist():
            self.mean[k] = s[about == k].mean()
            self.spread[k] = s[about == k].std(unbiased=False).clamp(min=1e-3)
        self.neighbours.copy_(torch.tensor(max(len(s), 1) / max(sum(len(c) for c in channels), 1)))

    def forward(self, graph: Graph, channel: Tensor) -> Tensor:
        """Return the descriptors (N, M M<) of atoms with element indices (N,)."""
        n, of = len(channel), channel[graph.centre]
        s = smooth_inverse(graph.distances, self.inner, self.cutoff)
        spread = self.spread[of]
        kind = of * self.n_elements + channel[graph.neighbour]
        embedded = self.embedding(((s - self.mean[of]) / spread)[:, None], kind)
        direction = torch.cat([torch.ones_like(s)[:, None], graph.vectors / graph.distances[:, None]], dim=1)
        rows = (s / spread)[:, None] * direction
        counts = torch.bincount(graph.centre, minlength=n)
        width = int(counts.max())
        rank = torch.arange(len(s)) - (counts.cumsum(0) - counts)[graph.centre]
        table = lambda x: x.new_zeros(n * width, x.shape[1]).index_copy(0, graph.centre * width + rank, x).reshape(n, width, x.shape[1])
        a = torch.bmm(table(embedded).mT, table(rows)) / self.neighbours  # (N, M, 4)
        return torch.bmm(a, a[:, : self.axis].mT).flatten(1)

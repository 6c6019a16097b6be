"""Polar tensors, and dipoles, of atoms from an equivariant network.

    T_i = a(h_i) 1 + sum_c b_c(h_i) S_ic + sum_c g_c(h_i) (U v_i)_c (W v_i)_c^T,    S_ic = sum_j f_c(r_ij, h_j) r_ij r_ij^T/|r_ij|^2
    Z_i = m_Z 1 + s T_i,      m_Z = <tr Z>/3,    s^2 = <|Z - m_Z 1|^2>/9
    p_i = s sum_c w_c(h_i) v_ic

T holds a number, an antisymmetric and a symmetric part, as a product of two vectors does; all of it is even under inversion.  Mean and
spread are a number for each element and one for all, so that scaling leaves a turned tensor a turned tensor.
Schienbein, J. Chem. Theory Comput. 19, 705 (2023) (polar tensors by equivariant networks); products of vectors stand in the place of
its spherical tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear, perceptron
from electrode.nn.graph import Graph
from electrode.nn.representation import RepresentationConfig


class PolarTensors(nn.Module):
    """A tensor for each atom.

    Parameters
    ----------
    n_elements : rows of the embedding
    shape : an equivariant representation
    draw : source of the initial weights
    """

    def __init__(self, n_elements: int, shape: RepresentationConfig, draw: torch.Generator):
        super().__init__()
        _require_vectors(shape)
        c, self.cutoff = shape.channels, shape.cutoff
        self.representation = shape.build(n_elements, draw)
        self.second = linear(shape.radial_functions * c, c, draw, bias=False)
        self.mix = linear(c, 2 * c, draw, bias=False)
        self.weights = perceptron((c, c, 2 * c + 1), draw, last_gain=0.01)
        self.register_buffer("mean", torch.zeros(n_elements, dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def forward(self, channel: Tensor, graph: Graph) -> Tensor:
        """Return Z (N, 3, 3) [e], polarisation before displacement, of atoms with element indices `channel` (N,)."""
        h, v = self.representation.both(channel, graph)
        a, b, g = self.weights(h).split([1, h.shape[1], h.shape[1]], dim=1)
        left, right = self.mix(v).chunk(2, dim=2)
        found = torch.einsum("nac,nbc->nab", left * g[:, None], right) + torch.einsum("nabc,nc->nab", self._moments(h, graph), b)
        unit = torch.eye(3, dtype=h.dtype)
        return (self.mean[channel] + self.scale * a[:, 0])[:, None, None] * unit + self.scale * found

    def _moments(self, h: Tensor, graph: Graph) -> Tensor:
        """Return S (N, 3, 3, C)."""
        basis, n = self.representation.basis, len(h)
        values, direction = basis(graph.distances) * basis.scale, graph.vectors / graph.distances[:, None]
        row, column = torch.triu_indices(3, 3)
        pairs = ((direction[:, row] * direction[:, column])[:, :, None] * values[:, None, :]).flatten(1)  # six components, then functions
        six = self.second(torch.bmm(graph.gathered(pairs).mT, graph.neighbours_of(h)).reshape(n, 6, -1))
        return six[:, torch.tensor([[0, 1, 2], [1, 3, 4], [2, 4, 5]])]

    @torch.no_grad()
    def adapt(self, channel: Tensor, tensors: Tensor) -> None:
        """Take mean and spread of labelled tensors (N, 3, 3) [e] of atoms with these element indices (N,)."""
        for k in torch.unique(channel).tolist():
            self.mean[k] = tensors[channel == k].diagonal(dim1=1, dim2=2).mean()
        left = tensors - self.mean[channel][:, None, None] * torch.eye(3, dtype=tensors.dtype)
        self.scale.copy_(left.square().mean().sqrt().clamp(min=1e-3))


class AtomicDipoles(nn.Module):
    """A dipole for each atom; parameters as those of `PolarTensors`."""

    def __init__(self, n_elements: int, shape: RepresentationConfig, draw: torch.Generator):
        super().__init__()
        _require_vectors(shape)
        self.cutoff = shape.cutoff
        self.representation = shape.build(n_elements, draw)
        self.weights = perceptron((shape.channels, shape.channels, shape.channels), draw, last_gain=0.1)
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def forward(self, channel: Tensor, graph: Graph) -> Tensor:
        """Return p (N, 3) [e A] of atoms with element indices `channel` (N,)."""
        h, v = self.representation.both(channel, graph)
        return self.scale * torch.einsum("nc,nkc->nk", self.weights(h), v)


def _require_vectors(shape: RepresentationConfig) -> None:
    if shape.kind != "equivariant":
        raise ValueError(f"polar tensors: expected an equivariant representation, which has vectors, got {shape.kind!r}")

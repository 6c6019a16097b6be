"""Embedded densities of atoms in a field: squares of sums of the neighbours' orbitals and of one orbital of the field.

    phi_k^l(j) = u_x^lx u_y^ly u_z^lz exp[-a_Zj,k (r - r_Zj,k)^2] f_c(r),    u = r_ij/r,    f_c = [(1 + cos(pi r/r_c))/2]^2
    rho_im     = sum_l L!/(lx! ly! lz!) { sum_k d_L,k,m [ sum_j c_jk phi_k^l(j) + b_k F_x^lx F_y^ly F_z^lz ] }^2,    L = lx + ly + lz
    c_j       <- c_j + NN_Zj(rho_j)      several times; the energy is NN_Zi(rho_i)

d is one for all components of an L, which makes the sum of squares a number that no joint rotation of atoms and field changes.  Odd powers
of the field come from the products with the neighbours' orbitals; the orbital of the field with L = 0 is the constant b_k.

Zhang and Jiang, Nat. Commun. 14, 6424 (2023).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations_with_replacement

import torch
from torch import Tensor, nn

from electrode.nn.graph import Graph
from electrode.nn.networks import ElementNetworks, Slots
from electrode.nn.scaling import ElementScale


def components(max_l: int) -> list[tuple[int, ...]]:
    """Return the products of axes up to the order `max_l`, () for 1, (0, 2) for x z."""
    return [axes for order in range(max_l + 1) for axes in combinations_with_replacement(range(3), order)]


def multiplicity(axes: tuple[int, ...]) -> float:
    """Return L!/(lx! ly! lz!)."""
    return math.factorial(len(axes)) / math.prod(math.factorial(axes.count(k)) for k in range(3))


def monomials(vectors: Tensor, max_l: int) -> Tensor:
    """Return the products of components (P, 3) that `components` names, (P, n)."""
    columns: dict[tuple[int, ...], Tensor] = {(): torch.ones_like(vectors[:, 0])}
    for axes in components(max_l)[1:]:
        columns[axes] = columns[axes[:-1]] * vectors[:, axes[-1]]
    return torch.stack(list(columns.values()), dim=1)


class EmbeddedDensity(nn.Module):
    """NN_Z(rho_i) of atoms in a field after several recursions.

    Parameters
    ----------
    n_elements : rows of the tables
    n_functions, max_l : K radial functions, highest L
    densities : M
    recursions : times that neighbours pass their densities on
    hidden : widths of the networks that do
    cutoff : r_c [A]
    draw : source of the initial weights
    """

    def __init__(self, n_elements: int, n_functions: int, max_l: int, densities: int, recursions: int, hidden: tuple[int, ...], cutoff: float, draw: torch.Generator):
        super().__init__()
        self.max_l, self.cutoff, axes = max_l, cutoff, components(max_l)
        table = lambda values: nn.Parameter(values.double().expand(n_elements, -1).clone())
        self.centre = table(torch.linspace(0.0, cutoff, n_functions))
        self.steepness = table(torch.full((n_functions,), 2.0 * math.log(n_functions / cutoff)))
        self.weight = table(torch.ones(n_functions))
        self.field_weight = nn.Parameter(torch.ones(n_functions, dtype=torch.float64))
        self.mix = nn.Parameter(torch.randn(max_l + 1, n_functions, densities, generator=draw, dtype=torch.float64) / math.sqrt(n_functions))
        self.networks = nn.ModuleList(ElementNetworks(n_elements, densities, hidden, n_functions, draw) for _ in range(recursions))
        self.readout = ElementNetworks(n_elements, densities, hidden, 1, draw)
        self.scaling = nn.ModuleList(ElementScale(n_elements, densities) for _ in range(recursions + 1))
        self.register_buffer("scale", torch.ones(n_functions, dtype=torch.float64))
        self.register_buffer("order", torch.tensor([len(a) for a in axes]), persistent=False)
        self.register_buffer("multiplicity", torch.tensor([multiplicity(a) for a in axes], dtype=torch.float64), persistent=False)
        self.n_elements = n_elements

    def forward(self, channel: Tensor, graph: Graph, field: Tensor, visit=None) -> Tensor:
        """Return (N,) from each atom's row of the tables (N,) and the field at it (N, 3) [V/A].

        Parameters
        ----------
        visit : called with the number of each recursion and the densities before they are scaled
        """
        place, neighbour = _rows(graph)
        angular = _in_rows(monomials(graph.vectors / graph.distances[:, None], self.max_l), place, neighbour).mT
        radial = _in_rows(self.radial(channel, graph) * self.scale, place, neighbour)
        of_field = monomials(field, self.max_l)[:, :, None] * self.field_weight
        slots, coefficient = Slots.of(channel, self.n_elements), self.weight[channel]
        for t, scaling in enumerate(self.scaling):
            orbitals = torch.bmm(angular, coefficient[neighbour] * radial)
            density = self.squared(orbitals + of_field)
            if visit is not None:
                visit(t, density)
            density = scaling(density, channel)
            if t < len(self.networks):
                coefficient = coefficient + slots.gather(self.networks[t](slots.spread(density)))
        return slots.gather(self.readout(slots.spread(density)))[:, 0]

    def radial(self, channel: Tensor, graph: Graph) -> Tensor:
        """Return the radial functions of each pair, (P, K)."""
        of = channel.index_select(0, graph.neighbour)
        apart, smooth = graph.distances[:, None] - self.centre[of], 0.5 * (1.0 + torch.cos(graph.distances * (math.pi / self.cutoff)))
        return torch.exp(-torch.exp(self.steepness[of]) * apart.square()) * smooth.square()[:, None]

    def squared(self, orbitals: Tensor) -> Tensor:
        """Return the densities (N, M) of sums of orbitals (N, components, K)."""
        mixed = torch.einsum("nck,ckm->ncm", orbitals, self.mix[self.order])
        return (mixed.square() * self.multiplicity[:, None]).sum(1)

    @torch.no_grad()
    def adapt(self, samples: Sequence[tuple[Tensor, Graph, Tensor]]) -> None:
        """Scale orbitals and densities to samples of what `forward` is given, one recursion after the other."""
        sums = torch.cat([graph.total(self.radial(channel, graph)) for channel, graph, _ in samples])
        self.scale.copy_(1.0 / sums.square().mean(0).sqrt().clamp(min=1e-3))
        channels = torch.cat([channel for channel, _, _ in samples])
        for t, scaling in enumerate(self.scaling):
            seen: list[Tensor] = []
            for sample in samples:
                self(*sample, visit=lambda k, density: seen.append(density) if k == t else None)
            scaling.adapt(torch.cat(seen), channels)


def _rows(graph: Graph) -> tuple[Tensor, Tensor]:
    """Return each pair's place (P,) in a flattened table of the atoms' pairs, and the neighbours in it (N, K), atom 0 in unused places."""
    n = len(graph.table)
    counts = torch.bincount(graph.centre, minlength=n)
    width = int(counts.max()) if len(graph.centre) else 0
    first = counts.cumsum(0) - counts
    place = graph.centre * width + torch.arange(len(graph.centre)) - first[graph.centre]
    return place, graph.neighbour.new_zeros(n * width).index_copy(0, place, graph.neighbour).reshape(n, width)


def _in_rows(pairs: Tensor, place: Tensor, neighbour: Tensor) -> Tensor:
    """Return what belongs to pairs (P, F) in a table (N, K, F), zeros in unused places."""
    return pairs.new_zeros(neighbour.numel(), pairs.shape[1]).index_copy(0, place, pairs).reshape(*neighbour.shape, -1)

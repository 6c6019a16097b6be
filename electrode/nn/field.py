"""Energies of atoms in a uniform field, and the equivariant network that sees it as vectors.

    E = sum_i [ E0_Z + s Out(h_i) ],      v_i <- v_i + w_t(h_i) F      before each message passing t of `nn.equivariant`

The field enters through vectors alone and reaches the numbers h in scalar products with them: without a field nothing is added, and a
rotation or an inversion of atoms and field together changes no number.  All is smooth in the field, so that every derivative by it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear
from electrode.nn.equivariant import EquivariantLayer
from electrode.nn.graph import Graph
from electrode.nn.precision import evaluate_in_single
from electrode.nn.radial import RadialBasis
from electrode.nn.readout import Readout
from electrode.nn.scaling import ElementScale, element_rows
from electrode.state import Structure


class FieldVectors(nn.Module):
    """Out(h_i) of atoms in a field; parameters as those of `nn.invariant.Invariant`, `hidden`, the width of the readout, and `max_l`, 1 or 2, of directions."""

    def __init__(self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, hidden: int, draw: torch.Generator, max_l: int = 1):
        super().__init__()
        self.max_l = max_l
        self.embedding = nn.Parameter(torch.randn(n_elements, channels, generator=draw, dtype=torch.float64))
        self.basis = RadialBasis(n_functions, cutoff)
        self.coupling = nn.ModuleList(linear(channels, channels, draw, bias=False, gain=0.3) for _ in range(layers))
        self.interaction = nn.ModuleList(EquivariantLayer(channels, n_functions, False, k == layers - 1, draw, max_l == 2) for k in range(layers))
        self.scaling = nn.ModuleList(ElementScale(n_elements, layer.n_seen) for layer in self.interaction)
        self.readout = Readout(channels, hidden, draw, gain=0.1)

    def forward(self, channel: Tensor, graph: Graph, field: Tensor) -> Tensor:
        """Return (N,) from each atom's row of the embedding (N,) and the field at it (N, 3) [V/A]."""
        return self.readout(self._features(channel, graph, field, [partial(scale, channel=channel) for scale in self.scaling]))

    def _features(self, channel: Tensor, graph: Graph, field: Tensor, scales: Sequence[Callable]) -> Tensor:
        """Return the numbers of atoms (N, C) after as many layers as there are scales."""
        h, around = self.embedding[channel], self.basis.around(graph, self.max_l)
        v = None
        for couple, layer, scaled in zip(self.coupling, self.interaction, scales):
            h, v = layer(h, v, around, graph, field, couple, scaled)
        return h

    @torch.no_grad()
    def adapt(self, samples: Sequence[tuple[Tensor, Graph, Tensor]]) -> None:
        """Scale the radial functions, and what each layer sees, to samples of what `forward` is given.

        In a crystal most of what atoms see is the same for all of an element, and what tells frames apart is small beside it.
        """
        self.basis.adapt([graph for _, graph, _ in samples])
        channels = torch.cat([channel for channel, _, _ in samples])
        for t, scale in enumerate(self.scaling):
            seen: list[Tensor] = []
            for channel, graph, field in samples:
                before = [partial(earlier, channel=channel) for earlier in self.scaling[:t]]
                self._features(channel, graph, field, [*before, lambda x: (seen.append(x), x)[1]])
            scale.adapt(torch.cat(seen), channels)


class FieldNetwork(nn.Module):
    """The energy of systems as a sum over atoms of what a network gives them in a field.

    Parameters
    ----------
    elements : atomic numbers
    cutoff : of the neighbours [A]
    atomic : called as `FieldVectors` is, gives (N,)
    """

    def __init__(self, elements: tuple[int, ...], cutoff: float, atomic: nn.Module):
        super().__init__()
        self.elements, self.cutoff, self.atomic = tuple(elements), cutoff, atomic
        self.single = False  # see `nn.precision`
        self.register_buffer("element_energy", torch.zeros(len(elements), dtype=torch.float64))
        self.register_buffer("energy_scale", torch.ones((), dtype=torch.float64))

    def forward(self, structure: Structure, positions: Tensor, field: Tensor) -> Tensor:
        """Return the energies (S,) [eV] at `positions` (N, 3) [A] in fields (S, 3) [V/A]."""
        inputs = self.inputs(structure, positions, field)
        own = evaluate_in_single(self.atomic, *inputs) if self.single else self.atomic(*inputs)
        return structure.total(self.element_energy[inputs[0]] + self.energy_scale * own)

    def inputs(self, structure: Structure, positions: Tensor, field: Tensor) -> tuple[Tensor, Graph, Tensor]:
        """Return the row of each atom's element (N,), the graph, and the field at each atom (N, 3)."""
        return element_rows(structure.numbers, self.elements), Graph.of(structure, positions, self.cutoff), field.index_select(0, structure.system)

    def one_hot(self, structure: Structure) -> Tensor:
        """Return which element each atom is, (N, elements) of 0 and 1."""
        return nn.functional.one_hot(element_rows(structure.numbers, self.elements), len(self.elements)).double()

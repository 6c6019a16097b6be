"""Energies of atoms in a uniform field, and the equivariant networks that see it as vectors.

    E = sum_i [ E0_Z + s Out(h_i) ],      v_i <- v_i + W_t h_i F before each message passing t of `nn.equivariant`,      or apart

    E = sum_i [ E0_Z + s (Out(h_i) - F . p_i) ],      p_i = sum_c w_c(h'_i) v'_ic,      h without F, h' and v' with it

The field enters through vectors alone and reaches numbers in scalar products with them: without a field nothing is added, and a
rotation or an inversion of atoms and field together changes no number.  All is smooth in the field, so that every derivative by it exists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from electrode.nn.dense import linear, perceptron
from electrode.nn.equivariant import EquivariantLayer
from electrode.nn.graph import Graph
from electrode.nn.precision import evaluate_in_single
from electrode.nn.radial import RadialBasis
from electrode.nn.readout import Readout
from electrode.nn.scaling import ElementScale, element_rows
from electrode.state import Structure


class Passing(nn.Module):
    """Message passings of `nn.equivariant` with what each of them sees scaled by element, in a field or without one.

    Parameters
    ----------
    n_elements, channels, layers, n_functions, cutoff [A], draw : as those of `nn.invariant.Invariant`
    max_l : 1 or 2, order of the harmonics of directions
    in_field : whether a field comes in
    vectors : whether the last vectors are asked for
    """

    def __init__(
        self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, draw: torch.Generator, max_l: int, in_field: bool, vectors: bool
    ):  # fmt: skip
        super().__init__()
        self.max_l = max_l
        self.embedding = nn.Parameter(torch.randn(n_elements, channels, generator=draw, dtype=torch.float64))
        self.basis = RadialBasis(n_functions, cutoff)
        self.coupling = nn.ModuleList(linear(channels, channels, draw, bias=False, gain=0.3) for _ in range(layers if in_field else 0))
        ends = [(not in_field and k == 0, not vectors and k == layers - 1) for k in range(layers)]
        self.interaction = nn.ModuleList(EquivariantLayer(channels, n_functions, first, last, draw, max_l == 2) for first, last in ends)
        self.scaling = nn.ModuleList(ElementScale(n_elements, layer.n_seen) for layer in self.interaction)

    def forward(self, channel: Tensor, graph: Graph, field: Tensor | None = None, scales: Sequence[Callable] | None = None) -> tuple[Tensor, Tensor]:
        """Return the numbers (N, C) and the vectors (N, 3, C) of atoms.

        Parameters
        ----------
        channel : each atom's row of the embedding (N,)
        field : at each atom (N, 3) [V/A], None for a network without one
        scales : of what each layer sees, for as many layers as there are; by element if not given
        """
        h, v, around = self.embedding[channel], None, self.basis.around(graph, self.max_l)
        couplings = self.coupling or [None] * len(self.interaction)
        for couple, layer, scaled in zip(couplings, self.interaction, scales or [partial(scale, channel=channel) for scale in self.scaling]):
            h, v = layer(h, v, around, graph, field, couple, scaled)
        return h, v

    @torch.no_grad()
    def adapt(self, samples: Sequence[tuple[Tensor, Graph] | tuple[Tensor, Graph, Tensor]]) -> None:
        """Scale the radial functions, and what each layer sees, to samples of what `forward` is given.

        In a crystal most of what atoms see is the same for all of an element, and what tells frames apart is small beside it.
        """
        self.basis.adapt([sample[1] for sample in samples])
        channels = torch.cat([sample[0] for sample in samples])
        for t, scale in enumerate(self.scaling):
            seen: list[Tensor] = []
            for sample in samples:
                before = [partial(earlier, channel=sample[0]) for earlier in self.scaling[:t]]
                self(*sample, scales=[*before, lambda x: (seen.append(x), x)[1]])
            scale.adapt(torch.cat(seen), channels)


class AtomicEnergies(nn.Module):
    """Out(h_i) of atoms without a field or, `in_field`, in one; `hidden` is the width of the readout, for other parameters see `Passing`."""

    def __init__(
        self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, draw: torch.Generator, max_l: int, hidden: int, in_field: bool = False
    ):  # fmt: skip
        super().__init__()
        self.passing = Passing(n_elements, channels, layers, n_functions, cutoff, draw, max_l, in_field, False)
        self.readout = Readout(channels, hidden, draw, gain=0.1)

    def forward(self, channel: Tensor, graph: Graph, field: Tensor | None = None) -> Tensor:
        """Return (N,) from each atom's row of the embedding (N,) and, in one, the field at it (N, 3) [V/A]."""
        return self.readout(self.passing(channel, graph, field)[0])

    def adapt(self, samples: Sequence[tuple[Tensor, Graph] | tuple[Tensor, Graph, Tensor]]) -> None:
        """Fit the scales to samples of what `forward` is given."""
        self.passing.adapt(samples)


class FieldEnergies(nn.Module):
    """-F . p_i of atoms in a field; for parameters see `Passing`."""

    def __init__(self, n_elements: int, channels: int, layers: int, n_functions: int, cutoff: float, draw: torch.Generator, max_l: int):
        super().__init__()
        self.passing = Passing(n_elements, channels, layers, n_functions, cutoff, draw, max_l, True, True)
        self.weights = perceptron((channels, channels, channels), draw, last_gain=0.1)

    def forward(self, channel: Tensor, graph: Graph, field: Tensor) -> Tensor:
        """Return (N,) from each atom's row of the embedding (N,) and the field at it (N, 3) [V/A]."""
        h, v = self.passing(channel, graph, field)
        return -torch.einsum("nk,nkc,nc->n", field, v, self.weights(h))

    def adapt(self, samples: Sequence[tuple[Tensor, Graph, Tensor]]) -> None:
        """Fit the scales to samples of what `forward` is given."""
        self.passing.adapt(samples)


class FieldNetwork(nn.Module):
    """The energy of systems as a sum over atoms of what networks give them in a field.

    Parameters
    ----------
    elements : atomic numbers
    cutoff : of the neighbours [A]
    atomic : gives (N,) from each atom's row, the graph and the field at each atom
    neutral : gives what stands beside it, (N,), from the first two; None for nothing
    """

    def __init__(self, elements: tuple[int, ...], cutoff: float, atomic: nn.Module, neutral: nn.Module | None = None):
        super().__init__()
        self.elements, self.cutoff, self.atomic, self.neutral = tuple(elements), cutoff, atomic, neutral
        self.single = False  # see `nn.precision`
        self.register_buffer("element_energy", torch.zeros(len(elements), dtype=torch.float64))
        self.register_buffer("energy_scale", torch.ones((), dtype=torch.float64))

    def forward(self, structure: Structure, positions: Tensor, field: Tensor) -> Tensor:
        """Return the energies (S,) [eV] at `positions` (N, 3) [A] in fields (S, 3) [V/A]."""
        inputs = self.inputs(structure, positions, field)
        own = self._of(self.atomic, *inputs)
        if self.neutral is not None:
            own = own + self._of(self.neutral, *inputs[:2])
        return structure.total(self.element_energy[inputs[0]] + self.energy_scale * own)

    def inputs(self, structure: Structure, positions: Tensor, field: Tensor) -> tuple[Tensor, Graph, Tensor]:
        """Return the row of each atom's element (N,), the graph, and the field at each atom (N, 3)."""
        return element_rows(structure.numbers, self.elements), Graph.of(structure, positions, self.cutoff), field.index_select(0, structure.system)

    def adapt(self, samples: Sequence[tuple[Tensor, Graph, Tensor]]) -> None:
        """Fit the networks' scales to samples of `inputs`."""
        self.atomic.adapt(samples)
        if self.neutral is not None:
            self.neutral.adapt([sample[:2] for sample in samples])

    def one_hot(self, structure: Structure) -> Tensor:
        """Return which element each atom is, (N, elements) of 0 and 1."""
        return nn.functional.one_hot(element_rows(structure.numbers, self.elements), len(self.elements)).double()

    def _of(self, network: nn.Module, *inputs: Tensor | Graph) -> Tensor:
        return evaluate_in_single(network, *inputs) if self.single else network(*inputs)

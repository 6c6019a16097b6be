"""The sum of learned energies of atoms, which a scheme builds on.

    E = sum_i [ E0_Z + s Out(h_i) ],      h = Interact(Embed(Z))

E0 and s are fitted to the training data before the first step, see `models.adapting`, the rest is trained.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from electrode.nn.conditioning import Conditions
from electrode.nn.graph import Graph
from electrode.nn.readout import Readout
from electrode.nn.representation import RepresentationConfig
from electrode.state import Structure

NOTHING = Conditions()


def check_elements(elements: tuple[int, ...]) -> None:
    """Refuse what are not atomic numbers, each once."""
    if not elements or len(set(elements)) != len(elements):
        raise ValueError(f"elements: expected atomic numbers, each once, got {elements}")


class AtomicNetwork(nn.Module):
    """A representation with an energy for each atom; its blocks are `representation.embedding`, `representation.interaction` and `readout`.

    Parameters
    ----------
    elements : atomic numbers
    shape : the representation
    hidden : width of the readout
    draw : source of the initial weights
    """

    def __init__(self, elements: tuple[int, ...], shape: RepresentationConfig, hidden: int, draw: torch.Generator):
        super().__init__()
        self.elements, self.cutoff = tuple(elements), shape.cutoff
        self.representation = shape.build(len(elements), draw)
        self.readout = Readout(shape.channels, hidden, draw)
        self.register_buffer("element_energy", torch.zeros(len(elements), dtype=torch.float64))
        self.register_buffer("energy_scale", torch.ones((), dtype=torch.float64))

    def features(self, structure: Structure, positions: Tensor, seen: Conditions = NOTHING, visit=None) -> Tensor:
        """Return h (N, C) at `positions` (N, 3) [A]; for `visit` see `nn.invariant`."""
        graph = Graph.of(structure, positions, self.cutoff)
        return self.representation(self.rows(structure), graph, seen.start, seen.modulations, visit)

    def energies(self, structure: Structure, features: Tensor, seen: Conditions = NOTHING) -> Tensor:
        """Return E0_Z + s Out(h_i), (N,) [eV]."""
        return self.element_energy[self.rows(structure)] + self.energy_scale * self.readout(features, seen.readout)

    def one_hot(self, structure: Structure) -> Tensor:
        """Return which element each atom is, (N, elements) of 0 and 1."""
        return nn.functional.one_hot(self.rows(structure), len(self.elements)).double()

    def rows(self, structure: Structure) -> Tensor:
        """Return which of the elements each atom is, (N,).

        Raises
        ------
        ValueError
            for an atom of another element.
        """
        which = structure.numbers.numpy()[:, None] == np.asarray(self.elements)
        if not which.any(1).all():
            unknown = sorted(set(structure.numbers.numpy()[~which.any(1)].tolist()))
            raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {list(self.elements)}; train with frames that hold them")
        return torch.from_numpy(which.argmax(1))

"""What networks take from their training data (`train.blocks.Block`) before the first step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.nn.graph import Graph
from electrode.state import Control, Structure

PIECE = 32  # frames in one pass over the data
SAMPLE = 128  # frames of each size from which scales are taken


def adapt_network(model: Model, data: Sequence) -> None:
    """Fit the scales of the condition, the radial functions and the energy, the capacitor, and the elements' energies.

    Parameters
    ----------
    model : with `network` (`nn.atomic.AtomicNetwork`), `conditioning` and `capacitor`, which may be None
    data : blocks of training frames
    """
    network, (value, conjugate, area) = model.network, states(data)
    model.conditioning.adapt(value, area)
    network.representation.basis.adapt(sample_graphs(data, network.cutoff))
    if (scale := force_scale(data)) is not None:
        network.energy_scale.copy_(scale)
    if model.capacitor is not None:
        model.capacitor.adapt(value, conjugate, area)
    network.element_energy.zero_()
    network.element_energy.copy_(element_energies(model, data, network.one_hot))


def states(data: Sequence) -> tuple[Tensor, Tensor, Tensor]:
    """Return the natural variable, its conjugate (NaN where not labelled) and the area of every frame, each (F,)."""
    joined = lambda each: torch.cat([each(b) for b in data])
    return joined(lambda b: b.natural), joined(lambda b: b.labels["conjugate"]), joined(lambda b: b.structure.area)


def force_scale(data: Sequence) -> Tensor | None:
    """Return the root mean square of all labelled forces [eV/A], at least 0.01; None without any."""
    forces = torch.cat([b.labels["forces"].flatten() for b in data])
    forces = forces[~torch.isnan(forces)]
    return forces.square().mean().sqrt().clamp(min=0.01) if len(forces) else None


def sample_graphs(data: Sequence, cutoff: float) -> list[Graph]:
    """Return graphs of up to `SAMPLE` frames of each size, spread over the data."""
    found = []
    for block in data:
        rows = torch.linspace(0, len(block) - 1, min(len(block), SAMPLE)).long()
        structure = block.take(rows).structure
        found.append(Graph.of(structure, structure.positions, cutoff))
    return found


def element_energies(model: Model, data: Sequence, elements_of: Callable[[Structure], Tensor]) -> Tensor:
    """Return the energies of elements (n,) [eV] that fit what the model leaves of the labels, of least norm; its own must be zero.

    Parameters
    ----------
    elements_of : which element each atom is, (N, n) of 0 and 1
    """
    counts, rest = [], []
    for block in data:
        for k in range(0, len(block), PIECE):
            part = block.take(torch.arange(k, min(k + PIECE, len(block))))
            counts.append(part.structure.total(elements_of(part.structure)))
            with torch.no_grad():
                rest.append(part.labels["energy"] - model(part.structure, Control(**part.held), part.description)["natural_energy"])
    counts, rest = torch.cat(counts), torch.cat(rest)
    kept = ~torch.isnan(rest)
    if not kept.any():
        return counts.new_zeros(counts.shape[1])
    return torch.linalg.lstsq(counts[kept], rest[kept, None], driver="gelsd").solution[:, 0]

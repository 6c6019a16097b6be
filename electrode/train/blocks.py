"""Training data with the descriptors done once: values and Jacobians, kept for the whole of a training.

Frames do not move while a model is trained, so a description and its Jacobian are constants.  Energies, forces and the
conjugate then need torch alone: forces are -J^T dA/dG.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.state import Control, Structure

CACHE_BYTES = 4e9  # Jacobians of more than this are refused


@dataclass(frozen=True)
class Block:
    """B frames of n atoms each, with description, Jacobian and labels.

    Parameters
    ----------
    structure : the B frames as one batch
    natural : (B,) the model's natural variable, [e] or [V]
    description : name -> (rows, ...) with the frames' rows in order
    jacobian : name -> (B, rows of one frame * features, 3n)
    labels : "energy" (B,) [eV], the natural scalar; "forces" (B, 3n) [eV/A]; "conjugate" (B,) [V] or [e];
        "charge" (B,) [e]; NaN where a label is missing
    """

    structure: Structure
    natural: Tensor
    description: dict[str, Tensor]
    jacobian: dict[str, Tensor]
    labels: dict[str, Tensor]

    def __len__(self) -> int:
        return self.structure.n_systems

    def take(self, rows: Tensor) -> Block:
        """Return the frames `rows` (b,) as a block of their own."""
        b = len(self)
        per_frame = lambda x: x.reshape(b, -1, *x.shape[1:])[rows].reshape(-1, *x.shape[1:])
        s = self.structure
        n = len(s.system) // b
        part = Structure(
            numbers=per_frame(s.numbers), positions=per_frame(s.positions), cell=s.cell[rows], pbc=s.pbc[rows],
            system=torch.arange(len(rows)).repeat_interleave(n), electrode=per_frame(s.electrode),
        )  # fmt: skip
        return Block(
            part,
            self.natural[rows],
            {k: per_frame(v) for k, v in self.description.items()},
            {k: v[rows] for k, v in self.jacobian.items()},
            {k: v[rows] for k, v in self.labels.items()},
        )

    def predict(self, model: Model, create_graph: bool = False) -> dict[str, Tensor]:
        """Return energy (B,), forces (B, 3n), conjugate (B,) and the model's extras at the labelled natural variable."""
        leaves = {k: v.detach().requires_grad_() for k, v in self.description.items()}
        x = self.natural.detach().requires_grad_()
        out = dict(model(self.structure, Control(**{model.natural: x}), leaves))
        energy = out.pop("natural_energy")
        wrt = [x, *leaves.values()]
        first, *slopes = torch.autograd.grad(energy.sum(), wrt, create_graph=create_graph, materialize_grads=True)
        forces = -sum(
            torch.bmm(g.reshape(len(self), 1, -1), self.jacobian[k])[:, 0] for k, g in zip(leaves, slopes)
        )  # fmt: skip
        sign = 1.0 if model.natural == "charge" else -1.0
        return {"energy": energy, "forces": forces, "conjugate": sign * first, **out}


def blocks(model: Model, frames: Sequence) -> list[Block]:
    """Return the frames (`ElectrifiedFrame`) as blocks of equal size, described for `model`.

    Raises
    ------
    MemoryError
        if the Jacobians would take more than `CACHE_BYTES`.
    """
    sizes = sorted({len(f.atoms) for f in frames})
    return [_block(model, [f for f in frames if len(f.atoms) == n]) for n in sizes]


def batches(data: Sequence[Block], size: int, generator: np.random.Generator) -> Iterator[Block]:
    """Yield every frame once, in random order, in batches of at most `size` frames of equal length."""
    chunks = []
    for block in data:
        order = generator.permutation(len(block))
        chunks += [(block, order[k : k + size]) for k in range(0, len(order), size)]
    for k in generator.permutation(len(chunks)):
        block, rows = chunks[k]
        yield block.take(torch.from_numpy(rows))


def _block(model: Model, frames: Sequence) -> Block:
    structure = Structure.from_atoms([f.atoms for f in frames])
    kernels = model.kernels(structure)
    values = {name: torch.from_numpy(k.values()) for name, k in kernels.items()}
    n = len(frames[0].atoms)
    size = 8 * 3 * n * sum(v.numel() for v in values.values())
    if size > CACHE_BYTES:
        raise MemoryError(
            f"the descriptors' Jacobians of {len(frames)} frames of {n} atoms take {size / 1e9:.1f} GB, more than "
            f"{CACHE_BYTES / 1e9:.1f} GB; train on fewer frames or with fewer symmetry functions"
        )
    jacobian = {name: _jacobian(k, len(frames), n) for name, k in kernels.items()}
    natural, labels = _labels(model, frames)
    return Block(structure, natural, values, jacobian, labels)


def _jacobian(kernel, n_frames: int, n: int) -> Tensor:
    """Push one displacement after the other through all frames at once."""
    columns = []
    for k in range(3 * n):
        step = np.zeros((n_frames, n, 3))
        step[:, k // 3, k % 3] = 1.0
        columns.append(torch.from_numpy(kernel.push(step.reshape(-1, 3))).reshape(n_frames, -1))
    return torch.stack(columns, dim=2)


def _labels(model: Model, frames: Sequence) -> tuple[Tensor, dict[str, Tensor]]:
    as_tensor = lambda rows: torch.tensor(np.array(rows, dtype=np.float64))
    charge, potential = as_tensor([f.charge for f in frames]), as_tensor([f.potential for f in frames])
    energy = [f.canonical_energy if model.natural == "charge" else f.grand_energy for f in frames]
    missing = np.full(3 * len(frames[0].atoms), np.nan)
    labels = {
        "energy": as_tensor([np.nan if e is None else e for e in energy]),
        "forces": as_tensor([missing if f.forces is None else np.ravel(f.forces) for f in frames]),
        "charge": charge,
        "conjugate": potential if model.natural == "charge" else charge,
    }
    return (charge if model.natural == "charge" else potential), labels

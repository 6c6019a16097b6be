"""Training data with the descriptors done once: values and Jacobians, kept for the whole of a training.

Frames do not move while a model is trained, so a description and its Jacobian are constants.  Energies, forces and the
conjugate then need torch alone: forces are -J^T dA/dG.  Where the Jacobians of all frames take more than `CACHE_BYTES`, each
frame keeps its kernels instead, and J^T s and J v are worked out when they are asked for: the same numbers, for frames of fifty
atoms or more in about the same time.  A model without kernels is given the positions themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model
from electrode.state import Structure
from electrode.train.labels import held, labels
from electrode.train.predictions import predictions
from electrode.train.processes import ALONE, Processes
from electrode.train.pulled import pulled

CACHE_BYTES = 2e9  # Jacobians of more than this are not kept


@dataclass(frozen=True)
class Block:
    """B frames of n atoms each, with description, Jacobian and labels.

    Parameters
    ----------
    structure : the B frames as one batch
    held : the labelled control: the model's natural variable (B,) [e] or [V] by its name, perhaps "field" (B, 3) [V/A]
    description : name -> (rows, ...) with the frames' rows in order
    jacobian : name -> (B, rows of one frame * features, 3n); empty where the description is the positions, or `kernels` are kept
    labels : "energy" (B,) [eV], the natural scalar; "forces" (B, 3n) [eV/A]; "conjugate" (B,) [V] or [e]; "charge" (B,) [e];
        "capacitance" (B,) [e/V]; "force_slope" (B, 3n), dF/dx at fixed atoms; in a field "dipole" (B, 3) [e A] and
        "born_charges" (B, 9n) [e], polarisation before displacement; NaN where a label is missing
    weight : (B,), or (B, M) for each of M members, how much a frame counts; None where all count one
    total : frames of this block in all processes
    kernels : name -> B kernels, one of each frame, in the place of Jacobians
    """

    structure: Structure
    held: dict[str, Tensor]
    description: dict[str, Tensor]
    jacobian: dict[str, Tensor]
    labels: dict[str, Tensor]
    weight: Tensor | None = None
    total: int | None = None
    kernels: dict[str, list[Kernel]] = field(default_factory=dict)

    def __len__(self) -> int:
        return self.structure.n_systems

    @property
    def natural(self) -> Tensor:
        """The model's natural variable, (B,) [e] or [V]."""
        return next(value for name, value in self.held.items() if name != "field")

    def take(self, rows: Tensor) -> Block:
        """Return the frames `rows` (b,) as a block of their own."""
        b = len(self)
        of_atoms = lambda x: x.reshape(b, -1, *x.shape[1:]).index_select(0, rows).flatten(0, 1)
        of_frames = lambda values: {k: v.index_select(0, rows) for k, v in values.items()}
        weight = None if self.weight is None else self.weight[rows]
        description = {k: of_atoms(v) for k, v in self.description.items()}
        kernels = {name: [some[k] for k in rows.tolist()] for name, some in self.kernels.items()}
        return Block(self._part(rows, of_atoms), of_frames(self.held), description, of_frames(self.jacobian), of_frames(self.labels), weight, kernels=kernels)

    def _part(self, rows: Tensor, of_atoms: Callable[[Tensor], Tensor]) -> Structure:
        """Return the frames' structure without its checks, which the whole has passed: they would take as long as a small network."""
        whole, part = self.structure, object.__new__(Structure)  # not a copy, which would keep the areas and counts of the whole
        n = len(whole.system) // len(self)
        values = {name: of_atoms(getattr(whole, name)) for name in ("numbers", "positions", "electrode")}
        values |= {"cell": whole.cell[rows], "pbc": whole.pbc[rows], "system": torch.arange(len(rows)).repeat_interleave(n)}
        values |= {"countercharge_gap": None if whole.countercharge_gap is None else whole.countercharge_gap[rows], "share": None}
        for name, value in values.items():
            object.__setattr__(part, name, value)
        return part

    def pull(self, name: str, slope: Tensor) -> Tensor:
        """Return J^T s (..., B, 3n) of slopes (..., B, rows of one frame * features) in a description."""
        if name in self.kernels:
            return pulled(slope, self.kernels[name], self.description[name].shape[1:])
        if name not in self.jacobian:
            return slope  # the description is the positions
        rows = slope.reshape(-1, *slope.shape[-2:]).transpose(0, 1)
        return torch.bmm(rows, self.jacobian[name]).transpose(0, 1).reshape(*slope.shape[:-1], -1)

    def jacobian_of(self, name: str, k: int) -> Tensor:
        """Return the Jacobian of frame k, (rows of one frame * features, 3n)."""
        if name not in self.kernels:
            return self.jacobian[name][k]
        return _jacobian(self.kernels[name][k], 1, len(self.structure.numbers) // len(self))[0]

    def predict(self, model: Model, create_graph: bool = False, quantities: tuple[str, ...] = ()) -> dict[str, Tensor]:
        """Return energy, forces, conjugate and the model's extras at the labelled control, see `predictions`."""
        return predictions(model, self, create_graph, quantities)


def blocks(model: Model, frames: Sequence, weights: np.ndarray | None = None, processes: Processes = ALONE, *, jacobians: bool = True) -> list[Block]:
    """Return this process's share of the frames (`ElectrifiedFrame`) as blocks of equal size, described for `model`.

    Parameters
    ----------
    weights : (F,), or (M, F) for each of M members, how much a frame counts, or None
    processes : every process describes each P-th frame of a size
    jacobians : whether forces will be asked for
    """
    sizes = np.array([len(f.geometry) for f in frames])
    keep = jacobians and _bytes(model, frames, sizes) <= CACHE_BYTES * processes.size
    found = []
    for n in np.unique(sizes):
        rows = np.flatnonzero(sizes == n)
        block = _block(model, [frames[int(k)] for k in rows], processes, jacobians, keep)
        weight = None if weights is None else torch.from_numpy(np.array(weights[..., processes.share(rows)].T, dtype=np.float64, order="C"))
        found.append(replace(block, weight=weight, total=len(rows)))
    return found


def batches(data: Sequence[Block], size: int, generator: np.random.Generator, processes: Processes = ALONE) -> Iterator[Block]:
    """Yield every frame once, in random order, in batches of frames of equal length, at most `size` for each process.

    All processes draw the same order; each yields what it holds of a batch, which may be nothing.
    """
    chunks = []
    size = size * processes.size
    for block in data:
        order = generator.permutation(len(block) if block.total is None else block.total)
        chunks += [(block, order[k : k + size]) for k in range(0, len(order), size)]
    for k in generator.permutation(len(chunks)):
        block, rows = chunks[k]
        yield block.take(torch.from_numpy(processes.held(rows)))


def in_order(data: Sequence[Block], size: int, atoms: int | None = None) -> Iterator[Block]:
    """Yield this process's frames once, in their order, in batches of at most `size` and of at most `atoms` atoms, but for a larger one on its own."""
    for block in data:
        step = size if atoms is None else max(1, min(size, atoms * len(block) // max(1, len(block.structure.numbers))))
        for k in range(0, len(block), step):
            yield block.take(torch.arange(k, min(k + step, len(block))))


def _bytes(model: Model, frames: Sequence, sizes: np.ndarray) -> float:
    """Return what the Jacobians of all frames take."""
    total = 0.0
    for n, number in zip(*np.unique(sizes, return_counts=True)):
        some = Structure.from_atoms([next(f.atoms for f, k in zip(frames, sizes) if k == n)])
        total += 8.0 * number * 3 * n * sum(k.values().size for k in model.kernels(some).values())
    return total


def _block(model: Model, frames: Sequence, processes: Processes, jacobians: bool, keep: bool) -> Block:
    known = labels(model, frames)  # of all: a response needs its neighbours
    own = torch.from_numpy(processes.share(np.arange(len(frames))))
    mine = [frames[int(k)] for k in own] or list(frames[:1])
    structure = Structure.from_atoms([f.atoms for f in mine])
    model.require_placement(structure)
    if keep or not jacobians:
        kernels, each = model.kernels(structure), {}
        values = {name: torch.from_numpy(k.values()) for name, k in kernels.items()}
        jacobian = {name: _jacobian(k, len(mine), len(frames[0].geometry)) for name, k in kernels.items() if keep}
    else:
        lone = [model.kernels(Structure.from_atoms([f.atoms])) for f in mine]
        each, jacobian = {name: [k[name] for k in lone] for name in lone[0]}, {}
        values = {name: torch.from_numpy(np.concatenate([k.values() for k in some])) for name, some in each.items()}
        each = {name: [k.lean() if hasattr(k, "lean") else k for k in some] for name, some in each.items()}
    known = {k: v[own] if len(own) else v[:1] for k, v in known.items()}
    block = Block(structure, held(model, mine), values or {"positions": structure.positions}, jacobian, known, kernels=each)
    return block if len(own) else block.take(own)


def _jacobian(kernel: Kernel, n_frames: int, n: int) -> Tensor:
    """Ask a kernel that knows its Jacobian; else pull one feature, or push one displacement, after the other through all frames at once."""
    if hasattr(kernel, "jacobian"):
        return torch.from_numpy(kernel.jacobian(n)).reshape(n_frames, -1, 3 * n)
    shape, columns = kernel.values().shape, []
    size = math.prod(shape) // n_frames
    if size < 3 * n:
        unit = np.eye(size)
        rows = [kernel.pull(np.tile(unit[k], (n_frames, 1)).reshape(shape)).reshape(n_frames, 3 * n) for k in range(size)]
        return torch.from_numpy(np.stack(rows, axis=1))
    for k in range(3 * n):
        step = np.zeros((n_frames, n, 3))
        step[:, k // 3, k % 3] = 1.0
        columns.append(torch.from_numpy(kernel.push(step.reshape(-1, 3))).reshape(n_frames, -1))
    return torch.stack(columns, dim=2)

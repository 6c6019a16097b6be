"""A structure cut into pieces, each with the surroundings that the shares of its own atoms see.

Cuts halve the atoms across the longest side, again and again, so that every piece has as many atoms of its own.  A piece is a cluster in
open space: its own atoms, and every atom or periodic image in the box around them that is wider by the reach.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import numpy as np
import torch
from ase.geometry import complete_cell
from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model, middle_of_range
from electrode.models.closed_form import Members, State
from electrode.models.committee import Committee
from electrode.models.conjugate import two_slopes
from electrode.state import Control, Share, Structure


def cut(structure: Structure, pieces: int, reach: float, wanted: range) -> list[tuple[Structure, np.ndarray]]:
    """Return the wanted ones of the pieces of a structure, each with the atoms of the structure that it holds, (n,) int64.

    Parameters
    ----------
    structure : of one system
    pieces : number of all pieces
    reach : [A]

    Raises
    ------
    ValueError
        for several systems, or fewer atoms than pieces.
    """
    if structure.n_systems != 1 or not 0 < pieces <= len(structure.numbers):
        raise ValueError(f"cut: expected one system of at least as many atoms as pieces, got {structure.n_systems} systems, {len(structure.numbers)} atoms and {pieces} pieces")
    positions, pbc = structure.positions.detach().double().numpy(), structure.pbc[0].numpy()
    cell = complete_cell(np.where(pbc[:, None], structure.cell[0].double().numpy(), 0.0))
    inverse = np.linalg.inv(cell)
    height = 1.0 / np.linalg.norm(inverse, axis=0)
    scaled = positions @ inverse
    turns = np.where(pbc, np.floor(scaled), 0.0)  # to the image inside the cell
    owner = _halved(np.arange(len(positions)), (scaled - turns) * height, pieces)
    found = []
    for k in wanted:
        own = np.zeros(len(positions), dtype=bool)
        own[owner[k]] = True
        index, image = _surrounded(scaled - turns, own, pbc, reach / height)
        share = Share(torch.from_numpy(own[index] & ~image.any(1)), k == 0)
        found.append((_cluster(structure, index, positions[index] + (image - turns[index]) @ cell, share), index))
    return found


def _halved(rows: np.ndarray, points: np.ndarray, pieces: int) -> list[np.ndarray]:
    """Return the rows of each piece."""
    if pieces == 1:
        return [rows]
    order = np.argsort(points[rows, np.ptp(points[rows], axis=0).argmax()], kind="stable")
    half = pieces // 2
    low, high = np.split(rows[order], [len(rows) * half // pieces])
    return _halved(low, points, half) + _halved(high, points, pieces - half)


def _surrounded(scaled: np.ndarray, own: np.ndarray, pbc: np.ndarray, margin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the atoms (n,) and their images (n, 3), in cells, in the box around the own atoms that is wider by the margin."""
    low, high = scaled[own].min(0) - margin - 1e-9, scaled[own].max(0) + margin + 1e-9
    steps = [range(int(np.floor(a)) - 1, int(np.floor(b)) + 1) if p else range(1) for a, b, p in zip(low, high, pbc)]
    index, image = [], []
    for step in product(*steps):
        inside = np.flatnonzero(((scaled + step >= low) & (scaled + step <= high)).all(1))
        index.append(inside)
        image.append(np.tile(np.array(step, dtype=float), (len(inside), 1)))
    return np.concatenate(index), np.concatenate(image)


def _cluster(structure: Structure, index: np.ndarray, positions: np.ndarray, share: Share) -> Structure:
    which = torch.from_numpy(index)
    return Structure(
        numbers=structure.numbers[which], positions=torch.from_numpy(positions).to(structure.positions.dtype), cell=structure.cell,
        pbc=torch.zeros_like(structure.pbc), system=structure.system[which], electrode=structure.electrode[which],
        countercharge_gap=structure.countercharge_gap, share=share,
    )  # fmt: skip


@contextmanager
def _numbered_in_piece() -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise ValueError(f"in a piece of the structure, which numbers its own atoms: {error}") from error


@dataclass(frozen=True)
class Rows:
    """Some rows of a kernel, as a kernel of all atoms of the whole structure.

    Parameters
    ----------
    kernel : of n atoms;  found : what is kept of its values
    rows : which rows these are, None for all, of a kernel that has no row for each atom
    index : (n,) which atoms of the whole the kernel's are;  n_atoms : of the whole
    """

    kernel: Kernel
    found: np.ndarray
    rows: np.ndarray | None
    index: np.ndarray
    n_atoms: int

    @classmethod
    def of(cls, kernel: Kernel, rows: np.ndarray, index: np.ndarray, n_atoms: int) -> Rows:
        """Return these rows of a kernel."""
        values = kernel.values()
        each = len(values) == len(index)
        return cls(kernel, values[rows] if each else values, rows if each else None, index, n_atoms)

    def values(self) -> np.ndarray:
        """Return the rows."""
        return self.found

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3)."""
        if self.rows is not None:
            kept = np.zeros((len(self.index), *cotangent.shape[1:]))
            kept[self.rows] = cotangent
            cotangent = kept
        out = np.zeros((self.n_atoms, 3))
        np.add.at(out, self.index, self.kernel.pull(np.ascontiguousarray(cotangent)))
        return out


@dataclass(frozen=True)
class WrittenPiece:
    """The members of a committee, or one model, written out in a piece.

    Parameters
    ----------
    at : natural variable -> the members' state
    forces : of weighted states, see `models.closed_form`
    size : M members of a committee, 0 for one model alone
    middle : the natural variable at which their disagreement costs, None without caution
    """

    at: Callable[[float], State]
    forces: Callable[[list[tuple[State, np.ndarray]]], np.ndarray]
    size: int
    middle: float | None

    @classmethod
    def of(cls, model: Model, structure: Structure, members: Members) -> WrittenPiece:
        """Return what these members sum up to; the last two states are remembered."""
        at = lru_cache(maxsize=2)(lambda x: members.at(np.array([x])))
        committee = isinstance(model, Committee)
        cautious = committee and model.config.caution > 0
        return cls(at, members.forces, model.config.size if committee else 0, middle_of_range(model.card, model.natural, structure).item() if cautious else None)

    def sums(self, x: float) -> np.ndarray:
        """Return the mean's sum, its two derivatives, and those beside it, as `Committee.sums` has them, (3 + K,)."""
        state = self.at(x)
        others = [state.energies[: self.size]] + ([] if self.middle is None else [self.at(self.middle).energies])
        return np.concatenate([state.energies.mean(0), state.first.mean(0), state.second.mean(0), *(each[:, 0] for each in others)])

    def pulled(self, x: float, natural: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Return the gradient of the weighted sums by all positions, (N, 3)."""
        state = self.at(x)
        weighted = [(state, np.tile(natural / len(state.energies), (len(state.energies), 1)))]
        if self.middle is not None:
            weighted.append((self.at(self.middle), np.ascontiguousarray(others[:, self.size :].T)))
        return -self.forces(weighted)


@dataclass(frozen=True)
class Piece:
    """A piece with what a model knows of it.

    Parameters
    ----------
    structure : its own atoms where kernels describe their neighbours, else the cluster
    index : (n,) the structure's atoms among those of the whole, of N atoms
    kernels : by name, none for a model written in torch alone
    values : what the model is given
    written : the sums with their derivatives written out, where the model has them
    """

    structure: Structure
    index: np.ndarray
    n_atoms: int
    kernels: dict[str, Rows]
    values: dict[str, Tensor]
    written: WrittenPiece | None = None

    @classmethod
    def of(cls, model: Model, cluster: Structure, index: np.ndarray, wide: dict[str, Kernel], n_atoms: int) -> Piece:
        """Return the piece of a model from a cluster; `wide` are kernels of the whole structure."""
        with _numbered_in_piece():
            near = model.near(cluster)
        if not near:
            return cls(cluster, index, n_atoms, {}, {"positions": cluster.positions})
        own = cluster.share.own.numpy()
        kernels = {name: Rows.of(kernel, np.flatnonzero(own), index, n_atoms) for name, kernel in near.items()}
        kernels |= {name: Rows.of(kernel, index[own], np.arange(n_atoms), n_atoms) for name, kernel in wide.items()}
        structure = _own_atoms(cluster)
        if (members := model.written_out(structure, kernels)) is not None:
            members = WrittenPiece.of(model, structure, members)
        return cls(structure, index[own], n_atoms, kernels, {name: torch.from_numpy(kernel.values()) for name, kernel in kernels.items()}, members)

    def sums(self, model: Model, x: Tensor) -> np.ndarray:
        """Return the sum that depends on the natural variable x (1,), its two derivatives, and the other sums, (3 + K,)."""
        if self.written is not None:
            return self.written.sums(x.item())
        with torch.enable_grad(), _numbered_in_piece():
            x = x.detach().requires_grad_()
            natural, others = model.sums(self.structure, Control(**{model.natural: x}), self.values)
            first, second = two_slopes(natural, x)
        return torch.cat([natural, first, second, others[0]]).detach().double().numpy()

    def pulled(self, model: Model, x: Tensor, weights: tuple[Tensor, Tensor]) -> np.ndarray:
        """Return the gradient of the weighted sums by all positions, (N, 3); the weights are (1,) and (1, K)."""
        if self.written is not None:
            return self.written.pulled(x.item(), *(w.numpy() for w in weights))
        with torch.enable_grad():
            leaves = {name: value.detach().clone().requires_grad_() for name, value in self.values.items()}
            found = model.sums(self.structure, Control(**{model.natural: x.detach()}), leaves)
            weighted = sum((w * f).sum() for w, f in zip(weights, found))
        slopes = torch.autograd.grad(weighted, list(leaves.values()), materialize_grads=True)
        slopes = {name: slope.double().numpy() for name, slope in zip(leaves, slopes)}
        if self.kernels:
            return sum(kernel.pull(slopes[name]) for name, kernel in self.kernels.items())
        out = np.zeros((self.n_atoms, 3))
        np.add.at(out, self.index, slopes["positions"])
        return out


def _own_atoms(cluster: Structure) -> Structure:
    own = cluster.share.own
    return replace(
        cluster, numbers=cluster.numbers[own], positions=cluster.positions[own], system=cluster.system[own], electrode=cluster.electrode[own],
        share=Share(own[own], cluster.share.cell),
    )  # fmt: skip

"""A strictly local model evaluated in pieces, one after another or by several processes, to the last digits what it is in one.

    A(R, x) = f(T, R),    T = sum over pieces of the sums over their own atoms

For each value of the electronic variable x the pieces give T, dT/dx and d2T/dx2, which the processes add up; at the end each gives its part
of the forces, with those on its surroundings, and these are added up.  All processes hold all positions: N = 100 000 are 2.4 MB.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.models.pieces import Piece, cut
from electrode.state import Control, Structure


class NotLocal(ValueError):
    """A model whose energy is no sum over atoms of what they see nearby cannot be evaluated in pieces."""


class OtherProcess(RuntimeError):
    """Another process failed, and says why."""


@dataclass(frozen=True)
class Processes:
    """This process among those that evaluate one model together; see `mpi_processes`.

    Parameters
    ----------
    rank, size : number of this process, from 0, and of all
    add : the sum over all processes of an array (n,) of float64, the same bits in each
    """

    rank: int = 0
    size: int = 1
    add: Callable[[np.ndarray], np.ndarray] = lambda own: own

    def together(self, work: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the sum of what all processes find; where one fails, all do.

        Raises
        ------
        OtherProcess
            where another failed, or the own error.
        """
        found, failure = np.zeros(0), None
        try:
            found = work()
        except Exception as error:  # the others wait for this process
            failure = error
        failed = self.add(np.array([float(failure is not None)]))[0]
        if failure is not None:
            raise failure
        if failed:
            raise OtherProcess(f"process {self.rank} of {self.size}: {int(failed)} other processes failed; their own errors say why")
        return self.add(found.ravel()).reshape(found.shape)


def mpi_processes(comm=None) -> Processes:
    """Return the processes of an MPI communicator of mpi4py, by default all.

    Raises
    ------
    ImportError
        without mpi4py, or one built for another MPI than the program's.
    """
    from mpi4py import MPI

    comm = MPI.COMM_WORLD if comm is None else comm

    def add(own: np.ndarray) -> np.ndarray:
        total = np.zeros_like(own)
        comm.Reduce(np.ascontiguousarray(own), total, root=0)  # and a broadcast: an all-reduce may round otherwise in each process
        comm.Bcast(total, root=0)
        return total

    return Processes(comm.Get_rank(), comm.Get_size(), add)


class Parted(Model):
    """A strictly local model in pieces, with the same energies, forces, charge and potential; it is of no scheme.

    Charges of atoms are left out, and second derivatives in the positions refused.

    Parameters
    ----------
    model : with a `reach`
    pieces : number of them, by default one for each process; more need less memory, and more time for what they share
    processes : those that share the work, each of which must make the same calls; by default this one alone

    Raises
    ------
    NotLocal
        for a model without a reach.
    """

    stacks = False

    def __init__(self, model: Model, *, pieces: int | None = None, processes: Processes = Processes()):
        super().__init__()
        if model.reach is None:
            raise NotLocal(
                f"{type(model).__name__}: expected a strictly local model, whose energy is a sum over atoms of what they see within a cutoff (dual, the templates "
                "without envelope, their committees); long-ranged or global schemes run in one process"
            )
        pieces = processes.size if pieces is None else pieces
        if pieces < processes.size:
            raise ValueError(f"Parted: expected at least one piece for each of {processes.size} processes, got {pieces}")
        self.model, self.pieces, self.processes, self.card = model, pieces, processes, model.card
        self.natural, self.variational, self.symmetry = model.natural, model.variational, model.symmetry
        self.fails = {**model.fails, "committee": "it is one model in pieces; part the committee"}
        self._last: tuple[tuple, list[Piece]] | None = None

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the scalar (1,) [eV] and the extras of `joined`."""
        positions, x = description["positions"], control.value
        fixed = structure.at(positions.detach())
        found = torch.from_numpy(self.processes.together(lambda: sum(p.sums(self.model, x) for p in self._own(fixed)))).to(x)
        natural, first, second, others = found[:1], found[1:2], found[2:3], found[None, 3:]
        pull = lambda *weights: self.processes.together(lambda: sum(p.pulled(self.model, x, weights) for p in self._own(fixed)))
        natural, others = _Sums.apply(positions, natural, others, pull)
        step = x - x.detach()  # zero, with the derivatives of the sum
        return self.model.joined(natural + step * (first + 0.5 * step * second), others, structure)

    def _own(self, structure: Structure) -> list[Piece]:
        """Return this process's pieces, those of the last atoms and weights if these are the same."""
        atoms = (structure.positions, structure.numbers, structure.cell, structure.pbc, structure.electrode)
        key = *(t.numpy().tobytes() for t in atoms), *((t.data_ptr(), t._version) for t in self.model.state_dict(keep_vars=True).values())
        if self._last is None or self._last[0] != key:
            self._last = None  # its memory is needed
            wide, wanted = self.model.wide(structure), range(self.processes.rank, self.pieces, self.processes.size)
            clusters = cut(structure, self.pieces, self.model.reach, wanted)
            self._last = key, [Piece.of(self.model, *cluster, wide, len(structure.numbers)) for cluster in clusters]
        return self._last[1]


class _Sums(torch.autograd.Function):
    """Sums that are known, whose gradient by the positions the pieces find when it is asked for."""

    @staticmethod
    def forward(ctx, positions, natural, others, pull):
        ctx.pull = pull
        return natural.clone(), others.clone()

    @staticmethod
    def backward(ctx, *weights):
        if torch.is_grad_enabled():
            raise RuntimeError("a model in pieces has one derivative in the positions; a second was asked for. Use the model itself")
        return torch.from_numpy(ctx.pull(*(w.detach() for w in weights))).to(weights[0]), None, None, None

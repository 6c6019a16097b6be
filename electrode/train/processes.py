"""Several processes that train one model: each holds a share of the frames, gradients are summed, the first one writes.

Started by `torchrun`, they speak through torch.distributed on the CPU; without it there is one process.
"""

from __future__ import annotations

import gc
import os
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Processes:
    """This process among all.

    Parameters
    ----------
    rank : number of this process, from 0
    size : number of all
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes and prints."""
        return self.rank == 0

    def share(self, rows: np.ndarray) -> np.ndarray:
        """Return this process's part of all rows: each P-th one."""
        return rows[self.rank :: self.size]

    def held(self, rows: np.ndarray) -> np.ndarray:
        """Return the places, in this process's share, of those of the numbered rows that it holds."""
        return rows[rows % self.size == self.rank] // self.size

    def sum(self, value: Tensor) -> Tensor:
        """Return the sum over all processes, the same number in each."""
        if self.size > 1:
            value = value.clone()
            dist.all_reduce(value)
        return value

    def sum_gradients(self, parameters: list[Tensor]) -> None:
        """Replace every gradient by its sum over all processes, in one message; a parameter without one in any process has none."""
        if self.size == 1:
            return
        have = torch.tensor([float(p.grad is not None) for p in parameters], dtype=torch.float64)
        flat = [(torch.zeros_like(p) if p.grad is None else p.grad).flatten() for p in parameters]
        have, *flat = self.sum(torch.cat([have, *flat])).split([len(have), *map(len, flat)])
        for p, g, h in zip(parameters, flat, have):
            p.grad = g.reshape(p.shape).clone() if h else None

    def of_first(self, value: float) -> float:
        """Return the number that the first process has."""
        if self.size == 1:
            return value
        told = torch.tensor([value], dtype=torch.float64)
        dist.broadcast(told, 0)
        return float(told)


ALONE = Processes()


def processes_of_environment() -> Processes:
    """Return the processes that `torchrun` started, joined, or the one there is."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if not dist.is_initialized():
        dist.init_process_group("gloo")
    return Processes(dist.get_rank(), dist.get_world_size())


def leave(processes: Processes) -> None:
    """Part from the other processes, once all have come here.

    The group is taken apart before the interpreter is: gloo's threads, ended later, abort the process.
    """
    if processes.size > 1:
        dist.barrier()
        dist.destroy_process_group()
        gc.collect()

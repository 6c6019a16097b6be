"""Models whose scalar and its derivatives are written out, so that inference needs no autograd graph.

A scheme that has them gives `Model.closed_form`; the numbers are those of its `forward`, which stays the definition, and `thermo.evaluate`
takes the shorter way on its own.  Training, and whatever differentiates once more, goes by `forward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class State:
    """M members at one value of the natural variable x.

    Parameters
    ----------
    energies, first, second : (M, S) [eV], each member's scalar and its derivatives in x
    extras : further results by name, the members first
    kept : what the forces need once more
    """

    energies: np.ndarray
    first: np.ndarray
    second: np.ndarray
    extras: Mapping[str, np.ndarray]
    kept: object


class Members(Protocol):
    """M models of one scheme at one set of atoms."""

    def at(self, x: np.ndarray) -> State:
        """Return the members at the natural variable x, (S,)."""

    def forces(self, weighted: list[tuple[State, np.ndarray]]) -> np.ndarray:
        """Return -d/dR of the weighted sum of the members' scalars, (N, 3) [eV/A], each state with its weights (M, S)."""


@dataclass(frozen=True)
class Added:
    """What is added to the mean and does not depend on the natural variable.

    Parameters
    ----------
    energy : (S,) [eV]
    state, weights : where the members are that it depends on, and its derivatives by their scalars, (M, S)
    """

    energy: np.ndarray
    state: State
    weights: np.ndarray


@dataclass(frozen=True)
class ClosedForm:
    """The scalar of a model at one set of atoms, the mean of its members; a single model is its only member.

    Parameters
    ----------
    members : the members
    added : a committee's caution, None where there is none
    also : further results from the members' state, as numpy arrays
    """

    members: Members
    added: Added | None = None
    also: Callable[[State], dict[str, np.ndarray]] = lambda state: {}

    def slopes(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scalar's first and second derivative in the natural variable x, each (S,)."""
        state = self.members.at(x.numpy())
        return torch.from_numpy(state.first.mean(0)), torch.from_numpy(state.second.mean(0))

    def results(self, x: Tensor) -> tuple[dict[str, Tensor], tuple[Tensor, Tensor]]:
        """Return "natural_energy" (S,), "forces" (N, 3) and extras, and the two derivatives in x (S,)."""
        state = self.members.at(x.numpy())
        energy, weighted = state.energies.mean(0), [(state, np.full(state.energies.shape, 1.0 / len(state.energies)))]
        if self.added is not None:
            energy = energy + self.added.energy
            weighted.append((self.added.state, self.added.weights))
        extras = {name: value.mean(0) for name, value in state.extras.items()} | self.also(state)
        found = {"natural_energy": energy, "forces": self.members.forces(weighted), **extras}
        slopes = torch.from_numpy(state.first.mean(0)), torch.from_numpy(state.second.mean(0))
        return {name: torch.from_numpy(value) for name, value in found.items()}, slopes


class Prepared:
    """What is made of a module's weights once, and anew when they change.

    Parameters
    ----------
    make : weights -> what is kept
    """

    def __init__(self, make: Callable):
        self._make, self._modules, self._key, self._value = make, (), None, None

    def of(self, module: nn.Module, weights: Callable[[], dict[str, Tensor]]):
        """Return what belongs to the module's present weights, which change in place or are replaced, not by way of `.data`."""
        if self._key is None or self._key != self._state(self._modules) or self._modules[0] is not module:
            self._modules = tuple(module.modules())
            self._key, self._value = self._state(self._modules), self._make({name: value.detach().numpy() for name, value in weights().items()})
        return self._value

    @staticmethod
    def _state(modules: tuple[nn.Module, ...]) -> list[tuple[int, int]]:
        """Return what tells one state of the weights from another: where each lies and how often it was written, and which modules there are."""
        tensors = [(t.data_ptr(), t._version) for m in modules for group in (m._parameters, m._buffers) for t in group.values() if t is not None]
        return tensors + [(id(part), 0) for m in modules for part in m._modules.values()]

"""Several sets of symmetry functions as one: near surroundings in detail, far ones by distance alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from electrode.physics.neighbours import NeighbourList
from electrode.physics.symmetry_functions import SymmetryFunctions, SymmetryKernel


@dataclass(frozen=True)
class JoinedKernel:
    """The functions of several kernels of the same atoms, side by side, see `electrode.bridge.Kernel`.

    Parameters
    ----------
    parts : the kernels
    """

    parts: Sequence[SymmetryKernel]

    def values(self) -> np.ndarray:
        """Return the functions of each atom, (N, F)."""
        return np.concatenate([part.values() for part in self.parts], axis=1)

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return sum_if g_if dG_if/dR, (N, 3)."""
        return sum(part.pull(g) for part, g in self._shares(cotangent))

    def lean(self) -> JoinedKernel:
        """Return the kernels without what they kept, see `SymmetryKernel.lean`."""
        return JoinedKernel([part.lean() for part in self.parts])

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the functions along a displacement (N, 3), (N, F)."""
        return np.concatenate([part.push(displacement) for part in self.parts], axis=1)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        return sum(part.pull_along(g, displacement) for part, g in self._shares(cotangent))

    def jacobian(self, n: int) -> np.ndarray:
        """Return the derivatives of each atom's functions in the positions of its own system of n atoms, (N, F, 3n)."""
        return np.concatenate([part.jacobian(n) for part in self.parts], axis=1)

    def _shares(self, cotangent: np.ndarray):
        ends = np.cumsum([part.functions.n_features for part in self.parts])
        return zip(self.parts, (np.ascontiguousarray(g) for g in np.split(cotangent, ends[:-1], axis=1)))


def bind_sets(sets: Sequence[SymmetryFunctions], numbers: np.ndarray, positions: np.ndarray, neighbours: Callable[[float], NeighbourList]):
    """Return the kernel of one set or more at the given atoms, and the neighbours within the cutoff of the first.

    Parameters
    ----------
    sets : the functions
    numbers : (N,) atomic numbers;  positions : (N, 3) [A]
    neighbours : gives the list of a cutoff [A]
    """
    lists = {cutoff: neighbours(cutoff) for cutoff in {f.cutoff for f in sets}}
    kernels = [f.bind(numbers, positions, lists[f.cutoff]) for f in sets]
    return (JoinedKernel(kernels) if len(kernels) > 1 else kernels[0]), lists[sets[0].cutoff]

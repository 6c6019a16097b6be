"""Energies of pairs, learned from all pairs of the same two elements: every bond of hydrogen to oxygen tells of every other.

    E = sum_pairs sum_b w_kb [exp(-(g - c_b)^2 / 2) - exp(-c_b^2 / 2)],   g and c_b in units of `WIDTH`, k the pair's two elements

with g the reduced inverse distance of `electrode.learn.features`; a pair beyond the cutoff, g = 0, gives nothing.  The weights w are part of
the trend of the Gaussian process.  As a process of its own it is a covariance of pairs, as in Bartok, Payne, Kondor and Csanyi, Phys. Rev.
Lett. 104, 136403 (2010), https://doi.org/10.1103/PhysRevLett.104.136403
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.learn.features import Features, Pairs

WIDTH = 0.3  # of a function, and distance between two
CENTRES = np.arange(0.1, 1.6, WIDTH) / WIDTH
WEIGHT = 0.3  # width of a weight, relative to the amplitude


@dataclass(frozen=True)
class Radial:
    """The functions of some pairs.

    Parameters
    ----------
    kinds : (P,) int, which two elements each pair has
    """

    kinds: np.ndarray

    @classmethod
    def of(cls, pairs: Pairs, numbers: np.ndarray) -> Radial:
        """Return the functions of the pairs of atoms with these atomic numbers."""
        both = np.sort([numbers[pairs.first], numbers[pairs.second]], axis=0)
        return cls(np.unique(both, axis=1, return_inverse=True)[1].ravel())

    @property
    def count(self) -> int:
        """How many functions there are, T."""
        return len(CENTRES) * (int(self.kinds.max()) + 1)

    def functions(self, values: np.ndarray) -> np.ndarray:
        """Return the functions at features (m, P), (m, T)."""
        return (self._of_pairs(values)[0].transpose(0, 2, 1) @ self._belongs).transpose(0, 2, 1).reshape(len(values), -1)

    def with_gradients(self, features: Features) -> np.ndarray:
        """Return the functions and their gradients by the positions of F free atoms, (m, 1 + 3F, T)."""
        slopes, belongs = self._of_pairs(features.values)[1], self._belongs
        columns = [features.pull(slopes[:, :, b] * belongs[:, k]) for k in range(belongs.shape[1]) for b in range(len(CENTRES))]
        return np.concatenate([self.functions(features.values)[:, None], np.stack(columns, axis=2)], axis=1)

    def energy(self, values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the energy (m,) of weights (T,) and its derivative by the features (m, P)."""
        own = weights.reshape(-1, len(CENTRES))[self.kinds]
        function, slope = self._of_pairs(values)
        return np.einsum("mpb,pb->m", function, own), np.einsum("mpb,pb->mp", slope, own)

    @property
    def _belongs(self) -> np.ndarray:
        return np.eye(int(self.kinds.max()) + 1)[self.kinds]

    def _of_pairs(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each function of each pair and its derivative, (m, P, B)."""
        steps = values[:, :, None] / WIDTH - CENTRES
        bell = np.exp(-0.5 * steps**2)
        return bell - np.exp(-0.5 * CENTRES**2), -steps * bell / WIDTH

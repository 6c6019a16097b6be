"""Behler-Parrinello symmetry functions with exact derivatives, in time linear in the neighbours.

Radial (G2) and wide angular (G5) functions of the neighbours j, k of an atom,

    G2_{s,m}   = sum_{j in s} g_m(r_j),          g_m(r) = exp(-eta (r - r_m)^2) fc(r)
    G5_{p,z,l} = 2^(1-z) sum_{j != k} (1 + l cos theta_jk)^z g_m(r_j) g_m'(r_k)

for element s, and for a pair p of (element, radial function).  For integer z the angular sum is a scalar product of the
moments sum_j g_m(r_j) u_j (x) u_j (x) ... of the neighbours' unit vectors u_j, less the terms j = k, so no loop over
triplets is needed.  Behler, J. Chem. Phys. 134, 074106 (2011), https://doi.org/10.1063/1.3553717.  Departs from it in the
cutoff, fc = [(1 + cos(pi r / rc)) / 2]^2, whose first three derivatives vanish at rc.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from math import comb

import numpy as np

from electrode.physics import _moments_first, _moments_jacobian, _moments_tangent
from electrode.physics.elements import element_places
from electrode.physics.neighbours import NeighbourList


@dataclass(frozen=True)
class SymmetryFunctions:
    """The set of functions that describes an atom's neighbourhood.

    Parameters
    ----------
    elements : atomic numbers of the neighbours that are told apart
    cutoff : float [A]
    radial : centres r_m of the radial functions [A];  radial_width : 1/sqrt(2 eta) [A]
    angular : centres of the radial functions of the angular part [A];  angular_width : [A]
    exponents : the z of the angular part, each with l = +1 and l = -1; at most 4
    cross : also pair neighbouring angular centres, not only equal ones
    """

    elements: tuple[int, ...]
    cutoff: float = 6.0
    radial: tuple[float, ...] = (0.8, 1.3, 1.8, 2.4, 3.0, 3.7, 4.5)
    radial_width: float = 0.45
    angular: tuple[float, ...] = (1.0, 2.2, 3.4)
    angular_width: float = 0.8
    exponents: tuple[int, ...] = (1, 3)
    cross: bool = False

    def __post_init__(self):
        if not 0 < self.cutoff < np.inf:
            raise ValueError(f"SymmetryFunctions.cutoff: expected a positive length [A], got {self.cutoff}")
        if len(set(self.elements)) != len(self.elements) or not self.elements:
            raise ValueError(f"SymmetryFunctions.elements: expected different atomic numbers, got {self.elements}")
        if any(z not in (1, 2, 3, 4) for z in self.exponents):
            raise ValueError(f"SymmetryFunctions.exponents: expected integers 1 to 4, got {self.exponents}")

    @property
    def n_features(self) -> int:
        """Number of functions for each atom."""
        return len(self.elements) * len(self.radial) + len(self.pairs) * len(self.angular_map)

    @cached_property
    def pairs(self) -> np.ndarray:
        """Pairs of moment rows (element * n_angular + function) that are multiplied, (P, 2)."""
        n = len(self.angular)
        rows = range(len(self.elements) * n)
        steps = (0, 1) if self.cross else (0,)
        kept = [(a, b) for a in rows for b in rows if a <= b and abs(a % n - b % n) in steps]
        return np.array(kept, dtype=np.int64).reshape(-1, 2)

    @cached_property
    def angular_map(self) -> np.ndarray:
        """Coefficients 2^(1-z) C(z, l) (+-1)^l that turn moment products of order l into G5, (2 Z, L+1)."""
        order = max(self.exponents, default=0)
        rows = [
            [2.0 ** (1 - z) * comb(z, l) * sign**l for l in range(order + 1)] for z in self.exponents for sign in (1.0, -1.0)
        ]
        return np.array(rows).reshape(-1, order + 1)

    @cached_property
    def gaussians(self) -> np.ndarray:
        """Centre [A] and exponent eta [1/A^2] of every radial function, G2's first, (K, 2)."""
        rows = [(c, 0.5 / self.radial_width**2) for c in self.radial]
        rows += [(c, 0.5 / self.angular_width**2) for c in self.angular]
        return np.array(rows, dtype=np.float64).reshape(-1, 2)

    def channels(self, numbers: np.ndarray) -> np.ndarray:
        """Return the index of each atom's element, (N,); raises ValueError for an element not in the set."""
        return element_places(numbers, self.elements)

    def bind(self, numbers: np.ndarray, positions: np.ndarray, neighbours: NeighbourList) -> SymmetryKernel:
        """Return the kernel of these functions at the given atoms, see `electrode.bridge.Kernel`."""
        return SymmetryKernel(self, self.channels(numbers), neighbours, neighbours.vectors(positions))


@dataclass(frozen=True)
class SymmetryKernel:
    """Symmetry functions of one set of positions: values (N, n_features) and derivative products."""

    functions: SymmetryFunctions
    channels: np.ndarray
    neighbours: NeighbourList
    vectors: np.ndarray

    @cached_property
    def _described(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The functions of each atom (N, F), the moments that they are made of, and the exponentials of all neighbours."""
        return _moments_first.values(*self._arguments, self._tables[0])

    @property
    def _tables(self):
        return _moments_first.tables(self.functions.angular_map.shape[1] - 1)

    @property
    def _arguments(self):
        f, nl = self.functions, self.neighbours
        sizes = len(f.elements), len(f.radial), len(f.angular), f.angular_map.shape[1] - 1
        return nl.first, nl.index, self.vectors, self.channels, sizes, f.cutoff, f.gaussians, f.pairs, f.angular_map

    def values(self) -> np.ndarray:
        """Return the functions of each atom, (N, F)."""
        return self._described[0]

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return sum_if g_if dG_if/dR, (N, 3)."""
        kept = self.__dict__.get("_described") or _moments_first.values(*self._arguments, self._tables[0])
        return _moments_first.pull(*self._arguments, *self._tables, *kept[1:], cotangent)

    def lean(self) -> SymmetryKernel:
        """Return the kernel without what `values` kept for a pull that follows at once, for kernels that are stored."""
        return replace(self)

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the functions along a displacement (N, 3), (N, F)."""
        return _moments_tangent.push(*self._arguments, displacement)

    def jacobian(self, n: int) -> np.ndarray:
        """Return the derivatives of each atom's functions in the positions of its own system of n atoms, (N, F, 3n)."""
        return _moments_jacobian.jacobian(*self._arguments, n)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        return _moments_tangent.pull_along(*self._arguments, cotangent, displacement)

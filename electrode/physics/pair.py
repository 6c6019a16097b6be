"""Short-range energy of atoms from published radii: repulsion of pairs, and attraction that saturates.

    E = 1/2 sum_ij v_ij(r_ij) - sum_i [sqrt(rho_i + s^2) - s],   rho_i = sum_j c_ij h_ij(r_ij)^2

With v = D exp(-2a(r - r0)) and h = D exp(-a(r - r0)) two atoms alone follow a Morse curve of depth D.  With more
neighbours the attraction grows as the square root of their number, the second-moment approximation of tight binding,
so that hydrogen shares its bond between the oxygen it leaves and the metal it reaches.  A metal is not saturated by
what it adsorbs: a bond between a metal and a non-metal counts for the non-metal alone (c = 4 there, 0 at the metal,
else 1).  Metals among themselves take the published v = 2 A exp(-p(r/d - 1)) and h = xi exp(-q(r/d - 1)) where both
have one, with geometric means of A and xi and means of p, q and d.

Every function is multiplied by w(r), 1 up to 2/3 of the cutoff, falling to 0 there with two continuous derivatives;
s = 0.01 eV keeps the root smooth for a lone atom.  Universal force field: D = 70 kcal/mol, a = sqrt(k/2D) and
k = 664.12 Z*_i Z*_j / r0^3 kcal/mol/A^2, here with r0 the sum of single-bond radii.
Sources: Rappe et al. 1992, https://doi.org/10.1021/ja00051a040; Cleri and Rosato 1993,
https://doi.org/10.1103/PhysRevB.48.22; Pyykko and Atsumi 2009, https://doi.org/10.1002/chem.200800987
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from electrode.physics import _bond_terms
from electrode.physics._compiled import compiled
from electrode.physics.elements import BOND_RADIUS, COHESION, EFFECTIVE_CHARGE, METAL
from electrode.physics.neighbours import NeighbourList

_KCAL_PER_MOL = 0.0433641153  # [eV]
BOND_ENERGY = 70.0 * _KCAL_PER_MOL  # D [eV]
_FORCE_CONSTANT = 664.12 * _KCAL_PER_MOL  # [eV A / e^2]
_ROOT = 0.01  # s [eV]


@dataclass(frozen=True)
class Bonds:
    """The M directed pairs of a neighbour list at one set of positions.

    Parameters
    ----------
    i, j : (M,) int64, the two atoms
    distance : (M,) [A]
    direction : (M, 3), unit vectors from i to j
    n_atoms : int
    """

    i: np.ndarray
    j: np.ndarray
    distance: np.ndarray
    direction: np.ndarray
    n_atoms: int

    @classmethod
    def of(cls, positions: np.ndarray, neighbours: NeighbourList) -> Bonds:
        """Return the bonds of positions (N, 3) [A]."""
        i, distance, direction = _bond_terms.bonds(neighbours.first, neighbours.index, neighbours.offset, np.ascontiguousarray(positions, dtype=np.float64))
        return cls(i, neighbours.index, distance, direction, len(positions))

    def total(self, per_bond: np.ndarray) -> np.ndarray:
        """Sum a quantity (M,) over the bonds of each atom i, (N,)."""
        return np.bincount(self.i, per_bond, self.n_atoms)

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the distances along a displacement (N, 3), (M,)."""
        return np.einsum("bk,bk->b", self.direction, displacement[self.j] - displacement[self.i])

    def pull(self, slope: np.ndarray) -> np.ndarray:
        """Return the gradient (N, 3) of a sum over bonds whose terms have the derivative `slope` (M,) in r."""
        return _bond_terms.pulled(self.i, self.j, slope, self.direction, self.n_atoms)

    def pull_along(self, slope: np.ndarray, change: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(slope)` along a displacement which changes the slopes by `change` (M,)."""
        step = displacement[self.j] - displacement[self.i]
        along = np.einsum("bk,bk->b", self.direction, step)
        turn = (step - along[:, None] * self.direction) / self.distance[:, None]
        return _scatter(self.i, self.j, change[:, None] * self.direction + slope[:, None] * turn, self.n_atoms)


@compiled()
def _scatter(i, j, vectors, n_atoms):
    out = np.zeros((n_atoms, 3))
    for b in range(len(i)):
        for k in range(3):
            out[j[b], k] += vectors[b, k]
            out[i[b], k] -= vectors[b, k]
    return out


def bond_length(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the length of a single bond between elements of these atomic numbers, the sum of their radii [A]."""
    return BOND_RADIUS[first] + BOND_RADIUS[second]


def bond_functions(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return amplitude [eV], rate [1/A] and length [A] of v and of h for pairs of elements, two arrays (3, M)."""
    length = bond_length(first, second)
    stiffness = _FORCE_CONSTANT * EFFECTIVE_CHARGE[first] * EFFECTIVE_CHARGE[second] / length**3
    rate = np.sqrt(stiffness / (2.0 * BOND_ENERGY))
    energy = np.full(len(length), BOND_ENERGY)
    v, h = np.array([energy, 2.0 * rate, length]), np.array([energy, rate, length])
    one, two = COHESION[first].T, COHESION[second].T
    _, _, p, q, distance = 0.5 * (one + two)
    published = np.isfinite(distance)
    v[:, published] = np.array([2.0 * np.sqrt(one[0] * two[0]), p / distance, distance])[:, published]
    h[:, published] = np.array([np.sqrt(one[1] * two[1]), q / distance, distance])[:, published]
    return v, h


def decay(distance: np.ndarray, rate: np.ndarray, length: np.ndarray, cutoff: float) -> tuple[np.ndarray, ...]:
    """Return f = w(r) exp(-rate (r - length)) with its first and second derivative in r, each (M,).

    Parameters
    ----------
    distance, length : (M,) [A];  rate : (M,) [1/A]
    cutoff : [A], where w reaches zero
    """
    return tuple(_bond_terms.decays(*(np.ascontiguousarray(x, dtype=np.float64) for x in np.broadcast_arrays(distance, rate, length)), float(cutoff)))


@lru_cache(maxsize=64)
def _bonds_among(elements: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `bond_functions` of every element with every element, and the factor c, (3, E E), (3, E E), (E E,)."""
    first, second = np.repeat(elements, len(elements)), np.tile(elements, len(elements))
    share = np.where(METAL[first] == METAL[second], 1.0, np.where(METAL[first], 0.0, 4.0))
    return *bond_functions(first, second), share


class ShortRange:
    """The short-range energy of one set of positions, with its derivatives.

    Parameters
    ----------
    numbers : (N,) int, atomic numbers
    bonds : the pairs within the cutoff
    cutoff : [A]
    """

    def __init__(self, numbers: np.ndarray, bonds: Bonds, cutoff: float):
        elements, kind = _bond_terms.kinds(numbers)
        terms = _bonds_among(tuple(elements.tolist()))
        self.bonds = bonds
        self.repulsion, self.square, self.root = _bond_terms.bond_terms(bonds.i, bonds.j, kind, bonds.distance, *terms, float(cutoff), len(elements), _ROOT)

    def atom_energies(self) -> np.ndarray:
        """Return each atom's share of the energy, (N,) [eV]."""
        return 0.5 * self.bonds.total(self.repulsion[0]) - (self.root - _ROOT)

    def energy(self) -> float:
        """Return the energy [eV]."""
        return float(self.atom_energies().sum())

    def slopes(self) -> np.ndarray:
        """Return the derivative of atom i's share with respect to each of its bonds, (M,) [eV/A]."""
        return _bond_terms.slopes(self.bonds.i, self.repulsion, self.square, self.root)

    def slopes_along(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of `slopes` along a displacement (N, 3), (M,)."""
        bonds, (_, q1, q2) = self.bonds, self.square
        along = bonds.push(displacement)
        bend = bonds.total(q1 * along) / (4.0 * self.root**3)
        return (0.5 * self.repulsion[2] - q2 / (2.0 * self.root[bonds.i])) * along + bend[bonds.i] * q1

    def gradient(self) -> np.ndarray:
        """Return dE/dR, (N, 3) [eV/A]."""
        return self.bonds.pull(self.slopes())

    def gradient_along(self, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of the gradient along a displacement (N, 3), (N, 3)."""
        return self.bonds.pull_along(self.slopes(), self.slopes_along(displacement), displacement)


@dataclass(frozen=True)
class ShortRangeKernel:
    """The short-range energy of each system of a batch, (S,), see `electrode.bridge.Kernel`.

    Parameters
    ----------
    short_range : of all atoms of the batch, whose bonds join atoms of one system
    system : (N,) the system of each atom
    """

    short_range: ShortRange
    system: np.ndarray

    def values(self) -> np.ndarray:
        """Return the energies, (S,) [eV]."""
        return np.bincount(self.system, self.short_range.atom_energies())

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the energies along a displacement (N, 3), (S,)."""
        bonds = self.short_range.bonds
        return np.bincount(self.system, bonds.total(self.short_range.slopes() * bonds.push(displacement)))

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return the gradient of the sum weighted by the cotangent (S,), (N, 3)."""
        return self.short_range.bonds.pull(self._weights(cotangent) * self.short_range.slopes())

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        weights, short = self._weights(cotangent), self.short_range
        return short.bonds.pull_along(weights * short.slopes(), weights * short.slopes_along(displacement), displacement)

    def _weights(self, cotangent: np.ndarray) -> np.ndarray:
        return cotangent[self.system[self.short_range.bonds.i]]


@dataclass(frozen=True)
class NoShortRange:
    """No energy, where the classical one would do harm; for parameters see `ShortRangeKernel`."""

    n_atoms: int
    n_systems: int

    def values(self) -> np.ndarray:
        """Return zeros, (S,) [eV]."""
        return np.zeros(self.n_systems)

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return zeros, (S,)."""
        return np.zeros(self.n_systems)

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return zeros, (N, 3)."""
        return np.zeros((self.n_atoms, 3))

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return zeros, (N, 3)."""
        return np.zeros((self.n_atoms, 3))

"""Smooth SO(3) power spectrum of the neighbours' density, with exact derivatives, in time linear in the neighbours.

The neighbours j of element Z make a density of Gaussians, which is expanded about atom i in radial functions and spherical
harmonics; the products of its coefficients summed over m do not change under rotation:

    rho_Z(r) = sum_{j in Z} fc(r_j) exp(-alpha |r - r_j|^2)
    c_{Znlm} = int rho_Z(r) g_n(r) Y_lm(r) dr = sum_{j in Z} h_nl(r_j) Y_lm(r_j)
    h_nl(r)  = 4 pi fc(r) exp(-alpha r^2) int_0^rc x^2 g_n(x) exp(-alpha x^2) i_l(2 alpha x r) dx
    p_{ZZ'nn'l} = sum_m c_{Znlm} c_{Z'n'lm}

with i_l the modified spherical Bessel functions and g_n the functions (rc - x)^(a+2), a = 1 ... n_max, made orthonormal.
Bartok, Kondor and Csanyi, Phys. Rev. B 87, 184115 (2013), https://doi.org/10.1103/PhysRevB.87.184115.  Departs from the smooth form of PyXtal_FF
and LAMMPS in two things: every pair of neighbour elements has features of its own where one density there weights the
elements, and the cutoff is fc = [(1 + cos(pi r / rc)) / 2]^2, whose first three derivatives vanish at rc.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import factorial

import numpy as np
from scipy.interpolate import BPoly, PPoly
from scipy.special import ive

from electrode.physics import _solid_jacobian, _solid_moments, _solid_tangent
from electrode.physics.elements import element_places
from electrode.physics.neighbours import CLOSEST_APPROACH, NeighbourList

_STEPS = 400  # pieces of the radial functions' table; their error is below 1e-8 of the largest value
_NODES = 96  # of the radial integrals


@dataclass(frozen=True)
class PowerSpectrum:
    """The set of features that describes an atom's neighbourhood.

    Parameters
    ----------
    elements : atomic numbers of the neighbours that are told apart
    cutoff : float [A]
    n_max : number of radial functions, at most 8
    l_max : highest degree of the spherical harmonics, at most 8
    alpha : exponent of the Gaussians [1/A^2]
    cross : also multiply different radial functions, as published, not only equal ones
    """

    elements: tuple[int, ...]
    cutoff: float = 6.0
    n_max: int = 4
    l_max: int = 3
    alpha: float = 1.5
    cross: bool = True

    def __post_init__(self):
        for name in ("cutoff", "alpha"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"PowerSpectrum.{name}: expected a positive number, got {getattr(self, name)}")
        if len(set(self.elements)) != len(self.elements) or not self.elements:
            raise ValueError(f"PowerSpectrum.elements: expected different atomic numbers, got {self.elements}")
        if self.n_max not in range(1, 9) or self.l_max not in range(9):
            raise ValueError(f"PowerSpectrum: expected n_max 1 to 8 and l_max 0 to 8, got {self.n_max} and {self.l_max}")

    @property
    def n_features(self) -> int:
        """Number of features of each atom."""
        return len(self.pairs) * (self.l_max + 1)

    @cached_property
    def pairs(self) -> np.ndarray:
        """Pairs of rows (element * n_max + n) of coefficients that are multiplied, (P, 2); the feature of pair k and degree l is k (L+1) + l."""
        rows = range(len(self.elements) * self.n_max)
        kept = [(a, b) for a in rows for b in rows if a <= b and (self.cross or a % self.n_max == b % self.n_max)]
        return np.array(kept, dtype=np.int64)

    @cached_property
    def degrees(self) -> tuple[np.ndarray, np.ndarray]:
        """Degree l of each solid harmonic and the square that normalises it, twice for m > 0, see `_solid_moments`."""
        lm = [(l, (a + 1) // 2) for l in range(self.l_max + 1) for a in range(2 * l + 1)]
        square = [(2 * l + 1) / (4 * np.pi) * factorial(l - m) * factorial(l + m) * (2 if m else 1) for l, m in lm]
        return np.array([l for l, _ in lm], dtype=np.int64), np.array(square)

    @cached_property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """Start and step [A^2], (2,), and the polynomials (pieces, 6, n_max (L+1)) of h_nl(r)/r^l in s = r^2, two derivatives continuous."""
        knots = np.linspace((0.9 * CLOSEST_APPROACH) ** 2, self.cutoff**2, _STEPS + 1)
        pieces = PPoly.from_bernstein_basis(BPoly.from_derivatives(knots, _radial(self, knots).transpose(1, 0, 2)))
        return np.array([knots[0], knots[1] - knots[0]]), np.ascontiguousarray(pieces.c[::-1].transpose(1, 0, 2))

    def channels(self, numbers: np.ndarray) -> np.ndarray:
        """Return the index of each atom's element, (N,); raises ValueError for an element not in the set."""
        return element_places(numbers, self.elements)

    def bind(self, numbers: np.ndarray, positions: np.ndarray, neighbours: NeighbourList) -> SpectrumKernel:
        """Return the kernel of these features at the given atoms, see `electrode.bridge.Kernel`."""
        return SpectrumKernel(self, self.channels(numbers), neighbours, neighbours.vectors(positions))


@dataclass(frozen=True)
class SpectrumKernel:
    """Power spectrum of one set of positions: values (N, n_features) and derivative products."""

    spectrum: PowerSpectrum
    channels: np.ndarray
    neighbours: NeighbourList
    vectors: np.ndarray

    @property
    def _arguments(self):
        f, nl = self.spectrum, self.neighbours
        return nl.first, nl.index, self.vectors, self.channels, len(f.elements), *f.table, f.pairs, *f.degrees

    def values(self) -> np.ndarray:
        """Return the features of each atom, (N, F)."""
        return _solid_moments.values(*self._arguments)

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return sum_if g_if dp_if/dR, (N, 3)."""
        return _solid_moments.pull(*self._arguments, np.ascontiguousarray(cotangent))

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the change of the features along a displacement (N, 3), (N, F)."""
        return _solid_tangent.push(*self._arguments, displacement)

    def jacobian(self, n: int) -> np.ndarray:
        """Return the derivatives of each atom's features in the positions of its own system of n atoms, (N, F, 3n)."""
        return _solid_jacobian.jacobian(*self._arguments, n)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        return _solid_tangent.pull_along(*self._arguments, np.ascontiguousarray(cotangent), displacement)


def _radial(spectrum: PowerSpectrum, s: np.ndarray) -> np.ndarray:
    """Return h_nl(r)/r^l at s = r^2 with its first two derivatives in s, (3, len(s), n_max (L+1))."""
    front = _front(s, spectrum.cutoff)
    out = np.empty((3, len(s), spectrum.n_max, spectrum.l_max + 1))
    for l in range(spectrum.l_max + 1):
        value, first, second = _integrals(spectrum, s, l)
        out[0, :, :, l] = front[0] * value
        out[1, :, :, l] = front[1] * value + front[0] * first
        out[2, :, :, l] = front[2] * value + 2.0 * front[1] * first + front[0] * second
    return out.reshape(3, len(s), -1)


def _integrals(spectrum: PowerSpectrum, s: np.ndarray, l: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return 4 pi exp(-alpha s) int x^2 g_n exp(-alpha x^2) i_l(2 alpha x r) dx / r^l and two derivatives in s, (len(s), n_max) each.

    With k_l(z^2) = i_l(z)/z^l, dk_l/d(z^2) = k_{l+1}/2: derivatives of the integral are integrals of higher degree.
    """
    alpha, r = spectrum.alpha, np.sqrt(s)[:, None]
    x, weight = np.polynomial.legendre.leggauss(_NODES)
    x, weight = 0.5 * spectrum.cutoff * (x + 1.0), 0.5 * spectrum.cutoff * weight
    density = 4.0 * np.pi * weight * x**2 * _orthonormal(spectrum, x, x**2 * weight)
    z = 2.0 * alpha * x * r
    bell = np.sqrt(0.5 * np.pi) * np.exp(-alpha * (x - r) ** 2)
    j, j1, j2 = ((bell * ive(l + k + 0.5, z) / z ** (l + k + 0.5) * (2.0 * alpha * x) ** (l + 2 * k) / 2.0**k) @ density.T for k in range(3))
    return j, j1 - alpha * j, j2 - 2.0 * alpha * j1 + alpha**2 * j


def _orthonormal(spectrum: PowerSpectrum, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Return the radial functions g_n at the nodes x, (n_max, nodes), orthonormal under the nodes' weights."""
    phi = (1.0 - x / spectrum.cutoff) ** np.arange(3, spectrum.n_max + 3)[:, None]
    phi /= np.sqrt(phi**2 @ weight)[:, None]
    values, vectors = np.linalg.eigh(phi * weight @ phi.T)
    return vectors / np.sqrt(values) @ vectors.T @ phi


def _front(s: np.ndarray, cutoff: float) -> np.ndarray:
    """Return fc at r^2 = s and its first two derivatives in s, (3, len(s), 1)."""
    r, w = np.sqrt(s), np.pi / cutoff
    f, sine = 0.5 * (1.0 + np.cos(w * r)), np.sin(w * r)
    f1 = -0.25 * w * sine / r
    f2 = 0.125 * w * (sine / r**3 - w * np.cos(w * r) / s)
    return np.array([f**2, 2.0 * f * f1, 2.0 * (f1**2 + f * f2)])[:, :, None]

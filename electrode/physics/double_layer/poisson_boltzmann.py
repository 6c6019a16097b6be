"""The modified Poisson-Boltzmann equation between planes, solved on a graded grid of spectral elements.

    d/dx D(E) = rho(psi),   E = -dpsi/dx

is what makes this functional smallest, which is convex in psi for every electrolyte of this package:

    J = int [W*(psi') + p(psi)] dx + sum over plates of  C_S (Phi - psi_plate)^2/2   (potential held, Stern layer C_S)
                                                      or  -sigma psi_plate           (charge held)

Newton's method on J with a line search finds it from any start.  The grand energy per area is Omega = -J with the
potentials held.  Elements are small where the first integral of the half space says that psi changes fast.
A single plate stands against the bulk, whose linear response ends the grid.
Spectral elements: Patera 1984, https://doi.org/10.1016/0021-9991(84)90128-1
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, solveh_banded

from electrode.physics.double_layer.closed_forms import Helmholtz
from electrode.physics.double_layer.diffuse import DiffuseLayer
from electrode.physics.double_layer.electrolyte import Electrolyte
from electrode.physics.double_layer.grid import DERIVATIVE, NODES, ORDER, WEIGHTS, barycentric, half_space_edges, slit_edges
from electrode.physics.double_layer.stern import Stern

_STEPS = 100
_SMALLEST_STEP = 1e-12  # of the potential [V]


@dataclass(frozen=True)
class Plate:
    """One electrode, held at a potential or at a charge.

    Parameters
    ----------
    potential : [V] against the bulk electrolyte, or None
    charge : [e/A^2], or None
    stern : layer without ions in front of it, or None

    Raises
    ------
    ValueError
        unless exactly one of potential and charge is given.
    """

    potential: float | None = None
    charge: float | None = None
    stern: Helmholtz | None = None

    def __post_init__(self):
        if (self.potential is None) == (self.charge is None):
            raise ValueError(f"Plate: expected exactly one of potential [V] and charge [e/A^2], got {self.potential} and {self.charge}. Drop or add one")

    def diffuse_potential(self, electrolyte: Electrolyte) -> float:
        """Return the potential at the edge of the diffuse layer [V] if the bulk were near."""
        diffuse = DiffuseLayer(electrolyte)
        if self.charge is not None:
            return float(diffuse.potential(self.charge))
        return float(self.potential if self.stern is None else Stern(self.stern, diffuse).outer_potential(self.potential))


@dataclass(frozen=True)
class Solution:
    """Potential and densities between two planes, or between one plane and the bulk.

    Parameters
    ----------
    electrolyte : what fills the space
    edges : (K+1,) [A], ends of the elements
    values : (K, P+1) [V], psi at the Gauss-Lobatto points of each element
    charges : [e/A^2] of the plates, one or two
    potentials : [V] of the plates, drop across their Stern layers included
    grand_energy : [eV/A^2], Omega at these potentials
    """

    electrolyte: Electrolyte
    edges: np.ndarray
    values: np.ndarray
    charges: tuple[float, ...]
    potentials: tuple[float, ...]
    grand_energy: float

    @property
    def energy(self) -> float:
        """E = Omega + sum over plates of sigma Phi [eV/A^2]."""
        return self.grand_energy + float(np.dot(self.charges, self.potentials))

    def potential(self, x) -> np.ndarray:
        """Return psi [V] at x (...) [A] from the edge of the diffuse layer; beyond the grid of a single plate it decays."""
        return self._interpolate(self.values, x)

    def field(self, x) -> np.ndarray:
        """Return E = -dpsi/dx [V/A] at x (...) [A]."""
        return -self._interpolate(self.values @ DERIVATIVE.T * (2.0 / np.diff(self.edges))[:, None], x)

    def densities(self, x) -> np.ndarray:
        """Return the densities of the ions [1/A^3], (M, ...) at x (...) [A]."""
        return self.electrolyte.densities(self.potential(x))

    def _interpolate(self, values, x) -> np.ndarray:
        x = np.asarray(x, float)
        inside = np.clip(x, 0.0, self.edges[-1])
        k = np.clip(np.searchsorted(self.edges, inside, "right") - 1, 0, len(self.edges) - 2)
        t = 2.0 * (inside - self.edges[k]) / np.diff(self.edges)[k] - 1.0
        return (barycentric(t) * values[k]).sum(axis=-1) * np.exp(-(x - inside) / self.electrolyte.screening_length)


def solve(electrolyte: Electrolyte, left: Plate, right: Plate | None = None, width: float | None = None) -> Solution:
    """Return the potential between two plates, or between one plate and the bulk.

    Parameters
    ----------
    electrolyte : in equilibrium with its bulk, from which potentials are measured
    left : plate at x = 0
    right : plate at x = `width`, or None for the bulk
    width : distance of the plates without their Stern layers [A], None for the bulk

    Raises
    ------
    ValueError
        if only one of `right` and `width` is given, or the width is not positive.
    FloatingPointError
        if Newton's method does not converge.
    """
    if (right is None) != (width is None) or (width is not None and not 0.0 < width < np.inf):
        raise ValueError(f"solve: expected a right plate with a positive width [A], or neither; got {right} and {width}")
    start = left.diffuse_potential(electrolyte)
    if right is None:
        edges, guess = half_space_edges(DiffuseLayer(electrolyte), start)
    else:
        edges, guess = slit_edges(DiffuseLayer(electrolyte), start, right.diffuse_potential(electrolyte), width)
    problem = _Problem(electrolyte, edges, left, right)
    psi = problem.minimise(guess(problem.points))
    plates = [p for p in (left, right) if p is not None]
    charges = tuple(problem.plate_charges(psi)[: len(plates)])
    drop = [0.0 if p.stern is None else q / p.stern.capacitance for p, q in zip(plates, charges)]
    held = [psi[end] + d if p.potential is None else p.potential for p, d, end in zip(plates, drop, (0, -1))]
    grand = -problem.volume_terms(psi) + sum(p.stern.grand_energy(d) for p, d in zip(plates, drop) if p.stern is not None)
    if right is None:
        grand -= 0.5 * problem.bulk_capacitance * psi[-1] ** 2
    return Solution(electrolyte, edges, psi[problem.index], tuple(map(float, charges)), tuple(map(float, held)), float(grand))


class _Problem:
    """J of the nodes' potentials with its derivatives."""

    def __init__(self, electrolyte: Electrolyte, edges: np.ndarray, left: Plate, right: Plate | None):
        self.electrolyte, self.half = electrolyte, 0.5 * np.diff(edges)[:, None]
        elements = len(edges) - 1
        self.index = ORDER * np.arange(elements)[:, None] + np.arange(ORDER + 1)
        self.size = ORDER * elements + 1
        self.points = np.append((edges[:-1, None] + self.half * (1.0 + NODES))[:, :-1].ravel(), edges[-1])
        self.ends = ((left, 0), (right, self.size - 1))
        self.bulk_capacitance = float(DiffuseLayer(electrolyte).differential_capacitance(0.0))
        rows, columns = np.tril_indices(ORDER + 1)
        self.lower = rows, columns
        self.band = (rows - columns) * self.size + self.index[:, columns]

    def volume_terms(self, psi) -> float:
        """Return int [W* + p] dx."""
        local = psi[self.index]
        density = self.electrolyte.permittivity.coenergy(local @ DERIVATIVE.T / self.half) + self.electrolyte.pressure(local)
        return float((self.half * density @ WEIGHTS[:, None]).sum())

    def value(self, psi) -> float:
        """Return J, infinite where it overflows."""
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.volume_terms(psi) + sum(self._end(plate, psi[k])[0] for plate, k in self.ends)
        return total if np.isfinite(total) else np.inf

    def plate_charges(self, psi) -> tuple[float, float]:
        """Return the charges of both ends that balance the electrolyte [e/A^2]."""
        gradient = self._volume_gradient(psi)
        return gradient[0], gradient[-1]

    def minimise(self, psi: np.ndarray) -> np.ndarray:
        """Return the potentials of least J."""
        for plate, k in self.ends:
            if plate is not None and plate.potential is not None and plate.stern is None:
                psi[k] = plate.potential
        now = self.value(psi)
        for _ in range(_STEPS):
            step, slope = self._newton_step(psi)
            share = 1.0
            while share > 1e-10 and self.value(psi + share * step) > now + 1e-4 * share * slope + 1e-13 * abs(now):
                share *= 0.5
            psi = psi + share * step
            now = self.value(psi)
            if np.abs(step).max() < _SMALLEST_STEP:
                return psi
        last = np.abs(step).max()
        raise FloatingPointError(f"solve: expected Newton's method to converge in {_STEPS} steps, got a step of {last:.1e} V. Lower the potential or charge")

    def _end(self, plate: Plate | None, psi: float) -> tuple[float, float, float]:
        """Return the term of one end with its first and second derivative; a held potential without layer has none."""
        if plate is None:
            return 0.5 * self.bulk_capacitance * psi**2, self.bulk_capacitance * psi, self.bulk_capacitance
        if plate.charge is not None:
            return -plate.charge * psi, -plate.charge, 0.0
        if plate.stern is None:
            return 0.0, 0.0, 0.0
        c, difference = plate.stern.capacitance, psi - plate.potential
        return 0.5 * c * difference**2, c * difference, c

    def _volume_gradient(self, psi) -> np.ndarray:
        local = psi[self.index]
        displacement = self.electrolyte.permittivity.displacement(local @ DERIVATIVE.T / self.half)
        per_node = (WEIGHTS * displacement) @ DERIVATIVE - self.half * WEIGHTS * self.electrolyte.charge_density(local)
        return np.bincount(self.index.ravel(), per_node.ravel(), self.size)

    def _newton_step(self, psi) -> tuple[np.ndarray, float]:
        """Return the step and the slope of J along it."""
        local, gradient = psi[self.index], self._volume_gradient(psi)
        stiffness = WEIGHTS * self.electrolyte.permittivity.slope(local @ DERIVATIVE.T / self.half) / self.half
        hessian = np.einsum("ka,ai,aj->kij", stiffness, DERIVATIVE, DERIVATIVE, optimize=True)
        diagonal = np.arange(ORDER + 1)
        hessian[:, diagonal, diagonal] -= self.half * WEIGHTS * self.electrolyte.charge_slope(local)
        rows, columns = self.lower
        band = np.bincount(self.band.ravel(), hessian[:, rows, columns].ravel(), (ORDER + 1) * self.size).reshape(ORDER + 1, -1)
        for plate, k in self.ends:
            _, first, second = self._end(plate, psi[k])
            gradient[k] += first
            band[0, k] += second
            if plate is not None and plate.potential is not None and plate.stern is None:
                gradient[k], band[0, k] = 0.0, 1e30 * band[0, k]
        try:
            step = -solveh_banded(band, gradient, lower=True)
        except (LinAlgError, ValueError) as error:
            raise FloatingPointError(f"solve: the equations became singular ({error}). Lower the potential or charge") from error
        return step, float(gradient @ step)

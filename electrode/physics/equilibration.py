"""Charge equilibration of an electrode with what is bonded to it, and the capacitor of the double layer.

Charge flows between atoms along bonds, p_ij from j to i, and each bond resists with the hardness 1/g_ij:

    q = q_ref + Q u + sum_bonds p_ij (e_i - e_j)
    E(Q) = min_p  chi.q + q.(A + B).q/2 + Q f.q + sum_bonds p_ij^2/(2 g_ij) + Q^2/(2 C_dl)

With the potentials phi = chi + (A + B) q + Q f and the Laplacian L of the conductances g the minimum is
q = q_ref + Q u - L phi, one linear solve.  It is quadratic in Q, with charges q0 + Q q1:

    E(Q) = E0 + Phi0 Q + Q^2/(2C),    dE/dR at fixed Q = q.d(A + B).q/2 + Q df.q - phi.dL.phi/2

    u      1/n on the n atoms of the electrode, which share one potential (conductance 1000 e/V among them); on all
           atoms where there is no electrode
    q_ref  formal charges of ions, balanced on the electrode
    g      Pauling's bond order 10^(-(r - r0)/0.6 A) times 1 e/V: insulating apart, nearly plain equilibration in contact
    chi    electronegativity
    A      Coulomb matrix of Gaussians as wide as the covalent radius; the hardness J is added to A_ii of every atom
           but the electrode's, an ideal conductor of Gaussians
    B, f   screening by the electrolyte and counter-charge (`countercharge`), which leave a bare electrode nearly C_dl

The energy is a sum of squares in the charges and Q: 1/C > 0 for every structure.  No atom switches between groups, so
the energy is smooth where a fragment touches the electrode; one that has left keeps its formal charge.  Slab and
counter-charge together are neutral: Phi is measured from the electrolyte.
Sources: Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070 (equilibration); Ko et al. 2021,
https://doi.org/10.1038/s41467-020-20427-2 (Gaussians beside the hardness); Siepmann and Sprik 1995,
https://doi.org/10.1063/1.469429 (conductor of Gaussians); Cordero et al. 2008,
https://doi.org/10.1039/B801115J (radii); Nistor et al. 2006, https://doi.org/10.1063/1.2346671 (charge on bonds);
Pauling 1947, https://doi.org/10.1021/ja01195a024 (bond order)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii

from electrode.physics.countercharge import Layer, layer_of
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS, check_elements
from electrode.physics.electrostatics import Coulomb, coulomb
from electrode.physics.neighbours import neighbour_list
from electrode.physics.pair import Bonds, bond_length, decay
from electrode.units import capacitance_per_cell

_METAL_CONDUCTANCE = 1000.0  # [e/V]
_BOND_CONDUCTANCE = 1.0  # [e/V]
_BOND_ORDER_RATE = math.log(10.0) / 0.6  # [1/A]


class Conductance:
    """Laplacian L of the bond conductances, with its derivatives.

    Parameters
    ----------
    numbers : (N,) int
    bonds : the pairs within the cutoff
    electrode : (N,) bool
    cutoff : [A]
    """

    def __init__(self, numbers: np.ndarray, bonds: Bonds, electrode: np.ndarray, cutoff: float):
        length = bond_length(numbers[bonds.i], numbers[bonds.j])
        self.bonds = bonds
        open_bond = _BOND_CONDUCTANCE * ~(electrode[bonds.i] & electrode[bonds.j])
        self.g = [open_bond * f for f in decay(bonds.distance, _BOND_ORDER_RATE, length, cutoff)]
        metal = electrode.astype(float)
        among = np.diag(metal) - np.outer(metal, metal) / max(metal.sum(), 1.0)
        self.value = self._laplacian(self.g[0]) + _METAL_CONDUCTANCE * among

    def _laplacian(self, per_bond: np.ndarray) -> np.ndarray:
        out = np.diag(self.bonds.total(per_bond))
        np.subtract.at(out, (self.bonds.i, self.bonds.j), per_bond)
        return out

    def _per_bond(self, weight: np.ndarray) -> np.ndarray:
        i, j = self.bonds.i, self.bonds.j
        return 0.25 * (weight[i, i] + weight[j, j] - 2.0 * weight[i, j])

    def pull(self, weight: np.ndarray) -> np.ndarray:
        """Return the gradient of sum_ij W_ij L_ij / 2, (N, 3), for symmetric W (N, N)."""
        return self.bonds.pull(self._per_bond(weight) * self.g[1])

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of L along a displacement, (N, N)."""
        return self._laplacian(self.g[1] * self.bonds.push(displacement))

    def pull_along(self, weight: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(weight)` along a displacement, (N, 3)."""
        w = self._per_bond(weight)
        return self.bonds.pull_along(w * self.g[1], w * self.g[2] * self.bonds.push(displacement), displacement)


@dataclass(frozen=True)
class Equilibration:
    """E(Q) = E0 + Phi0 Q + Q^2/(2C) of one set of positions, with its charges and derivatives.

    Parameters
    ----------
    coefficients : (3,), E0 [eV], Phi0 [V], 1/C [V/e]
    charges : (2, N), q0 [e] and q1, so that the charges at Q are q0 + Q q1
    potentials : (2, N), phi0 [V] and phi1 [V/e]
    matrix : A;  conductance : L;  layer : f and B
    """

    coefficients: np.ndarray
    charges: np.ndarray
    potentials: np.ndarray
    matrix: Coulomb
    conductance: Conductance
    layer: Layer

    def pull(self, g: np.ndarray) -> np.ndarray:
        """Return the gradient of g.(E0, Phi0, 1/C) in the positions, (N, 3), for g (3,)."""
        weight = _form(g)
        return (
            self.matrix.pull(_spread(weight, self.charges))
            - self.conductance.pull(_spread(weight, self.potentials))
            + self.layer.pull(weight[1] @ self.charges, _spread(weight, self.charges))
        )

    def pull_along(self, g: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(g)` along a displacement (N, 3), (N, 3), with the response of the charges."""
        v, weight = displacement, _form(g)
        d_charges, d_potentials = self._response(v)
        turn = lambda x, dx: dx.T @ weight @ x + x.T @ weight @ dx
        return (
            self.matrix.pull_along(_spread(weight, self.charges), v)
            + self.matrix.pull(turn(self.charges, d_charges))
            - self.conductance.pull_along(_spread(weight, self.potentials), v)
            - self.conductance.pull(turn(self.potentials, d_potentials))
            + self.layer.pull_along(weight[1] @ self.charges, _spread(weight, self.charges), v)
            + self.layer.pull(weight[1] @ d_charges, turn(self.charges, d_charges))
        )

    def _response(self, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of charges and potentials along a displacement, (2, N) each."""
        a, laplacian = self.matrix.value + self.layer.matrix, self.conductance.value
        field, screening = self.layer.push(displacement)
        force = self.charges @ (self.matrix.push(displacement) + screening)
        force[1] += field
        source = -(self.potentials @ self.conductance.push(displacement)) - force @ laplacian
        d_charges = np.linalg.solve(_flow(laplacian, a), source.T).T
        return d_charges, force + d_charges @ a


def _flow(laplacian: np.ndarray, a: np.ndarray) -> np.ndarray:
    """Return 1 + L A, without the constant part of each column of A, which L takes to zero."""
    return np.eye(len(a)) + laplacian @ (a - a.mean(axis=0))


def _form(g: np.ndarray) -> np.ndarray:
    """Return the 2 x 2 matrix that combines q0 and q1 into the weight of g.(E0, Phi0, 1/C)."""
    return np.array([[g[0], g[1]], [g[1], 2.0 * g[2]]])


def _spread(weight: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return vectors.T @ weight @ vectors


def equilibrate(
    numbers: np.ndarray,
    positions: np.ndarray,
    cell: np.ndarray,
    pbc: np.ndarray,
    electrode: np.ndarray,
    *,
    bonds: Bonds | None = None,
    cutoff: float = 6.0,
    double_layer_capacitance: float = 20.0,
    permittivity: float = 6.0,
    formal_charges: np.ndarray | None = None,
    second: bool = False,
) -> Equilibration:
    """Return the equilibrated charges and the energy E(Q) = E0 + Phi0 Q + Q^2/(2C) of one system.

    Parameters
    ----------
    numbers : (N,) int, atomic numbers
    positions : (N, 3) [A];  cell : (3, 3) [A];  pbc : (3,) bool, a slab (True, True, False) or open
    electrode : (N,) bool, atoms that share the electrode's potential; where none is set all do
    bonds : the pairs within `cutoff` [A], found here if None
    double_layer_capacitance : [uF/cm^2], of the bare electrode; in open space there is no electrolyte
    permittivity : of the double layer, for the laterally averaged field; its thickness follows from both
    formal_charges : (N,) [e], charges that fragments keep when they are far from the electrode
    second : also prepare `pull_along`

    Raises
    ------
    ValueError
        for elements without parameters, another periodicity, a capacitance or permittivity out of range.
    """
    check_elements(numbers)
    if not (double_layer_capacitance > 0.0 and permittivity >= 1.0):
        got = f"{double_layer_capacitance} uF/cm^2 and {permittivity}"
        raise ValueError(f"equilibrate: expected a positive double-layer capacitance and a permittivity of at least 1; got {got}")
    electrode = np.asarray(electrode, bool)
    holders = electrode if electrode.any() else np.ones(len(numbers), bool)
    bonds = Bonds.of(positions, neighbour_list(positions, cell, pbc, cutoff)) if bonds is None else bonds
    sigma = covalent_radii[numbers]
    matrix = coulomb(positions, cell, pbc, sigma, second=second).stiffened(np.where(electrode, 0.0, HARDNESS[numbers]))
    layer = layer_of(positions, cell, pbc, sigma, holders, double_layer_capacitance, permittivity)
    series = 1.0 / capacitance_per_cell(double_layer_capacitance, float(np.linalg.norm(np.cross(cell[0], cell[1])))) if pbc[0] else 0.0
    even = holders / holders.sum()
    formal = np.zeros(len(numbers)) if formal_charges is None else np.asarray(formal_charges, float)
    chi = np.array([ELECTRONEGATIVITY[numbers], layer.field])
    reference = np.array([formal - formal.sum() * even, even])
    return _minimum(chi, reference, series, matrix, Conductance(numbers, bonds, electrode, cutoff), layer)


def _minimum(chi, reference, series: float, matrix: Coulomb, conductance: Conductance, layer: Layer) -> Equilibration:
    """Solve for the charges; chi and reference (2, N) hold the parts independent of Q and proportional to it."""
    a, laplacian = matrix.value + layer.matrix, conductance.value
    flow = _flow(laplacian, a)
    push = (chi - chi.mean(axis=1, keepdims=True)) @ laplacian
    charges = np.linalg.solve(flow, (reference - push).T).T
    potentials = chi + charges @ a
    energy = (charges[0] @ chi[0] + potentials[0] @ reference[0]) / 2.0
    linear = potentials @ reference[1] + charges @ layer.field
    coefficients = np.array([energy, linear[0], linear[1] + series])
    return Equilibration(coefficients, charges, potentials, matrix, conductance, layer)

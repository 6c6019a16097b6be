"""Electronegativity equilibration with published parameters for all elements up to radon.

    E = min_q  sum_i X_i q_i + q.A.q/2,   sum q = Q
    X_i = chi_i - kappa_i sqrt(N_i),   A_ii = eta_i + sqrt(2/pi)/a_i,   A_ij = erf(r/sqrt(a_i^2 + a_j^2))/r

in atomic units, with periodic images where there are any.  N_i is a coordination number, smoothly kept below 8,

    n_i = sum_j [1 + erf(-7.5 (r - R_ij)/R_ij)]/2,   N_i = ln(1 + e^8) - ln(1 + e^(8 - n_i)),   R_ij = 4/3 (R_i + R_j)

Source: Caldeweyher et al. 2019, https://doi.org/10.1063/1.5090222
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erf, expit

from electrode.physics.eeq_parameters import CHI, ETA, KAPPA, RADIUS, SYMBOLS, WIDTH
from electrode.physics.electrostatics import coulomb
from electrode.physics.ewald import ewald, ewald_matrix
from electrode.physics.neighbours import neighbour_list
from electrode.units import BOHR, HARTREE

_STEEPNESS = 7.5
_MOST = 8.0  # coordination number
_CUTOFF = 25.0 * BOHR  # of the coordination number [A]
_FLOOR = 1e-14  # of its root, where the slope would be infinite


@dataclass(frozen=True)
class EEQ:
    """Equilibrated charges of one system.

    Parameters
    ----------
    charges : (N,) [e]
    energy : [eV]
    forces : (N, 3), -dE/dR [eV/A]
    coordination : (N,), n before it is kept below 8
    """

    charges: np.ndarray
    energy: float
    forces: np.ndarray
    coordination: np.ndarray


def eeq(numbers: np.ndarray, positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, charge: float = 0.0) -> EEQ:
    """Return the charges, energy and forces of one molecule, slab or crystal.

    Parameters
    ----------
    numbers : (N,) int, atomic numbers
    positions : (N, 3) [A];  cell : (3, 3) [A]
    pbc : (3,) bool, all True, (True, True, False) or all False
    charge : Q [e]

    Raises
    ------
    ValueError
        for an element beyond radon, or another periodicity.
    """
    index = np.asarray(numbers, int) - 1
    if len(index) and not (0 <= index.min() and index.max() < len(SYMBOLS)):
        raise ValueError(f"eeq: expected elements from {SYMBOLS[0]} to {SYMBOLS[-1]}, got atomic number {max(numbers)}. Use other parameters")
    positions, sigma = np.asarray(positions, float), WIDTH[index] * BOHR / math.sqrt(2.0)
    crystal = bool(np.all(pbc))
    kernel = None if crystal else coulomb(positions, cell, pbc, sigma)
    matrix = ewald_matrix(positions, cell, sigma) if crystal else kernel.value
    matrix = matrix + np.diag(HARTREE * ETA[index])
    counted, pairs = _coordination(index, positions, cell, pbc)
    root = np.sqrt(np.logaddexp(0.0, _MOST) - np.logaddexp(0.0, _MOST - counted)) + _FLOOR
    chi = HARTREE * (CHI[index] - KAPPA[index] * root)
    q = _minimum(matrix, chi, charge)
    forces = ewald(positions, cell, q, sigma).forces if crystal else -kernel.pull(np.outer(q, q))
    forces += _coordination_forces(-HARTREE * KAPPA[index] * q * expit(_MOST - counted) / (2.0 * root), *pairs)
    return EEQ(q, float(chi @ q + 0.5 * q @ matrix @ q), forces, counted)


def _minimum(matrix, chi, charge: float) -> np.ndarray:
    n = len(chi)
    bordered = np.ones((n + 1, n + 1))
    bordered[:n, :n], bordered[n, n] = matrix, 0.0
    return np.linalg.solve(bordered, np.append(-chi, charge))[:n]


def _coordination(index, positions, cell, pbc):
    """Return n (N,), and the ends, unit vectors and slopes of all pairs."""
    pairs = neighbour_list(positions, np.asarray(cell, float), pbc, _CUTOFF)
    i, j = np.repeat(np.arange(len(index)), np.diff(pairs.first)), pairs.index
    vectors = pairs.vectors(positions)
    r = np.linalg.norm(vectors, axis=1)
    reach = 4.0 / 3.0 * (RADIUS[index[i]] + RADIUS[index[j]])
    u = _STEEPNESS * (r - reach) / reach
    counted = np.bincount(i, 0.5 * (1.0 + erf(-u)), len(index))
    return counted, (i, j, vectors / r[:, None], -_STEEPNESS / reach / math.sqrt(math.pi) * np.exp(-(u**2)))


def _coordination_forces(weight, i, j, direction, slope) -> np.ndarray:
    """Return -d/dR of sum_i weight_i n_i at fixed weights, (N, 3)."""
    push = (weight[i] * slope)[:, None] * direction
    out = np.zeros((len(weight), 3))
    np.add.at(out, i, push)
    np.subtract.at(out, j, push)
    return out

"""Electronegativity equilibration with published parameters for all elements up to radon.

    E = min_q  sum_i X_i q_i + q.A.q/2,   sum q = Q
    X_i = chi_i - kappa_i sqrt(N_i),   A_ii = eta_i + sqrt(2/pi)/a_i,   A_ij = erf(r/sqrt(a_i^2 + a_j^2))/r

in atomic units, with periodic images where there are any, and the coordination numbers N_i of `coordination`.
Source: Caldeweyher et al. 2019, https://doi.org/10.1063/1.5090222
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.physics.charge_constraints import Constraints
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_parameters import EEQ as PARAMETERS
from electrode.physics.charges import equilibrate_charges
from electrode.physics.eeq_parameters import SYMBOLS


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
    """Return the charges, energy and forces of one molecule, slab or crystal; the matrix is factorised, whatever its size.

    Parameters
    ----------
    numbers : (N,) int, atomic numbers
    positions : (N, 3) [A];  cell : (3, 3) [A]
    pbc : (3,) bool, all True, (True, True, False) or all False
    charge : Q [e]; of a crystal, with a uniform background

    Raises
    ------
    ValueError
        for an element beyond radon, another periodicity, or atoms so close that no minimum exists.
    """
    numbers, periodic = np.asarray(numbers, int), [bool(p) for p in pbc]
    if len(numbers) and not 0 < numbers.min() <= numbers.max() <= len(SYMBOLS):
        wrong = numbers[(numbers < 1) | (numbers > len(SYMBOLS))][0]
        raise ValueError(f"eeq: expected elements from {SYMBOLS[0]} to {SYMBOLS[-1]}, got atomic number {wrong}. Use other parameters")
    if periodic not in ([True] * 3, [True, True, False], [False] * 3):
        raise ValueError(f"eeq: expected pbc all True, (True, True, False), a slab, or all False; got {tuple(periodic)}. Set atoms.pbc")
    space = Bulk(cell, background=True) if periodic[2] else Planar(cell) if periodic[0] else Planar.open()
    found = equilibrate_charges(PARAMETERS.model(numbers, space), positions, Constraints(total=float(charge)), method="factorised")
    return EEQ(found.charges, found.energy, found.forces, found.system.surroundings.counted)

"""General charge equilibration: electronegativities, electrodes at potentials, groups of given charge, frozen charges.

    E = chi.q + q.A.q/2,    Omega = E - sum_el V_el Q_el - E_n sum_i q_i z_i,    charges: the minimum of Omega

under the constraints, so that every atom that can move charge has the potential phi = dE/dq with

    phi_i - E_n z_i = V_el + level   on an electrode,   mu_g + level in a group,   level elsewhere

where `level` is 0 unless the total charge is held.  A is the Coulomb matrix of Gaussian or Slater charges, their own interaction
included, plus the hardness on the diagonal; chi may depend on the positions (`coordination`).  At the minimum
dOmega/dV_el = -Q_el and the forces are -dE/dR at fixed charges plus E_n q_i along the normal, which is -dOmega/dR.
Sources: Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070 (equilibration); Siepmann and Sprik 1995,
https://doi.org/10.1063/1.469429, and Reed, Lanning and Madden 2007, https://doi.org/10.1063/1.2464084 (electrodes);
Ahrens-Iwers and Meissner 2021, https://doi.org/10.1063/5.0063381 (neutrality); Dufils et al. 2019,
https://doi.org/10.1103/PhysRevLett.123.195501 (finite field); Scalfi et al. 2020, J. Chem. Phys. 153, 174704 (metallicity)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from electrode.physics.charge_constraints import Constraints, Layout, layout
from electrode.physics.charge_model import ChargeModel
from electrode.physics.charge_solver import Factorised, Iterative

_METHODS = ("factorised", "iterative", "matrix-free")
FACTORISED_UP_TO, MATRIX_UP_TO = 4000, 16000  # free charges, atoms


@dataclass(frozen=True)
class Charges:
    """Equilibrated charges of one set of positions.

    Parameters
    ----------
    charges : (N,) [e]
    energy : E [eV];  grand_energy : Omega [eV]
    potentials : (N,), phi = dE/dq [V]
    electrode_charges : (k,) [e]
    electrode_potentials : (k,), V + level [V], where the total charge is held; V itself otherwise
    group_potentials : (g,), mu + level [V]
    level : dOmega/dQ_total [V], 0 where the total is not held
    model, constraints : as given
    system : the solved problem
    """

    charges: np.ndarray
    energy: float
    grand_energy: float
    potentials: np.ndarray
    electrode_charges: np.ndarray
    electrode_potentials: np.ndarray
    group_potentials: np.ndarray
    level: float
    model: ChargeModel
    constraints: Constraints
    system: System

    def replace(self, **changes) -> Charges:
        """Return a copy with other values."""
        return replace(self, **changes)

    @cached_property
    def forces(self) -> np.ndarray:
        """Forces (N, 3) [eV/A], -dE/dR at fixed charges and the field's; the charges are stationary, so also -dOmega/dR."""
        return self.system.pairs.forces(self.charges) + self._outside(self.charges)

    @cached_property
    def capacitance(self) -> np.ndarray:
        """C = D^T K D (k, k) [e/V], dQ_a/dV_b of the electrodes D; K = A^-1 under what is held (total, groups)."""
        members = self.system.layout.members
        charges = [self.system.respond(electrode) for electrode in members]
        return np.array([members @ q for q in charges]).reshape(len(members), len(members)).T

    def pull_electronegativity(self, weight: np.ndarray) -> np.ndarray:
        """Return (dq/dchi)^T w = -K w, (N,) for w (N,), from one solve."""
        return -self.system.respond(weight)

    def pull_positions(self, weight: np.ndarray) -> np.ndarray:
        """Return (dq/dR)^T w, (N, 3), for w (N,), from one adjoint solve.

        With x = K w it is -d(x.A.q)/dR at fixed x and q, plus E_n x_i along the normal.
        """
        x, forces = self.system.respond(weight), self.system.pairs.forces
        return 0.5 * (forces(self.charges + x) - forces(self.charges - x)) + self._outside(x)

    def _outside(self, charges: np.ndarray) -> np.ndarray:
        """Return the forces (N, 3) of the field and of the environment on charges."""
        out = np.outer(charges, self.constraints.field * self.model.interaction.normal)
        return out if self.system.surroundings is None else out + self.system.surroundings.forces(charges)


@dataclass(frozen=True)
class System:
    """The linear problem of one set of positions: interaction, constraints as arrays, solver, and the environment there."""

    pairs: object
    layout: Layout
    solver: Factorised | Iterative
    surroundings: object | None = None

    def respond(self, drive: np.ndarray) -> np.ndarray:
        """Return K d (N,), the charges that a potential d (N,) [V] on the atoms adds; 0 on frozen atoms."""
        at, out = self.layout, np.zeros(len(drive))
        out[at.free], _ = self.solver.solve(np.asarray(drive, float)[at.free], np.zeros(len(at.rows)))
        return out


def equilibrate_charges(
    model: ChargeModel, positions: np.ndarray, constraints: Constraints = Constraints(), *, method: str | None = None, guess: np.ndarray | None = None
) -> Charges:
    """Return the charges that minimise Omega under the constraints.

    Parameters
    ----------
    model : of N atoms
    positions : (N, 3) [A]; with a field, or with Bulk(slab=True), not wrapped along the normal
    constraints : what is held; by default a neutral system
    method : "factorised" (Cholesky), "iterative" (conjugate gradients with the matrix) or "matrix-free" (the same with sums over all
        pairs in place of products); None for the rule of `electrode.physics`
    guess : (N,) [e], charges of a neighbouring configuration from which iterations start; a factorisation needs none

    Raises
    ------
    ValueError
        for constraints that contradict each other, a matrix that is not positive definite on the charges that can move, a net charge
        that the interaction does not take, or an unknown method.
    """
    positions = np.asarray(positions, float)
    n = len(model.width)
    if positions.shape != (n, 3) or not np.isfinite(positions).all():
        raise ValueError(f"equilibrate_charges: expected finite positions of shape ({n}, 3), got shape {positions.shape}, or NaN")
    if method not in (None, *_METHODS):
        raise ValueError(f"equilibrate_charges: expected method None or one of {', '.join(_METHODS)}, got {method!r}")
    at = layout(constraints, n)
    pairs = model.interaction.at(positions, model.width)
    method = method or _METHODS[0 if len(at.free) <= FACTORISED_UP_TO else 1 if n <= MATRIX_UP_TO else 2]
    solver = factorised(model, pairs, at) if method == "factorised" else _iterative(model, pairs, at, method == "matrix-free")
    return solved(model, positions, constraints, System(pairs, at, solver), guess)


def factorised(model: ChargeModel, pairs, at: Layout) -> Factorised:
    """Return the factorised problem of the free charges."""
    matrix = pairs.matrix if len(at.free) == len(model.width) else pairs.matrix[np.ix_(at.free, at.free)]
    return Factorised(matrix, at.rows, model.hardness[at.free])


def _iterative(model: ChargeModel, pairs, at: Layout, matrix_free: bool) -> Iterative:
    full = np.zeros(len(model.width))

    def product(q):
        full[at.free] = q
        return (pairs.potentials(full) if matrix_free else pairs.matrix @ full)[at.free] + model.hardness[at.free] * q

    inverse = 1.0 / model.diagonal[at.free]
    return Iterative(product, lambda residual: inverse * residual, at.rows)


def solved(model: ChargeModel, positions: np.ndarray, constraints: Constraints, system: System, guess: np.ndarray | None = None) -> Charges:
    """Solve the linear problem and return what follows from the charges."""
    at, pairs, chi = system.layout, system.pairs, model.electronegativity
    if model.environment is not None:
        system = replace(system, surroundings=model.environment.at(positions))
        chi = chi + system.surroundings.values
    outside = constraints.field * (positions @ model.interaction.normal)
    near = pairs.potentials(at.charges) if at.charges.any() else np.zeros(len(outside))
    drive = (at.wanted + outside - chi - near)[at.free]
    q = at.charges.copy()
    q[at.free], multipliers = system.solver.solve(drive, at.targets, None if guess is None else np.asarray(guess, float)[at.free])
    pairs.check(float(q.sum()))
    potentials = chi + model.hardness * q + pairs.potentials(q)
    energy = float(0.5 * q @ (chi + potentials))
    total_held = len(multipliers) > len(at.groups)
    level = float(multipliers[-1]) if total_held else 0.0
    return Charges(
        charges=q,
        energy=energy,
        grand_energy=energy - float(q @ (at.wanted + outside)),
        potentials=potentials,
        electrode_charges=at.members @ q,
        electrode_potentials=np.array([e.potential for e in constraints.electrodes], float) + level,
        group_potentials=multipliers[: len(at.groups)] + level,
        level=level,
        model=model,
        constraints=constraints,
        system=system,
    )

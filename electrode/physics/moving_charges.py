"""Charges that equilibrate while all atoms move, with the whole Coulomb sum at every step.

    moving = MovingCharges(model, constraints, accuracy=1e-4)
    found = moving.step(positions)        # MovedCharges: energy, charges, forces, ...

Each step minimises Omega (`charges`) at the new positions.  It differs from `equilibrate_charges` in what it keeps: a particle
mesh with its neighbour list (`kept_mesh`), a preconditioner for conjugate gradients (`long_waves`), and the last charges, from
which the iterations start.  The start is the polynomial of degree 0 to 3 through the last steps' charges,

    q(0) = sum_{j=1}^{d+1} (-1)^(j+1) C(d+1, j) q(-j),

of the degree d that predicts the new positions best: 3 along a smooth trajectory, 0 after a jump.  The result does not depend
on the start beyond `tolerance`; equal calls after `reset` give equal results.

Few charges, and those in open space, are solved by the dense matrix: exactly, whatever the accuracy.
Sources: Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070; Essmann et al. 1995, https://doi.org/10.1063/1.470117;
Gould, Hribar and Nocedal 2001, https://doi.org/10.1137/S1064827598345667
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from electrode.physics.charge_constraints import Constraints, layout
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_model import ChargeModel
from electrode.physics.charge_solver import Iterative
from electrode.physics.charges import equilibrate_charges
from electrode.physics.kept_mesh import KeptMesh
from electrode.physics.long_waves import LongWaves
from electrode.physics.slater import Slater

DENSE_UP_TO = 30  # atoms, whose matrix takes a few milliseconds
_DEGREES = 4  # of the polynomials: 0 to 3
_SAFETY, _LEAST = 1.3, 0.02  # by which charges may grow before the mesh is chosen anew, and what it is chosen for at least [e]


@dataclass(frozen=True)
class MovedCharges:
    """Equilibrated charges of one step.

    Parameters
    ----------
    charges : (N,) [e]
    energy : E [eV];  grand_energy : Omega [eV]
    forces : (N, 3) [eV/A], -dOmega/dR
    potentials : (N,), phi = dE/dq [V]
    electrode_charges : (k,) [e]
    group_potentials : (g,), mu + level [V]
    level : dOmega/dQ_total [V], 0 where the total is not held
    products : with the matrix that the iterations took, 0 where the matrix was factorised
    """

    charges: np.ndarray
    energy: float
    grand_energy: float
    forces: np.ndarray
    potentials: np.ndarray
    electrode_charges: np.ndarray
    group_potentials: np.ndarray
    level: float
    products: int


class MovingCharges:
    """Charges of a trajectory.

    Parameters
    ----------
    model : of N atoms, whose interaction is `charge_interactions.Planar` or `Bulk`, or `slater.Slater` around one of them
    constraints : what is held; by default a neutral system
    accuracy : largest error of a force that the mesh makes [eV/A]
    tolerance : largest difference between potentials that should be equal [V]; an error of charges of about a tenth of it in e
    skin : of the neighbour list [A]
    method : "dense", "mesh", or None for the first up to `DENSE_UP_TO` atoms and in open space

    Raises
    ------
    ValueError
        for an unknown method, a mesh in open space or around another interaction, an accuracy or tolerance that is not
        positive, and constraints that contradict each other.
    """

    def __init__(
        self, model: ChargeModel, constraints: Constraints = Constraints(), *, accuracy: float = 1e-4, tolerance: float = 1e-5, skin: float = 1.0, method: str | None = None
    ):
        space, n = model.interaction, len(model.width)
        smooth = space.space if isinstance(space, Slater) else space
        meshed = isinstance(smooth, Bulk) or isinstance(smooth, Planar) and bool(smooth.pbc[0])
        if method not in (None, "dense", "mesh") or (method == "mesh" and not meshed):
            raise ValueError(f"MovingCharges: expected method 'dense', 'mesh' in a bulk or a slab, or None; got {method!r} in {type(space).__name__}. Change it")
        if not (accuracy > 0.0 and tolerance > 0.0):
            raise ValueError(f"MovingCharges: expected an accuracy and a tolerance above 0, got {accuracy} eV/A and {tolerance} V. Change them")
        self.model, self.constraints, self.accuracy, self.tolerance, self.skin = model, constraints, float(accuracy), float(tolerance), skin
        self.method = method or ("mesh" if meshed and n > DENSE_UP_TO else "dense")
        self.layout = layout(constraints, n)
        self.reset()

    def reset(self) -> None:
        """Forget all steps, so that the next one starts as the first did."""
        self._past: deque[tuple[np.ndarray, np.ndarray]] = deque(maxlen=_DEGREES)
        self._mesh = self._precondition = None

    def step(self, positions: np.ndarray) -> MovedCharges:
        """Return the charges at positions (N, 3) [A], of a slab not wrapped along the normal.

        Raises
        ------
        ValueError
            for positions of another shape, and what `equilibrate_charges` raises.
        """
        positions = np.array(positions, float)
        if positions.shape != (len(self.model.width), 3) or not np.isfinite(positions).all():
            raise ValueError(f"MovingCharges.step: expected finite positions of shape ({len(self.model.width)}, 3), got shape {positions.shape}, or NaN")
        guess = extrapolated(list(self._past), positions)
        found = self._dense(positions, guess) if self.method == "dense" else self._meshed(positions, guess)
        self._past.appendleft((positions, found.charges))
        return found

    def _dense(self, positions, guess) -> MovedCharges:
        c = equilibrate_charges(self.model, positions, self.constraints, guess=guess)
        return MovedCharges(c.charges, c.energy, c.grand_energy, c.forces, c.potentials, c.electrode_charges, c.group_potentials, c.level, 0)

    def _meshed(self, positions, guess) -> MovedCharges:
        chi, shift = self.model.electronegativity, None
        if self.model.environment is not None:
            shift = self.model.environment.at(positions)
            chi = chi + shift.values
        if guess is None:
            guess = self.layout.charges - (chi - chi.mean()) / self.model.diagonal
        while self._mesh is None or not self._mesh.serves(positions, guess):
            largest = np.maximum(np.abs(_SAFETY * guess), _LEAST)
            self._mesh = KeptMesh(self.model.interaction, positions, self.model.width, largest, self.accuracy, self.skin)
        q, multipliers, products = self._solved(positions, chi, guess)
        if not self._mesh.serves(positions, q):
            return self._meshed(positions, q)
        return self._result(positions, chi, shift, q, multipliers, products)

    def _solved(self, positions, chi, guess):
        """Return the charges, the multipliers and the number of products."""
        at, hardness, mesh, products = self.layout, self.model.hardness, self._mesh, 0
        if mesh.at(positions) or self._precondition is None:
            self._precondition = LongWaves(positions[at.free], mesh.cell, self.model.width[at.free], self.model.diagonal[at.free])
        full = np.zeros(len(chi))

        def product(q):
            nonlocal products
            products += 1
            full[at.free] = q
            return mesh.product(full)[at.free] + hardness[at.free] * q

        near = mesh.product(at.charges) if at.charges.any() else 0.0
        drive = (at.wanted + self._outside(positions) - chi - near)[at.free]
        q = at.charges.copy()
        q[at.free], multipliers = Iterative(product, self._precondition, at.rows, tolerance=self.tolerance).solve(drive, at.targets, guess[at.free])
        return q, multipliers, products

    def _outside(self, positions) -> np.ndarray:
        return self.constraints.field * (positions @ self.model.interaction.normal)

    def _result(self, positions, chi, shift, q, multipliers, products) -> MovedCharges:
        at, space = self.layout, self.model.interaction
        space.at(positions, self.model.width).check(float(q.sum()))
        found = self._mesh.evaluate(q)
        forces = found.forces + np.outer(q, self.constraints.field * space.normal)
        level = float(multipliers[-1]) if len(multipliers) > len(at.groups) else 0.0
        energy = found.energy + float(q @ (chi + 0.5 * self.model.hardness * q))
        return MovedCharges(
            charges=q,
            energy=energy,
            grand_energy=energy - float(q @ (at.wanted + self._outside(positions))),
            forces=forces if shift is None else forces + shift.forces(q),
            potentials=chi + self.model.hardness * q + found.potentials,
            electrode_charges=at.members @ q,
            group_potentials=multipliers[: len(at.groups)] + level,
            level=level,
            products=products,
        )


def extrapolated(past: list[tuple[np.ndarray, np.ndarray]], positions: np.ndarray) -> np.ndarray | None:
    """Return charges (N,) [e] at new positions (N, 3) [A] from the positions and charges of the last steps, the latest first.

    Of the degrees whose prediction of the positions is within a tenth of the best, the highest is taken.
    """
    if not past:
        return None
    combine = lambda degree, part: sum((-1) ** j * math.comb(degree + 1, j + 1) * past[j][part] for j in range(degree + 1))
    errors = np.array([np.abs(combine(degree, 0) - positions).max(initial=0.0) for degree in range(len(past))])
    return combine(int(np.flatnonzero(errors <= 1.1 * errors.min() + 1e-9)[-1]), 1)

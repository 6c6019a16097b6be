"""Charges of electrodes that do not move, beside an electrolyte that does; their matrix is factorised once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from electrode.physics.charge_blocks import PlanarBlocks
from electrode.physics.charge_constraints import Constraints, Frozen, layout
from electrode.physics.charge_interactions import PlanarPairs
from electrode.physics.charges import ChargeModel, Charges, System, factorised, solved


class ElectrodeSolver:
    """Electrodes at fixed positions: q = K (V - A_em q_m) for the charges q_m of the electrolyte, K kept.

    Nothing among the electrodes is computed twice with `Planar`: a solve costs the block A_em and that of the electrolyte
    (`charge_blocks`).  With `Bulk` it costs three Ewald sums, for the electrolyte's potential, the potentials of all and,
    once they are read, the forces.  `constant_potential` does the same on a mesh, for dynamics and for more than some hundred atoms.

    Parameters
    ----------
    model : of the M electrode atoms
    positions : (M, 3) [A]
    constraints : on the electrode atoms; `total` [e] counts the electrolyte's charges too, `field` acts on all

    Raises
    ------
    ValueError
        what `equilibrate_charges` raises.
    """

    def __init__(self, model: ChargeModel, positions: np.ndarray, constraints: Constraints):
        self.model, self.positions, self.constraints = model, np.array(positions, float), constraints
        if self.positions.shape != (len(model.width), 3):
            raise ValueError(f"ElectrodeSolver: expected positions of shape ({len(model.width)}, 3), got {self.positions.shape}")
        at = layout(constraints.replace(total=None if constraints.total is None else _reachable(constraints)), len(model.width))
        self._fixed = model.interaction.at(self.positions, model.width)
        self._solver = factorised(model, self._fixed, at)

    def solve(
        self, positions: np.ndarray, charges: np.ndarray, potentials: Sequence[float] | None = None, *, width: np.ndarray | float = 0.0
    ) -> Charges:
        """Return the charges of electrodes (first M) and electrolyte (last n) together.

        Parameters
        ----------
        positions : (n, 3) [A];  charges : (n,) [e], of the electrolyte
        potentials : one for each electrode [V]; those of the constraints if None
        width : (n,) [A], of the electrolyte's charges, 0 for points

        Raises
        ------
        ValueError
            for another number of potentials, shapes that differ, or a net charge that the interaction does not take.
        """
        positions, charges = np.asarray(positions, float).reshape(-1, 3), np.asarray(charges, float)
        if charges.shape != (len(positions),):
            raise ValueError(f"ElectrodeSolver.solve: expected {len(positions)} charges, one for each position, got shape {charges.shape}")
        constraints = self.constraints if potentials is None else self.constraints.at_potentials(potentials)
        m, n = len(self.positions), len(positions)
        join = lambda own, other: np.concatenate([own, np.broadcast_to(np.asarray(other, float), (n,))])
        model = self.model.replace(
            electronegativity=join(self.model.electronegativity, 0.0), hardness=join(self.model.hardness, 0.0), width=join(self.model.width, width)
        )
        together = np.vstack([self.positions, positions])
        constraints = _beside(constraints, m + np.arange(n), charges)
        pairs = self._fixed
        if n:
            planar = isinstance(pairs, PlanarPairs)
            pairs = PlanarBlocks(pairs, positions, model.width[m:]) if planar else model.interaction.at(together, model.width)
        return solved(model, together, constraints, System(pairs, layout(constraints, m + n), self._solver))


def _reachable(constraints: Constraints) -> float:
    """Return a total charge that the electrodes could have alone; only whether it is held matters to the factors."""
    frozen = 0.0 if constraints.frozen is None else float(np.sum(constraints.frozen.charges))
    return frozen + sum(group.charge for group in constraints.groups)


def _beside(constraints: Constraints, index: np.ndarray, charges: np.ndarray) -> Constraints:
    """Return the constraints with the electrolyte's charges frozen, indices in place of masks."""
    number = lambda atoms: np.flatnonzero(atoms) if np.asarray(atoms).dtype == bool else np.asarray(atoms, int)
    own = constraints.frozen or Frozen(np.zeros(0, int), np.zeros(0))
    numbered = lambda sets: tuple(replace(one, atoms=number(one.atoms)) for one in sets)
    return constraints.replace(
        electrodes=numbered(constraints.electrodes),
        groups=numbered(constraints.groups),
        frozen=Frozen(np.concatenate([number(own.atoms), index]), np.concatenate([own.charges, charges])),
    )

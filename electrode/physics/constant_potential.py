"""Electrodes that do not move, held at potentials, beside charges that do: the step of constant-potential dynamics.

The charges q_e of the electrodes minimise Omega at every set of positions of the electrolyte's charges q_m,

    Omega = chi.q + q.A.q/2 - sum_el V_el Q_el - E_n sum_i q_i z_i,    q_e = K (V + E_n z - chi - b) + T t,    b = A_em q_m

with what `charges` calls K, the inverse of A_ee under the constraints U q = t.  A_ee does not change: it is summed once, exactly
(`dense_sums`), and inverted.  A step then takes b from one product of the particle mesh (`mesh_operator`), q_e from one product
with K, and energy and forces from a second mesh whose spectrum is that of q_m plus that of q_e.  The energy counts the electrodes
among themselves with the matrix that was inverted, so that forces on moving charges are exact derivatives of Omega for any mesh.
Beyond `INVERTED` charges of electrodes, where K takes 0.3 GB and tens of seconds, conjugate gradients with the mesh of the electrodes
alone replace it: some five to ten products a step.
Sources: as for `charges`; Essmann et al. 1995, https://doi.org/10.1063/1.470117 (mesh)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.physics._projected import Extrapolated, Projected
from electrode.physics._splines import KEPT
from electrode.physics.charge_constraints import Constraints, Frozen, layout, masks
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charges import ChargeModel
from electrode.physics.dense_sums import LatticeSum
from electrode.physics.mesh import BULK, SLAB, Settings, choose, slab_cell
from electrode.physics.mesh_operator import MeshOperator
from electrode.units import COULOMB

INVERTED = 6000  # charges of electrodes
_TYPICAL = 0.05  # [e], of an electrode's atom, for the choice of the mesh


@dataclass(frozen=True)
class Step:
    """Charges, energies and forces at one set of positions.

    Parameters
    ----------
    charges : (N,) [e]
    energy : E = chi.q + q.A.q/2 [eV];  grand_energy : Omega [eV]
    forces : (N, 3), -dOmega/dR [eV/A]; of electrode atoms too
    electrode_charges : (k,) [e];  electrode_potentials : (k,), V + level [V]
    level : dOmega/dQ_total [V], 0 where the total is not held
    """

    charges: np.ndarray
    energy: float
    grand_energy: float
    forces: np.ndarray
    electrode_charges: np.ndarray
    electrode_potentials: np.ndarray
    level: float


class ConstantPotential:
    """Electrodes at fixed positions, kept from step to step.

    Parameters
    ----------
    model : of all N atoms; its interaction is `Planar` (slab) or `Bulk`
    positions : (N, 3) [A], the first ones; of a slab, not wrapped along c
    charges : (N,) [e], of the electrolyte; those of electrodes and groups are found and not read
    constraints : electrodes and groups, whose atoms do not move; `total` counts all charges, `field` acts on all
    accuracy : largest error of a force [eV/A], for which the mesh is chosen; the rms error is about a sixteenth of it
    settings : of the mesh, in place of the choice
    skin : of the neighbour list [A];  single : transform the mesh in single precision
    method : "inverse", "iterative" (to a tenth of `accuracy` in the potentials [V]), or None for the rule: the first up to `INVERTED`

    Raises
    ------
    ValueError
        for another interaction or method, frozen charges among the constraints, an environment, and what `equilibrate_charges` raises.
    """

    def __init__(
        self,
        model: ChargeModel,
        positions: np.ndarray,
        charges: np.ndarray,
        constraints: Constraints,
        *,
        accuracy: float = 1e-3,
        settings: Settings | None = None,
        skin: float = 1.0,
        single: bool = False,
        method: str | None = None,
    ):
        positions, charges = np.array(positions, float), np.array(charges, float)
        _refuse(model, positions, charges, constraints, method)
        fixed = masks([*constraints.electrodes, *constraints.groups], len(charges), "electrode or group").any(axis=0)
        self.moving = np.flatnonzero(~fixed)
        self._accept = model.interaction.at(positions, model.width).check
        self.model, self.constraints = model, constraints.replace(frozen=Frozen(self.moving, charges[self.moving]))
        self.layout = layout(self.constraints, len(charges))
        self.fixed, self._place = self.layout.free, positions[fixed]
        typical = np.where(fixed, _TYPICAL, charges)
        cell, pbc = _space(model.interaction, positions, typical, accuracy)
        settings = settings or _settings(cell, pbc, positions, typical, model.width, accuracy)
        self.mesh = MeshOperator(cell, pbc, settings, model.width, skin=skin, single=single)
        self._spectrum, self._pairs, self._between = self.mesh.planes.spectrum(), None, None
        self._planes_of_fixed = self.mesh.planes.runs(self.mesh.planes.splines(positions), self.fixed)
        self._inverted = method == "inverse" or method is None and len(self.fixed) <= INVERTED
        self._solver = Projected(self._matrix(), self.layout.rows) if self._inverted else self._iterative(0.1 * accuracy)

    @property
    def capacitance(self) -> np.ndarray:
        """C = D^T K D (k, k) [e/V], dQ_a/dV_b of the electrodes D at fixed positions."""
        members = self.layout.members[:, self.fixed]
        return members @ np.array([self._solver.respond(one) for one in members]).reshape(members.shape).T

    def step(self, positions: np.ndarray, potentials: Sequence[float] | None = None) -> Step:
        """Return charges, energies and forces at positions (N, 3) [A].

        Parameters
        ----------
        positions : (N, 3) [A]; the electrodes' are those of the beginning
        potentials : one for each electrode [V]; those of the constraints if None

        Raises
        ------
        ValueError
            for electrode atoms that moved, another number of potentials, a net charge that the interaction does not take, and
            what `MeshOperator.at` raises.
        """
        mesh, q = self.mesh.at(positions), self.layout.charges.copy()
        if not np.array_equal(mesh.positions[self.fixed], self._place):
            raise ValueError(
                "ConstantPotential.step: expected electrode atoms where they were at the beginning, got others. "
                "Build a new ConstantPotential for moved electrodes"
            )
        held = np.array([e.potential for e in self.constraints.electrodes] if potentials is None else potentials, float)
        if held.shape != (len(self.layout.members),) or not np.isfinite(held).all():
            raise ValueError(f"ConstantPotential.step: expected {len(self.layout.members)} finite potentials, one for each electrode, got {potentials}")
        outside = self.constraints.field * (mesh.positions @ mesh.normal)
        wanted = held @ self.layout.members + outside - self.model.electronegativity
        felt = self._felt(q)
        q[self.fixed], multipliers = self._solver.solve((wanted - felt)[self.fixed], self.layout.targets)
        self._accept(float(q.sum()))
        return self._result(q, wanted, felt, held, multipliers)

    def _felt(self, q: np.ndarray) -> np.ndarray:
        """Return the potential (N,) of the electrolyte's charges, on the electrodes; its spectrum is kept."""
        mesh, planes = self.mesh, self.mesh.planes
        if mesh.pairs is not self._pairs:
            fixed = np.zeros(len(q), bool)
            fixed[self.fixed] = True
            self._pairs = mesh.pairs
            self._between = mesh.pairs.among(fixed[mesh.pairs.centres()] != fixed[mesh.pairs.index])
        phi = np.zeros(len(q))
        mesh.add_near(self._between, q, phi)
        phi *= COULOMB
        self._spectrum[:] = 0.0
        planes.add(self._spectrum, q, self.moving, mesh.splines, planes.runs(mesh.splines, self.moving))
        mesh.splines.gather(planes.solve(self._spectrum, self._planes_of_fixed), self.fixed, phi)
        return phi + mesh.uniform(q)[0]

    def _result(self, q, wanted, felt, held, multipliers) -> Step:
        mesh, model, at = self.mesh, self.model, self.layout
        mesh.planes.add(self._spectrum, q, self.fixed, mesh.splines, self._planes_of_fixed)
        found = mesh.evaluate_spectrum(q, self._spectrum)
        q_fixed, lift = q[self.fixed], at.rows.T @ multipliers
        by_mesh = (found.potentials - felt)[self.fixed]
        by_matrix = (wanted - felt)[self.fixed] + lift if self._inverted else by_mesh + model.hardness[self.fixed] * q_fixed
        energy = found.energy + float(q @ model.electronegativity) + 0.5 * float(q_fixed @ (by_matrix - by_mesh))
        total_held = len(multipliers) > len(at.groups)
        level = float(multipliers[-1]) if total_held else 0.0
        field = self.constraints.field
        forces = found.forces if field == 0.0 else found.forces + np.outer(field * q, mesh.normal)
        return Step(
            charges=q,
            energy=energy,
            grand_energy=energy - float(q @ (wanted + model.electronegativity)),
            forces=forces,
            electrode_charges=at.members @ q,
            electrode_potentials=held + level,
            level=level,
        )

    def _matrix(self) -> np.ndarray:
        """Return A_ee [V/e] in the cell of the mesh, with the hardness on its diagonal."""
        mesh, place = self.mesh, self._place
        matrix = LatticeSum(place, mesh.cell, self.model.width[self.fixed]).matrix()
        if not mesh.pbc[2]:
            z = place @ mesh.normal
            matrix -= 2.0 * np.pi * COULOMB / mesh.volume * ((z[:, None] - z) ** 2 + mesh.height**2 / 6.0)
        matrix[np.diag_indices(len(matrix))] += self.model.hardness[self.fixed]
        return matrix

    def _iterative(self, tolerance: float) -> Extrapolated:
        """Return conjugate gradients with the mesh of the electrodes alone."""
        mesh, width, hardness = self.mesh, self.model.width[self.fixed], self.model.hardness[self.fixed]
        alone = MeshOperator(mesh.cell, mesh.pbc, mesh.settings, width).at(self._place)
        own = np.where(width > 0.0, COULOMB / (np.sqrt(np.pi) * np.where(width > 0.0, width, 1.0)), 0.0) + hardness
        return Extrapolated(lambda q: alone.potentials(q) + hardness * q, np.where(own > 0.0, own, 1.0), self.layout.rows, tolerance)


def _space(interaction, positions, charges, accuracy):
    """Return the cell of the mesh and its periodicity."""
    if isinstance(interaction, Planar):
        return slab_cell(positions, interaction.cell, charges, accuracy), SLAB
    return np.asarray(interaction.cell, float), SLAB if interaction.slab else BULK


def _settings(cell, pbc, positions, charges, width, accuracy) -> Settings:
    """Return the choice of the mesh: in a slab's vacuum there are no pairs and transforms along c alone, and charges are denser elsewhere."""
    across = np.cross(cell[0], cell[1])
    filled = 1.0 if pbc[2] else np.ptp(positions @ across) / abs(cell[2] @ across)
    pair, point, line = KEPT
    return choose(cell, charges, width, accuracy * np.sqrt(filled), (pair / filled, point * 0.5 * (1.0 + filled), line))


def _refuse(model, positions, charges, constraints, method) -> None:
    """Raise ValueError for what this module does not take."""
    space, n = model.interaction, len(model.width)
    if not isinstance(space, (Planar, Bulk)) or not bool(space.pbc[0]):
        raise ValueError(f"ConstantPotential: expected the interaction Planar of a slab, or Bulk, got {space!r}. Use electrode_solver.ElectrodeSolver")
    if positions.shape != (n, 3) or charges.shape != (n,):
        raise ValueError(f"ConstantPotential: expected positions ({n}, 3) and charges ({n},) of the model's atoms, got {positions.shape} and {charges.shape}")
    if constraints.frozen is not None or not (constraints.electrodes or constraints.groups):
        raise ValueError("ConstantPotential: expected electrodes or groups and no frozen charges, which `charges` gives. Change the constraints")
    if method not in (None, "inverse", "iterative"):
        raise ValueError(f"ConstantPotential: expected method 'inverse', 'iterative' or None, got {method!r}")
    if model.environment is not None:
        raise ValueError("ConstantPotential: expected a model without environment, whose electronegativities would move. Use charges.equilibrate_charges")

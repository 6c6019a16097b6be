"""How a stationary point answers the potential or charge that is held: its Hessian, its displacement, its curvature.

With A(R, x) the scalar whose gradient the forces are, x the variable that is held and g = dF/dx = -d(dA/dx)/dR,

    dR*/dx = H^-1 g        d2A*/dx2 = d2A/dx2 - g.H^-1.g        H = d2A/dR2 at fixed x

for the value A* at a point that stays stationary: d2Omega*/dPhi2 = -(C + g.H^-1.g) with g = dQ/dR at fixed Phi, and
d2E*/dQ2 = 1/C - g.H^-1.g with g = -dPhi/dR at fixed Q.  Nothing in it asks for a minimum: at a saddle one eigenvalue of H is
negative and its term changes sign.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from ase import Atoms
from ase.constraints import FixAtoms

from electrode.models.base import Model
from electrode.state import Control, Structure
from electrode.thermo import evaluate

STEP = 0.01  # displacement of an atom for the finite differences [A]
BATCH = 120  # systems in one call
FLAT = 1e-3  # eigenvalues below this are motions of the whole, which the potential does not drive [eV/A^2]
SOFT = 1e-2  # least stiffness that a step of settling counts with [eV/A^2]
LONGEST = 0.1  # of such a step, for any coordinate [A]
SETTLED = 1e-4  # largest force component of a stationary point [eV/A]
REACH = 0.5  # how far an atom may go to settle; farther off is another structure [A]
ROUNDS = 40  # Hessians that settling may take


@dataclass(frozen=True)
class Response:
    """A stationary point and its derivatives at one control.

    Parameters
    ----------
    atoms : where it is
    energy : A [eV];  slope : dA/dx, minus the charge [e] or the potential [V]
    forces : (n, 3) of the atoms that move [eV/A]
    hessian : (3n, 3n) [eV/A^2]
    coupling : (3n,) dF/dx [e/A], or [V/A] where the charge is held
    bare : d2A/dx2 at fixed nuclei, -C [e/V] or 1/C [V/e]
    calls : batched calls that it took
    """

    atoms: Atoms
    energy: float
    slope: float
    forces: np.ndarray
    hessian: np.ndarray
    coupling: np.ndarray
    bare: float
    calls: int

    @property
    def free(self) -> np.ndarray:
        """Indices of the atoms that move, (n,)."""
        return _free(self.atoms)

    @property
    def displacement(self) -> np.ndarray:
        """How the stationary point moves with what is held, dR*/dx, (n, 3) [A/V] or [A/e]."""
        return self._solve(self.coupling).reshape(-1, 3)

    @property
    def curvature(self) -> float:
        """d2A*/dx2 of the point that stays stationary [e/V] or [V/e]."""
        return self.bare - float(self.coupling @ self._solve(self.coupling))

    def stiff_curvature(self, least: float) -> float:
        """Return d2A*/dx2 where only modes of at least that stiffness [eV/A^2], of either sign, follow what is held."""
        return self.bare - float(self.coupling @ self._solve(self.coupling, least))

    @property
    def stationary(self) -> bool:
        """Whether no force is left."""
        return bool(np.abs(self.forces).max() < SETTLED)

    @property
    def negative_modes(self) -> int:
        """Number of directions along which the energy falls: 0 at a minimum, 1 at a saddle."""
        return int((np.linalg.eigvalsh(self.hessian) < -FLAT).sum())

    def step(self, order: int) -> np.ndarray:
        """Return a step (n, 3) [A] up along the `order` softest directions and down along all others, no coordinate by more than `LONGEST`."""
        values, modes = np.linalg.eigh(self.hessian)
        along = modes.T @ self.forces.ravel() / np.maximum(np.abs(values), SOFT)
        along[:order] *= -1.0
        step = (modes @ along).reshape(-1, 3)
        return step * min(1.0, LONGEST / max(np.abs(step).max(), 1e-300))

    def _solve(self, right: np.ndarray, least: float = FLAT) -> np.ndarray:
        values, modes = np.linalg.eigh(self.hessian)
        kept = np.abs(values) > least
        return modes[:, kept] @ ((modes[:, kept].T @ right) / values[kept])


def response(atoms: Atoms, model: Model, control: Control, step: float = STEP) -> Response:
    """Return the derivatives at one structure, by central differences of forces and conjugate, `BATCH` systems in a call.

    Parameters
    ----------
    atoms : N atoms; those that a FixAtoms constraint holds do not move
    model : a Model
    control : of one value
    step : displacement [A]
    """
    free = _free(atoms)
    shifts = np.zeros((1 + 6 * len(free), len(atoms), 3))
    for k, (atom, axis) in enumerate((a, x) for a in free for x in range(3)):
        shifts[1 + 2 * k, atom, axis], shifts[2 + 2 * k, atom, axis] = step, -step
    out, calls = _evaluate(atoms, model, control, shifts)
    forces, slope = out["forces"][:, free], out["potential"] if control.held == "charge" else -out["charge"]
    hessian = -(forces[1::2] - forces[2::2]).reshape(3 * len(free), -1) / (2 * step)
    return Response(
        atoms=atoms.copy(),
        energy=float(out["grand_energy" if control.held == "potential" else "canonical_energy"][0]),
        slope=float(slope[0]),
        forces=forces[0],
        hessian=0.5 * (hessian + hessian.T),
        coupling=-(slope[1::2] - slope[2::2]) / (2 * step),
        bare=float(-out["capacitance"][0] if control.held == "potential" else 1.0 / out["capacitance"][0]),
        calls=calls,
    )


def settled(atoms: Atoms, model: Model, control: Control, order: int) -> Response:
    """Return the derivatives at the stationary point that is reached from here, or here where none is within `REACH`.

    Each step follows the Hessian where it stands, uphill along `order` modes: eigenvector following, Cerjan and Miller,
    J. Chem. Phys. 75, 2800 (1981), https://doi.org/10.1063/1.442352

    Parameters
    ----------
    atoms, model, control : see `response`
    order : 0 for a minimum, 1 for a saddle
    """
    start = here = response(atoms, model, control)
    calls = start.calls
    for _ in range(ROUNDS):
        if here.stationary:
            return replace(here, calls=calls)
        moved = here.atoms.copy()
        moved.positions[_free(moved)] += here.step(order)
        if np.linalg.norm(moved.positions - atoms.positions, axis=1).max() > REACH:
            break
        here = response(moved, model, control)
        calls += here.calls
    return replace(start, calls=calls)


def _free(atoms: Atoms) -> np.ndarray:
    held = {i for c in atoms.constraints if isinstance(c, FixAtoms) for i in c.index}
    return np.array([i for i in range(len(atoms)) if i not in held])


def _evaluate(atoms: Atoms, model: Model, control: Control, shifts: np.ndarray) -> tuple[dict, int]:
    """Return arrays of energy, forces (S, N, 3), charge, potential and capacitance of shifted copies, and the calls."""
    one, parts = Structure.from_atoms(atoms), []
    for some in np.array_split(shifts, -(-len(shifts) // BATCH)):
        batch = one.repeat(len(some))
        moved = batch.at(batch.positions.new_tensor((atoms.positions + some).reshape(-1, 3)))
        parts.append(evaluate(model, moved, control))
    names = ("grand_energy", "canonical_energy", "forces", "charge", "potential", "capacitance")
    out = {n: torch.cat([p[n] for p in parts]).numpy() for n in names}
    return {**out, "forces": out["forces"].reshape(len(shifts), -1, 3)}, len(parts)

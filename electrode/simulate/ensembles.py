"""What is sampled: the energy of a ring polymer of P beads at an electrode potential or charge, from one batched evaluation.

    shared charge        exp{-beta [(1/P) sum_k E(R_k, Q) - Phi Q]}      Q is sampled, one for all beads
    charge of each bead  exp{-beta (1/P) sum_k Omega(R_k, Phi)}          Q = Q*(R_k, Phi), the adiabatic limit
    held charge          exp{-beta (1/P) sum_k E(R_k, Q)}

One bead is a classical system.  The first two are different ensembles: integrating Q out of the first gives

    exp{-beta [mean_k E - C (Phi - mean_k Phi_k)^2 / 2]} sqrt(C)      for E quadratic in Q, at bead potentials Phi_k of the uncharged cell,

where the second has mean_k (Phi - Phi_k)^2.  They agree at one bead where the capacitance C does not depend on the atoms, and at
any number where Q* does not depend on the quantised coordinates.  The first is that of Sun, Jin, Yang and Xu, Nat. Commun. 16, 3600
(2025), arXiv:2407.12458.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from electrode.models.base import Model
from electrode.models.domain import check_elements, outside
from electrode.state import Control, Structure
from electrode.thermo import evaluate


@dataclass(frozen=True)
class State:
    """A ring polymer and what the model says of it.

    Parameters
    ----------
    positions : (P, N, 3) [A]
    charge, potential : (P,) [e], [V] of each bead
    energy : what stands in the Boltzmann factor [eV], the mean over the beads
    forces : (P, N, 3) [eV/A], of each bead's own energy; -P d(energy)/d(positions)
    messages : what leaves the model's trained range
    """

    positions: np.ndarray
    charge: np.ndarray
    potential: np.ndarray
    energy: float
    forces: np.ndarray
    messages: tuple[str, ...] = ()

    @property
    def centroid(self) -> np.ndarray:
        """Mean over the beads, (N, 3) [A]."""
        return self.positions.mean(0)


class Ensemble:
    """What an ensemble needs: a model, the atoms' elements and cell, and the electronic variable that is held.

    Parameters
    ----------
    model : of either natural variable
    atoms : N atoms; their positions only name the first state

    Raises
    ------
    ValueError
        for elements that the model does not know.
    """

    shared_charge = False  # whether the charge is sampled

    def __init__(self, model: Model, atoms: Atoms):
        self.model, self._structures = model, {1: Structure.from_atoms(atoms)}
        check_elements(model, self._structures[1])

    @property
    def area(self) -> float:
        """Of the surface [A^2]."""
        return float(self._structures[1].area[0])

    def state(self, positions: np.ndarray, charge: float, near: State | None = None) -> State:
        """Return the state of beads (P, N, 3) [A] at a charge [e], which only `SharedCharge` heeds; `near` starts the solve.

        Raises
        ------
        NoStableState
            where the model has none.
        FloatingPointError
            if an energy or force is not finite.
        """
        raise NotImplementedError

    def _evaluate(self, positions: np.ndarray, control: Control, near: State | None) -> tuple[dict, tuple[str, ...]]:
        beads = len(positions)
        if beads not in self._structures:
            self._structures[beads] = self._structures[1].repeat(beads)
        structure = self._structures[beads].at(torch.from_numpy(positions.reshape(-1, 3)))
        guess = None if near is None else torch.from_numpy(getattr(near, self.model.natural))
        out = evaluate(self.model, structure, control, guess=guess)
        for name in ("canonical_energy", "forces"):
            if not torch.isfinite(out[name]).all():
                raise FloatingPointError(f"the model gave {name} that is not finite; check the structure and the model's trained range")
        return {k: v.double().numpy() for k, v in out.items()}, tuple(outside(self.model, structure, out))


class SharedCharge(Ensemble):
    """One charge shared by all beads and sampled, exp{-beta [(1/P) sum_k E(R_k, Q) - Phi Q]}; <mean_k dE/dQ> = Phi.

    Parameters
    ----------
    potential : float [V, absolute]
    """

    shared_charge = True

    def __init__(self, model: Model, atoms: Atoms, potential: float):
        super().__init__(model, atoms)
        self.potential = float(potential)

    def state(self, positions, charge, near=None) -> State:
        """Return the state at this charge, see `Ensemble.state`."""
        out, messages = self._evaluate(positions, _held(len(positions), charge=charge), near)
        return _state(positions, out, float(out["canonical_energy"].mean() - self.potential * charge), messages)


class ChargePerBead(Ensemble):
    """Every bead with the charge that the potential gives it, exp{-beta (1/P) sum_k Omega(R_k, Phi)}.

    Parameters
    ----------
    potential : float [V, absolute]
    """

    def __init__(self, model: Model, atoms: Atoms, potential: float):
        super().__init__(model, atoms)
        self.potential = float(potential)

    def state(self, positions, charge=0.0, near=None) -> State:
        """Return the state with each bead's own charge, see `Ensemble.state`."""
        out, messages = self._evaluate(positions, _held(len(positions), potential=self.potential), near)
        return _state(positions, out, float(out["grand_energy"].mean()), messages)


class HeldCharge(Ensemble):
    """Every bead with the same charge, which does not change, exp{-beta (1/P) sum_k E(R_k, Q)}.

    Parameters
    ----------
    charge : float [e]
    """

    def __init__(self, model: Model, atoms: Atoms, charge: float):
        super().__init__(model, atoms)
        self.charge = float(charge)

    def state(self, positions, charge=0.0, near=None) -> State:
        """Return the state at the charge held, see `Ensemble.state`."""
        out, messages = self._evaluate(positions, _held(len(positions), charge=self.charge), near)
        return _state(positions, out, float(out["canonical_energy"].mean()), messages)


def _held(beads: int, **value: float) -> Control:
    return Control(**{name: torch.full((beads,), x, dtype=torch.float64) for name, x in value.items()})


def _state(positions, out, energy, messages) -> State:
    return State(positions, out["charge"], out["potential"], energy, out["forces"].reshape(positions.shape), messages)

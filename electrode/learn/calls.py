"""Calls of an expensive calculator that may fail: tried again once, then reported as a label without an answer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from ase import Atoms

from electrode.learn.labels import Label

ATTEMPTS = 2


def call(atoms: Atoms, calculator, reason: str, path: np.ndarray | None = None, state: Callable[[dict, float], dict] | None = None, most: int = ATTEMPTS, **kept) -> Label:
    """Return the label that a calculator gives to a structure, or one that says how it failed.

    Parameters
    ----------
    atoms : with the constraints that `fmax` counts with
    calculator : an ASE calculator, or a function that returns one
    reason, path : see `Label`
    state : from results and energy, the fields `energy`, `charge` and `potential` of a grand-canonical label
    most : attempts that are left, of which no more than `ATTEMPTS` are made
    kept : further fields of the label
    """
    failure, most = "", min(most, ATTEMPTS)
    for attempt in range(1, most + 1):
        try:
            moved, made = atoms.copy(), calculator if hasattr(calculator, "get_potential_energy") else calculator()
            moved.calc = made
            energy, forces = moved.get_potential_energy(), moved.get_forces(apply_constraint=False)
            results = getattr(made, "results", {})
            energy = results.get("free_energy", energy)  # whose gradient the forces are
            found = {"energy": float(energy)} if state is None else state(results, energy)
            if np.isfinite(list(found.values())).all() and np.isfinite(forces).all():
                return Label(moved.positions.copy(), forces=np.array(forces, dtype=float), fmax=largest_force(atoms, forces), reason=reason, path=path, attempts=attempt, **found, **kept)
            failure = f"{', '.join(found)} or forces are not finite"
        except Exception as error:  # codes fail in any way: an input they refuse, a density that does not converge, a lost process
            failure = f"{type(error).__name__}: {error}"
        if hasattr(calculator, "reset"):
            calculator.reset()
    return Label(atoms.positions.copy(), None, None, None, reason, path, failure=failure or "no message", attempts=most, **kept)


def largest_force(atoms: Atoms, forces: np.ndarray) -> float:
    """Return the largest force on an atom that the constraints of `atoms` leave [eV/A]."""
    left = np.array(forces, dtype=float)
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, left)
    return float(np.linalg.norm(left, axis=1).max())


def free_atoms(atoms: Atoms) -> np.ndarray:
    """Return the indices of the atoms that no constraint holds entirely; raises ValueError if there are none."""
    probe = np.random.default_rng(0).normal(size=(2, len(atoms), 3))
    for forces in probe:
        for constraint in atoms.constraints:
            constraint.adjust_forces(atoms, forces)
    free = np.flatnonzero(np.abs(probe).max(axis=(0, 2)) > 0.0)
    if not len(free):
        raise ValueError("end states: expected atoms that are free to move, got constraints on all of them")
    return free

"""Labels of a calculator as frames of the electrified-interface record, and how different structures are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations_with_replacement

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

from electrode.data.record import ElectrifiedFrame
from electrode.learn.labels import Label

REACH, WIDTH, GRID = 5.0, 0.25, 0.25  # of the distances compared [A]
CHARGE = 0.2  # that counts like one neighbour more of each atom [e]


def frame_of(label: Label, atoms: Atoms, *, method: str, trajectory: str, zero: str = "electrolyte", phi_she: float | None = None) -> ElectrifiedFrame:
    """Return a good label as a frame, its energy E at fixed charge.

    Parameters
    ----------
    label : with charge and potential
    atoms : gives all but the positions
    method : name of the method;  trajectory : what splits group by
    zero : of the potential, see `eir_mu_zero` of the record;  phi_she : absolute potential of SHE in this method [V]
    """
    moved = atoms.copy()
    moved.positions = label.positions
    moved.info |= {
        "eir_version": 1, "REF_energy": label.energy, "eir_energy_kind": "E", "eir_n_excess": -label.charge, "eir_mu": -label.potential, "eir_mu_zero": zero,
        "eir_ensemble": "fixed_n" if label.held == "charge" else "fixed_mu", "eir_scf_converged": True, "eir_method_id": method, "eir_countercharge": "unknown",
        "trajectory": trajectory,
    }  # fmt: skip
    moved.info |= {"eir_normal": 2, "eir_sides": 1} if moved.pbc[0] and moved.pbc[1] else {}
    moved.info |= {} if phi_she is None else {"eir_phi_she": phi_she}
    moved.info |= {"eir_mu_target": -label.target} if label.held == "potential" else {}
    moved.arrays["REF_forces"] = np.array(label.forces)
    return ElectrifiedFrame.from_atoms(moved, trajectory)


def descriptor(atoms: Atoms, charge: float) -> np.ndarray:
    """Return what structures are compared by: neighbours per atom against distance, for each pair of elements, and the charge.

        d_ab(r) = 1/N sum_ij exp(-(r - r_ij)^2 / (2 w^2)),   i of element a, j of element b

    It does not change where atoms of one element change places.

    Parameters
    ----------
    atoms : N atoms;  charge : net charge of the cell [e]
    """
    elements = sorted(set(atoms.numbers))
    i, j, r = neighbor_list("ijd", atoms, REACH)
    near, grid, parts = r < REACH, np.arange(0.5, REACH, GRID), []
    fade = np.cos(0.5 * np.pi * r / REACH) ** 2
    for a, b in combinations_with_replacement(elements, 2):
        pick = near & (atoms.numbers[i] == a) & (atoms.numbers[j] == b)
        parts.append((fade[pick, None] * np.exp(-0.5 * ((grid - r[pick, None]) / WIDTH) ** 2)).sum(0) / len(atoms))
    return np.concatenate([*parts, [charge / CHARGE]])


def farthest(candidates: Sequence[np.ndarray], known: Sequence[np.ndarray], count: int) -> list[int]:
    """Return which candidates to take, each the farthest from all that are known or taken before; the first of equals.

    Parameters
    ----------
    candidates, known : descriptors;  known : at least one
    """
    if not len(candidates):
        return []
    values, chosen = np.array(candidates), []
    distance = np.array([min(np.linalg.norm(c - k) for k in known) for c in values])
    while len(chosen) < min(count, len(values)):
        best = int(np.argmax(distance))
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(values - values[best], axis=1))
        distance[chosen] = -1.0
    return chosen

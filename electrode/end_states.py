"""What can be said of two end states: whether a path can join them, and whether a relaxed one is still the one that was given."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.data import covalent_radii
from ase.geometry import find_mic
from ase.neighborlist import neighbor_list

from electrode.state import electrode_atoms

BOND = 1.25  # atoms closer than this times the sum of their covalent radii are bonded
BROKEN = 1.6  # beyond this times that sum a bond to the electrode is gone
WANDER = 1.0  # an atom bonded to the electrode that moves farther has left its site [A]


def different_atoms(initial: Atoms, final: Atoms) -> None:
    """Raise ValueError if two end states cannot be joined by a path, with what differs."""
    if len(initial) != len(final):
        raise ValueError(f"end states: expected the same atoms, got {len(initial)} and {len(final)} of them")
    if (initial.numbers != final.numbers).any():
        k = int(np.flatnonzero(initial.numbers != final.numbers)[0])
        raise ValueError(f"end states: atom {k} is {initial.symbols[k]} in the first and {final.symbols[k]} in the second; give both in one order")
    if not np.allclose(initial.cell.array, final.cell.array, atol=1e-6) or (initial.pbc != final.pbc).any():
        raise ValueError("end states: expected the same cell and periodic directions; relax both in one cell")
    if not np.array_equal(electrode_atoms(initial), electrode_atoms(final)):
        raise ValueError("end states: tags or eir_region name different atoms as the electrode; give both the same")


def same_bonds(a: Atoms, b: Atoms) -> bool:
    """Say whether the atoms that are not the electrode have the same bonds in both."""
    return _bonds(a) == _bonds(b)


def same_basin(given: Atoms, relaxed: Atoms) -> bool:
    """Say whether a relaxed state is still the state that was given.

    Its bonds are the same, and what was bonded to the electrode is so still and has not wandered off by `WANDER`.
    """
    if not same_bonds(given, relaxed):
        return False
    held = np.flatnonzero(_distance_to_electrode(given) < BOND)
    moved = find_mic(relaxed.positions - given.positions, given.cell, given.pbc)[1]
    return bool((moved[held] < WANDER).all() and (_distance_to_electrode(relaxed)[held] < BROKEN).all())


def _distance_to_electrode(atoms: Atoms) -> np.ndarray:
    """Distance of each atom to the nearest electrode atom over the sum of their covalent radii; inf for the electrode."""
    metal = electrode_atoms(atoms)
    nearest = np.full(len(atoms), np.inf)
    i, j, d = neighbor_list("ijd", atoms, BROKEN * 2.0 * covalent_radii[atoms.numbers].max(initial=0.0))
    pairs = ~metal[i] & metal[j]
    reach = covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]]
    np.minimum.at(nearest, i[pairs], (d / reach)[pairs])
    return nearest


def same_place(a: Atoms, b: Atoms, tolerance: float = 0.3) -> bool:
    """Say whether no atom differs by more than `tolerance` [A] between two states."""
    return bool(find_mic(a.positions - b.positions, a.cell, a.pbc)[1].max() < tolerance)


def _bonds(atoms: Atoms) -> set[tuple[int, int]]:
    loose = np.flatnonzero(~electrode_atoms(atoms))
    part = atoms[loose]
    reach = {(x, y): BOND * (covalent_radii[x] + covalent_radii[y]) for x in set(part.numbers) for y in set(part.numbers)}
    if not len(part):
        return set()
    i, j, d = neighbor_list("ijd", part, max(reach.values()))
    limit = np.array([reach[part.numbers[x], part.numbers[y]] for x, y in zip(i, j)])
    return {(int(x), int(y)) for x, y in zip(loose[i[d < limit]], loose[j[d < limit]])}

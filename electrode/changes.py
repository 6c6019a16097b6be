"""What changed from one Atoms object to the next, of what the results of a model depend on, and the structure that it leaves."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from ase import Atoms
from ase.calculators.calculator import all_changes

from electrode.state import GAP_KEY, Structure

_ARRAYS = tuple(name for name in all_changes if name not in ("cell", "pbc")) + ("tags", "eir_region")


def changes_of(before: Atoms | None, after: Atoms, tol: float) -> list[str]:
    """Return the names of what changed: ASE's list, tags, region and the counter-charge's distance included.

    Parameters
    ----------
    before : None for no atoms yet, then all of ASE's list changed
    tol : differences up to this are none
    """
    if before is None:
        return list(all_changes)
    found = [] if _equal(before.cell.array, after.cell.array, tol) else ["cell"]
    found += [] if (before.pbc == after.pbc).all() else ["pbc"]
    found += [name for name in _ARRAYS if not _equal(before.arrays.get(name), after.arrays.get(name), tol)]
    return found + ([GAP_KEY] if before.info.get(GAP_KEY) != after.info.get(GAP_KEY) else [])


def structure_of(atoms: Atoms, last: Structure | None, changed: Collection[str]) -> Structure:
    """Return the structure of the atoms: the last one at its new positions where nothing else changed."""
    if last is None or not set(changed) <= {"positions"}:
        return Structure.from_atoms(atoms)
    return last.at(torch.from_numpy(atoms.positions.copy()))


def _equal(one: np.ndarray | None, other: np.ndarray | None, tol: float) -> bool:
    if one is None or other is None:
        return one is other
    if one.shape != other.shape:
        return False
    return bool((one == other).all()) or (one.dtype.kind == "f" and bool((np.abs(one - other) <= tol).all()))

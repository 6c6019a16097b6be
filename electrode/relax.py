"""Relaxing a structure at a held potential or charge, the bottom metal layer kept in place."""

from __future__ import annotations

import warnings

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms
from ase.optimize import BFGS

from electrode.state import electrode_atoms

LARGEST_STEP = 0.05  # of an atom in one step [A]; long steps leave a learned surface where it ends


def fixed_bottom_layer(atoms: Atoms) -> Atoms:
    """Return a copy whose bottom electrode layer, the atoms of the highest positive tag, is held in place.

    ASE's surface builders number layers from the top: 1 is the outermost, adsorbates have 0. Atoms that already carry
    constraints are returned as a copy and nothing else.

    Parameters
    ----------
    atoms : N atoms, with `tags` where a layer is to be held

    Raises
    ------
    ValueError
        if the layer of the highest tag lies above the others, so that the tags are no layers counted from the top.

    Warns
    -----
    UserWarning
        if there is an electrode but no tag says what its bottom layer is; nothing is held then.
    """
    copy = atoms.copy()
    if copy.constraints:
        return copy
    tags = copy.get_tags()
    if tags.max(initial=0) < 1:
        if electrode_atoms(copy).any():
            warnings.warn("no tags: the bottom layer of the electrode is not held; set tags (1 is the outer layer) or a constraint", UserWarning, stacklevel=2)
        return copy
    bottom = tags == tags.max()
    _require_bottom(copy, tags, bottom)
    copy.set_constraint(FixAtoms(mask=bottom))
    return copy


def relax(atoms: Atoms, calculator, *, fmax: float = 0.05, max_steps: int = 300, fix_bottom: bool = True, observer=None) -> tuple[Atoms, bool, int]:
    """Return the structure moved downhill until no force exceeds `fmax`, whether it got there, and the steps taken.

    ASE's BFGS follows the calculator's `energy`: Omega where the potential is held, E where the charge is. The input is
    left as it is.

    Parameters
    ----------
    atoms : N atoms
    calculator : ASE calculator; the returned atoms carry it
    fmax : largest force of an atom that is free to move [eV/A]
    max_steps : of the optimiser
    fix_bottom : hold the bottom layer, see `fixed_bottom_layer`; otherwise only constraints of `atoms` count
    observer : called after each step without arguments

    Raises
    ------
    ValueError
        for a threshold or number of steps that is not positive, and what the calculator raises.
    """
    if not fmax > 0 or max_steps < 1:
        raise ValueError(f"relax: expected fmax > 0 eV/A and max_steps >= 1, got {fmax} and {max_steps}")
    moving = fixed_bottom_layer(atoms) if fix_bottom else atoms.copy()
    moving.calc = calculator
    optimiser = BFGS(moving, logfile=None, maxstep=LARGEST_STEP)
    if observer is not None:
        optimiser.attach(observer)
    converged = bool(optimiser.run(fmax=fmax, steps=max_steps))
    return moving, converged, optimiser.get_number_of_steps()


def _require_bottom(atoms: Atoms, tags: np.ndarray, bottom: np.ndarray) -> None:
    """Refuse tags that count from the bottom: heights are along the normal a x b, or z without a cell."""
    others = (tags > 0) & ~bottom
    normal = np.cross(*atoms.cell.array[:2])
    heights = atoms.positions @ (normal if normal.any() else np.array([0.0, 0.0, 1.0]))
    if others.any() and heights[bottom].mean() > heights[others].mean():
        raise ValueError(
            f"tags: expected layers counted from the top, the bottom layer with the highest tag; got tag {tags.max()} above the "
            "other layers. Renumber the tags, or set a constraint (ase.constraints.FixAtoms) on the atoms to be held"
        )

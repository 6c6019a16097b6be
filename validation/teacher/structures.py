"""Metal slabs under layers of water, with ions, and with one proton more that stands on a water molecule or on the metal."""

from __future__ import annotations

import math

import numpy as np
from ase import Atoms
from ase.build import fcc111
from ase.constraints import FixAtoms

LAYER = 2.9  # [A] between layers of water
FIRST = 3.0  # height of the first above the metal [A]
ADDED = ("hydronium", "hydride", "none")
_TETRAHEDRAL = 0.5 * math.radians(104.5)


def interface(layers: int, *, size: tuple[int, int, int] = (3, 3, 3), added: str = "hydronium", ion: str | None = None, seed: int = 0) -> Atoms:
    """Return gold (111) under water, unrelaxed; the lowest layer of metal is fixed.

    Parameters
    ----------
    layers : of water, at least 1
    size : of the slab, in atoms
    added : "hydronium" on the first layer, "hydride" on the metal beside the molecule that it comes from, or "none"
    ion : "Na" or "Cl" in place of a molecule of the last layer, or None
    seed : of the orientations of the molecules

    Raises
    ------
    ValueError
        for an unknown word, or no layer.
    """
    if layers < 1 or added not in ADDED or ion not in (None, "Na", "Cl"):
        raise ValueError(f"interface: expected layers >= 1, added one of {', '.join(ADDED)}, ion Na, Cl or None; got {layers}, {added!r}, {ion!r}")
    slab = fcc111("Au", size, a=4.08, vacuum=8.0)
    slab.info, slab.pbc = {}, (True, True, False)
    rng = np.random.default_rng([seed, layers])
    top = slab.positions[:, 2].max()
    hollow = _hollow(slab)
    places = _places(slab, hollow, layers)
    last = len(places) - 1
    for k, place in enumerate(places):
        at = place + [0.0, 0.0, top + FIRST]
        if k == 0:
            slab += _above(at, added)
            if added == "hydride":
                slab += Atoms("H", [[*hollow, top + 1.0]])
        elif k == last and ion is not None:
            slab += Atoms(ion, [at])
        else:
            slab += _molecule(at, rng)
    slab.cell[2, 2] = slab.positions[:, 2].max() + 8.0
    region = np.where(slab.numbers == 79, 0, 2)
    if added != "none":
        region[_proton(slab, added)] = 1
    slab.set_array("eir_region", region)
    slab.set_constraint(FixAtoms(np.flatnonzero(slab.positions[:, 2] < slab.positions[:, 2].min() + 0.5)))
    return slab


def ends(layers: int, *, size: tuple[int, int, int] = (3, 3, 3), seed: int = 0) -> tuple[Atoms, Atoms]:
    """Return the initial and final state of the proton's path, with their atoms in one order, unrelaxed."""
    final = interface(layers, size=size, added="hydride", seed=seed)
    initial = interface(layers, size=size, added="hydronium", seed=seed)
    return initial, final


def between(initial: Atoms, final: Atoms, share: float) -> Atoms:
    """Return the structure that far along the straight line from one state to the other."""
    out = initial.copy()
    out.positions = (1.0 - share) * initial.positions + share * final.positions
    return out


def _proton(slab: Atoms, added: str) -> int:
    """Return the hydrogen that goes over: after the metal come O, H, H and it."""
    return int(np.flatnonzero(slab.numbers == 8)[0]) + 3


def _hollow(slab: Atoms) -> np.ndarray:
    """Return the middle of three atoms of the top layer, (2,)."""
    top = slab.positions[slab.positions[:, 2] > slab.positions[:, 2].max() - 0.5]
    near = np.argsort(np.linalg.norm(top - top[0], axis=1), kind="stable")[:4]
    for a, b in ((1, 2), (1, 3), (2, 3)):
        if np.linalg.norm(top[near[a]] - top[near[b]]) < 3.2:
            return (top[0] + top[near[a]] + top[near[b]])[:2] / 3.0
    raise ValueError("the slab is too narrow for a hollow of three different atoms; take at least 2 x 2")


def _places(slab: Atoms, hollow: np.ndarray, layers: int) -> list[np.ndarray]:
    """Return where oxygens go (3,), above the metal: the first over the hollow, layers shifted against each other."""
    n = int(round(len(slab[slab.positions[:, 2] > slab.positions[:, 2].max() - 0.5]) * 0.55))
    columns = math.ceil(math.sqrt(n))
    places = []
    for layer in range(layers):
        for k in range(n):
            a, b = (k // columns + 0.5 * (layer % 2)) / math.ceil(n / columns), (k % columns + 0.5 * (k // columns + layer)) / columns
            in_plane = (a * slab.cell[0] + b * slab.cell[1])[:2] + hollow
            places.append(np.array([*in_plane, layer * LAYER + 0.3 * (k % 2)]))
    return places


def _above(at: np.ndarray, added: str) -> Atoms:
    """Return the first molecule, two hydrogens away from the metal, and the third towards it if it is hydronium."""
    flat = 0.98 * np.array([[0.9, 0.0, 0.42], [-0.45, 0.78, 0.42]])
    down = np.array([[0.0, 0.0, -1.0]])
    rows = [[0, 0, 0], *flat, *(down if added == "hydronium" else [])]
    return Atoms("OHHH"[: len(rows)], np.array(rows) + at)


def _molecule(at: np.ndarray, rng: np.random.Generator) -> Atoms:
    """Return a water molecule in a random orientation."""
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = q * np.sign(np.diag(r))
    arms = 0.97 * np.array([[math.sin(_TETRAHEDRAL), 0.0, math.cos(_TETRAHEDRAL)], [-math.sin(_TETRAHEDRAL), 0.0, math.cos(_TETRAHEDRAL)]])
    return Atoms("OHH", np.concatenate([np.zeros((1, 3)), arms @ turn.T]) + at)

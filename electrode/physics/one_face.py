"""What a height above the electrode presupposes: one slab, and all other atoms on one side of it."""

from __future__ import annotations

import numpy as np

LARGEST_GAP = 6.0  # between layers of one electrode, and of what stands behind it, along the normal [A]


def require_one_face(heights: np.ndarray, system: np.ndarray, electrode: np.ndarray, periodic: np.ndarray) -> None:
    """Refuse an electrode in two parts, and atoms behind it that belong above.

    Parameters
    ----------
    heights : (N,) along the normal to the electrolyte [A];  system : (N,) system of each atom, ascending;  electrode : (N,) bool
    periodic : (S,) bool, whether the cell repeats along the normal

    Raises
    ------
    ValueError
    """
    _refuse_two_parts(_widest_gaps(heights[electrode], system[electrode], len(periodic)))
    _refuse_behind(heights, system, electrode, periodic)


def require_one_slab(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, system: np.ndarray, electrode: np.ndarray) -> None:
    """Refuse slabs whose electrode is in two parts, for schemes that read the area of one surface but no heights; open space is passed over.

    Where the cell repeats along the normal the two parts may be one that its boundary cuts, so that one gap is none.

    Parameters
    ----------
    positions : (N, 3) [A];  cell : (S, 3, 3) [A];  pbc : (S, 3) bool
    system : (N,) system of each atom, ascending;  electrode : (N,) bool

    Raises
    ------
    ValueError
    """
    gaps, metal = np.zeros(len(cell)), positions[electrode]
    for k in np.flatnonzero(np.all(np.asarray(pbc)[:, :2], axis=1)):
        normal = np.cross(cell[k, 0], cell[k, 1])
        normal /= np.linalg.norm(normal)
        heights = np.sort(metal[system[electrode] == k] @ normal)
        if not pbc[k, 2]:
            gaps[k] = np.diff(heights).max(initial=0.0)
        elif len(heights) > 1:
            length = abs(cell[k, 2] @ normal)
            heights = np.sort(heights % length)
            gaps[k] = np.sort(np.diff(heights, append=heights[0] + length))[-2]
    _refuse_two_parts(gaps)


def _refuse_two_parts(gaps: np.ndarray) -> None:
    """Refuse systems whose electrode has a widest gap (S,) [A] along the normal that no slab has.

    Raises
    ------
    ValueError
    """
    if gaps.max(initial=0.0) > LARGEST_GAP:
        k = int((gaps > LARGEST_GAP).argmax())
        raise ValueError(
            f"system {k}: the electrode is in two parts, {gaps[k]:.1f} A apart along the normal; expected one slab. Move a slab "
            "that is cut by the cell's boundary into one piece, or mark only one of two electrodes (tags, or eir_region: 0 electrode, 3 counter electrode)"
        )


def _refuse_behind(heights: np.ndarray, system: np.ndarray, electrode: np.ndarray, periodic: np.ndarray) -> None:
    """Refuse atoms that stand apart behind the electrode of a cell that repeats along the normal; for the parameters see `require_one_face`.

    A cell's boundary wrapped them there: a lattice vector changes their height, and with it what a scheme says, but not the structure.

    Raises
    ------
    ValueError
    """
    if not np.any(periodic):
        return
    bottom = np.full(len(periodic), np.inf)
    np.minimum.at(bottom, system[electrode], heights[electrode])
    behind = np.asarray(periodic)[system] & (heights <= bottom[system])
    gaps = _widest_gaps(heights[behind], system[behind], len(periodic))
    if gaps.max() > LARGEST_GAP:
        k = int((gaps > LARGEST_GAP).argmax())
        raise ValueError(
            f"system {k}: atoms stand {gaps[k]:.1f} A behind the electrode of a cell that repeats along the normal; expected all above it, on the side of the "
            "cell's third vector. Move atoms that were wrapped by the cell's boundary up by that vector, or set atoms.pbc to (True, True, False)"
        )


def _widest_gaps(heights: np.ndarray, system: np.ndarray, n_systems: int) -> np.ndarray:
    """Return the widest layer without atoms between two atoms of each system, (S,) [A]."""
    order, gaps = np.lexsort((heights, system)), np.zeros(n_systems)
    same = np.diff(system[order]) == 0
    np.maximum.at(gaps, system[order][1:][same], np.diff(heights[order])[same])
    return gaps

"""What a height above the electrode presupposes: one slab, and all other atoms on one side of it."""

from __future__ import annotations

import numpy as np

LARGEST_GAP = 6.0  # between layers of one electrode, and of what stands behind it, along the normal [A]


def require_one_face(heights: np.ndarray, system: np.ndarray, electrode: np.ndarray, periodic: np.ndarray) -> None:
    """Refuse an electrode in two parts, and atoms behind it that belong above, see `refuse_two_parts` and `refuse_behind`.

    Parameters
    ----------
    heights : (N,) along the normal to the electrolyte [A];  system : (N,) system of each atom, ascending;  electrode : (N,) bool
    periodic : (S,) bool, whether the cell repeats along the normal

    Raises
    ------
    ValueError
    """
    refuse_two_parts(_widest_gaps(heights[electrode], system[electrode], len(periodic)))
    refuse_behind(heights, system, electrode, periodic)


def refuse_two_parts(gaps: np.ndarray) -> None:
    """Refuse systems whose electrode has a widest gap (S,) [A] along the normal that no slab has.

    Raises
    ------
    ValueError
    """
    if gaps.max(initial=0.0) > LARGEST_GAP:
        k = int((gaps > LARGEST_GAP).argmax())
        raise ValueError(
            f"system {k}: the electrode is in two parts, {gaps[k]:.1f} A apart along the normal; expected one slab. Move a slab "
            "that is cut by the cell's boundary into one piece, or mark only one of two electrodes (tags, eir_region)"
        )


def refuse_behind(heights: np.ndarray, system: np.ndarray, electrode: np.ndarray, periodic: np.ndarray) -> None:
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

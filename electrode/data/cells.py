"""Which cells a model can be given."""

from __future__ import annotations

import numpy as np


def check_cells(cell: np.ndarray, pbc: np.ndarray) -> None:
    """Refuse periodic directions whose lattice vectors span nothing, and surfaces that are not along the first two vectors.

    Parameters
    ----------
    cell : (S, 3, 3) [A], rows are the lattice vectors;  pbc : (S, 3) bool

    Raises
    ------
    ValueError
    """
    # the squared volume spanned by the periodic vectors: with an open direction replaced by nothing, a smaller determinant
    rows = np.where(pbc[:, :, None], cell, 0.0)
    flat = np.flatnonzero(~(np.linalg.det(rows @ rows.transpose(0, 2, 1) + np.eye(3) * ~pbc[:, :, None]) > 1e-10))
    if len(flat):
        k = int(flat[0])
        raise ValueError(f"system {k}: periodic along {pbc[k].tolist()} but those lattice vectors span no volume; set atoms.cell or atoms.pbc")
    other = np.flatnonzero((pbc.sum(axis=1) == 2) & pbc[:, 2])
    if len(other):
        k = int(other[0])
        raise ValueError(
            f"system {k}: periodic along {pbc[k].tolist()}; expected a surface along the first two lattice vectors, with its normal on the side of the third. "
            f"Reorder them: atoms.set_cell(atoms.cell[{reorder(int(np.argmin(pbc[k])))}]); atoms.pbc = (True, True, False)"
        )


def reorder(normal: int) -> list[int]:
    """Return the order of lattice vectors, of the same hand, that makes `normal` (0, 1 or 2) the third."""
    return [(normal + k) % 3 for k in (1, 2, 3)]

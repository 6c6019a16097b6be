"""What stands where along the normal of a surface: densities of atoms and of molecules, and how water is turned.

    rho(z) = <N in a bin>/(A dz),    <cos theta>(z) = <mu.n/|mu|>,    rho <cos theta>: dipoles for each volume

mu points from the oxygen to the middle of its two hydrogens and n is the normal, so that cos theta = 1 is water with its hydrogens up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms
from ase.neighborlist import neighbor_list

BOND = 1.25  # longest O-H bond of a water molecule [A]


@dataclass(frozen=True)
class Profile:
    """Means over a trajectory in bins along the normal.

    Parameters
    ----------
    heights : (K,) middles of the bins [A], along the unit normal of the first two lattice vectors
    density : (K,) [1/A^3]
    orientation : (K,) <cos theta>, NaN in empty bins; None of atoms
    """

    heights: np.ndarray
    density: np.ndarray
    orientation: np.ndarray | None = None


def density_profile(images: Sequence[Atoms], element: str, edges: np.ndarray) -> Profile:
    """Return the number density of an element along the normal.

    Parameters
    ----------
    images : of one cell area
    element : symbol
    edges : (K + 1,) of the bins [A], ascending

    Raises
    ------
    ValueError
        without images, for edges that do not ascend, or cells of different areas.
    """
    edges, volume = _bins(images, edges)
    heights = np.concatenate([_heights(a, a.positions)[a.symbols == element] for a in images])
    counts = np.histogram(heights, edges)[0]
    return Profile(0.5 * (edges[1:] + edges[:-1]), counts / (len(images) * volume))


def water_profile(images: Sequence[Atoms], edges: np.ndarray) -> Profile:
    """Return number density and orientation of water molecules, at the heights of their oxygens; parameters as of `density_profile`.

    Oxygens with another number of hydrogens than two within `BOND` are no water and do not count.
    """
    edges, volume = _bins(images, edges)
    found = [_waters(a) for a in images]
    heights, cosines = (np.concatenate(x) for x in zip(*found))
    counts, sums = np.histogram(heights, edges)[0], np.histogram(heights, edges, weights=cosines)[0]
    mean = np.divide(sums, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    return Profile(0.5 * (edges[1:] + edges[:-1]), counts / (len(images) * volume), mean)


def _waters(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Return heights of oxygens [A] and cos theta of the water molecules."""
    i, j, d = neighbor_list("ijD", atoms, {("O", "H"): BOND})
    oxygen = atoms.numbers[i] == 8
    i, d = i[oxygen], d[oxygen]
    water = np.flatnonzero(np.bincount(i, minlength=len(atoms)) == 2)
    dipole = np.zeros((len(atoms), 3))
    np.add.at(dipole, i, d)
    along = _heights(atoms, dipole[water])
    return _heights(atoms, atoms.positions[water]), along / np.linalg.norm(dipole[water], axis=1)


def _heights(atoms: Atoms, vectors: np.ndarray) -> np.ndarray:
    """Return the components of vectors (N, 3) along the normal of the first two lattice vectors, on the side of the third."""
    normal = np.cross(atoms.cell[0], atoms.cell[1])
    normal *= -1.0 if normal @ atoms.cell[2] < 0.0 else 1.0
    return vectors @ (normal / np.linalg.norm(normal))


def _bins(images: Sequence[Atoms], edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return edges and the volume of each bin [A^3]."""
    edges = np.asarray(edges, float)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0.0).all():
        raise ValueError(f"profiles: expected edges of bins that ascend [A], got {edges.tolist()}")
    areas = np.array([np.linalg.norm(np.cross(a.cell[0], a.cell[1])) for a in images])
    if not len(areas) or not areas.min() > 0.0 or np.ptp(areas) > 1e-6 * areas[0]:
        raise ValueError(f"profiles: expected images with one area spanned by the first two lattice vectors, got {sorted(set(np.round(areas, 6).tolist()))} A^2")
    return edges, areas[0] * np.diff(edges)

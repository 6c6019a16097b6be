"""Reaction coordinates that can be held: their value, the motion they leave free, and the free energy's slope along them.

    height along a direction   s = (r_a - mean r_reference) . u         dA/ds = <dV/ds>, a linear coordinate: no Jacobian
    distance                   s = d,        d = |r_1 - r_2|            dA/ds = <-u_1 . F_1 - 2 kT / d>
    difference of distances    s = d_1 - d_3, both from atom 2          dA/ds = <-u_1 . F_1 - 2 kT / d_1> = <+u_3 . F_3 + 2 kT / d_3>

u_i points from atom 2 to atom i; 2 kT / d is the slope of the Jacobian d^2.  A is the free energy of the distribution of s itself.
Coordinates of ring polymers are those of the centroids.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.units import BOLTZMANN


@dataclass(frozen=True)
class Along:
    """Where an atom is along a direction, measured from a place in space or from the mean of other atoms.

    Parameters
    ----------
    atom : index
    direction : 3 components, of any length
    reference : atoms whose mean is the origin; empty for the origin of space
    """

    atom: int
    direction: tuple[float, float, float]
    reference: tuple[int, ...] = ()

    @property
    def atoms(self) -> tuple[int, ...]:
        """Atoms that take part."""
        return (self.atom, *self.reference)

    def gradient(self, positions: np.ndarray) -> np.ndarray:
        """Return ds/dr, (N, 3)."""
        unit = np.asarray(self.direction, dtype=float) / np.linalg.norm(self.direction)
        out = np.zeros_like(positions)
        out[self.atom] += unit
        for k in self.reference:
            out[k] -= unit / len(self.reference)
        return out

    def value(self, positions: np.ndarray) -> float:
        """Return s [A] for positions (N, 3) [A]."""
        return float((self.gradient(positions) * positions).sum())

    def project(self, vectors: np.ndarray, masses: np.ndarray) -> np.ndarray:
        """Return velocities or accelerations (N, 3) without their part along s, in the metric of the masses (N,), inf where held."""
        gradient = self.gradient(vectors)
        normal = gradient / masses[:, None]
        return vectors - normal * (gradient * vectors).sum() / (gradient * normal).sum()

    def placed(self, positions: np.ndarray, value: float) -> np.ndarray:
        """Return positions (N, 3) [A] with the atom moved so that s has this value [A]."""
        out = positions.copy()
        out[self.atom] += (value - self.value(positions)) * self.gradient(positions)[self.atom]
        return out

    def slopes(self, positions: np.ndarray, forces: np.ndarray, temperature: float) -> np.ndarray:
        """Return estimates of dA/ds [eV/A], (1,): the force on the atom along the direction."""
        return np.array([-(forces[self.atom] * self.gradient(positions)[self.atom]).sum()])


@dataclass(frozen=True)
class Distance:
    """The distance of two atoms, or with `other` the difference of its two distances: s = |r_end - r_centre| - |r_other - r_centre|.

    Parameters
    ----------
    centre : index of the atom that the distances are measured from, for a transfer the one that moves
    end, other : indices
    """

    centre: int
    end: int
    other: int | None = None

    @property
    def ends(self) -> tuple[int, ...]:
        """Atoms at the far end of each distance."""
        return (self.end,) if self.other is None else (self.end, self.other)

    @property
    def atoms(self) -> tuple[int, ...]:
        """Atoms that take part."""
        return (self.centre, *self.ends)

    def legs(self, positions: np.ndarray) -> np.ndarray:
        """Return the vectors from the centre to the ends, (1 or 2, 3) [A]."""
        return positions[list(self.ends)] - positions[self.centre]

    def value(self, positions: np.ndarray) -> float:
        """Return s [A] for positions (N, 3) [A]."""
        lengths = np.linalg.norm(self.legs(positions), axis=1)
        return float(lengths[0] - lengths[1:].sum())

    def gradient(self, positions: np.ndarray) -> np.ndarray:
        """Return ds/dr, (N, 3)."""
        out = np.zeros_like(positions)
        for sign, end, leg in zip((1.0, -1.0), self.ends, self.legs(positions)):
            unit = sign * leg / np.linalg.norm(leg)
            out[end] += unit
            out[self.centre] -= unit
        return out

    def project(self, vectors: np.ndarray, masses: np.ndarray) -> np.ndarray:
        """Return velocities or accelerations (N, 3) with the atoms that take part moving as one body without turning; masses (N,)."""
        out, own = vectors.copy(), list(self.atoms)
        out[own] = np.average(vectors[own], axis=0, weights=masses[own])
        return out

    def placed(self, positions: np.ndarray, value: float) -> np.ndarray:
        """Return positions (N, 3) [A] with the ends moved along their legs so that s has this value [A]; a difference is shared.

        Raises
        ------
        ValueError
            if a distance would not stay positive.
        """
        out, legs = positions.copy(), self.legs(positions)
        step = (value - self.value(positions)) / len(self.ends)
        for sign, end, leg in zip((1.0, -1.0), self.ends, legs):
            length = np.linalg.norm(leg)
            if length + sign * step <= 0:
                raise ValueError(f"coordinate: {value:g} A leaves no distance between atoms {self.centre} and {end}; expected a value near {self.value(positions):.3g} A")
            out[end] += sign * step * leg / length
        return out

    def slopes(self, positions: np.ndarray, forces: np.ndarray, temperature: float) -> np.ndarray:
        """Return estimates of dA/ds [eV/A], one for each leg; their averages agree."""
        signs, rows = (1.0, -1.0), []
        for sign, end, leg in zip(signs, self.ends, self.legs(positions)):
            length = np.linalg.norm(leg)
            rows.append(-sign * (forces[end] @ leg / length + 2.0 * BOLTZMANN * temperature / length))
        return np.array(rows)


Coordinate = Along | Distance


def inverse_mass(coordinate: Coordinate, positions: np.ndarray, masses: np.ndarray) -> float:
    """Return sum_i |ds/dr_i|^2 / m_i [1/amu], so that <(ds/dt)^2> = kT times it; masses (N,), inf for atoms that are held."""
    return float(((coordinate.gradient(positions) ** 2).sum(1) / masses).sum())


def check_coordinate(coordinate: Coordinate, atoms: Atoms, held: np.ndarray) -> None:
    """Refuse a coordinate that these atoms cannot have.

    Parameters
    ----------
    held : (N,) bool, atoms that do not move

    Raises
    ------
    ValueError
        for indices that are not there or not different, atoms that are held, or a pair whose nearest images are others.
    """
    own = coordinate.atoms
    if len(set(own)) < len(own) or min(own) < 0 or max(own) >= len(atoms):
        raise ValueError(f"coordinate: expected different atoms from 0 to {len(atoms) - 1}, got {own}")
    linear = isinstance(coordinate, Along)
    if linear and not np.linalg.norm(coordinate.direction) > 0:
        raise ValueError("coordinate: expected a direction that is not zero")
    if held[[coordinate.atom] if linear else list(own)].any():
        raise ValueError(f"coordinate: atoms {own} must be free to move; release their constraint")
    for end in () if linear else coordinate.ends:
        near, plain = (atoms.get_distance(coordinate.centre, end, mic=mic) for mic in (True, False))
        if plain - near > 1e-6:
            raise ValueError(f"coordinate: atoms {coordinate.centre} and {end} are {plain:.3f} A apart but an image is {near:.3f} A away; wrap them to one place")

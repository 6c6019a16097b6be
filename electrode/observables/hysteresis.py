"""The loop of polarisation against a field that is swept up and down, each state reached from the one before.

    remanence  P_r : half the distance of the branches at F = 0         coercive field  F_c : half the distance of the branches at P = P_m
    work of a cycle, F dP integrated around the loop : the energy that is lost for each volume

Positions relax at each field from where they stood, so that a state stays until it is no longer a minimum: these are loops without
temperature, whose coercive fields are those at which a uniform state becomes unstable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms


@dataclass(frozen=True)
class Loop:
    """One cycle of the field.

    Parameters
    ----------
    fields : (K,) F [V/A], in the order of the sweep;  polarisations : (K,) P along the field [e/A^2]
    """

    fields: np.ndarray
    polarisations: np.ndarray

    @property
    def remanence(self) -> float:
        """P_r [e/A^2]; 0 without hysteresis."""
        down, up = (np.interp(0.0, *branch) for branch in self._branches())
        return 0.5 * float(down - up)

    @property
    def coercive_field(self) -> float:
        """F_c [V/A], where each branch passes through the middle of the loop."""
        middle = 0.5 * (self.polarisations.max() + self.polarisations.min())
        down, up = (_crossing(f, p, middle) for f, p in self._branches())
        return 0.5 * (up - down)

    @property
    def work(self) -> float:
        """Energy lost in the cycle for each volume [eV/A^3], by trapezoids around the loop, closed at its end."""
        f, p = (np.append(x, x[0]) for x in (self.fields, self.polarisations))
        return float((0.5 * (f[1:] + f[:-1]) * np.diff(p)).sum())

    def _branches(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return field and polarisation of the way down and of the way up, both with ascending fields."""
        steps = np.diff(np.append(self.fields, self.fields[0]))
        found = []
        for sign in (-1, 1):
            on = sign * steps > 0
            rows = np.flatnonzero(on | np.roll(on, 1))  # both ends of each step
            rows = rows[np.argsort(self.fields[rows])]
            found.append((self.fields[rows], self.polarisations[rows]))
        return found


def cycle(largest: float, number: int) -> np.ndarray:
    """Return the fields of one cycle [V/A], `number` steps from `largest` down to its opposite and as many up again, the last left out."""
    if not largest > 0.0 or number < 2:
        raise ValueError(f"cycle: expected a positive field and at least two steps, got {largest} and {number}")
    down = np.linspace(largest, -largest, number + 1)
    return np.concatenate([down, down[-2:0:-1]])


def hysteresis_loop(
    atoms: Atoms,
    calculator: Callable[[np.ndarray], object],
    fields: Sequence[float],
    direction: Sequence[float] = (0.0, 0.0, 1.0),
    *,
    relax: Callable[[Atoms], object],
    rounds: int = 2,
) -> Loop:
    """Return the last of `rounds` cycles of a field; the atoms are copied.

    Parameters
    ----------
    atoms : periodic, with a volume
    calculator : given a field (3,) [V/A], returns an ASE calculator with forces and a dipole on one branch: positions are not wrapped
    fields : of one cycle, see `cycle` [V/A]
    direction : of the field
    relax : brings atoms with a calculator to rest, for instance `lambda a: ase.optimize.BFGS(a, logfile=None).run(fmax=1e-3)`
    rounds : cycles; the first holds the way from the beginning

    Raises
    ------
    ValueError
        for atoms without a volume, fewer than four fields, or no round.
    """
    fields, axis = np.asarray(fields, float), np.asarray(direction, float)
    if not abs(np.linalg.det(atoms.cell.array)) > 1e-10 or len(fields) < 4 or rounds < 1 or not np.linalg.norm(axis) > 0.0:
        raise ValueError(f"hysteresis_loop: expected atoms with a volume, at least 4 fields, a direction and a round, got {len(fields)} fields, {rounds} rounds")
    axis, image = axis / np.linalg.norm(axis), atoms.copy()
    for _ in range(rounds):
        found = []
        for f in fields:
            image.calc = calculator(f * axis)
            relax(image)
            found.append(float(image.get_dipole_moment() @ axis) / image.get_volume())
    return Loop(fields, np.array(found))


def _crossing(fields: np.ndarray, polarisations: np.ndarray, level: float) -> float:
    """Return the field at which a branch of ascending fields passes a level."""
    above = polarisations >= level
    turns = np.flatnonzero(above[1:] != above[:-1])
    if not len(turns):
        raise ValueError(f"coercive_field: expected branches that pass the middle {level:.3g} e/A^2, got one that does not; sweep to larger fields")
    k = turns[0]
    share = (level - polarisations[k]) / (polarisations[k + 1] - polarisations[k])
    return float(fields[k] + share * (fields[k + 1] - fields[k]))

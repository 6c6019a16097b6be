"""The band on the surrogate: relaxed no farther than the surrogate can be trusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms
from ase.mep import NEB
from ase.optimize import BFGS, FIRE

SPRING = 1.0  # between images [eV/A^2]
CLIMB_FROM = 0.3  # force below which the highest image climbs [eV/A]
PRECISION = 0.2  # of the force asked for at the saddle, to which the surrogate's band is relaxed
LARGEST_STEP = 0.1  # of an atom in one step [A]
RISE, PROMISE = 1e-3, 0.02  # least energy of a saddle above the end states; where nothing but those is known [eV]
PATIENCE = 30  # steps that others make while an image is held back
STEPS = 300  # at most, for one band
END_TRUST = 0.05  # an end state moves until its standard deviation exceeds this [eV]
END_REACH = 0.15  # of one of its atoms [A]
END_STEP = 0.05  # of one of its atoms in one step [A]
END_PRECISION = 0.5  # of the force asked for at the saddle, to which it is relaxed


@dataclass(frozen=True)
class Relaxed:
    """A band after its relaxation.

    Parameters
    ----------
    positions : (n, N, 3) [A];  energies, std : (n,) [eV]
    complete : whether it was relaxed until its forces were small or steps ran out, rather than until trust ended
    least : energy above the end states from which on a highest image counts as a saddle [eV]
    saddle : the image that counts as the highest, where one was followed to its saddle
    """

    positions: np.ndarray
    energies: np.ndarray
    std: np.ndarray
    complete: bool
    least: float = RISE
    saddle: int | None = None

    @property
    def top(self) -> int:
        """The highest image between the end states."""
        return 1 + int(np.argmax(self.energies[1:-1])) if self.saddle is None else self.saddle

    @property
    def rises(self) -> bool:
        """Whether the highest image is above both end states, by `least`."""
        return bool(self.energies[self.top] > max(self.energies[0], self.energies[-1]) + self.least)

    @property
    def most_uncertain(self) -> np.ndarray:
        """The images between the end states, the most uncertain first."""
        return 1 + np.argsort(-self.std[1:-1], kind="stable")


class Surface:
    """Images whose energies and forces are evaluated together, whenever one of them has moved.

    Parameters
    ----------
    images : each is given a calculator that reads its part
    evaluate : positions (n, N, 3) -> energies (n,), forces (n, N, 3)
    """

    def __init__(self, images: Sequence[Atoms], evaluate: Callable):
        self.images, self.evaluate, self._known = images, evaluate, None
        for k, image in enumerate(images):
            image.calc = _Part(self, k)

    @property
    def positions(self) -> np.ndarray:
        """Positions of all images, (n, N, 3)."""
        return np.array([image.positions for image in self.images])

    def results(self) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (n,) and forces (n, N, 3)."""
        positions = self.positions
        if self._known is None or not np.array_equal(positions, self._known[0]):
            self._known = positions, self.evaluate(positions)
        return self._known[1]


class _Part:
    """The calculator of one image."""

    def __init__(self, surface: Surface, k: int):
        self.surface, self.k = surface, k

    def get_potential_energy(self, atoms=None, force_consistent=False) -> float:
        return float(self.surface.results()[0][self.k])

    def get_forces(self, atoms=None) -> np.ndarray:
        return self.surface.results()[1][self.k].copy()


def relax_band(images: Sequence[Atoms], evaluate: Callable, std: Callable, trust: float, fmax: float, explored: bool = True, reach: float | np.ndarray = np.inf) -> Relaxed:
    """Return the band relaxed on a surrogate, its highest image climbing, until an image is less certain than `trust`.

    Parameters
    ----------
    images : the start, end states included, with their constraints; they are moved
    evaluate : positions (n, N, 3) -> energies (n,), forces (n, N, 3)
    std : positions (n, N, 3) -> standard deviations (n,) [eV]
    trust : largest standard deviation [eV]; where the start exceeds it, its own largest one counts
    fmax : force asked for at the saddle [eV/A]
    explored : whether anything between the end states is known
    reach : largest displacement of an atom from the start, of all images or of each (n,) [A]

    Returns
    -------
    Relaxed : the band, or, since a saddle between two minima lies above both, the last one on the way that had a saddle; the start if
        nothing is explored and there was none
    """
    surface, left = Surface(images, evaluate), STEPS
    look = lambda complete: Relaxed(surface.positions, surface.results()[0], std(surface.positions), complete, RISE if explored else PROMISE)
    rising = now = start = look(False)
    limit = np.maximum(trust, 1.0001 * now.std)
    neb = NEB(list(images), k=SPRING, climb=False, method="improvedtangent")

    def run(force: float) -> bool:
        """Move the images; one that a step has made too uncertain goes back, the others go on for a while. Say whether none is held so."""
        nonlocal left, now, rising
        waited = 0
        for _ in FIRE(neb, logfile=None, maxstep=LARGEST_STEP).irun(fmax=force, steps=max(left, 1)):
            left -= 1
            new = look(False)
            held = (new.std > limit) | (np.linalg.norm(new.positions - start.positions, axis=2).max(axis=1) > reach)
            for k in np.flatnonzero(held):
                images[k].positions = now.positions[k]
            now = _either(held, now, new)
            rising = now if now.rises else rising
            waited += held.any()
            if waited > PATIENCE or (held.any() and _largest(neb, ~held) < force):
                break
        return not held.any()

    complete = run(CLIMB_FROM)
    neb.climb = 0 < int(np.argmax(surface.results()[0])) < len(images) - 1
    complete = run(PRECISION * fmax) and complete
    band = look(complete)
    return band if band.rises or (explored and not rising.rises) else rising


def _either(chosen: np.ndarray, first: Relaxed, second: Relaxed) -> Relaxed:
    """Return the band whose chosen images are those of the first, the others those of the second."""
    pick = lambda a, b: np.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)
    return replace(second, positions=pick(first.positions, second.positions), energies=pick(first.energies, second.energies), std=pick(first.std, second.std))


def _largest(neb: NEB, counted: np.ndarray) -> float:
    """Return the largest force on some images of a band [eV/A]."""
    forces = neb.get_forces().reshape(len(neb.images) - 2, -1, 3)[counted[1:-1]]
    return float(np.linalg.norm(forces, axis=2).max(initial=0.0))


def relax_state(atoms: Atoms, evaluate: Callable, std: Callable, fmax: float) -> bool:
    """Move an end state downhill on a surrogate, no farther than `END_REACH` and `END_TRUST`; say whether it is relaxed.

    Parameters
    ----------
    atoms : moved
    evaluate, std, fmax : see `relax_band`
    """
    surface = Surface([atoms], evaluate)
    limit, start = max(END_TRUST, 1.0001 * float(std(surface.positions)[0])), atoms.positions.copy()
    optimiser = BFGS(atoms, logfile=None, maxstep=END_STEP)
    for arrived in optimiser.irun(fmax=END_PRECISION * fmax, steps=STEPS):
        if std(surface.positions)[0] > limit or np.linalg.norm(atoms.positions - start, axis=1).max() > END_REACH:
            return False
    return bool(arrived)

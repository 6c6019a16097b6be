"""The highest image of a band, followed on the surrogate to the saddle that it leads to.

Each step goes up along the softest direction of the surrogate's Hessian and down along all others.  A band may rest on a ridge, forces
small along soft motions that it does not see; from there the step falls to a saddle.  Source: Cerjan and Miller, J. Chem. Phys. 75, 2800
(1981), https://doi.org/10.1063/1.442352
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from electrode.learn.band import PRECISION, Relaxed
from electrode.learn.labels import Label

STEP = 0.01  # displacement of an atom for the finite differences [A]
SOFT = 0.02  # least stiffness that a step counts with [eV/A^2]
LONGEST = 0.1  # of a step, for any coordinate [A]
ROUNDS = 40  # Hessians at most
FROM = 0.5  # largest force of the saddle asked for last from which the next one is followed, rather than from the band [eV/A]
TRUST, REACH = 0.05, 0.4  # standard deviation [eV] and displacement of an atom [A] at which following ends


def followed(band: Relaxed, last: Label | None, free: np.ndarray, evaluate: Callable, std: Callable, fmax: float) -> Relaxed:
    """Return a band whose highest image has gone where it leads on the surrogate, and counts as the highest from then on.

    Parameters
    ----------
    band : with a highest image above its end states
    last : the saddle asked for last; with small forces, its place is followed in the stead of the image nearest to it
    free : (F,) int, atoms that move
    evaluate, std, fmax : see `band.relax_band`
    """
    k, start = band.top, band.positions[band.top]
    if last is not None and last.fmax < FROM:
        start = last.positions
        k = 1 + int(np.linalg.norm(band.positions[1:-1] - start, axis=(1, 2)).argmin())
    place = climbed(start, free, evaluate, std, PRECISION * fmax)[None]
    positions, energies, deviations = band.positions.copy(), band.energies.copy(), band.std.copy()
    positions[k], energies[k], deviations[k] = place[0], evaluate(place)[0][0], std(place)[0]
    return replace(band, positions=positions, energies=energies, std=deviations, saddle=k)


def climbed(place: np.ndarray, free: np.ndarray, evaluate: Callable, std: Callable, force: float) -> np.ndarray:
    """Return where a structure (N, 3) ends on its way to a saddle: at forces below `force` [eV/A], or where trust ends."""
    limit, here = max(TRUST, 1.0001 * float(std(place[None])[0])), place
    for _ in range(ROUNDS):
        forces, hessian = derivatives(here, free, evaluate)
        if np.linalg.norm(forces, axis=1).max() < force:
            break
        moved = here.copy()
        moved[free] += _step(forces, hessian)
        if np.linalg.norm(moved - place, axis=1).max() > REACH or std(moved[None])[0] > limit:
            break
        here = moved
    return here


def derivatives(place: np.ndarray, free: np.ndarray, evaluate: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Return forces (F, 3) [eV/A] and Hessian (3F, 3F) [eV/A^2] of the free atoms at positions (N, 3), by central differences."""
    n = 3 * len(free)
    shifts = np.zeros((1 + 2 * n, *place.shape))
    for k in range(n):
        shifts[1 + 2 * k, free[k // 3], k % 3], shifts[2 + 2 * k, free[k // 3], k % 3] = STEP, -STEP
    forces = evaluate(place + shifts)[1][:, free]
    hessian = (forces[2::2] - forces[1::2]).reshape(n, n) / (2.0 * STEP)
    return forces[0], 0.5 * (hessian + hessian.T)


def _step(forces: np.ndarray, hessian: np.ndarray) -> np.ndarray:
    values, modes = np.linalg.eigh(hessian)
    along = modes.T @ forces.ravel() / np.maximum(np.abs(values), SOFT)
    along[0] *= -1.0
    step = (modes @ along).reshape(-1, 3)
    return step * min(1.0, LONGEST / max(float(np.abs(step).max()), 1e-300))

"""The free ring polymer: P beads on springs, its exact bridges, its normal modes.

    exp{-beta_P sum_k [m w_P^2 (x_k - x_{k+1})^2 / 2 + V(x_k)]},    beta_P = beta / P,  w_P = 1 / (beta_P hbar)
    modes  w_k = 2 w_P sin(pi k / P)

A bridge draws several beads at once from the springs alone, exactly, so that a Metropolis test sees only V.
"""

from __future__ import annotations

import numpy as np
from ase import units as ase_units

from electrode.units import BOLTZMANN, HBAR

ACTION = HBAR * ase_units.fs  # hbar in eV and ASE's unit of time


def thermal_length(mass: np.ndarray, temperature: float) -> np.ndarray:
    """Return sqrt(hbar^2 / (m k T)) [A] for masses [amu] and a temperature [K]."""
    return ACTION / np.sqrt(np.asarray(mass) * BOLTZMANN * temperature)


def bridge(beads: np.ndarray, start: int, length: int, step: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the ring with `length` consecutive beads after `start` drawn anew from the free ring polymer between their neighbours.

        x_{s+i} = [i x_{s+i+1} + x_s] / (i + 1) + sqrt(i / (i + 1)) step N(0, 1),      i = length ... 1

    Parameters
    ----------
    beads : (P, n, 3) [A]
    start : bead s, which stays;  length : 1 to P - 1
    step : (n,) sqrt(hbar^2 / (m P k T)) of each atom [A]
    """
    ring, count = beads.copy(), len(beads)
    for i in range(length, 0, -1):
        here, after = (start + i) % count, (start + i + 1) % count
        noise = rng.normal(size=ring.shape[1:]) * step[:, None]
        ring[here] = (i * ring[after] + ring[start]) / (i + 1) + np.sqrt(i / (i + 1)) * noise
    return ring


def free_ring(count: int, masses: np.ndarray, temperature: float, rng: np.random.Generator) -> np.ndarray:
    """Return beads (P, n, 3) [A] of free particles about a centroid at zero.

    Parameters
    ----------
    count : of beads;  masses : (n,) [amu];  temperature : [K]
    """
    step = thermal_length(masses, temperature) / np.sqrt(count)
    ring = bridge(np.zeros((count, len(masses), 3)), 0, count - 1, step, rng) if count > 1 else np.zeros((1, len(masses), 3))
    return ring - ring.mean(0)


def normal_modes(count: int) -> np.ndarray:
    """Return the orthogonal matrix (P, P) whose rows are the modes of the ring, the centroid first."""
    bead, rows = np.arange(count), [np.full(count, 1.0 / np.sqrt(count))]
    for k in range(1, count):
        angle = 2.0 * np.pi * k * bead / count
        if 2 * k == count:
            rows.append(np.cos(angle) / np.sqrt(count))
        else:
            rows.append(np.sqrt(2.0 / count) * (np.cos(angle) if 2 * k < count else np.sin(angle)))
    return np.array(rows)


def mode_frequencies(count: int, temperature: float) -> np.ndarray:
    """Return the frequencies (P,) of `normal_modes` in P-bead dynamics at P times the temperature [1 / ASE's unit of time]."""
    return 2.0 * count * BOLTZMANN * temperature / ACTION * np.sin(np.pi * np.arange(count) / count)

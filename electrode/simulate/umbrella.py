"""Umbrella sampling: a harmonic bias on a coordinate's centroid, and the free energy without it from several biased runs.

    W_i(s) = k (s - s_i)^2 / 2          ln P(s) = ln sum_n [s_n = s] / sum_i N_i exp(f_i - beta W_i(s_n)) + const

The f_i minimise a convex function of the multistate acceptance ratio, Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008),
https://doi.org/10.1063/1.2978177; with bins of no width this is the weighted histogram method.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp

from electrode.simulate.coordinates import Coordinate
from electrode.simulate.ensembles import Ensemble, State
from electrode.units import BOLTZMANN


class Umbrella:
    """An ensemble under a harmonic bias on a coordinate of the centroids.

    Parameters
    ----------
    ensemble : without the bias
    coordinate : s
    centre : s_i [A];  stiffness : k [eV/A^2]
    flat : half the width of a region about the centre without bias [A], so that the rest is a soft wall; not for `unbias`
    """

    def __init__(self, ensemble: Ensemble, coordinate: Coordinate, centre: float, stiffness: float, flat: float = 0.0):
        if not (stiffness > 0 and flat >= 0):
            raise ValueError(f"Umbrella: expected a positive stiffness [eV/A^2] and no negative width [A], got {stiffness!r} and {flat!r}")
        self.ensemble, self.coordinate, self.centre, self.stiffness, self.flat = ensemble, coordinate, float(centre), float(stiffness), float(flat)

    def __getattr__(self, name):
        """Look up what the ensemble has."""
        return getattr(self.ensemble, name)

    def state(self, positions: np.ndarray, charge: float, near: State | None = None) -> State:
        """Return the ensemble's state with the bias in its energy and forces."""
        plain, centroid = self.ensemble.state(positions, charge, near), positions.mean(0)
        off = self.coordinate.value(centroid) - self.centre
        off = np.sign(off) * max(abs(off) - self.flat, 0.0)
        pull = self.stiffness * off * self.coordinate.gradient(centroid)
        return replace(plain, energy=plain.energy + 0.5 * self.stiffness * off**2, forces=plain.forces - pull)


@dataclass(frozen=True)
class Unbiased:
    """The free energy of a coordinate in bins, without bias, zero at its minimum.

    Parameters
    ----------
    value : (n,) middle of each bin [A]
    energy : (n,) [eV], inf where no sample fell
    error : (n,) [eV], from resampling each run's blocks
    """

    value: np.ndarray
    energy: np.ndarray
    error: np.ndarray


def unbias(samples: list[np.ndarray], centres: np.ndarray, stiffness: float, temperature: float, bins: np.ndarray, *, blocks: int = 10, resamples: int = 20, seed: int = 0) -> Unbiased:
    """Return the free energy of the coordinate from umbrella runs.

    Parameters
    ----------
    samples : (n_i,) values of the coordinate in each run [A]
    centres : (runs,) [A];  stiffness : [eV/A^2];  temperature : [K]
    bins : (n + 1,) edges [A], ascending
    blocks : pieces of each run that are resampled for the errors;  resamples : how often;  seed : of the choice

    Raises
    ------
    ValueError
        if neighbouring runs do not overlap.
    """
    kt, rng = BOLTZMANN * temperature, np.random.default_rng(seed)
    _check_overlap(samples, centres)
    energy = _free_energy(samples, centres, stiffness / kt, bins)
    parts = [np.array_split(np.asarray(x), blocks) for x in samples]
    drawn = []
    for _ in range(resamples):
        drawn.append(_free_energy([np.concatenate([p[k] for k in rng.integers(blocks, size=blocks)]) for p in parts], centres, stiffness / kt, bins))
    known = np.isfinite(energy)
    spread = np.full(len(energy), np.inf)
    shifted = np.array([row - row[known & np.isfinite(row)].mean() + energy[known & np.isfinite(row)].mean() for row in drawn])
    spread[known] = np.nanstd(np.where(np.isfinite(shifted), shifted, np.nan)[:, known], axis=0)
    return Unbiased(0.5 * (bins[1:] + bins[:-1]), kt * (energy - energy.min()), kt * spread)


def log_normalisers(reduced: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return f (K,), f_0 = 0, of biases from their reduced energies on all samples.

        f minimises  sum_n ln sum_i N_i exp(f_i - u_i(x_n)) - sum_i N_i f_i

    Parameters
    ----------
    reduced : (K, n) u_i(x_n), dimensionless
    counts : (K,) samples drawn with each bias
    """
    def objective(free):
        f = np.append(0.0, free)
        exponents = f[:, None] - reduced + np.log(counts)[:, None]
        total = logsumexp(exponents, axis=0)
        share = np.exp(exponents - total).sum(1)
        return (total.sum() - counts @ f) / counts.sum(), ((share - counts) / counts.sum())[1:]

    start = np.array([reduced[i].min() for i in range(len(counts))])
    found = minimize(objective, (start - start[0])[1:], jac=True, method="BFGS", options={"gtol": 1e-9})
    return np.append(0.0, found.x)


def _free_energy(samples, centres, stiffness, bins) -> np.ndarray:
    """Return -ln P of each bin, in kT, with weights of each sample that undo all biases; inf for an empty bin."""
    x, counts = np.concatenate(samples), np.array([len(s) for s in samples])
    reduced = 0.5 * stiffness * (x[None] - np.asarray(centres)[:, None]) ** 2
    f = log_normalisers(reduced, counts)
    weights = -logsumexp(f[:, None] - reduced + np.log(counts)[:, None], axis=0)
    weight, _ = np.histogram(x, bins, weights=np.exp(weights - weights.max()))
    with np.errstate(divide="ignore"):
        return -np.log(weight / np.diff(bins))


def _check_overlap(samples, centres) -> None:
    order = np.argsort(centres)
    for left, right in zip(order[:-1], order[1:]):
        a, b = (np.sort(samples[k]) for k in (left, right))
        if a[-1] < b[0] or b[-1] < a[0]:
            raise ValueError(f"unbias: the runs at {centres[left]:.4g} and {centres[right]:.4g} A do not overlap; add a run between them, or soften the bias")

"""What a run at constant potential says of the interface: mean potential, variance of the charge, capacitance, with error bars.

    <dE/dQ> = Phi + kT [p(a) - p(b)]          p(Q): density of the charge, which walls keep between a and b
    C_tot = d<Q>/dPhi = var(Q)/kT = <C(R)> + var(Q*)/kT          Q*(R) = Q - C(R) (dE/dQ - Phi)

The first part of C_tot is electronic, the second structural.  With the charge at Q* (Born-Oppenheimer) var(Q) holds the second alone.
Errors come from means over blocks of a series, longer than its correlations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from electrode.simulate.charge_state import require_positive
from electrode.units import BOLTZMANN

BLOCKS = 16
_BIN = 0.02  # of the charge's window, beside a wall


@dataclass(frozen=True)
class Estimate:
    """A mean and its standard error."""

    value: float
    error: float

    def within(self, other: float, errors: float = 3.0) -> bool:
        """Say whether another value lies inside so many standard errors."""
        return abs(self.value - other) <= errors * self.error


@dataclass(frozen=True)
class Capacitance:
    """Differential capacitance [e/V] from the fluctuations of a run.

    Parameters
    ----------
    electronic : <C(R)> at fixed nuclei;  structural : var(Q*)/kT, from what moves the charge at fixed potential;  total : their sum
    variance : of the charge as it went [e^2], kT times the total where the charge fluctuates, times the structural part where it follows
    """

    electronic: Estimate
    structural: Estimate
    total: Estimate
    variance: Estimate


def estimate(statistic: Callable[..., float], *series: np.ndarray, blocks: int = BLOCKS) -> Estimate:
    """Return a statistic of whole series and its error by the jackknife over blocks.

    Kuensch, Ann. Statist. 17, 1217 (1989), https://doi.org/10.1214/aos/1176347265

    Parameters
    ----------
    statistic : of arrays (n,), such as `numpy.mean`
    series : of one length, in the order of time;  blocks : how many

    Raises
    ------
    ValueError
        for series of different lengths, shorter than two entries a block, or not finite.
    """
    arrays = [np.asarray(x, dtype=float) for x in series]
    size = len(arrays[0]) // blocks
    if blocks < 2 or size < 2 or any(x.shape != arrays[0].shape or x.ndim != 1 or not np.isfinite(x).all() for x in arrays):
        raise ValueError(f"estimate: expected finite series of one length, at least {2 * max(blocks, 2)} entries, got shapes {[x.shape for x in arrays]}; run longer, or ask for fewer blocks")
    start = len(arrays[0]) - blocks * size
    left_out = [np.r_[0 : start + k * size, start + (k + 1) * size : len(arrays[0])] for k in range(blocks)]
    values = np.array([statistic(*(x[rows] for x in arrays)) for rows in left_out])
    error = np.sqrt((blocks - 1) / blocks * ((values - values.mean()) ** 2).sum())
    return Estimate(float(statistic(*arrays)), float(error))


def capacitance(charge, potential, fixed_nuclei, target: float, temperature: float, *, blocks: int = BLOCKS) -> Capacitance:
    """Return the capacitance from charge and potential along a run, electronic and structural.

    Exact where the energy is quadratic in the charge; otherwise to first order in dE/dQ - Phi.

    Parameters
    ----------
    charge : (n,) [e];  potential : (n,) dE/dQ [V, absolute];  fixed_nuclei : (n,) C(R) [e/V]
    target : Phi [V, absolute];  temperature : [K]

    Raises
    ------
    ValueError
        for a temperature that is not positive, and see `estimate`.
    """
    require_positive("capacitance", temperature=temperature)
    thermal, fixed = BOLTZMANN * temperature, np.asarray(fixed_nuclei, dtype=float)
    if not len(charge) == len(potential) == len(fixed):
        raise ValueError(f"capacitance: expected series of one length, got {len(charge)}, {len(potential)} and {len(fixed)} entries")
    pinned = np.asarray(charge, dtype=float) - fixed * (np.asarray(potential, dtype=float) - target)
    return Capacitance(
        estimate(np.mean, fixed, blocks=blocks),
        estimate(lambda q: np.var(q) / thermal, pinned, blocks=blocks),
        estimate(lambda c, q: np.mean(c) + np.var(q) / thermal, fixed, pinned, blocks=blocks),
        estimate(np.var, charge, blocks=blocks),
    )


def mean_potential(potential, *, charge=None, walls: tuple[float, float] | None = None, temperature: float | None = None, blocks: int = BLOCKS) -> Estimate:
    """Return <dE/dQ> less the boundary term, which is the potential of the reservoir where the sampling is right.

    Parameters
    ----------
    potential : (n,) [V, absolute]
    charge : (n,) [e], walls : (a, b) [e], temperature : [K], all three where walls kept the charge between a and b

    Raises
    ------
    ValueError
        for some of charge, walls and temperature only, walls that do not hold the charge, and see `estimate`.
    """
    if walls is None and charge is None and temperature is None:
        return estimate(np.mean, potential, blocks=blocks)
    if walls is None or charge is None or temperature is None:
        raise ValueError("mean_potential: expected charge, walls and temperature together, or none of them; the boundary term needs all three")
    require_positive("mean_potential", temperature=temperature)
    (low, high), charge = walls, np.asarray(charge, dtype=float)
    if not low < high or charge.min() < low or charge.max() > high:
        raise ValueError(f"mean_potential: expected walls (a, b) that hold every charge, got {walls} for charges from {charge.min():.4g} to {charge.max():.4g} e")
    thermal, width = BOLTZMANN * temperature, _BIN * (high - low)

    def less_boundary(potentials, charges):
        return np.mean(potentials) - thermal * (_density(charges - low, width) - _density(high - charges, width))

    return estimate(less_boundary, potential, charge, blocks=blocks)


def fluctuating_mean(values, fixed_nuclei, *, blocks: int = BLOCKS) -> Estimate:
    """Return what the mean of a Born-Oppenheimer run would be with a fluctuating charge: structures weigh sqrt(C(R)) more.

    Parameters
    ----------
    values : (n,);  fixed_nuclei : (n,) C(R) [e/V]
    """
    return _weighted(values, np.sqrt(_positive(fixed_nuclei)), blocks)


def pinned_mean(values, fixed_nuclei, *, blocks: int = BLOCKS) -> Estimate:
    """Return what the mean of a run with a fluctuating charge would be with the charge at Q*(R): structures weigh 1/sqrt(C(R)) more.

    Parameters
    ----------
    values : (n,);  fixed_nuclei : (n,) C(R) [e/V]
    """
    return _weighted(values, 1.0 / np.sqrt(_positive(fixed_nuclei)), blocks)


def _density(distance: np.ndarray, width: float) -> float:
    """Return the density at a wall, extrapolated from the two bins next to it."""
    near, next_ = ((distance < width).mean() / width, ((distance >= width) & (distance < 2.0 * width)).mean() / width)
    return 1.5 * near - 0.5 * next_


def _weighted(values, weights: np.ndarray, blocks: int) -> Estimate:
    return estimate(lambda x, w: np.average(x, weights=w), values, weights, blocks=blocks)


def _positive(fixed_nuclei) -> np.ndarray:
    fixed = np.asarray(fixed_nuclei, dtype=float)
    if not (fixed > 0).all():
        raise ValueError("expected positive capacitances at fixed nuclei [e/V] to reweight with, got some that are not; the model is unstable there")
    return fixed

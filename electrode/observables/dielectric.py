"""The static permittivity, from how the dipole of a cell fluctuates or from how it follows a field.

    eps = eps_inf + (<M.M> - <M>.<M>)/(3 eps0 V kT)        no field, conducting boundary
    eps = eps_inf + dP/dF/eps0,  P = <M.F/|F|>/V           small fields; the secant (P(F) - P(0))/(eps0 F) beside it

The field is the macroscopic one, as it is in a periodic cell under a field without a depolarising surface.
Neumann, Mol. Phys. 50, 841 (1983) (boundaries).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.physics.capacitance import Estimate
from electrode.units import BOLTZMANN, EPSILON_0


@dataclass(frozen=True)
class FieldResponse:
    """How polarisation follows a field.

    Parameters
    ----------
    fields : (K,) F [V/A], ascending;  polarisations : (K,) P along it [e/A^2]
    permittivity : eps from the slope at F = 0
    secants : (K,) eps from (P - P(0))/F, which falls where the field saturates the dipoles; NaN at F = 0
    """

    fields: np.ndarray
    polarisations: np.ndarray
    permittivity: float
    secants: np.ndarray


def permittivity_from_fluctuation(dipoles: np.ndarray, volume: float, temperature: float, *, high_frequency: float = 1.0, blocks: int = 10) -> Estimate:
    """Return eps of an isotropic medium from dipoles along a trajectory without a field, with the error from block averages.

    Parameters
    ----------
    dipoles : (T, 3) M of the whole cell [e A], of one branch
    volume : [A^3];  temperature : [K];  high_frequency : eps_inf of what does not move with the nuclei
    blocks : parts of the trajectory; each should be longer than the dipole remembers

    Raises
    ------
    ValueError
        for fewer than two vectors in each of at least two blocks, or a volume or temperature that is not positive.
    """
    m = np.asarray(dipoles, float)
    if m.ndim != 2 or m.shape[1] != 3 or blocks < 2 or len(m) < 2 * blocks or not np.isfinite(m).all():
        raise ValueError(f"permittivity_from_fluctuation: expected finite dipoles (T, 3) with T of at least twice the {blocks} blocks, got shape {m.shape}")
    if not min(volume, temperature) > 0.0:
        raise ValueError(f"permittivity_from_fluctuation: expected a positive volume [A^3] and temperature [K], got {volume} and {temperature}")
    square = ((m - m.mean(0)) ** 2).sum(1) / (3.0 * EPSILON_0 * volume * BOLTZMANN * temperature)
    parts = np.array([part.mean() for part in np.array_split(square, blocks)])
    return Estimate(high_frequency + float(square.mean()), float(parts.std(ddof=1)) / np.sqrt(blocks))


def permittivity_from_field(fields: Sequence[float], dipoles: Sequence[float], volume: float, *, high_frequency: float = 1.0, degree: int = 3) -> FieldResponse:
    """Return eps from the mean dipoles in several fields along one direction.

    Parameters
    ----------
    fields : (K,) F [V/A], different ones;  dipoles : (K,) <M.F/|F|> on one branch, signed as F is [e A]
    volume : [A^3];  high_frequency : eps_inf of what the dipoles leave out
    degree : of the polynomial M(F) whose slope at 0 counts; fewer fields lower it

    Raises
    ------
    ValueError
        for fewer than two different fields, a dipole each, or a volume that is not positive.
    """
    f, m = np.asarray(fields, float), np.asarray(dipoles, float)
    if f.ndim != 1 or f.shape != m.shape or len(np.unique(f)) != len(f) or len(f) < 2 or not np.isfinite([f, m]).all():
        raise ValueError(f"permittivity_from_field: expected at least two different fields [V/A] with a dipole each, got {f.tolist()} and {m.tolist()}")
    if not volume > 0.0 or degree < 1:
        raise ValueError(f"permittivity_from_field: expected a positive volume [A^3] and a degree of at least 1, got {volume} and {degree}")
    order = np.argsort(f)
    f, p = f[order], m[order] / volume
    fit = np.polynomial.Polynomial.fit(f, p, min(degree, len(f) - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        secants = np.where(f != 0.0, high_frequency + (p - fit(0.0)) / (EPSILON_0 * f), np.nan)
    return FieldResponse(f, p, high_frequency + float(fit.deriv()(0.0)) / EPSILON_0, secants)

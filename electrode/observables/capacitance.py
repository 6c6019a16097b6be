"""The capacitance of an electrode from the answer of its electrons to a voltage.

    sigma = -int_middle^edge N dz,    C_int = sigma(phi)/phi,    C_dif = dsigma/dphi

N(z) is the lateral mean of the electrons that a field has moved (`physics.grids.planar_average`), sigma is `physics.electrode_charge`.  In a
periodic cell a field F along the
normal puts the voltage V = |F| L between the two faces of the metal.  Equal faces share it, phi = V/2 at the potential of zero charge, and
a capacitor of two plates is one face, phi = V.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_ZERO = 1e-9  # [V], below which sigma/phi has no meaning


@dataclass(frozen=True)
class CapacitanceCurve:
    """Capacitances per area against the potential drop at a face.

    Parameters
    ----------
    drops : (K,) phi [V], ascending;  charges : (K,) sigma [e/A^2]
    integral : (K,) sigma/phi, from the charge at no voltage, NaN at phi = 0;  differential : (K,) dsigma/dphi [e/(V A^2)]
    at_zero : the differential one at phi = 0
    """

    drops: np.ndarray
    charges: np.ndarray
    integral: np.ndarray
    differential: np.ndarray
    at_zero: float


def capacitance_curve(voltages: Sequence[float], charges: Sequence[float], *, faces: int = 2, degree: int | None = None) -> CapacitanceCurve:
    """Return integral and differential capacitance from charges of a face at voltages of the cell.

    Parameters
    ----------
    voltages : (K,) V [V], different ones
    charges : (K,) sigma of the same face [e/A^2]
    faces : over how many equal faces the voltage drops, 1 or 2
    degree : of the polynomial sigma(phi) whose slope is the differential capacitance; None for 3, or what fewer voltages allow

    Raises
    ------
    ValueError
        for fewer than two voltages, equal ones, a polynomial of more constants than points, or another number of faces.
    """
    v, sigma = np.asarray(voltages, float), np.asarray(charges, float)
    if v.ndim != 1 or v.shape != sigma.shape or len(np.unique(v)) != len(v) or len(v) < 2 or not np.isfinite([v, sigma]).all():
        raise ValueError(f"capacitance_curve: expected at least two different voltages [V] with a charge each, got {v.tolist()} and {sigma.tolist()}")
    if faces not in (1, 2):
        raise ValueError(f"capacitance_curve: expected 1 or 2 faces, got {faces}")
    degree = min(3, len(v) - 1) if degree is None else degree
    if not 1 <= degree < len(v):
        raise ValueError(f"capacitance_curve: expected a degree from 1 to {len(v) - 1}, got {degree}; give more voltages")
    order = np.argsort(v)
    phi, sigma = v[order] / faces, sigma[order]
    fit = np.polynomial.Polynomial.fit(phi, sigma, degree)
    slope = fit.deriv()
    with np.errstate(divide="ignore", invalid="ignore"):
        integral = np.where(np.abs(phi) > _ZERO, (sigma - fit(0.0)) / phi, np.nan)
    return CapacitanceCurve(phi, sigma, integral, slope(phi), float(slope(0.0)))

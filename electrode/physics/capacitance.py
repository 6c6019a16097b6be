"""Capacitance of an electrode from data: energies and potentials against charge, charge densities, charge fluctuations.

    E(Q) = E0 + Phi0 Q + Q^2/(2C),    Phi(Q) = Phi0 + Q/C

Phi0 is the potential of zero charge.  Units: Q [e], Phi [V], E [eV], C [e/V]; with charges per area [e/A^2] C is [e/(V A^2)],
so that `fit_capacitor` takes the charges of `electrode_charge` with the potentials of `potential_drop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from electrode.units import BOLTZMANN, EPSILON_0, ROOM_TEMPERATURE

_OUTLIER_LEVEL = 0.01  # chance that a set without outliers shows one
_DECAYED = 1e-4  # of the largest |N|
_FLAT = 1e-9  # change of the potential over all charges that is none [V]
_SAME = 1e-9  # charges closer than that are one point [e]


@dataclass(frozen=True)
class CapacitorFit:
    """A capacitor that fits energies or potentials; errors are None where there are no more labels than constants.

    Parameters
    ----------
    zero_charge_potential, zero_charge_potential_error : Phi0 [V]
    capacitance, capacitance_error : C [e/V]
    energy, energy_error : E0 [eV], None without energies
    energy_residuals, potential_residuals : label - fit, in the order of the points, None where not fitted
    outliers : points whose residual is too large for those of the others (studentised, 1 % level over the whole set)
    """

    zero_charge_potential: float
    zero_charge_potential_error: float | None
    capacitance: float
    capacitance_error: float | None
    energy: float | None
    energy_error: float | None
    energy_residuals: np.ndarray | None
    potential_residuals: np.ndarray | None
    outliers: tuple[int, ...]


@dataclass(frozen=True)
class Estimate:
    """A mean with its standard error, of one unit."""

    value: float
    error: float


def fit_capacitor(
    charges: Sequence[float],
    *,
    potentials: Sequence[float] | None = None,
    energies: Sequence[float] | None = None,
    energy_error: float = 0.001,
    potential_error: float = 0.01,
) -> CapacitorFit:
    """Fit potential of zero charge and capacitance to potentials, energies or both, by least squares.

    Parameters
    ----------
    charges : (P,) Q [e]
    potentials : (P,) Phi [V], or None
    energies : (P,) E at fixed charge [eV], on the zero of the potentials, or None
    energy_error, potential_error : errors of a label [eV], [V]; only their ratio matters, the scatter of the fit sets the scale

    Raises
    ------
    ValueError
        for labels that do not fit the charges, fewer points than constants, equal charges, or a capacitance that comes
        out negative or infinite.
    """
    q = np.asarray(charges, float)
    labels = _labels(q, potentials, energies)
    errors = {"potentials": potential_error, "energies": energy_error}
    rows = {"potentials": np.stack([0.0 * q, 1.0 + 0.0 * q, q], axis=1), "energies": np.stack([1.0 + 0.0 * q, q, 0.5 * q**2], axis=1)}
    first = 0 if "energies" in labels else 1  # without energies E0 is no constant
    design = np.concatenate([rows[name][:, first:] / errors[name] for name in labels])
    constants, covariance, scaled, leverage = _least_squares(design, np.concatenate([labels[name] / errors[name] for name in labels]))
    freedom = len(scaled) - design.shape[1]
    phi0, stiffness = constants[-2:]
    _check_stiffness(stiffness, q, labels)
    error = [None] * 3 if freedom == 0 else np.sqrt(np.diag(covariance) * (scaled @ scaled) / freedom)
    left = {name: labels[name] - rows[name][:, first:] @ constants for name in labels}
    return CapacitorFit(
        float(phi0), _float(error[-2]), float(1.0 / stiffness), None if freedom == 0 else float(error[-1] / stiffness**2),
        None if first else float(constants[0]), None if first else _float(error[0]), left.get("energies"), left.get("potentials"),
        tuple(sorted({int(k) % len(q) for k in _outliers(scaled, leverage, freedom)})),
    )  # fmt: skip


def electrode_charge(z: np.ndarray, electrons: np.ndarray, middle: float, plane: float) -> float:
    """Return the charge per area of one face of a slab, sigma = -int_middle^edge N dz [e/A^2].

    The edge is the first minimum of |N| beyond the outer metal plane, or the end of a profile that has decayed there.

    Parameters
    ----------
    z : (K,) [A], increasing
    electrons : (K,), N(z) [1/A^3], electrons in excess of the neutral slab, averaged laterally
    middle : height of the middle of the slab [A]
    plane : height of the outer metal plane [A], above the middle

    Raises
    ------
    ValueError
        if the profile does not reach from the middle past the plane, or |N| neither has a minimum beyond it nor decays.
    """
    z, electrons = np.asarray(z, float), np.asarray(electrons, float)
    if z.shape != electrons.shape or not z[0] <= middle < plane < z[-1]:
        raise ValueError(
            f"electrode_charge: expected a profile that covers the middle {middle} A and the plane {plane} A above it, "
            f"got heights {z[0]:.3f} to {z[-1]:.3f} A"
        )
    size = np.abs(electrons)
    falls = np.flatnonzero((size[1:-1] <= size[:-2]) & (size[1:-1] <= size[2:]) & (z[1:-1] > plane)) + 1
    if not len(falls) and size[-1] > _DECAYED * size.max():
        raise ValueError(f"electrode_charge: expected a minimum of |N| beyond the plane {plane} A, found none up to {z[-1]:.3f} A. Extend the profile")
    edge = z[falls[0]] if len(falls) else z[-1]
    inner = (z > middle) & (z <= edge)
    heights = np.concatenate([[middle], z[inner]])
    return -float(np.trapezoid(np.concatenate([[np.interp(middle, z, electrons)], electrons[inner]]), heights))


def potential_drop(z: np.ndarray, density: np.ndarray) -> float:
    """Return phi(first) - phi(last) = -(1/eps0) int z rho dz of a neutral charge density [V], from Poisson's equation.

    Parameters
    ----------
    z : (K,) [A], increasing
    density : (K,), rho [e/A^3], averaged laterally

    Raises
    ------
    ValueError
        if the density is not neutral to 1e-6 of its size.
    """
    z, density = np.asarray(z, float), np.asarray(density, float)
    net, size = np.trapezoid(density, z), np.trapezoid(np.abs(density), z)
    if abs(net) > 1e-6 * size:
        raise ValueError(f"potential_drop: expected a neutral charge density, got {net:.3g} e/A^2 in all. Include every charge of the cell")
    return -float(np.trapezoid((z - z.mean()) * density, z)) / EPSILON_0


def fluctuation_capacitance(charges: Sequence[float], temperature: float = ROOM_TEMPERATURE, *, empty: float = 0.0, blocks: int = 10) -> Estimate:
    """Return C = <dQ^2>/kT + C_empty of an electrode at constant potential, with the error from block averages [e/V].

    Parameters
    ----------
    charges : (T,) Q along the trajectory [e]
    temperature : [K]
    empty : C_empty [e/V], capacitance of the cell without electrolyte, which charges that minimise the energy miss
    blocks : parts of the trajectory; each should be longer than the charge remembers

    Raises
    ------
    ValueError
        for fewer than two blocks or two charges a block, or a charge that does not move.

    Source: Scalfi et al. 2020, https://doi.org/10.1039/C9CP06285H
    """
    q = np.asarray(charges, float)
    if blocks < 2 or len(q) < 2 * blocks:
        raise ValueError(f"fluctuation_capacitance: expected at least 2 blocks of 2 charges, got {len(q)} charges in {blocks} blocks")
    square = (q - q.mean()) ** 2 / (BOLTZMANN * temperature)
    if not square.mean() > 0.0:
        raise ValueError("fluctuation_capacitance: expected a charge that fluctuates, got one value. Hold the potential, not the charge")
    parts = np.array([part.mean() for part in np.array_split(square, blocks)])
    return Estimate(float(square.mean()) + empty, float(parts.std(ddof=1)) / np.sqrt(blocks))


def _labels(q, potentials, energies) -> dict[str, np.ndarray]:
    given = {name: np.asarray(x, float) for name, x in (("potentials", potentials), ("energies", energies)) if x is not None}
    if not given:
        raise ValueError("fit_capacitor: expected potentials [V], energies [eV] or both, got neither")
    for name, x in given.items():
        if x.shape != q.shape or q.ndim != 1:
            raise ValueError(f"fit_capacitor: expected one of {name} for each charge, got {x.shape} and {q.shape}")
    if not all(np.isfinite(x).all() for x in (q, *given.values())):
        raise ValueError(f"fit_capacitor: expected finite numbers, got\n{_points(q, given)}")
    distinct = len(np.unique(np.round(q / _SAME)))
    needed = 2 if "potentials" in given else 3
    if distinct < needed:
        what = "all charges are equal" if distinct == 1 else f"{distinct} different charges"
        raise ValueError(f"fit_capacitor: expected at least {needed} different charges from {' and '.join(given)}, got {what}. Add points:\n{_points(q, given)}")
    return given


def _least_squares(design, target):
    """Return the constants, their covariance for unit errors, the residuals and the leverages."""
    scale = np.linalg.norm(design, axis=0)
    u, s, vt = np.linalg.svd(design / scale, full_matrices=False)
    constants = (vt.T @ ((u.T @ target) / s)) / scale
    spread = (vt.T / s) / scale[:, None]
    return constants, spread @ spread.T, target - design @ constants, np.einsum("ij,ij->i", u, u)


def _outliers(scaled, leverage, freedom: int) -> np.ndarray:
    if freedom < 2:
        return np.array([], int)
    free = np.maximum(1.0 - leverage, 1e-12)
    others = np.maximum(scaled @ scaled - scaled**2 / free, 1e-30 * (1.0 + scaled @ scaled)) / (freedom - 1)
    limit = stdtrit(freedom - 1, 1.0 - 0.5 * _OUTLIER_LEVEL / len(scaled))
    real = np.abs(scaled) > 1e-7  # of a label's error: rounding is no outlier
    return np.flatnonzero(real & (np.abs(scaled) > limit * np.sqrt(free * others)))


def _check_stiffness(stiffness: float, q, labels) -> None:
    if not stiffness * np.ptp(q) > _FLAT:
        raise ValueError(
            f"fit_capacitor: expected potentials that rise with the charge (energies convex in it), got 1/C = {stiffness:.4g} V/e. "
            f"Check the signs of charge and potential, and that energies are at fixed charge (E, not Omega):\n{_points(q, labels)}"
        )


def _points(q, labels) -> str:
    names = {"potentials": "Phi/V", "energies": "E/eV"}
    order = np.argsort(q)
    return "\n".join("  " + ", ".join([f"Q/e {q[k]:.4f}", *(f"{names[n]} {x[k]:.6g}" for n, x in labels.items())]) for k in order)


def _float(x) -> float | None:
    return None if x is None else float(x)

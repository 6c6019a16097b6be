"""The errors of a barrier, one by one: what is known is added in squares, what is not is said to be unknown.

    zero of SHE:  |d barrier / dU| sigma(Phi_SHE)        noise of the labels:  sqrt(2) sigma(E), a barrier being a difference
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from electrode.band import Band


@dataclass(frozen=True)
class ErrorBudget:
    """Errors of one barrier [eV], None where nothing is known of one, and how far the band leaves what was trained.

    `force_residual_eV` is what the images' remaining forces are worth, known where the curvature's states settle.
    `beyond_potential_V` and `beyond_charge_e_per_A2` are 0 inside the trained window, None for a model without one; outside, the barrier's error is not bounded by any of the others.
    """

    committee_eV: float | None = None
    she_zero_eV: float | None = None
    scf_noise_eV: float | None = None
    force_residual_eV: float | None = None
    total_eV: float | None = None
    beyond_potential_V: float | None = None
    beyond_charge_e_per_A2: float | None = None


@dataclass(frozen=True)
class Sigmas:
    """What the user knows of the errors of the data.

    Parameters
    ----------
    she : of the absolute potential of SHE in the method [V]
    scf : of one energy of the reference method [eV]

    Raises
    ------
    ValueError
        for a negative or infinite value.
    """

    she: float | None = None
    scf: float | None = None

    def __post_init__(self):
        for name, value, unit in (("she_error", self.she, "V"), ("scf_noise", self.scf, "eV")):
            if value is not None and not 0.0 <= value < math.inf:
                raise ValueError(f"{name}: expected a standard error of at least 0 {unit}, got {value}")


def error_budget(band: Band, sigmas: Sigmas, spread: float | None, slope: float | None, residual: float | None) -> ErrorBudget:
    """Return the budget of a barrier.

    Parameters
    ----------
    band : that it belongs to
    sigmas : given by the user
    spread : of a committee's barriers [eV];  slope : d barrier / dU [e];  residual : what the remaining forces are worth [eV]
    """
    she = None if sigmas.she is None or slope is None else abs(slope) * sigmas.she
    scf = None if sigmas.scf is None else math.sqrt(2.0) * sigmas.scf
    card, per_area = band.model.card, band.out["charge"] / band.structure.area
    return ErrorBudget(
        committee_eV=spread,
        she_zero_eV=she,
        scf_noise_eV=scf,
        force_residual_eV=residual,
        total_eV=in_squares(spread, she, scf, residual),
        beyond_potential_V=_beyond(band.out["potential"], card.potential_range),
        beyond_charge_e_per_A2=_beyond(per_area, card.surface_charge_range),
    )


def in_squares(*errors: float | None) -> float | None:
    """Return the root of the sum of squares of the errors that are known, None if none is."""
    known = [e for e in errors if e is not None]
    return math.sqrt(sum(e * e for e in known)) if known else None


def _beyond(values, window) -> float | None:
    if window is None:
        return None
    return max(0.0, window[0] - float(values.min()), float(values.max()) - window[1])

"""What is reported of a band: barrier, charge along the path, slopes, and what is known of their errors.

    held potential:  d barrier / dU = -(Q_saddle - Q_initial)       held charge:  d barrier / dQ = Phi_saddle - Phi_initial
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.pathway.budget import ErrorBudget
from electrode.pathway.cell import constant_charge_excess
from electrode.pathway.hydrogen import HydrogenRow
from electrode.pathway.solve import Solved

TRANSFER = 0.05  # a step that moves less charge than this neither reduces nor oxidises [e]


@dataclass(frozen=True)
class Curvature:
    """Second derivatives at the relaxed states, by the potential [e/V] or, where the charge is held, by the charge [V/e].

    Energies and slopes are those of the stationary points that the band's initial state, saddle and final state settle to, with
    0, 1 and 0 `negative_modes`; where `settled` is false they are the images', and motions too soft to follow are left out.
    `moved_A` is how far an atom went to settle.
    """

    barrier: float
    reaction: float
    barrier_eV: float
    reaction_energy_eV: float
    barrier_slope: float
    reaction_slope: float
    settled: bool
    negative_modes: tuple[int, int, int]
    moved_A: tuple[float, float, float]
    model_calls: int


@dataclass(frozen=True)
class BarrierRow:
    """The band at one potential or charge; energies are Omega [eV] (E at a held charge), relative to the first image where a profile is meant.

    `held` is "potential" or "charge"; at a held charge `potential_V` is that of the initial state. `barrier_eV` and
    `reverse_barrier_eV` are None without a saddle. `barrier_slope_e` and `dbarrier_dU` are d barrier / dU [e], None at a held
    charge, where `dbarrier_dQ` [V] takes their place; `beta` is the slope of a reduction, minus the slope of an oxidation.
    `barrier_std_eV` is the spread of a committee's barriers on this path, None for a single model. `fmax_eV_per_A` is None
    where no band was relaxed. `model_calls` counts batched calls, the end states' relaxation included; calls that serve a
    whole sweep count in each of its rows. `constant_charge_excess_eV`: see `cell`; `identity_deviation`: see `identity`.
    """

    potential_V: float
    reference: str
    barrier_eV: float | None
    reverse_barrier_eV: float | None
    reaction_energy_eV: float
    profile_eV: tuple[float, ...]
    charge_e: tuple[float, ...]
    converged: bool
    fmax_eV_per_A: float | None
    model_calls: int
    status: str
    barrier_slope_e: float | None
    barrier_std_eV: float | None
    profile_std_eV: tuple[float, ...] | None
    held: str
    potential_absolute_V: float
    path_potential_V: tuple[float, ...]
    transition_state: int | None
    charge_difference_e: float | None
    dbarrier_dU: float | None
    dbarrier_dQ: float | None
    beta: float | None
    constant_charge_excess_eV: float | None
    identity_deviation: dict[str, float] | None = None
    curvature: Curvature | None = None
    hydrogen_electrode: HydrogenRow | None = None
    error_budget: ErrorBudget | None = None


def row_of(solved: Solved, value: float, scale) -> BarrierRow:
    """Return the row of a band, without what needs its neighbours or further calls.

    Parameters
    ----------
    solved : the band
    value : the potential held [V, on `scale`], not used where the charge is held
    scale : of the potentials that are reported
    """
    band, top, trouble = solved.band, solved.top, solved.trouble
    energy, charge, spread = band.energies(), band.out["charge"].tolist(), band.spread()
    potential = [scale.from_absolute(p) for p in band.out["potential"].tolist()]
    good, grand = trouble is None, band.control.held == "potential"
    saddle = good or trouble == "not converged"
    slope = charge[0] - charge[top] if good and grand else None
    return BarrierRow(
        potential_V=value if grand else potential[0],
        reference=str(scale),
        barrier_eV=float(energy[top] - energy[0]) if saddle else None,
        reverse_barrier_eV=float(energy[top] - energy[-1]) if saddle else None,
        reaction_energy_eV=float(energy[-1] - energy[0]),
        profile_eV=tuple((energy - energy[0]).tolist()),
        charge_e=tuple(charge),
        converged=good,
        fmax_eV_per_A=solved.residual,
        model_calls=solved.calls,
        status=trouble or "converged",
        barrier_slope_e=slope,
        barrier_std_eV=float(spread[top]) if good and spread is not None else None,
        profile_std_eV=None if spread is None else tuple(spread.tolist()),
        held=band.control.held,
        potential_absolute_V=scale.to_absolute(value) if grand else float(band.out["potential"][0]),
        path_potential_V=tuple(potential),
        transition_state=top if saddle else None,
        charge_difference_e=charge[top] - charge[0] if good else None,
        dbarrier_dU=slope,
        dbarrier_dQ=potential[top] - potential[0] if good and not grand else None,
        beta=_symmetry_factor(slope, charge[-1] - charge[0]),
        constant_charge_excess_eV=constant_charge_excess(band.out, 0, top, band.control.held) if good else None,
    )


def identity(rows: list[BarrierRow]) -> list[dict[str, float] | None]:
    """Return how far each row's neighbours are from d Delta A / dx = Delta dA/dx, which relaxed states obey: the larger of two.

    Between neighbours, (Delta2 - Delta1) / (x2 - x1) is compared with the mean of the two slopes [e, or V at a held charge],
    corrected by the curvatures where both are known. The difference is of second order in x2 - x1, of fourth with curvatures;
    what is more tells of a path that has jumped to another valley, or of states that are not relaxed. None without a neighbour.

    Parameters
    ----------
    rows : in any order; those that have not converged are passed over
    """
    good = sorted({_held(row): row for row in rows if row.converged}.items())
    found: dict[float, dict[str, float]] = {}
    for (x1, a), (x2, b) in zip(good, good[1:]):
        off = mismatch(a, b)
        for x in (x1, x2):
            found[x] = {n: max(v, found.get(x, off)[n]) for n, v in off.items()}
    return [found.get(_held(row)) if row.converged else None for row in rows]


def mismatch(a: BarrierRow, b: BarrierRow) -> dict[str, float]:
    """Return how far two rows are from one curve, for barrier and reaction energy; see `identity`."""
    h, off = _held(b) - _held(a), {}
    for name, (d1, s1, c1), (d2, s2, c2) in zip(("barrier", "reaction"), _derivatives(a), _derivatives(b)):
        off[name] = abs(float((d2 - d1) / h - 0.5 * (s1 + s2) + h / 12.0 * (c2 - c1)))
    return off


def _held(row: BarrierRow) -> float:
    return row.charge_e[0] if row.held == "charge" else row.potential_V


def _derivatives(row: BarrierRow) -> list[tuple[float, float, float]]:
    """Return value, slope and curvature of barrier and reaction energy; curvatures are 0 where they are not known."""
    c = row.curvature
    if c is not None:
        return [(c.barrier_eV, c.barrier_slope, c.barrier), (c.reaction_energy_eV, c.reaction_slope, c.reaction)]
    along = -np.array(row.charge_e) if row.held == "potential" else np.array(row.path_potential_V)
    return [(row.barrier_eV, along[row.transition_state] - along[0], 0.0), (row.reaction_energy_eV, along[-1] - along[0], 0.0)]


def _symmetry_factor(slope: float | None, transferred: float) -> float | None:
    """Return beta = d barrier / d(eU) of a reduction, which takes up electrons, or its negative for an oxidation."""
    if slope is None or abs(transferred) < TRANSFER:
        return None
    return slope if transferred < 0 else -slope

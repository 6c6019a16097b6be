"""The barrier at every potential between a few bands, from value, slope and curvature at each.

Between two neighbours the polynomial of fifth degree that has both values, both slopes -(Q_saddle - Q_initial) and both curvatures
-(C + g.H^-1.g), saddle minus initial state.  Its error is estimated as the sum of its distance from the cubic, which knows no
curvatures, and of what the two bands are apart from lying on one curve, 4t (1 - t) |Delta2 - Delta1 - integral of the slopes|.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.interpolate import BPoly, CubicHermiteSpline

from electrode.pathway.budget import in_squares
from electrode.pathway.rows import BarrierRow, mismatch

POINTS = 61  # of a curve


@dataclass(frozen=True)
class BarrierCurve:
    """Barrier [eV], its slope [e] and errors [eV] at potentials [V] on `reference`; `nodes_V` are those that were computed."""

    reference: str
    nodes_V: tuple[float, ...]
    potential_V: tuple[float, ...]
    barrier_eV: tuple[float, ...]
    slope_e: tuple[float, ...]
    interpolation_eV: tuple[float, ...]
    error_eV: tuple[float, ...]

    def to_json(self) -> dict:
        """Return the curve as a plain dictionary."""
        return asdict(self)


def barrier_curve(rows: Sequence[BarrierRow], at: Sequence[float] | None = None) -> BarrierCurve:
    """Return the barrier against potential between the bands that converged.

    Parameters
    ----------
    rows : of `barriers` with `curvature`, at least two of them converged
    at : potentials [V], within those of the rows; by default evenly spaced ones and the rows' own

    Raises
    ------
    ValueError
        for rows at held charge or without curvature, fewer than two, or potentials outside them.
    """
    good = sorted({r.potential_V: r for r in rows if r.converged}.items())
    if len(good) < 2 or any(r.curvature is None or r.held != "potential" for _, r in good):
        raise ValueError(f"barrier_curve: expected at least two converged barriers at held potential with their curvature, got {len(good)}; call barriers(..., curvature=True)")
    nodes, found = np.array([u for u, _ in good]), [r.curvature for _, r in good]
    derivatives = np.array([[c.barrier_eV, c.barrier_slope, c.barrier] for c in found])
    u = np.union1d(np.linspace(nodes[0], nodes[-1], POINTS), nodes) if at is None else np.asarray(at, dtype=float)
    if u.ndim != 1 or not ((nodes[0] <= u) & (u <= nodes[-1])).all():
        raise ValueError(f"barrier_curve: expected potentials from {nodes[0]:g} to {nodes[-1]:g} V, between the bands; got {at!r}")
    quintic = BPoly.from_derivatives(nodes, derivatives)
    off = np.abs(quintic(u) - CubicHermiteSpline(nodes, *derivatives[:, :2].T)(u)) + _apart(u, nodes, [r for _, r in good])
    return BarrierCurve(
        reference=good[0][1].reference,
        nodes_V=tuple(nodes.tolist()),
        potential_V=tuple(u.tolist()),
        barrier_eV=tuple(quintic(u).tolist()),
        slope_e=tuple(quintic(u, 1).tolist()),
        interpolation_eV=tuple(off.tolist()),
        error_eV=tuple(_errors(u, off, nodes, [r for _, r in good])),
    )


def _apart(u, nodes, rows) -> np.ndarray:
    """Return how far the bands at either side are from lying on one curve [eV], zero at the bands."""
    k = np.clip(np.searchsorted(nodes, u, side="right") - 1, 0, len(nodes) - 2)
    width = np.diff(nodes)
    t = (u - nodes[k]) / width[k]
    return 4.0 * t * (1.0 - t) * (np.array([mismatch(a, b)["barrier"] for a, b in zip(rows, rows[1:])]) * width)[k]


def _errors(u, off, nodes, rows) -> list[float]:
    """Return the errors in squares: interpolation, and what the bands at either side know of theirs."""
    own = [0.0 if r.error_budget is None else r.error_budget.total_eV or 0.0 for r in rows]
    return [in_squares(float(a), float(b)) for a, b in zip(off, np.interp(u, nodes, own))]

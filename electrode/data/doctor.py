"""Whether grand-canonical calculations are sound: a series of charges, or the steps of a run at constant potential.

Each check gives a verdict, what it saw and what to do; `skip` says that the data do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy.interpolate import CubicSpline

from electrode.data.charge_findings import systematic
from electrode.data.consistency import LEAST_STEP
from electrode.data.doctor_charges import Verdict, atoms_that_charge, electrons_that_leak
from electrode.data.frame_rules import area_of
from electrode.data.pairs import has_slope, same_geometry
from electrode.data.record import ElectrifiedFrame
from electrode.units import UC_PER_CM2

CAPACITANCE = (0.5, 200.0)  # of one interface, outside: no interface [uF/cm^2]
UNUSUAL = 3.0  # by this factor one capacitance differs from the median, or one noise from the tolerance, before it is named
FALL = 1e-3  # least fall of mu with n that is one [eV]


@dataclass(frozen=True)
class Tolerance:
    """What the calculations were to reach.

    Parameters
    ----------
    energy : [eV];  potential : [V]
    """

    energy: float = 1e-3
    potential: float = 0.01


def diagnose(frames: Sequence[ElectrifiedFrame], tolerance: Tolerance = Tolerance()) -> list[Verdict]:
    """Return the verdicts on frames of one calculation, or of several geometries.

    Parameters
    ----------
    frames : at one or several charges of each geometry, or steps of one run
    tolerance : of the electronic structure
    """
    frames = list(frames)
    series = [sorted(g, key=lambda f: f.n_excess) for g in same_geometry(f for f in frames if f.n_excess is not None and f.mu is not None and np.isfinite([f.n_excess, f.mu]).all())]
    series = [g for g in (_distinct(g) for g in series) if len(g) > 1]
    return [converged(frames), potential_rises(series), scf_noise(series, tolerance), capacitance(series), electrons_that_leak(series), at_target(frames, tolerance), atoms_that_charge(frames)]


def worst(verdicts: Sequence[Verdict]) -> str:
    """Return the worst word of several verdicts: ok where none complains, skip where the data told nothing at all."""
    words = {v.verdict for v in verdicts}
    return next((w for w in ("fail", "warn", "ok") if w in words), "skip")


def to_json(verdicts: Sequence[Verdict]) -> dict:
    """Return verdicts as numbers and words."""
    return {"verdict": worst(verdicts), "checks": [asdict(v) for v in verdicts]}


def converged(frames: Sequence[ElectrifiedFrame]) -> Verdict:
    """Say whether every frame is converged."""
    bad, silent = [f for f in frames if f.scf_converged is False], [f for f in frames if f.scf_converged is None]
    if bad:
        return Verdict("converged", "fail", f"{len(bad)} of {len(frames)} frames are not converged, {bad[0].where} first", "raise the number of steps, damp the mixing, start from a neighbouring charge")
    if silent:
        return Verdict("converged", "skip", f"{len(silent)} of {len(frames)} frames do not say whether they are converged", "state eir_scf_converged")
    return Verdict("converged", "ok", f"all {len(frames)} frames")


def potential_rises(series: Sequence[Sequence[ElectrifiedFrame]]) -> Verdict:
    """Say whether Phi rises with Q, that is mu with n, at each geometry."""
    if not series:
        return Verdict("potential rises with charge", "skip", "no geometry has two charges", "compute one geometry at three to five charges")
    falls = [(a, b) for group in series for a, b in zip(group, group[1:]) if b.mu < a.mu - FALL]
    pairs = sum(len(g) - 1 for g in series)
    if falls:
        a, b = max(falls, key=lambda pair: pair[0].mu - pair[1].mu)
        what = f"mu falls in {len(falls)} of {pairs} steps, most from {a.mu:.3f} to {b.mu:.3f} eV as n rises from {a.n_excess:g} to {b.n_excess:g} ({a.where}, {b.where})"
        mend = "converge both charges further; if every step falls, the sign of the charge or of mu is wrong; a negative slope at one end is a change of the electronic state or a leak of electrons"
        return Verdict("potential rises with charge", "fail", what, mend)
    return Verdict("potential rises with charge", "ok", f"mu rises with n in all {pairs} steps of {len(series)} geometries")


def scf_noise(series: Sequence[Sequence[ElectrifiedFrame]], tolerance: Tolerance) -> Verdict:
    """Say whether E(n) and mu(n) belong together as closely as the tolerance asks; four charges of one geometry tell.

    The noise is the root mean square of E(n) - int mu dn about its mean, mu interpolated by a cubic spline.
    """
    name, groups = "noise of the calculation", [g for g in series if len(g) >= 4 and all(has_slope(f) for f in g)]
    if not groups:
        return Verdict(name, "skip", "no geometry has energies and potentials at four charges", "compute one geometry at five charges")
    noise, wrong = [], []
    for group in groups:
        n, mu, energy = np.array([(f.n_excess, f.mu, f.fixed_charge_energy) for f in group]).T
        rest = energy - CubicSpline(n, mu).antiderivative()(n)
        (wrong if systematic(n, rest) else noise).append((float(rest.std()), float(rest.std() / np.ptp(n)), group[0].where))
    if wrong:
        what = f"energies do not follow the integral of mu in {len(wrong)} of {len(groups)} geometries, {wrong[0][2]} first, by {max(wrong)[0]:.3g} eV and smoothly"
        return Verdict(name, "fail", what, "this is no noise: the kind of the energy, a sign or the zero of mu is wrong; electrode check-data says which (V12)")
    energies, potentials = 1e3 * np.array([r[0] for r in noise]), 1e3 * np.array([r[1] for r in noise])
    what = (
        f"energies scatter about the integral of mu by {np.median(energies):.3g} meV in the median of {len(noise)} geometries, at most {energies.max():.3g} ({max(noise)[2]}), "
        f"that is {np.median(potentials):.3g} and {potentials.max():.3g} mV of potential; asked for {1e3 * tolerance.energy:g} meV and {1e3 * tolerance.potential:g} mV"
    )
    excess = energies / (1e3 * tolerance.energy)
    if np.median(excess) > 1.0:
        return Verdict(name, "fail", what, "tighten the convergence of energy, density and work function; expect no smaller error of anything fitted to these numbers")
    if excess.max() > UNUSUAL:
        return Verdict(name, "warn", what, "tighten the convergence at the geometry named, or see whether mu(n) bends sharply there")
    return Verdict(name, "ok", what)


def capacitance(series: Sequence[Sequence[ElectrifiedFrame]]) -> Verdict:
    """Say whether dQ/dPhi between neighbouring charges is that of an interface [uF/cm^2 of one face]."""
    values = [(c, a, b) for g in series for a, b in zip(g, g[1:]) if (c := _capacitance(a, b)) is not None]
    if not values:
        return Verdict("capacitance", "skip", "no slab with two charges and an area", "state eir_normal and eir_sides")
    sizes = np.array([c for c, _, _ in values])
    middle = float(np.median(sizes))
    what = f"median {middle:.3g} uF/cm2, {sizes.min():.3g} to {sizes.max():.3g} over {len(sizes)} steps"
    if not CAPACITANCE[0] <= middle <= CAPACITANCE[1]:
        return Verdict("capacitance", "fail", f"{what}; expected {CAPACITANCE[0]:g} to {CAPACITANCE[1]:g}", "check the sign of the charge, eir_sides, the cell and the counter-charge")
    odd = [(c, a, b) for c, a, b in values if not middle / UNUSUAL <= c <= middle * UNUSUAL]
    if odd:
        c, a, b = max(odd, key=lambda v: abs(np.log(abs(v[0]) / middle)))
        return Verdict("capacitance", "warn", f"{what}; {len(odd)} outliers, {c:.3g} between {a.where} and {b.where}", "see whether these charges are converged, or whether a state is filled there")
    return Verdict("capacitance", "ok", what)


def at_target(frames: Sequence[ElectrifiedFrame], tolerance: Tolerance) -> Verdict:
    """Say whether runs at constant potential reached their target; of the steps of one run the last counts."""
    aimed = [f for f in frames if f.mu_target is not None and f.mu is not None]
    if not aimed:
        return Verdict("mu at its target", "skip", "no frame has a target", "")
    last = list({(f.trajectory or f.where, f.mu_target): f for f in aimed}.values())
    misses = [f for f in last if not abs(f.mu - f.mu_target) <= (tolerance.potential if f.mu_tol is None else f.mu_tol)]
    away = max(abs(f.mu - f.mu_target) for f in last)
    what = f"{len(last) - len(misses)} of {len(last)} runs end at their target, farthest {away:.3g} eV away"
    if not misses:
        return Verdict("mu at its target", "ok", what)
    still = len({f.n_excess for f in aimed}) == 1 and len(aimed) > 1
    mend = "the number of electrons never changed: switch its update on" if still else "run on, lower the step of the charge, or start from the capacitance; use the actual mu, Omega(target) = Omega + n (Phi_target - Phi)"
    return Verdict("mu at its target", "fail" if still or len(misses) > len(last) / 2 else "warn", f"{what}, first {misses[0].where}", mend)


def _distinct(group: list[ElectrifiedFrame]) -> list[ElectrifiedFrame]:
    """Return the frames that differ in n, the last of equal ones, as a run at one geometry leaves them."""
    out: list[ElectrifiedFrame] = []
    for frame in group:
        if out and frame.n_excess - out[-1].n_excess < LEAST_STEP:
            out[-1] = frame
        else:
            out.append(frame)
    return out


def _capacitance(a: ElectrifiedFrame, b: ElectrifiedFrame) -> float | None:
    if a.normal not in (0, 1, 2) or a.mu == b.mu:
        return None
    return UC_PER_CM2 * (b.n_excess - a.n_excess) / (b.mu - a.mu) / (area_of(a) * (a.sides or 1))

"""Rules that a set of frames must obey: one kind of energy, one zero for each method, and dE/dn = mu.

At one geometry E(n2) - E(n1) = (n2 - n1) [mu(n1) + mu(n2)] / 2 to third order in n2 - n1.  Energies of the wrong
kind, a wrong sign of n and zeros of energy and potential that do not belong together all break it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from electrode.data.pairs import has_energy, has_forces, has_slope, near_steps, same_geometry
from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame
from electrode.units import HARTREE, RYDBERG

TRAPEZOID_TOLERANCE = 0.15  # largest |dE/dn - mu| [eV]
ENERGY_ERROR = 0.01  # of an energy difference, which a short step in n divides [eV]
MONOTONIC_TOLERANCE = 0.02  # largest fall of mu with n [eV]
SAME_CHARGE = 1e-6  # [e]
LEAST_STEP = 1e-3  # of n between two frames whose energies give a slope [e]
SAME_ENERGY = 1e-3  # [eV]
NEAR = 0.03  # coordinates that differ less are nearly the same geometry [A]
NEAR_CHARGE = 0.05  # least step of charge between two nearly equal geometries [e]
LISTED = 5  # frames named in one message


@dataclass(frozen=True)
class Slope:
    """The slope of the energy between two charges of one geometry.

    Parameters
    ----------
    low, high : the frames, ordered by n
    slope : float [eV], [E(n2) - E(n1)] / (n2 - n1)
    mean_mu : float [eV], [mu(n1) + mu(n2)] / 2
    """

    low: ElectrifiedFrame
    high: ElectrifiedFrame
    slope: float
    mean_mu: float

    @property
    def residual(self) -> float:
        """slope - mean_mu [eV]; near zero when energies and chemical potentials belong together."""
        return self.slope - self.mean_mu


def check_set(frames: Iterable[ElectrifiedFrame]) -> list[Problem]:
    """Return what is wrong with the frames as a set."""
    frames = list(frames)
    return [problem for rule in (_missing_charge, _kinds, _zeros, _uniform, _slopes, _near_slopes, _duplicates) for problem in rule(frames)]


def slopes(frames: Iterable[ElectrifiedFrame]) -> list[Slope]:
    """Return dE/dn by differences between neighbouring charges of equal geometries, method and field.

    Frames without energy, charge or mu are left out.
    """
    out = []
    for group in same_geometry(frames):
        usable = sorted((f for f in group if has_slope(f)), key=lambda f: f.n_excess)
        for low, high in zip(usable, usable[1:]):
            dn = high.n_excess - low.n_excess
            if dn > LEAST_STEP:
                rise = high.fixed_charge_energy - low.fixed_charge_energy
                out.append(Slope(low, high, rise / dn, 0.5 * (low.mu + high.mu)))
    return out


def tolerance(electrons: float) -> float:
    """Return the largest |dE/dn - mu| over a step of so many electrons that is no mistake [eV]."""
    return max(TRAPEZOID_TOLERANCE, ENERGY_ERROR / electrons)


def _missing_charge(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    without = [f for f in frames if f.n_excess is None]
    if 0 < len(without) < len(frames):
        yield Problem("error", _names(without), f"eir_n_excess is missing on {len(without)} of {len(frames)} frames", "give every frame its excess electrons; 0 is a value", "V16")


def _kinds(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    kinds: dict[str, list[ElectrifiedFrame]] = {}
    for frame in frames:
        free = frame.energy_kind == "E" and (frame.efield is None or not np.any(frame.efield))
        kinds.setdefault("E or enthalpy without field" if free else frame.energy_kind, []).append(frame)
    kinds.pop("none", None)
    kinds.pop(None, None)
    if set(kinds) - {"E or enthalpy without field", "enthalpy"} and len(kinds) > 1:
        counts = ", ".join(f"{kind}: {len(group)} frames ({_names(group)})" for kind, group in kinds.items())
        yield Problem("error", _names(frames), f"eir_energy_kind: expected one kind in a set, got {counts}", "convert every frame with frame.canonical(), which gives the kind E", "V16")


def _zeros(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    for name, key in (("phi_she", "eir_phi_she"), ("mu_zero", "eir_mu_zero")):
        values: dict[str | None, set] = {}
        for frame in frames:
            if getattr(frame, name) is not None:
                values.setdefault(frame.method_id, set()).add(getattr(frame, name))
        for method, found in values.items():
            if len(found) > 1:
                listed = ", ".join(map(str, sorted(found)))
                yield Problem("error", _names([f for f in frames if f.method_id == method]), f"{key}: expected one value for the method {method!r}, got {listed}", f"correct {key} or give the frames two method ids", "V16")


def _uniform(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    uniform = [f for f in frames if f.countercharge == "uniform" and f.n_excess is not None and f.energy_kind != "none"]
    for method in sorted({str(f.method_id) for f in uniform}):
        mine = [f for f in uniform if str(f.method_id) == method]
        if np.ptp([f.n_excess for f in mine]) > SAME_CHARGE:
            yield Problem("error", _names(mine), f"uniform background charge with several charges in the method {method!r}: their energies have no common zero", "set eir_energy_kind to none (forces only), or use a counter-charge with a defined zero", "V10")


def _slopes(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    for s in slopes(frames):
        if abs(s.residual) > tolerance(s.high.n_excess - s.low.n_excess):
            what = f"dE/dn = {s.slope:.3f} eV between n = {s.low.n_excess:g} and {s.high.n_excess:g}, but eir_mu is {s.mean_mu:.3f} on average"
            yield Problem("error", f"{s.low.where} and {s.high.where}", what + _guess(s), "check the kind of the energy, the sign of eir_n_excess and the zero of eir_mu; where both signs of the difference occur, the energies are noisy (V23)", "V12")
        if s.high.mu < s.low.mu - MONOTONIC_TOLERANCE:
            yield Problem("error", f"{s.low.where} and {s.high.where}", f"eir_mu falls from {s.low.mu:.3f} to {s.high.mu:.3f} eV as n rises from {s.low.n_excess:g} to {s.high.n_excess:g}; expected it to rise", "converge both frames, or check the sign of eir_n_excess", "V29")


def _guess(slope: Slope) -> str:
    """Name the mistake that explains a slope best, by undoing it."""
    pair = (slope.low, slope.high)
    trials = {
        "the energies are of kind Omega": [replace(f, energy_kind="Omega") for f in pair],
        "the energies are of kind E": [replace(f, energy_kind="E") for f in pair],
        "the sign of eir_n_excess is wrong": [replace(f, n_excess=-f.n_excess) for f in pair],
    }
    if None not in (slope.low.nelect_neutral, slope.high.nelect_neutral):
        trials["the energies are of kind Omega_total"] = [replace(f, energy_kind="Omega_total") for f in pair]
    trials |= {f"the energies are in {unit}": [replace(f, energy=size * f.energy) for f in pair] for unit, size in (("hartree", HARTREE), ("Rydberg", RYDBERG))}
    residual = {text: min((abs(s.residual) for s in slopes(trial)), default=np.inf) for text, trial in trials.items()}
    best = min(residual, key=residual.__getitem__)
    return f"; perhaps {best}" if residual[best] < TRAPEZOID_TOLERANCE else ""


def _near_slopes(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    """At nearly equal geometry the way between two frames is taken off by their forces."""
    for step in near_steps([f for f in frames if has_slope(f) and has_forces(f)], NEAR):
        if step.electrons >= NEAR_CHARGE:
            slope = (step.rise - step.work) / step.electrons
            if abs(slope - step.mean_mu) > tolerance(step.electrons):
                what = f"dE/dn = {slope:.3f} eV between nearly equal geometries at n = {step.low.n_excess:g} and {step.high.n_excess:g}, but eir_mu is {step.mean_mu:.3f} on average"
                yield Problem("error", f"{step.low.where} and {step.high.where}", what, "check the kind of the energy, the sign of eir_n_excess and the zero of eir_mu; where both signs of the difference occur, the energies are noisy (V23)", "V12")


def _duplicates(frames: list[ElectrifiedFrame]) -> Iterator[Problem]:
    for group in same_geometry(frames):
        usable = sorted((f for f in group if f.n_excess is not None and has_energy(f)), key=lambda f: f.n_excess)
        for a, b in zip(usable, usable[1:]):
            step = abs(a.fixed_charge_energy - b.fixed_charge_energy)
            if b.n_excess - a.n_excess <= SAME_CHARGE and step > SAME_ENERGY:
                yield Problem("warning", f"{a.where} and {b.where}", f"equal geometry and charge, but energies differ by {step:.4f} eV", "keep one of the frames", "V14")


def _names(frames: list[ElectrifiedFrame]) -> str:
    more = f" and {len(frames) - LISTED} more" if len(frames) > LISTED else ""
    return ", ".join(f.where for f in frames[:LISTED]) + more

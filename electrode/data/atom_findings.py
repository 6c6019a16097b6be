"""Measured on positions, forces and fields: units of forces, net forces, signs of dipoles, sums of Born charges, leaks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

import numpy as np

from electrode.data.findings import Finding, among, by_composition, median_and_max
from electrode.data.pairs import Step, has_energy, has_forces, has_slope, near_steps
from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits_leaks import NEAR, find_leaks
from electrode.units import BOHR, HARTREE, RYDBERG

PATH = 0.1  # largest step of one coordinate over which forces are summed to an energy [A]
_SMALLEST = 0.03  # rises and works smaller than this say nothing [eV]
_STEPS = 5  # pairs that a unit is judged by
NET_FORCE = 0.1  # along the surface, or in a cell without counter-charge [eV/A]
BORN_SUM = 0.05  # [e]
_RESPONSE = 0.02  # deviation of a polarisability from the dipoles that is none
_FIELD_STEP = 1e-3  # change of the enthalpy that tells a sign [eV]
_UNITS = {
    "forces are hartree/bohr or energies hartree": HARTREE / BOHR, "forces are in hartree/A, energies in eV": HARTREE, "energies are in hartree, forces in eV/A": 1.0 / HARTREE,
    "forces are in Rydberg/bohr": RYDBERG / BOHR, "energies are in Rydberg, forces in eV/A": 1.0 / RYDBERG, "forces are in eV/bohr": 1.0 / BOHR,
    "positions are in bohr": BOHR, "the sign of the forces is wrong (gradients)": -1.0,
}  # fmt: skip


def force_units(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the ratio of the rise of energies to what forces say, over pairs of nearly one geometry.

    The slope of E2 - E1 - mean(mu) dn on -(R2 - R1) . mean(F) is one; another slope is a unit or a sign.
    """
    usable = [f for f in frames if has_forces(f) and has_energy(f) and f.n_excess is not None and np.isfinite(f.geometry.positions).all()]
    return by_composition(_rise_of_work, list(near_steps(usable, PATH)))


def _rise_of_work(steps: Sequence[Step]) -> Finding | None:
    """Return the ratio over some steps."""
    works, rises = [], []
    for step in steps:
        charged = abs(step.electrons) > 1e-6
        if not charged or (has_slope(step.low) and has_slope(step.high)):
            works.append(step.work)
            rises.append(step.rise - (step.electrons * step.mean_mu if charged else 0.0))
    works, rises = np.array(works), np.array(rises)
    tells = np.maximum(np.abs(works), np.abs(rises)) > _SMALLEST
    if tells.sum() < _STEPS:
        return None
    works, rises = works[tells], rises[tells]
    ratio = float(np.median(rises / np.where(works == 0.0, np.inf, works)))
    numbers = {"pairs": int(tells.sum()), "ratio": ratio, "median_residual_meV": float(1e3 * np.median(np.abs(rises - works)))}
    text = f"energies rise by {ratio:.3f} of what the forces say over {tells.sum()} short steps, median difference {numbers['median_residual_meV']:.3g} meV"
    return Finding("V27", text, numbers, _unit_problems(ratio, works, rises))


def _unit_problems(ratio: float, works: np.ndarray, rises: np.ndarray) -> tuple[Problem, ...]:
    if 0.8 <= ratio <= 1.25 or not ratio:
        return ()
    if np.median(np.abs(rises - ratio * works)) > 0.3 * np.median(np.abs(rises)):
        return ()  # no factor explains them: noise, or steps too long
    name, factor = min(_UNITS.items(), key=lambda u: abs(np.log(abs(u[1] / ratio))) + 10.0 * (u[1] * ratio < 0))
    known = abs(factor / ratio - 1.0) < 0.1
    what = f"the energy rises by {ratio:.4g} of what the forces say along short steps, expected 1" + (f"; perhaps {name} (factor {factor:.4g})" if known else "")
    return (Problem("error" if known else "warning", "set", what, "convert energies to eV, positions to A and forces to eV/A; see whether forces and energies are of one frame and one kind", "V27"),)


def net_force(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the net force of the frames whose forces are raw; a counter-charge at a fixed height takes up some along the normal."""
    raw = [f for f in frames if has_forces(f) and (f.forces.any(axis=1)).all()]
    if not raw:
        return None
    free = np.array([[k != f.normal for k in range(3)] if f.n_excess or f.countercharge not in (None, "none") else [True] * 3 for f in raw])
    total = np.abs([f.forces.sum(axis=0) for f in raw])
    size, normal = (total * free).max(axis=1), (total * ~free).max(axis=1)
    numbers, words = median_and_max(1e3 * size, "meV_per_A")
    rest = f"; along the normal, where the counter-charge takes up some, median {1e3 * np.median(normal):.3g}" if (~free).any() else ""
    text = f"net force of {len(raw)} frames: {words} meV/A{rest}"
    bad = [f for f, s in zip(raw, size) if s > NET_FORCE]
    what = f"net force up to {size.max():.3g} eV/A in {len(bad)} of {len(raw)} frames, expected below {NET_FORCE:g}"
    problems = (Problem("warning", among(bad), what, "see whether forces of some atoms are missing or a constraint was applied; a model that is invariant to translation cannot fit a net force", "V26"),) if bad else ()
    return Finding("V26", text, numbers, problems)


def dipole_sign(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the slope of the enthalpy's change on -mean(P) . dF at one geometry and several fields, which is one."""
    pairs = _field_pairs(f for f in frames if f.dipole is not None and has_energy(f))
    rows = [(b.fixed_charge_energy - a.fixed_charge_energy, -0.5 * float((a.dipole + b.dipole) @ (b.efield - a.efield))) for a, b in pairs]
    rows = np.array([r for r in rows if max(map(abs, r)) > _FIELD_STEP])
    if not len(rows):
        return None
    rise, work = rows.T
    slope = float(rise @ work / (work @ work)) if work.any() else 0.0
    numbers = {"pairs": len(rows), "slope": slope, "max_residual_meV": float(1e3 * np.abs(rise - work).max())}
    text = f"dH = -P dF over {len(rows)} pairs of fields at one geometry: slope {slope:.4f}, largest difference {numbers['max_residual_meV']:.3g} meV (dipole as read)"
    if abs(slope - 1.0) < 0.1:
        return Finding("V22", text, numbers)
    what = f"the energy changes by {slope:.3f} of -P dF, expected 1" + ("; the dipole has the opposite sign: the file holds +dH/dF" if abs(slope + 1.0) < 0.2 else "")
    return Finding("V22", text, numbers, (Problem("error", "set", what, "turn the sign of REF_dipole; P = -dH/dF, and a field acts with the force +qF", "V22"),))


def polarizability(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the slope of dF . dP on dF . alpha . dF between fields at one geometry, which is one."""
    rows = []
    for a, b in _field_pairs(f for f in frames if f.dipole is not None and f.polarizability is not None):
        step = b.efield - a.efield
        rows.append((float(step @ (b.dipole - a.dipole)), 0.5 * float(step @ (a.polarizability + b.polarizability).reshape(3, 3) @ step)))
    rows = np.array([r for r in rows if max(map(abs, r)) > _FIELD_STEP])
    if not len(rows):
        return None
    change, expected = rows.T
    slope = float(change @ expected / (expected @ expected)) if expected.any() else 0.0
    numbers = {"pairs": len(rows), "polarizability_slope": slope}
    text = f"dP = alpha dF over {len(rows)} pairs of fields at one geometry: slope {slope:.4f} (both as read)"
    if abs(slope - 1.0) < _RESPONSE:
        return Finding("V22", text, numbers)
    what = f"the dipole changes by {slope:.3f} of alpha dF, expected 1"
    mend = "see whether the polarisability has the sign and unit of dP/dF, and whether the dipoles lie on one branch"
    return Finding("V22", text, numbers, (Problem("error" if slope < 0.0 else "warning", "set", what, mend, "V22"),))


def _field_pairs(frames: Iterable[ElectrifiedFrame]) -> list[tuple[ElectrifiedFrame, ElectrifiedFrame]]:
    """Return pairs of frames in two fields that agree in all else."""
    groups: dict[tuple, list[ElectrifiedFrame]] = {}
    for f in frames:
        if f.efield is not None and np.isfinite(f.efield).all() and np.isfinite(f.dipole).all():
            groups.setdefault((f.method_id, f.geometry_id, f.n_excess), []).append(f)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def born_sums(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return how far Born charges are from adding up to the charge of the cell."""
    some = [f for f in frames if f.born_charges is not None and np.isfinite(f.born_charges).all()]
    if not some:
        return None
    sizes = [float(np.abs(f.born_charges.sum(axis=0) + (f.n_excess or 0.0) * np.eye(3).ravel()).max()) for f in some]
    numbers, words = median_and_max(sizes, "e")
    text = f"sums of Born charges of {len(some)} frames miss the charge of the cell: {words} e"
    what = f"Born charges add up to {max(sizes):.3g} e more or less than the charge of the cell"
    mend = "take the mean off each component, or let the model do it; an acoustic sum rule was not imposed"
    problems = (Problem("warning", some[int(np.argmax(sizes))].where, what, mend, "V30"),) if max(sizes) > BORN_SUM else ()
    return Finding("V30", text, numbers, problems)


def leaks(files: Sequence[Sequence[ElectrifiedFrame]], names: Sequence[str]) -> Finding | None:
    """Return the structures that stand in two of the files, whatever their charge, origin, images and order of atoms."""
    if len(files) < 2:
        return None
    shared = {(a, b): count for a, b in combinations(range(len(files)), 2) if (count := _shared(files[a], files[b]))}
    mend = "drop them from one; an error on one of the files is no test of a model that saw the other"
    problems = tuple(
        Problem("warning", f"{names[a]} and {names[b]}", f"{count} structures of the first stand also in the second, to {NEAR:g} A", mend, "V25") for (a, b), count in shared.items()
    )
    total = sum(shared.values())
    return Finding("V25", f"structures that stand in two of {len(files)} files: {total}", {"files": len(files), "shared": total}, problems)


def _shared(one: Sequence[ElectrifiedFrame], other: Sequence[ElectrifiedFrame]) -> int:
    """Return how many structures of one file stand in another."""
    frames = [*one, *other]
    found = find_leaks(frames, ["one"] * len(one) + ["other"] * len(other))
    return len({frames[leak.first].geometry_id for leak in found})

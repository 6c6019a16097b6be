"""Measured along the charge: dE = Phi dQ, noise of energies, printed energies of several kinds, Maxwell's relation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from electrode.data.consistency import SAME_CHARGE, TRAPEZOID_TOLERANCE, Slope, slopes
from electrode.data.findings import Finding, among, by_composition, median_and_max
from electrode.data.pairs import conditions, has_energy, has_forces, has_slope, near_pairs, same_geometry
from electrode.data.problems import Problem
from electrode.data.record import ElectrifiedFrame
from electrode.units import HARTREE, RYDBERG

NOISE = 5e-3  # energies that scatter more are noisy [eV]
NOISE_CHARGES = 4  # charges of one geometry that noise is judged by
PRINTED = 0.25  # least change of a printed energy less the energy at fixed charge that is another kind [eV]
_GRAND_RISE = 0.1  # least rise of Omega, summed over all steps, that tells its unit [eV]
_ONE_COORDINATE = (1e-4, 0.25)  # steps of a finite difference [A]
_MAXWELL = (0.1, 0.3)  # largest deviation [V/A], and as a share of dPhi/dR


def trapezoid(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return how well dE = mean(Phi) dQ holds between neighbouring charges of one geometry.

    The residual [E(Q2) - E(Q1)]/(Q2 - Q1) - [Phi1 + Phi2]/2 judges the signs of charge and potential and the kind of the
    energy; the zero of a method, which moves both sides alike, it does not see.
    """
    found = slopes(frames)
    if not found:
        return None
    numbers, words = median_and_max([1e3 * s.residual for s in found], "mV_per_e")
    off = sum(bool(abs(s.residual) > TRAPEZOID_TOLERANCE) for s in found)
    text = f"dE = Phi dQ over {len(found)} pairs of neighbouring charges: {words} mV per e, {off} beyond {1e3 * TRAPEZOID_TOLERANCE:g}"
    return Finding("V12", text, {**numbers, "beyond_tolerance": off})


def grand_slope(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the slope of the rise of energies of kind Omega on -mean(n) dmu, which is one, between neighbouring charges of one geometry.

    Along a short step Omega hardly rises, so that in hartree it passes `trapezoid`; all steps together tell.
    """
    return by_composition(_grand_rise, slopes(f for f in frames if f.energy_kind == "Omega"))


def _grand_rise(pairs: Sequence[Slope]) -> Finding | None:
    """Return the slope over some pairs."""
    rises = np.array([s.high.energy - s.low.energy for s in pairs])
    works = np.array([-0.5 * (s.low.n_excess + s.high.n_excess) * (s.high.mu - s.low.mu) for s in pairs])
    if np.abs(works).sum() < _GRAND_RISE:
        return None
    slope = float(rises @ works / (works @ works))
    text = f"dOmega = -n dmu over {len(pairs)} pairs of neighbouring charges: slope {slope:.4f}"
    numbers = {"pairs": len(pairs), "grand_slope": slope}
    flat = 0.0 < slope < 0.15 and ((rises - slope * works) ** 2).sum() < 0.1 * (works @ works)
    if not flat:
        return Finding("V12", text, numbers)
    name = next((f"; perhaps the energies are in {unit}" for unit, size in (("hartree", HARTREE), ("Rydberg", RYDBERG)) if abs(slope * size - 1.0) < 0.2), "")
    problem = Problem("error", "set", f"energies of kind Omega rise by {slope:.3f} of -n dmu, expected 1{name}", "convert them to eV, or state their kind", "V12")
    return Finding("V12", text, numbers, (problem,))


def noise(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return the scatter of E(n) about the integral of mu at each geometry of four or more charges.

    d_k = E(n_k) - int_{n_1}^{n_k} mu dn by trapezoids; the scatter is the root mean square of d about its mean.
    """
    scatter = {}
    for group in same_geometry(f for f in frames if has_slope(f)):
        n, mu, energy = np.array(sorted((f.n_excess, f.mu, f.fixed_charge_energy) for f in group)).T
        if len(np.unique(np.round(n / SAME_CHARGE))) >= NOISE_CHARGES:
            rest = energy - np.concatenate([[0.0], np.cumsum(0.5 * (mu[1:] + mu[:-1]) * np.diff(n))])
            if not systematic(n, rest):
                scatter[group[0].where, len(group[0].geometry)] = float(rest.std())
    if not scatter:
        return None
    sizes = 1e3 * np.array(list(scatter.values()))
    (worst, atoms), largest = max(scatter.items(), key=lambda item: item[1])
    numbers = {"geometries": len(sizes), "smallest_meV": float(sizes.min()), "median_meV": float(np.median(sizes)), "max_meV": float(sizes.max())}
    text = f"energies scatter about the integral of mu by {sizes.min():.3g} to {sizes.max():.3g} meV, median {np.median(sizes):.3g}, at {len(sizes)} geometries of {NOISE_CHARGES} or more charges"
    if largest <= NOISE:
        return Finding("V23", text, numbers)
    what = f"energies hold noise: they scatter about the integral of mu by {1e3 * largest:.1f} meV ({1e3 * largest / atoms:.2f} meV an atom) over the charges of one geometry"
    mend = "converge the energies further, or expect no smaller error of energies and no better dOmega/dPhi than this; n, mu and forces may still be good"
    return Finding("V23", text, numbers, (Problem("warning", worst, what, mend, "V23"),))


def systematic(n: np.ndarray, rest: np.ndarray) -> bool:
    """Say whether the rest is a wrong kind, sign or zero, which a straight line or a parabola in n explains, and no noise."""
    fit = np.polynomial.Polynomial.fit(n, rest, 2 if len(n) > NOISE_CHARGES else 1)
    return np.ptp(rest) > TRAPEZOID_TOLERANCE * np.ptp(n) and (rest - fit(n)).std() < 0.3 * rest.std()


def printed_kinds(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return how an energy printed beside the one at fixed charge (`printed_energy`) changes its kind with the charge."""
    some = [f for f in frames if "printed_energy" in f.info and f.n_excess is not None and has_energy(f)]
    if not some:
        return None
    gap = np.array([f.info["printed_energy"] - f.fixed_charge_energy for f in some])
    charged = np.abs([f.n_excess for f in some]) > SAME_CHARGE
    other = np.abs(gap) > PRINTED
    text = f"printed energy less energy at fixed charge: {_range(gap[~charged])} in {(~charged).sum()} neutral frames, {_range(gap[charged])} in {charged.sum()} charged ones"
    numbers = {"neutral": int((~charged).sum()), "charged": int(charged.sum()), "another_kind": int(other.sum())}
    if not other.any() or (other.all() and not _uneven(gap, some)):
        return Finding("V24", text, numbers)
    what = f"the printed energy is of another kind in {other.sum()} of {len(some)} frames: it holds a term -mu n, on a zero of its own{_uneven(gap, some)}"
    mend = "use the free energy at fixed charge, never the printed energies of different frames as one curve"
    return Finding("V24", text, numbers, (Problem("warning", among([f for f, o in zip(some, other) if o]), what, mend, "V24"),))


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3g} to {values.max():.3g} eV" if len(values) else "none"


def _uneven(gap: np.ndarray, frames: Sequence[ElectrifiedFrame]) -> str:
    """Say where -gap/n, the mu of the printed energy, falls as n rises at one geometry."""
    where = {id(f): k for k, f in enumerate(frames)}
    falls = 0
    for group in same_geometry(f for f in frames if abs(f.n_excess) > SAME_CHARGE):
        ordered = sorted(group, key=lambda f: f.n_excess)
        mu = np.array([-gap[where[id(f)]] / f.n_excess for f in ordered])
        falls += int((np.diff(mu) < -PRINTED / 2).sum())
    return f"; its mu falls with n in {falls} places, so the zero changes from frame to frame" if falls else ""


def maxwell(frames: Sequence[ElectrifiedFrame]) -> Finding | None:
    """Return how well dF/dQ = -dPhi/dR holds where geometries differ by one coordinate and share two charges.

    The force derivative is the mean of both geometries, the potential's that of both charges.
    """
    pairs = np.array(list(_maxwell_pairs([f for f in frames if has_slope(f) and has_forces(f)])))
    if not len(pairs):
        return None
    force, potential = pairs.T  # dF/dQ and -dPhi/dR [V/A]
    numbers, words = median_and_max(force - potential, "V_per_A")
    size = float(np.median(np.abs(potential)))
    text = f"dforce/dQ = -dPhi/dR over {len(pairs)} finite differences: {words} V/A, where dPhi/dR is {size:.3g}"
    if numbers["median_V_per_A"] <= max(_MAXWELL[0], _MAXWELL[1] * size):
        return Finding("V28", text, numbers)
    opposite = np.median(np.abs(force + potential)) < 0.3 * numbers["median_V_per_A"]
    what = f"dforce/dQ differs from -dPhi/dR by {numbers['median_V_per_A']:.3g} V/A" + ("; the two are opposite, so charge or potential has the wrong sign" if opposite else "")
    problem = Problem("error" if opposite else "warning", "set", what, "check the signs of charge and potential, that forces are raw, and that both were computed with one counter-charge", "V28")
    return Finding("V28", text, numbers, (problem,))


def _maxwell_pairs(frames: list[ElectrifiedFrame]) -> Iterator[tuple[float, float]]:
    alike = defaultdict(list)
    for group in same_geometry(frames):
        by_charge = {round(f.charge / SAME_CHARGE): f for f in group}
        if len(by_charge) > 1:
            atoms = group[0].geometry
            alike[(*conditions(group[0]), atoms.numbers.tobytes(), (np.round(atoms.cell.array, 4) + 0.0).tobytes())].append(by_charge)
    for groups in alike.values():
        flat = np.array([next(iter(g.values())).geometry.positions.ravel() for g in groups])
        for i, j in near_pairs(flat, _ONE_COORDINATE[1]):
            (moved,) = np.nonzero(np.abs(flat[j] - flat[i]) > 1e-6)
            if len(moved) == 1 and abs(flat[j, moved[0]] - flat[i, moved[0]]) > _ONE_COORDINATE[0]:
                yield from _differences(groups[i], groups[j], int(moved[0]), float(flat[j, moved[0]] - flat[i, moved[0]]))


def _differences(one: dict, two: dict, at: int, step: float) -> Iterator[tuple[float, float]]:
    shared = sorted(set(one) & set(two))
    for low, high in zip(shared, shared[1:]):
        a, b, c, d = one[low], one[high], two[low], two[high]
        force = [(y.forces.ravel()[at] - x.forces.ravel()[at]) / (y.charge - x.charge) for x, y in ((a, b), (c, d))]
        potential = [-(-y.mu + x.mu) / step for x, y in ((a, c), (b, d))]
        yield float(np.mean(force)), float(np.mean(potential))

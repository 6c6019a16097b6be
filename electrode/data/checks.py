"""Rules that one frame of the record must obey; `consistency` holds those of a set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from ase.neighborlist import neighbor_list

from electrode.data.aliases import scale_of
from electrode.data.consistency import check_set
from electrode.data.problems import DataError, Problem, did_you_mean, raise_on_errors
from electrode.data.record import COLUMNS, CONVERTIBLE_ZEROS, KEY_OF, ElectrifiedFrame
from electrode.units import HARTREE

__all__ = ["DataError", "Problem", "check_frame", "check_frames", "check_set", "raise_on_errors"]

WORDS = {
    "energy_kind": ("E", "Omega", "Omega_total", "enthalpy", "none"),
    "energy_smearing": ("free", "sigma0", "internal"),
    "mu_zero": (*CONVERTIBLE_ZEROS, "cell_average", "inner", "unknown"),
    "ensemble": ("fixed_n", "fixed_mu", "potentiostat"),
    "u_scale": ("abs", "she", "rhe", "pzc"),
    "countercharge": (
        "none", "uniform", "jellium_slab", "jellium_cavity", "pb_linear", "pb_nonlinear",
        "planar_gaussian", "esm_metal", "explicit_ions", "two_electrode", "unknown",
    ),
}  # fmt: skip
MU_RANGE = (-12.0, 0.0)  # outside: error [eV]
MU_USUAL = (-8.0, -2.0)  # outside: warning [eV]
MU_HARTREE = (-0.45, -0.03)  # numbers that are usual chemical potentials in hartree
SURFACE_ATOM_AREA = 7.0  # area of one atom of a close-packed metal face [A^2]
CHARGE_PER_SURFACE_ATOM = (0.5, 2.0)  # warning, error [e]
CLOSEST = 0.4  # [A]
U_TOLERANCE = 1e-3  # [V]
FREE_LAYER = 3.0  # least space without electrode along the normal of a slab [A]
STRONG_FIELD = 5.0  # [V/A]


def check_frames(frames: Iterable[ElectrifiedFrame]) -> list[Problem]:
    """Return what is wrong with the frames, first as a set and then one by one."""
    frames = list(frames)
    return [*check_set(frames), *(p for f in frames for p in check_frame(f))]


def check_frame(frame: ElectrifiedFrame) -> list[Problem]:
    """Return what is wrong with one frame, errors and warnings."""
    rules = RULES if _finite_geometry(frame) else (_finite,)
    return [Problem(severity, frame.where, what, mend) for rule in rules for severity, what, mend in rule(frame)]


Found = Iterator[tuple[str, str, str]]


def _finite(frame: ElectrifiedFrame) -> Found:
    values = {KEY_OF[c.name]: getattr(frame, c.name) for c in COLUMNS}
    values |= {"positions": frame.geometry.positions, "cell": frame.geometry.cell.array}
    for key, value in values.items():
        if isinstance(value, (float, np.ndarray)) and not np.isfinite(value).all():
            yield "error", f"{key}: expected finite numbers, got NaN or infinity", "drop the frame or correct the number"


def _known(frame: ElectrifiedFrame) -> Found:
    if frame.version is not None and frame.version != 1:
        yield "error", f"eir_version: expected 1, got {frame.version}", "convert the file to version 1 of the record"
    for name, words in WORDS.items():
        word = getattr(frame, name)
        if word is not None and word not in words:
            yield "error", f"{KEY_OF[name]}: expected one of {', '.join(words)}; got {word!r}{did_you_mean(word, words)}", f"correct {KEY_OF[name]}"
    for key in frame.info:
        if key.startswith("eir_"):
            yield "warning", f"unknown key {key}{did_you_mean(key, KEY_OF.values())}", "correct the name; the key is kept but not used"


def _required(frame: ElectrifiedFrame) -> Found:
    needed = ["version", "energy_kind", "n_excess", "ensemble", "scf_converged", "method_id"]
    needed += ["energy"] if frame.energy_kind not in (None, "none") else []
    needed += ["mu"] if frame.efield is None else []
    needed += ["mu_zero"] if frame.mu is not None else []
    needed += ["mu_target", "mu_tol"] if frame.ensemble == "fixed_mu" else []
    needed += ["countercharge"] if frame.n_excess else []
    needed += ["normal", "sides"] if frame.geometry.pbc.sum() == 2 else []
    for name in needed:
        if getattr(frame, name) is None:
            words = f" (one of {', '.join(WORDS[name])})" if name in WORDS else ""
            yield "error", f"{KEY_OF[name]} is missing", f"write {KEY_OF[name]}{words}, or pass assume={{'{name}': value}} when reading"


def _forces(frame: ElectrifiedFrame) -> Found:
    forces, n = frame.forces, len(frame.geometry)
    if forces is None:
        return
    if forces.shape != (n, 3):
        yield "error", f"REF_forces: expected shape ({n}, 3), got {forces.shape}", "take the forces of this frame"
        return
    still = ~forces.any(axis=1)
    if still.sum() >= 2 and not still.all():
        yield "warning", f"REF_forces: exactly zero on {still.sum()} of {n} atoms, as a constraint leaves them", "write raw forces (ASE: get_forces(apply_constraint=False))"


def _electrons(frame: ElectrifiedFrame) -> Found:
    n, sides = frame.n_excess, frame.sides or 1
    if n is None:
        return
    if None not in (frame.nelect, frame.nelect_neutral) and not abs(frame.nelect - frame.nelect_neutral - n) <= 1e-6:
        yield "error", f"eir_nelect - eir_nelect_neutral = {frame.nelect - frame.nelect_neutral:g}, but eir_n_excess = {n:g}", "correct the electron counts or the sign of eir_n_excess (+ means electrons added)"
    if frame.normal not in (0, 1, 2) or not np.isfinite(n):
        return
    warn, error = CHARGE_PER_SURFACE_ATOM
    ratio = abs(n) * SURFACE_ATOM_AREA / max(_area(frame) * sides, 1e-9)
    if ratio > warn:
        severity = "error" if ratio > error else "warning"
        yield severity, f"eir_n_excess = {n:g} e is {ratio:.2g} e per surface atom ({SURFACE_ATOM_AREA:g} A^2), expected at most {warn:g}", "give excess electrons, not the number of electrons, and check the cell"


def _chemical_potential(frame: ElectrifiedFrame) -> Found:
    mu = frame.mu
    if mu is None or frame.mu_zero not in CONVERTIBLE_ZEROS or not np.isfinite(mu):
        return
    if MU_HARTREE[0] <= mu <= MU_HARTREE[1]:
        yield "error", f"eir_mu = {mu:g} eV looks like hartree", f"multiply by 27.2114, which gives {mu * HARTREE:.3f} eV"
    elif mu >= MU_RANGE[1]:
        yield "error", f"eir_mu = {mu:g} eV: expected a negative number, the work function with a minus sign", "write mu = -Phi, or align its zero"
    elif mu <= MU_RANGE[0]:
        yield "error", f"eir_mu = {mu:g} eV: expected {MU_RANGE[0]:g} to {MU_RANGE[1]:g}", "check its unit (Rydberg or hartree converted twice?) and its zero"
    elif not MU_USUAL[0] <= mu <= MU_USUAL[1]:
        yield "warning", f"eir_mu = {mu:g} eV lies outside {MU_USUAL[0]:g} to {MU_USUAL[1]:g}", "check the zero of mu"


def _energy_kind(frame: ElectrifiedFrame) -> Found:
    needs = {"Omega": ("mu", "n_excess"), "Omega_total": ("mu", "n_excess", "nelect_neutral")}.get(frame.energy_kind, ())
    missing = [KEY_OF[name] for name in needs if getattr(frame, name) is None]
    if missing:
        yield "error", f"eir_energy_kind = {frame.energy_kind} needs {', '.join(missing)}", "give them, or an energy of kind E"
    if frame.energy_kind == "enthalpy" and frame.efield is None:
        yield "error", "eir_energy_kind = enthalpy needs eir_efield", "give the field; (0, 0, 0) is a field"


def _scale(frame: ElectrifiedFrame) -> Found:
    if frame.u is None:
        return
    if frame.u_scale is None:
        yield "error", f"eir_u = {frame.u:g} V without a scale", "write eir_u_scale (abs, she, rhe, pzc)"
    elif frame.mu is not None and frame.mu_zero not in CONVERTIBLE_ZEROS:
        yield "error", f"eir_u = {frame.u:g} V, but mu on the zero {frame.mu_zero!r} is never converted to a potential", "drop eir_u or align mu"
    elif frame.mu is None:
        yield "error", f"eir_u = {frame.u:g} V without eir_mu", "write eir_mu, from which eir_u is derived"
    elif frame.u_scale in ("she", "rhe") and frame.phi_she is None:
        yield "error", f"eir_u_scale = {frame.u_scale} needs eir_phi_she", "write the absolute potential of SHE in this method"
    elif frame.u_scale in ("abs", "she", "rhe"):
        yield from _derived_u(frame)


def _derived_u(frame: ElectrifiedFrame) -> Found:
    keys = {KEY_OF[k]: getattr(frame, k) for k in ("phi_she", "ph", "temperature")}
    try:
        derived = scale_of(frame.u_scale, keys, None, frame.where).from_absolute(-frame.mu)
    except DataError as error:
        problem = error.problems[0]
        yield "error", problem.what, problem.mend
        return
    if not abs(derived - frame.u) <= U_TOLERANCE:
        yield "error", f"eir_u = {frame.u:g} V, but eir_mu, eir_phi_she and eir_ph give {derived:.4f} V on the scale {frame.u_scale}", "correct the sign or the scale; Phi = -mu"


def _slab(frame: ElectrifiedFrame) -> Found:
    pbc, normal = frame.geometry.pbc, frame.normal
    if frame.sides not in (None, 1, 2):
        yield "error", f"eir_sides: expected 1 or 2, got {frame.sides}", "say how many faces carry charge"
    if normal is None:
        return
    if normal not in (0, 1, 2):
        yield "error", f"eir_normal: expected 0, 1 or 2, got {normal}", "name the cell vector along the surface normal"
        return
    if not np.delete(pbc, normal).all():
        yield "error", f"eir_normal = {normal}, but pbc = {pbc.tolist()} is not periodic along the surface", "correct eir_normal or pbc"
    elif pbc[normal] and frame.geometry.cell.rank == 3 and _free_space(frame) < FREE_LAYER:
        yield "error", f"no vacuum or electrolyte along the normal {normal}: the widest gap is {_free_space(frame):.2f} A", "add vacuum or electrolyte, or drop eir_normal for a bulk cell"
    if frame.area is not None and not abs(frame.area - _area(frame)) <= 1e-4 * _area(frame):
        yield "error", f"eir_area = {frame.area:g} A^2, but the cell gives {_area(frame):g}", "drop eir_area or correct the cell"


def _cell(frame: ElectrifiedFrame) -> Found:
    atoms = frame.geometry
    vectors = atoms.cell.array[atoms.pbc]
    if len(vectors) and not np.linalg.det(vectors @ vectors.T) > 1e-10:
        yield "error", f"pbc = {atoms.pbc.tolist()}, but those cell vectors span no volume", "write the Lattice or correct pbc"
        return
    i, j, distance = neighbor_list("ijd", atoms, CLOSEST)
    if len(distance):
        k = distance.argmin()
        yield "error", f"atoms {i[k]} and {j[k]} are {distance[k]:.3f} A apart, expected at least {CLOSEST:g}", "drop the frame or correct positions and cell (bohr?)"


def _quality(frame: ElectrifiedFrame) -> Found:
    if frame.scf_converged is False:
        yield "error", "eir_scf_converged = F", "drop the frame or converge it; strict=False reads it all the same"
    targets = (frame.mu, frame.mu_target, frame.mu_tol)
    if frame.ensemble == "fixed_mu" and None not in targets and abs(frame.mu - frame.mu_target) > frame.mu_tol:
        yield "warning", f"eir_mu = {frame.mu:g} eV misses its target {frame.mu_target:g} by more than {frame.mu_tol:g}", "use the actual eir_mu; see whether the electron number was updated at all"
    if frame.countercharge == "uniform" and frame.n_excess:
        yield "warning", "uniform background charge: energies of different charge are not comparable", "do not fit dE/dN to these frames"
    if frame.efield is not None and np.abs(frame.efield).max() > STRONG_FIELD:
        yield "warning", f"eir_efield = {frame.efield.tolist()} V/A is stronger than {STRONG_FIELD:g}", "check its unit; 1 atomic unit is 51.42 V/A"


def _finite_geometry(frame: ElectrifiedFrame) -> bool:
    return bool(np.isfinite(frame.geometry.positions).all() and np.isfinite(frame.geometry.cell.array).all())


def _area(frame: ElectrifiedFrame) -> float:
    a, b = np.delete(frame.geometry.cell.array, frame.normal, axis=0)
    return float(np.linalg.norm(np.cross(a, b)))


def _free_space(frame: ElectrifiedFrame) -> float:
    """Widest gap along a periodic normal between atoms heavier than calcium, or between all if there are none [A]."""
    heavy = frame.geometry.numbers > 20
    along = frame.geometry.get_scaled_positions()[heavy if heavy.any() else slice(None), frame.normal]
    gaps = np.diff(np.sort(along), append=np.sort(along)[:1] + 1.0)
    height = frame.geometry.cell.volume / _area(frame)
    return float(gaps.max() * height)


RULES = (_finite, _known, _required, _forces, _electrons, _chemical_potential, _energy_kind, _scale, _slab, _cell, _quality)

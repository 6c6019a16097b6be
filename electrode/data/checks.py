"""Rules that one frame of the record must obey; `consistency` holds those of a set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from electrode.data import frame_rules
from electrode.data.aliases import scale_of
from electrode.data.consistency import check_set
from electrode.data.frame_rules import Found
from electrode.data.problems import DataError, Problem, did_you_mean, raise_on_errors, warn
from electrode.data.record import COLUMNS, CONVERTIBLE_ZEROS, KEY_OF, ElectrifiedFrame

__all__ = ["DataError", "Problem", "accept", "check_frame", "check_frames", "check_set", "raise_on_errors"]

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
U_TOLERANCE = 1e-3  # [V]


def check_frames(frames: Iterable[ElectrifiedFrame]) -> list[Problem]:
    """Return what is wrong with the frames, first as a set and then one by one."""
    frames = list(frames)
    return [*check_set(frames), *(p for f in frames for p in check_frame(f))]


def accept(frames: list[ElectrifiedFrame], strict: bool = True) -> list[ElectrifiedFrame]:
    """Return the frames if they obey the rules; when not strict, warn of every broken rule instead of raising.

    Raises
    ------
    DataError
        if a rule is broken and `strict` is set.
    """
    problems = check_frames(frames)
    if strict:
        raise_on_errors(problems)
    else:
        warn(replace(p, severity="warning") for p in problems)
    return frames


def check_frame(frame: ElectrifiedFrame) -> list[Problem]:
    """Return what is wrong with one frame, errors and warnings."""
    rules = RULES if _finite_geometry(frame) else {"V2": _finite}
    return [Problem(severity, frame.where, what, mend, name) for name, rule in rules.items() for severity, what, mend in rule(frame)]


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
    needed += [] if frame.efield is not None or _neutral(frame) else ["mu"]
    needed += ["mu_zero"] if frame.mu is not None else []
    needed += ["mu_target", "mu_tol"] if frame.ensemble == "fixed_mu" else []
    needed += ["countercharge"] if frame.n_excess else []
    needed += ["normal", "sides"] if frame.geometry.pbc.sum() == 2 else []
    for name in needed:
        if getattr(frame, name) is None:
            words = f" (one of {', '.join(WORDS[name])})" if name in WORDS else ""
            yield "error", f"{KEY_OF[name]} is missing", f"write {KEY_OF[name]}{words}, or pass assume={{'{name}': value}} when reading"


def _neutral(frame: ElectrifiedFrame) -> bool:
    """Say whether the frame is one of no charge and no counter-charge, which may lack a potential."""
    return frame.n_excess == 0 and frame.countercharge in ("none", "uniform", "two_electrode") and frame.ensemble == "fixed_n"


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
    elif _other_zero(frame):
        return
    elif frame.mu is None:
        yield "error", f"eir_u = {frame.u:g} V without eir_mu", "write eir_mu, from which eir_u is derived"
    elif frame.u_scale in ("she", "rhe") and frame.phi_she is None:
        yield "error", f"eir_u_scale = {frame.u_scale} needs eir_phi_she", "write the absolute potential of SHE in this method"
    elif frame.u_scale in ("abs", "she", "rhe"):
        yield from _derived_u(frame)


def _other_zero(frame: ElectrifiedFrame) -> bool:
    return frame.mu is not None and frame.mu_zero not in CONVERTIBLE_ZEROS


def _zero(frame: ElectrifiedFrame) -> Found:
    if frame.u is not None and frame.u_scale is not None and _other_zero(frame):
        yield "error", f"eir_u = {frame.u:g} V, but mu on the zero {frame.mu_zero!r} is never converted to a potential", "drop eir_u or align mu"


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


def _finite_geometry(frame: ElectrifiedFrame) -> bool:
    return bool(np.isfinite(frame.geometry.positions).all() and np.isfinite(frame.geometry.cell.array).all())


RULES = {  # rule of `rules.RULES` -> what finds that it is broken
    "V1": _known,
    "V2": _finite,
    "V6": _energy_kind,
    "V7": _scale,
    "V11": _zero,
    "V17": _required,
    **frame_rules.RULES,
}

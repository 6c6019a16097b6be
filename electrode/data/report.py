"""What is in a set of frames, what is wrong with it and what was assumed of it: the work of `electrode check-data`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from electrode.data import atom_findings, charge_findings, polarisation_findings
from electrode.data.checks import check_frames
from electrode.data.findings import Finding
from electrode.data.problems import Problem
from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame
from electrode.data.rules import RULES

MEASURES = (
    charge_findings.trapezoid, charge_findings.grand_slope, charge_findings.noise, charge_findings.printed_kinds, charge_findings.maxwell,
    atom_findings.force_units, atom_findings.net_force, atom_findings.dipole_sign, atom_findings.polarizability, atom_findings.born_sums,
    polarisation_findings.polarisation_steps,
)  # fmt: skip
LABELS = ("energy", "forces", "n_excess", "mu", "efield", "dipole", "atomic_charges", "born_charges", "polarizability", "hardness", "region", "trajectory")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_LISTED = 12  # words of one kind that are counted one by one


@dataclass(frozen=True)
class Report:
    """What was found.

    Parameters
    ----------
    contents : name -> number, range (low, high) or counts, of what is there
    states : (F, 2) charge [e] and absolute potential [V] of the frames that have both
    assumed : what was read under another name or taken from elsewhere
    findings : what was measured
    problems : rules that are broken, those of the findings among them
    """

    contents: Mapping
    states: np.ndarray
    assumed: tuple[str, ...]
    findings: tuple[Finding, ...]
    problems: tuple[Problem, ...]

    @property
    def errors(self) -> int:
        """Number of errors."""
        return sum(p.severity == "error" for p in self.problems)

    def to_json(self) -> dict:
        """Return numbers and words, for JSON."""
        groups = [
            {"rule": p.rule, "severity": p.severity, "count": count, "where": p.where, "what": p.what, "mend": p.mend, "means": RULES.get(p.rule)} for p, count in grouped(self.problems)
        ]
        measured = [{"rule": f.rule, "text": f.text, **{k: _plain(v) for k, v in f.numbers.items()}} for f in self.findings]
        return {"contents": dict(self.contents), "assumed": list(self.assumed), "measured": measured, "problems": groups, "errors": self.errors,
                "warnings": len(self.problems) - self.errors}  # fmt: skip


def examine(files: Mapping[str, Sequence[ElectrifiedFrame]], assumed: Sequence[str] = (), unread: Sequence[Problem] = ()) -> Report:
    """Check frames of one or several files together, and measure what is to be measured.

    Parameters
    ----------
    files : name of the file -> its frames
    assumed : what the reading assumed
    unread : why files could not be read
    """
    frames = [frame for some in files.values() for frame in some]
    sane = [f for f in frames if np.isfinite(f.geometry.positions).all() and np.isfinite(f.geometry.cell.array).all()]
    found = [measure(sane) for measure in MEASURES] + [atom_findings.leaks(list(files.values()), list(files))]
    findings = tuple(f for f in found if f is not None)
    problems = (*unread, *check_frames(frames), *(p for f in findings for p in f.problems))
    states = np.array([(f.charge, f.potential) for f in frames if f.n_excess is not None and f.mu is not None and f.mu_zero in CONVERTIBLE_ZEROS]).reshape(-1, 2)
    return Report(contents(frames), states[np.isfinite(states).all(axis=1)], tuple(assumed), findings, problems)


def contents(frames: Sequence[ElectrifiedFrame]) -> dict:
    """Return counts and ranges of what the frames hold."""
    sizes = [len(f.geometry) for f in frames]
    out = {
        "frames": len(frames), "geometries": len({f.geometry_id for f in frames}), "atoms": _range(sizes),
        "elements": sorted({s for f in frames for s in f.geometry.symbols.species()}),
        "labels": {name: count for name in LABELS if (count := sum(getattr(f, name) is not None for f in frames))},
    }  # fmt: skip
    for name, field in (("methods", "method_id"), ("energy kinds", "energy_kind"), ("ensembles", "ensemble"), ("counter-charges", "countercharge"), ("zeros of mu", "mu_zero"), ("systems", "system")):
        out[name] = dict(Counter(str(getattr(f, field)) for f in frames).most_common())
    out["trajectories"] = len({f.trajectory for f in frames if f.trajectory is not None})
    for name, value in (("excess electrons/e", lambda f: f.n_excess), ("mu/eV", lambda f: f.mu), ("field/(V/A)", lambda f: None if f.efield is None else np.linalg.norm(f.efield)),
                        ("largest force/(eV/A)", lambda f: None if f.forces is None else np.abs(f.forces).max())):  # fmt: skip
        out[name] = _range([v for f in frames if (v := value(f)) is not None])
    potentials = [-f.mu for f in frames if f.mu is not None and f.mu_zero in CONVERTIBLE_ZEROS]
    return {**out, "potential/(V absolute)": _range(potentials)}


def grouped(problems: Sequence[Problem]) -> list[tuple[Problem, int]]:
    """Return the first problem of each kind and how many there are, errors first, then by rule; a kind may differ in its numbers."""
    kinds: dict[tuple, list[Problem]] = {}
    for p in problems:
        kinds.setdefault((p.severity, p.rule, _NUMBER.sub("#", p.mend)), []).append(p)
    order = sorted(kinds.items(), key=lambda item: (item[0][0], int(item[0][1].removeprefix("V") or 0)))
    return [(some[0], len(some)) for _, some in order]


def lines(report: Report) -> list[str]:
    """Return the report as text."""
    out = ["what is there", *(f"  {name}: {_words(value)}" for name, value in report.contents.items() if value not in (None, {}, []))]
    out += ["", "what was assumed", *(f"  {text}" for text in report.assumed or ["nothing"])]
    out += ["", "what was measured", *(f"  {f.rule:4} {f.text}" for f in report.findings or ())]
    out += ["", "what is wrong"]
    for p, count in grouped(report.problems):
        more = f" (and {count - 1} more like it)" if count > 1 else ""
        out += [f"  {p.rule:4} {p.severity}: {p.where}: {p.what}{more}", f"       do: {p.mend}"]
    return [*out, *([] if report.problems else ["  nothing"]), "", f"{report.errors} errors, {len(report.problems) - report.errors} warnings"]


def _plain(value) -> float | int | None:
    """Return a number that JSON knows; what is not finite is unknown."""
    number = value.item() if isinstance(value, np.generic) else value
    return number if np.isfinite(number) else None


def _range(values: Sequence[float]) -> tuple[float, float] | None:
    values = np.asarray(values, dtype=float)
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else None


def _words(value) -> str:
    if isinstance(value, tuple):
        low, high = value
        return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    if isinstance(value, Mapping):
        shown = [f"{k} {v}" for k, v in list(value.items())[:_LISTED]]
        return ", ".join(shown) + (f" and {len(value) - _LISTED} more" if len(value) > _LISTED else "")
    return ", ".join(value) if isinstance(value, list) else str(value)

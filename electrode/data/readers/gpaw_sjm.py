"""GPAW's solvated jellium method (SJM): the text log, and an ASE .traj with its log.

A log prints E ("Free energy"), the excess electrons N and mu = -Phi, Phi the work function on the solution side, and

    Omega = E - mu N                "(Grand) free energy"

whatever `grand_output` puts into the results of the calculator, so E is read from the line that is always E.  SJM's mu is
dE/dN up to the mean potential inside the jellium, some hundredths of a volt per electron.  A .traj keeps neither N nor Phi.

Kastlunger, Lindgren, Peterson 2018, J. Phys. Chem. C 122, 12771, doi:10.1021/acs.jpcc.8b02465.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read as read_images

from electrode.data.files import read_text
from electrode.data.problems import fault
from electrode.data.readers.outputs import output_frame
from electrode.data.readers.text import opening
from electrode.data.record import ElectrifiedFrame

_KIND = "text log of GPAW's SJM"
_LEGENDRE = 1e-4  # largest |Omega - (E - mu N)| of numbers with six decimals [eV]
_SAME_PLACE, _SAME_ENERGY = 1e-4, 1e-5  # between an image of a .traj and a step of the log [A], [eV]
_LOGO = "|__ |  _|___|_____|"
_DONE = "was written into results"  # the end of a calculation, but for its forces
_BEGINS = "(SJM) calculation:"
_NUMBER = r"([-+]?\d+\.\d+)"
_RESULTS = {
    "free": rf"^Free energy:\s+{_NUMBER}", "sigma0": rf"^Extrapolated:\s+{_NUMBER}", "n_excess": rf"^ N \(excess electrons\):\s+{_NUMBER}",
    "mu": rf"^ mu \(-workfunction, eV\):\s+{_NUMBER}", "inner": rf"^Electrode potential from inner potential:\s+{_NUMBER}",
    "omega": rf"^ \(Grand\) free energy:\s+{_NUMBER}", "omega0": rf"^ \(Grand\) extrapolated:\s+{_NUMBER}",
}  # fmt: skip
_SETTINGS = {
    "bottom": r"^ Bottom:\s+(\S+)", "top": r"^ Top:\s+(\S+)", "mode": r"(Constant-potential|Constant-charge)",
    "target": r"^ Target potential:\s+(\S+)", "tol": r"^ Target potential:.*\+/-\s+(\S+)",
}  # fmt: skip
_NOT_METHOD = ("excess_electrons", "target_potential", "tol", "grand_output", "always_adjust", "max_iters", "max_step", "mixer", "slope", "maxiter", "txt")


def recognises(path: Path) -> bool:
    """Say whether a file opens like a log of GPAW and names SJM, or is an ASE trajectory."""
    return _is_trajectory(path) or (_LOGO in opening(path) and "Solvated Jellium" in opening(path, 40_000))


def read(path: Path, *, log: str | Path | None = None, partial: bool = False) -> list[ElectrifiedFrame]:
    """Read every finished calculation of a log, or the images of a .traj with N, mu and E from the log.

    Parameters
    ----------
    path : log or .traj
    log : the log of a .traj; None looks for the same name with .txt, .log or .out
    partial : take the finished calculations of a log that was cut

    Raises
    ------
    DataError
        if a calculation is not finished, a .traj lacks its log, or an image is not in the log.
    """
    if not _is_trajectory(path):
        if log is not None:
            raise fault(path.name, "log= was given, but the file is no .traj", "drop log=")
        return _log_frames(path, partial)
    beside = [Path(log)] if log is not None else [p for p in (path.with_suffix(s) for s in (".txt", ".log", ".out")) if p.exists()]
    if len(beside) != 1:
        raise fault(path.name, f"a .traj keeps neither the electrons nor the potential of SJM; found {len(beside)} logs beside it", "pass log= with the text log of the same run")
    return _with_images(path, _log_frames(beside[0], partial))


def _is_trajectory(path: Path) -> bool:
    if path.suffix != ".traj" or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(24).startswith(b"- of UlmASE-Trajectory")


def _log_frames(path: Path, partial: bool) -> list[ElectrifiedFrame]:
    segments = re.split(r"^(?=Converged after|Did not converge)", read_text(path, _KIND), flags=re.MULTILINE)
    if "Solvated Jellium" not in segments[0]:
        raise fault(path.name, f"expected a {_KIND}, found no section 'Solvated Jellium'", "name the log of an SJM run, or another format")
    method, setup, frames = _method(segments[0]), {}, []
    _update(setup, segments[0])
    for segment in segments[1:]:
        if _DONE in segment:
            frames.append(_frame(segment, setup, method, path, len(frames)))
        _update(setup, segment)
    reason = _unfinished(segments[-1])
    if reason and not (partial and frames):
        raise fault(path.name, f"{reason} after {len(frames)} finished calculations", "finish the run, or pass partial=True to take the finished ones" if frames else "finish the run")
    return frames


def _unfinished(segment: str) -> str:
    """Say why the last calculation of a log is not complete, or return an empty string."""
    if _DONE in segment and _BEGINS not in segment.rsplit(_DONE, 1)[1]:
        return ""
    return "an SCF cycle did not converge" if segment.startswith("Did not") else "the output is cut short"


def _update(setup: dict, segment: str) -> None:
    """Take over the positions, the cell and the settings that a stretch of the log prints last."""
    for name, pattern in _SETTINGS.items():
        found = re.findall(pattern, segment, re.MULTILINE)
        if found:
            setup[name] = found[-1]
    if "\nPositions:\n" in segment:
        block = segment.rsplit("\nPositions:\n", 1)[1].split("\n\n", 1)[0]
        setup["atoms"] = re.findall(rf"^\s*\d+ ([A-Z][a-z]?)\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}", block, re.MULTILINE)
    cell = re.findall(rf"^\s*\d\. axis:\s+(yes|no)\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}", segment, re.MULTILINE)
    if cell:
        setup["cell"] = cell[-3:]


def _frame(segment: str, setup: dict, method: str, path: Path, k: int) -> ElectrifiedFrame:
    where = f"{path.name} step {k}"
    found = {name: re.search(pattern, segment, re.MULTILINE) for name, pattern in _RESULTS.items()}
    values = {name: float(m.group(1)) for name, m in found.items() if m}
    missing = [name for name in ("free", "sigma0", "n_excess", "omega", "omega0") if name not in values]
    if missing or not {"atoms", "cell"} <= set(setup) or not {"mu", "inner"} & set(values):
        raise fault(where, f"the log lacks {', '.join(missing) or 'the positions, the cell or mu'}", "take the log as GPAW wrote it, with its header")
    mu = values["mu"] if "mu" in values else -values["inner"]
    if abs(values["free"] - mu * values["n_excess"] - values["omega"]) > _LEGENDRE:
        raise fault(where, f"Omega = {values['omega']} eV, but E - mu N = {values['free'] - mu * values['n_excess']:.6f}", "see whether the log was changed or two runs wrote into it")
    atoms = _atoms(setup)
    periodic = atoms.pbc.sum() == 2
    fixed_mu = setup.get("mode") == "Constant-potential"
    bottom, top = setup.get("bottom"), setup.get("top")
    slab = bottom is not None and not bottom.startswith("cavity")
    return output_frame(
        "gpaw", path, k, atoms, info={"sjm_energy_sigma0": values["sigma0"], "sjm_omega_sigma0": values["omega0"]}, energy=values["free"], energy_kind="E",
        energy_smearing="free", n_excess=values["n_excess"], mu=mu, mu_zero="electrolyte" if "mu" in values else "inner",
        ensemble="fixed_mu" if fixed_mu else "fixed_n", mu_target=-float(setup["target"]) if fixed_mu else None, mu_tol=float(setup["tol"]) if fixed_mu else None,
        countercharge=None if bottom is None else "jellium_slab" if slab else "jellium_cavity", countercharge_z=float(bottom) if slab else None,
        countercharge_thickness=float(top) - float(bottom) if slab else None, solvation="sjm", normal=int(np.flatnonzero(~atoms.pbc)[0]) if periodic else None,
        sides=1 if periodic else None, scf_converged=segment.startswith("Converged"), method_id=method, forces=_forces(segment, len(atoms), where),
    )  # fmt: skip


def _atoms(setup: dict) -> Atoms:
    symbols, positions = zip(*((s, tuple(map(float, xyz))) for s, *xyz in setup["atoms"]))
    cell = [list(map(float, row[1:])) for row in setup["cell"]]
    return Atoms(symbols, positions, cell=cell, pbc=[row[0] == "yes" for row in setup["cell"]])


def _forces(segment: str, n_atoms: int, where: str) -> np.ndarray | None:
    if "\nForces in eV/Ang:\n" not in segment:
        return None
    block = segment.split("\nForces in eV/Ang:\n", 1)[1].split("\n\n", 1)[0]
    rows = re.findall(rf"^\s*\d+ [A-Z][a-z]?\s+{_NUMBER}\s+{_NUMBER}\s+{_NUMBER}", block, re.MULTILINE)
    if len(rows) != n_atoms:
        raise fault(where, f"the forces are cut short: expected {n_atoms} rows, got {len(rows)}", "fetch the log again")
    return np.array(rows, dtype=float)


def _method(header: str) -> str:
    """Name the method by version, functional, mode and a digest of the printed input; not by charge or potential."""
    version = re.search(r"_\|\s+(\d+\.\d+\S*)", header)
    start = header[header.find("Input parameters:") :].split("Solvated jellium method (SJM) calculation", 1)[0]
    lines = [line.strip() for line in start.splitlines() if line.strip() and line.split(":")[0].strip() not in _NOT_METHOD]
    named = {key: re.search(rf"^  {key}: (.+)$", start, re.MULTILINE) for key in ("xc", "mode")}
    words = [re.sub(r"\W+", "-", named[key].group(1)).strip("-") if named[key] else default for key, default in (("xc", "LDA"), ("mode", "fd"))]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:8]
    return "_".join(["gpaw", version.group(1) if version else "unknown", "sjm", *words, f"d{digest}"])


def _with_images(path: Path, frames: list[ElectrifiedFrame]) -> list[ElectrifiedFrame]:
    out, rest = [], list(frames)
    for k, image in enumerate(read_images(path, index=":")):
        fitting = [f for f in rest if _same(image, f)]
        if not fitting:
            raise fault(f"{path.name} image {k}", "no calculation in the log has its positions and energy", "name the log of the same run: log=")
        bare = image.copy()
        bare.info = {}
        out.append(replace(fitting[0], geometry=bare, where=f"{path.name} step {k}"))
        rest = rest[rest.index(fitting[0]) + 1 :]
    return out


def _same(image: Atoms, frame: ElectrifiedFrame) -> bool:
    """Say whether an image belongs to a step: equal atoms, and its energy E or Omega, at finite temperature or extrapolated."""
    if list(image.numbers) != list(frame.geometry.numbers) or not np.allclose(image.positions, frame.geometry.positions, rtol=0, atol=_SAME_PLACE):
        return False
    energy = None if image.calc is None else image.calc.results.get("energy")
    known = (frame.energy, frame.grand_energy, *frame.info.values())
    return energy is None or any(abs(energy - e) < _SAME_ENERGY for e in known)

"""Output files of pw.x of Quantum ESPRESSO, https://www.quantum-espresso.org.

At fixed `tot_charge` (Q) the total energy is E.  With `lgcscf` and `lfcp` it is Omega = E + mu* Q, mu* the target level (in
versions before 7 the Fermi energy), and the added term is printed as `pot.stat. contrib. (-muN)`, so E = total energy - that
term, to its last digit.  `gcscf_ignore_mun` leaves it out and says nothing of it in the output.  The zero of the Fermi energy
depends on the boundary condition: the caller states mu_zero.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.data.files import read_text
from electrode.data.problems import Problem, fault, warn
from electrode.data.readers.outputs import NUMBER, complete, last, method_id, number, output_frame, symbol
from electrode.data.readers.text import opening
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR, RYDBERG

_SCF = "Self-consistent Calculation"
_BOUNDARIES = {"Vacuum-Slab-Vacuum": ("none", None), "Metal-Slab-Metal": ("esm_metal", 2), "Vacuum-Slab-Metal": ("esm_metal", 1)}
_SETTINGS = r"Program PWSCF v\S+|Exchange-correlation.*=.*|kinetic-energy cutoff.*|charge density cutoff.*|MD5 check sum:.*|number of k points=.*|Boundary Conditions:.*"
_ENVIRON = r"potential shift due to the Gaussian-smeared nuclei is\s+# ev"
_THREE = rf"{NUMBER}\s+{NUMBER}\s+{NUMBER}"


@dataclass(frozen=True)
class _Run:
    """What the opening of an output and the caller say of all its steps; lengths in A, energies in Ry, charges in e."""

    name: str
    version: float | None
    grand: bool  # grand-canonical self-consistency
    particle: bool  # a fictitious charge particle
    printed: bool  # whether any step shows -mu N
    alat: float
    boundary: str | None  # of the effective screening medium
    labels: tuple[str, ...]
    neutral: float | None  # electrons of the neutral cell
    charge: float  # at the start
    target: float | None  # level of the potentiostat
    tolerance: float | None  # of grand-canonical self-consistency [eV]
    ignore_mun: bool | None
    environ_shift: str | None


def recognises(path: Path) -> bool:
    """Say whether a file starts as pw.x starts its output."""
    return "Program PWSCF" in opening(path)


def read(path: Path, *, total_charge: float | None = None, ignore_mun: bool | None = None, environ_shift: str | None = None, partial: bool = False) -> list[ElectrifiedFrame]:
    """Read every self-consistent step of an output.

    Parameters
    ----------
    path : output file
    total_charge : `tot_charge` of the input [e]; the output shows the number of electrons to two decimals only
    ignore_mun : `gcscf_ignore_mun` of the input, where the output does not show the term -mu N
    environ_shift : "add" the potential shift that Environ prints to the Fermi energy, or it is "applied" already
    partial : take the complete steps of a run that was cut short

    Raises
    ------
    DataError
        if the run was cut short, or the meaning of its energy, charge or Fermi energy is not certain.
    """
    text = read_text(path, "output of pw.x")
    complete(path, text, "JOB DONE", partial)
    start, *steps = text.split(_SCF)
    run = _run(path.name, text, start, total_charge, ignore_mun, environ_shift)
    if total_charge is None and run.charge and not (run.grand or run.particle):
        warn([Problem("warning", path.name, f"net charge {run.charge:g} e read from electrons printed to 0.01 e", "pass total_charge=number, the tot_charge of the input")])
    frames, atoms, constant = [], _first(start, run), _constant(start, run)
    for k, step in enumerate(steps):
        if "!    total energy" in step or "convergence NOT achieved" in step:
            where = f"{path.name} step {k}"
            frames.append(output_frame("quantum_espresso", path, k, atoms, forces=_forces(step, len(atoms), where), **constant, **_state(step, run, where)))
        atoms = _moved(step, atoms, run.alat)
    return frames


def _run(name: str, text: str, start: str, total_charge: float | None, ignore_mun: bool | None, environ_shift: str | None) -> _Run:
    if environ_shift not in (None, "add", "applied"):
        raise fault(name, f"environ_shift: expected 'add' or 'applied', got {environ_shift!r}", "name one of them")
    if "Berry phase electric field" in start:
        raise fault(name, "a Berry-phase electric field is on; its energy is multivalued and not read", "convert the frames to the record, with eir_efield and the kind none")
    bohr = last(r"celldm\(1\)=\s*#", start) or last(r"lattice parameter \(alat\)\s*=\s*#", start)
    labels = tuple(re.findall(r"^\s+\d+\s+(\S+)\s+tau\(", start.split("Crystallographic axes")[0], re.M))
    if bohr is None or not labels:
        raise fault(name, "no lattice parameter or no atomic positions found", "see whether this is a whole output of pw.x")
    neutral, charge = _charge(start, labels, total_charge, name)
    return _Run(
        name, last(r"Program PWSCF v\.?#", start), "Grand-Canonical SCF is activated" in start,
        bool(re.search("FCP (Dynamics|Relaxation) is activated", start)) or "FCP: Total Charge" in text, "pot.stat. contrib." in text, bohr * BOHR,
        next((b for b in _BOUNDARIES if f"Boundary Conditions: {b}" in start), None), labels, neutral, charge,
        _level(start, text), last(r"Thr\. of Fermi Energy\s*=\s*# eV", start), ignore_mun, environ_shift,
    )  # fmt: skip


def _charge(start: str, labels: tuple[str, ...], stated: float | None, name: str) -> tuple[float | None, float]:
    """Electrons of the neutral cell and the charge at the start: the valences of the atoms less their electrons."""
    table = start.partition("atomic species   valence")[2]
    valence = {label: number(z) for label, z in re.findall(rf"^\s+(\S+)\s+{NUMBER}\s+[\d.]+\s+[A-Z][a-z]?\s*\(", table, re.M)}
    electrons = last(r"number of electrons\s*=\s*#", start)
    if electrons is None or set(labels) - set(valence):
        if stated is None:
            raise fault(name, "the number of electrons or the valences of the atoms are missing", "pass total_charge=number, the tot_charge of the input")
        return None, stated
    neutral = sum(valence[label] for label in labels)
    if stated is not None and abs(neutral - electrons - stated) > 0.0051:
        raise fault(name, f"total_charge = {stated:g}, but the output starts with the charge {neutral - electrons:.2f}", "state the tot_charge of this input")
    return neutral, round(neutral - electrons, 2) if stated is None else stated


def _first(start: str, run: _Run) -> Atoms:
    cell = re.findall(rf"a\(\d\) = \(\s*{_THREE}\s*\)", start)[:3]
    places = re.findall(rf"tau\(\s*\d+\) = \(\s*{_THREE}\s*\)", start.split("Crystallographic axes")[0])
    if len(cell) != 3 or len(places) != len(run.labels):
        raise fault(run.name, "no crystal axes or no atomic positions found", "see whether this is a whole output of pw.x")
    symbols = [symbol(label, run.name) for label in run.labels]
    return Atoms(symbols, np.array(places, dtype=float) * run.alat, cell=np.array(cell, dtype=float) * run.alat, pbc=[True, True, run.boundary is None])


def _moved(step: str, atoms: Atoms, alat: float) -> Atoms:
    """Return the structure after a step, the same where it did not move."""
    atoms = atoms.copy()
    cells = re.findall(rf"CELL_PARAMETERS \(?(alat|bohr|angstrom)[= ]*([\d.]*)\)?\s*\n((?:.*\n){{3}})", step)
    if cells:
        word, value, rows = cells[-1]
        unit = {"alat": float(value) * BOHR if value else alat, "bohr": BOHR, "angstrom": 1.0}[word]
        atoms.set_cell(np.array(rows.split(), dtype=float).reshape(3, 3) * unit)
    places = re.findall(rf"ATOMIC_POSITIONS \(?(alat|bohr|angstrom|crystal)\)?\s*\n((?:.*\n){{{len(atoms)}}})", step)
    if places:
        word, rows = places[-1]
        numbers = np.array([[float(x) for x in line.split()[1:4]] for line in rows.splitlines()])
        atoms.positions = numbers @ atoms.cell.array if word == "crystal" else numbers * {"alat": alat, "bohr": BOHR, "angstrom": 1.0}[word]
    return atoms


def _forces(step: str, n_atoms: int, where: str) -> np.ndarray | None:
    """Forces of a step [eV/A]; the contributions that follow the total ones are passed over."""
    block = re.search(r"Forces acting on atoms.*\n\s*\n((?: +atom .*\n)*)", step)
    if block is None:
        return None
    rows = re.findall(rf"atom\s+\d+ type\s+\d+\s+force =\s*{_THREE}", block.group(1))
    if len(rows) != n_atoms:
        raise fault(where, f"forces on {len(rows)} of {n_atoms} atoms", "fetch the whole output")
    return np.array(rows, dtype=float) * (RYDBERG / BOHR)


def _constant(start: str, run: _Run) -> dict:
    """What the opening says of the method; a slab of the effective screening medium is charged towards its metals."""
    countercharge, sides = _BOUNDARIES.get(run.boundary, (None, None))
    normal = None if run.boundary is None else 2
    return {"method_id": method_id("quantum_espresso", re.findall(_SETTINGS, start)), "countercharge": countercharge, "sides": sides, "normal": normal, "nelect_neutral": run.neutral}


def _state(step: str, run: _Run, where: str) -> dict:
    """Energy, charge and Fermi energy of one step."""
    fermi = _fermi(step, run, where)
    mu = None if fermi is None else fermi * RYDBERG
    held = _held(step, run, mu)
    if "convergence has been achieved" not in step:
        charge = last(r"(?:total charge of GC-SCF|FCP: Total Charge)\s*=\s*#", step) if run.grand or run.particle else run.charge
        return {"energy_kind": "none", "n_excess": None if charge is None else 0.0 - charge, "mu": mu, "scf_converged": False, **held}
    energy = last(r"^!    total energy\s*=\s*#", step)
    if energy is None:
        raise fault(where, "the step converged without a total energy", "fetch the whole output, or pass partial=True")
    charge, added = _grand(step, run, fermi, where) if run.grand or run.particle else (run.charge, 0.0)
    electrons = None if run.neutral is None else run.neutral - charge
    return {"energy": (energy - added) * RYDBERG, "energy_kind": "E", "energy_smearing": "free", "n_excess": 0.0 - charge, "nelect": electrons, "mu": mu, "scf_converged": True, **held}


def _fermi(step: str, run: _Run, where: str) -> float | None:
    """Fermi energy [Ry], with the shift of Environ if the caller says that it is not in it."""
    fermi = last(r"FCP: Fermi Energy =\s*# Ry", step)
    if fermi is None:
        printed = last(r"the Fermi energy is\s+# ev", step)
        fermi = None if printed is None else printed / RYDBERG
    shift = last(_ENVIRON, step)
    if shift is None or fermi is None:
        return fermi
    if run.environ_shift is None:
        raise fault(where, f"Environ prints a potential shift of {shift:g} eV, which some versions add to the Fermi energy and others leave to the reader", "pass environ_shift='add' or 'applied'")
    return fermi + (shift / RYDBERG if run.environ_shift == "add" else 0.0)


def _held(step: str, run: _Run, mu: float | None) -> dict:
    """The ensemble: at the target only where the Fermi energy meets it; a charge particle under way is a potentiostat."""
    if not (run.grand or run.particle) or run.target is None:
        return {"ensemble": "fixed_n"}
    target = run.target * RYDBERG
    limit = last(r"FCP: Force Thr\..*\(\s*#", step) if run.particle else run.tolerance
    at_target = run.grand or (mu is not None and limit is not None and abs(mu - target) <= limit)
    return {"ensemble": "fixed_mu" if at_target else "potentiostat", "mu_target": target, "mu_tol": limit}


def _grand(step: str, run: _Run, fermi: float | None, where: str) -> tuple[float, float]:
    """Charge [e] and the term -mu N in the total energy [Ry] of a step at a target level."""
    added = last(r"pot\.stat\. contrib\. \(-muN\) =\s*#", step)
    charge = last(r"FCP: Total Charge =\s*#", step) if run.particle else last(r"^!    total charge of GC-SCF\s*=\s*#", step)
    if charge is None and added is not None and run.target:
        charge = added / run.target
    if charge is None:
        raise fault(where, "the charge of the converged step is not printed", "convert the frame to the record, with eir_n_excess")
    if added is not None and run.ignore_mun:
        raise fault(where, "ignore_mun=True, but the output shows the term -mu N", "drop ignore_mun")
    if added is not None:
        return charge, added
    if run.grand and run.ignore_mun is None and not run.printed:
        raise fault(where, "the output does not say whether the total energy holds the term -mu N", "pass ignore_mun=False (it does, the default of pw.x) or ignore_mun=True")
    if run.ignore_mun:
        return charge, 0.0
    level = fermi if run.particle and run.version is not None and run.version < 7 else run.target
    if level is None:
        raise fault(where, "the target level is not printed", "fetch the whole output")
    return charge, level * charge


def _level(start: str, text: str) -> float | None:
    """Target level of the run [Ry]."""
    electronvolts = last(r"Target Fermi Energy\s*=\s*# eV", start)
    if electronvolts is not None:
        return electronvolts / RYDBERG
    rydbergs = last(r"Target Fermi Energy\s*=\s*# Ry", start)
    return last(r"FCP: Target Level =\s*# Ry", text) if rydbergs is None else rydbergs

"""Output files of CP2K, https://www.cp2k.org.

The total energy is E, also with &GCE, whose `GCE charge` is the electrons missing from the neutral cell (n = -charge) and whose
work function is -mu, from the plane of the counter-charges.  The printed `GCE free energy` is never used.  In a field the
total energy holds -F P, with P known up to a quantum: the caller says whether it is an enthalpy on one branch or of no use.
An output holds the coordinates of its first step; those of further steps stand in the -pos-1.xyz file beside it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.geometry import cellpar_to_cell

from electrode.data.files import read_text
from electrode.data.problems import fault
from electrode.data.readers.outputs import NUMBER, complete, last, method_id, number, output_frame, symbol
from electrode.data.readers.text import opening
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR, HARTREE

WORK_FUNCTION_TOLERANCE = 0.01  # &GCE stops with the density, without a limit of its own on the work function [eV]
_ENERGY = rf"ENERGY\| Total FORCE_EVAL.*?{NUMBER}\s*$"
_THREE = rf"{NUMBER}\s+{NUMBER}\s+{NUMBER}"
_SETTINGS = r"CP2K\| version string:.*|FUNCTIONAL\|.*|vdW POTENTIAL\|.*|QS\| Density plane wave cutoff.*|QS\| *Multi grid cutoff.*|BRILLOUIN\| K-Point grid.*|.*GTH Potential information for.*|.*Orbital Basis Set  .*"


def recognises(path: Path) -> bool:
    """Say whether a file starts as CP2K starts its output."""
    start = opening(path, 20000)
    return "CP2K| version string" in start or ("PROGRAM STARTED AT" in start and "CP2K" in start)


def read(path: Path, *, efield: Sequence[float] | None = None, field_energy: str | None = None, positions: str | Path | None = None, partial: bool = False) -> list[ElectrifiedFrame]:
    """Read every energy of an output with its structure.

    Parameters
    ----------
    path : output file
    efield : (3,) field of the input [V/A], which the output does not show; a charge q feels +qF
    field_energy : with a field "enthalpy", the total energy on one branch of P, or "none", forces only
    positions : the -pos-1.xyz file of a run of several steps; steps that are not in it are left out
    partial : take the complete steps of a run that was cut short

    Raises
    ------
    DataError
        if the run was cut short, a structure is missing, or the meaning of an energy in a field is not stated.
    """
    text = read_text(path, "output of CP2K")
    complete(path, text, "PROGRAM ENDED AT", partial)
    pieces = re.split(_ENERGY, text, flags=re.M)  # text, energy, text, energy ... text
    energies = [number(x) for x in pieces[1::2]]
    constant = {"method_id": method_id("cp2k", re.findall(_SETTINGS, text)), "energy_smearing": "free", "energy_kind": "E", **_field(path, text, efield, field_energy)}
    frames = []
    for k, atoms in enumerate(_structures(path, text, energies, positions)):
        if atoms is not None:
            before, after, where = pieces[2 * k], pieces[2 * k + 2], f"{path.name} step {k}"
            state = (_grand if "GCE charge" in before else _fixed)(before, text, where)
            labels = {"energy": None if constant["energy_kind"] == "none" else energies[k] * HARTREE, "scf_converged": _converged(before), "forces": _forces(after, len(atoms), where)}
            frames.append(output_frame("cp2k", path, k, atoms, **{**constant, **state, **labels}))
    return frames


def _structures(path: Path, text: str, energies: list[float], positions: str | Path | None) -> list[Atoms | None]:
    """The structure of each energy, None for a step that the file of positions does not hold."""
    blocks = re.findall(r"ATOMIC COORDINATES IN ANGSTROM\s*\n(.*?)\n\s*\n(?!\s*\d+\s+\d+\s)", text + "\n\n", re.S | re.I)
    if not blocks:
        raise fault(path.name, "no atomic coordinates found", "print them (PRINT_LEVEL MEDIUM)")
    cell = _cell(path, text)
    found = [_atoms(block, cell, path.name) for block in blocks]
    if positions is not None:
        return _matched(Path(positions), found[0], energies)
    if len(found) != len(energies):
        raise fault(path.name, f"{len(energies)} energies, but {len(found)} structures", "pass positions=file, the -pos-1.xyz of the run")
    return found


def _cell(path: Path, text: str) -> np.ndarray:
    """Cell vectors [A]: three decimals are printed of them, six of their lengths and angles."""
    rows = np.array(re.findall(rf"CELL\| Vector [abc] \[angstrom\]:?\s+{_THREE}\s+\|[abc]\|\s*=\s*{NUMBER}", text)[:3], dtype=float)
    angles = re.findall(rf"CELL\| Angle \([abc],[abc]\), \w+\s+\[degree\]:?\s+{NUMBER}", text)[:3]
    if len(rows) < 3:
        raise fault(path.name, "no cell found", "print it (PRINT_LEVEL MEDIUM)")
    vectors, lengths = rows[:, :3], rows[:, 3]
    if len(angles) == 3:
        standard = cellpar_to_cell([*lengths, *map(float, angles)])
        if np.abs(standard - vectors).max() < 2e-3:
            return standard
    return vectors * (lengths / np.linalg.norm(vectors, axis=1))[:, None]


def _atoms(block: str, cell: np.ndarray, where: str) -> Atoms:
    lines = re.findall(rf"^\s*\d+\s+\d+\s+(\w+)\s+\d+\s+{_THREE}", block, re.M)
    return Atoms([symbol(line[0], where) for line in lines], np.array([line[1:] for line in lines], dtype=float), cell=cell, pbc=True)


def _matched(file: Path, first: Atoms, energies: list[float]) -> list[Atoms | None]:
    """The structures of a -pos-1.xyz file, found by the energy in their comment lines."""
    lines = read_text(file, "-pos-1.xyz file of CP2K").splitlines()
    n, found = len(first), [None] * len(energies)
    for start in range(0, len(lines) - n - 1, n + 2):
        energy, rows = last(r"E =\s*#", lines[start + 1]), [line.split() for line in lines[start + 2 : start + 2 + n]]
        if energy is None or lines[start].strip() != str(n) or [symbol(row[0], file.name) for row in rows] != first.get_chemical_symbols():
            raise fault(f"{file.name} line {start + 1}", f"expected {n} atoms {first.symbols} with their energy E = ... in the comment", "name the -pos-1.xyz file of this run")
        k = int(np.argmin(np.abs(np.array(energies) - energy)))
        if abs(energies[k] - energy) < 1e-8 and found[k] is None:
            found[k] = first.copy()
            found[k].positions = np.array([row[1:4] for row in rows], dtype=float)
    if not any(found):
        raise fault(file.name, "none of its energies is one of the output", "name the -pos-1.xyz file of this run")
    return found


def _field(path: Path, text: str, efield: Sequence[float] | None, kind: str | None) -> dict:
    """What is known of the field, and the kind of the energy in it."""
    if efield is None:
        if "Electric field interaction energy" in text:
            raise fault(path.name, "the run has an electric field, which the output does not show", "pass efield=(Fx, Fy, Fz) [V/A] and field_energy='enthalpy' or 'none'")
        return {}
    if not np.any(efield):
        return {"efield": np.zeros(3)}
    if kind not in ("enthalpy", "none"):
        raise fault(path.name, f"field_energy = {kind!r}: the total energy holds -F P, and P is known up to a quantum", "pass field_energy='enthalpy' if all frames are on one branch of P, or 'none' for forces only")
    return {"efield": np.array(efield, dtype=float), "energy_kind": kind, "polarization_branch": "force_only" if kind == "none" else None}


def _converged(before: str) -> bool | None:
    ended = re.findall(r"SCF run (NOT )?converged", before)
    return ended[-1] == "" if ended else None


def _forces(after: str, n_atoms: int, where: str) -> np.ndarray | None:
    """Forces [eV/A], in the layout of 2025 and later or the one before; they follow the energy."""
    after = re.split(r"SCF WAVEFUNCTION OPTIMIZATION", after)[0]
    new = re.findall(rf"^\s*FORCES\|\s+\d+\s+{_THREE}\s+{NUMBER}\s*$", after, re.M)
    table = after.partition("ATOMIC FORCES in [a.u.]")[2].partition("SUM OF ATOMIC FORCES")[0]
    rows = [r[:3] for r in new] or re.findall(rf"^\s*\d+\s+\d+\s+\w+\s+{_THREE}\s*$", table, re.M)
    if not rows:
        return None
    if len(rows) != n_atoms:
        raise fault(where, f"forces on {len(rows)} of {n_atoms} atoms", "fetch the whole output")
    return np.array(rows, dtype=float) * (HARTREE / BOHR)


def _fixed(before: str, text: str, where: str) -> dict:
    charge, fermi = last(r"DFT\| Charge\s+#", text), last(r"^\s*Fermi energy:\s+#", before)
    if charge is None:
        raise fault(where, "the charge of the cell (DFT| Charge) is not printed", "print it (PRINT_LEVEL MEDIUM)")
    return {"ensemble": "fixed_n", "n_excess": 0.0 - charge, "mu": None if fermi is None else fermi * HARTREE}


def _grand(before: str, text: str, where: str) -> dict:
    """Charge and potential of a grand-canonical step; mu counts from the potential at the edge of the cell."""
    charge, work, miss = (last(rf"GCE {name}\s*(?:\[\w+\])?\s*:?\s+#", before) for name in ("charge", "work function", "WF-TWF"))
    if work is None or miss is None:
        raise fault(where, "a GCE charge without 'GCE work function' and 'GCE WF-TWF'", "fetch the whole output")
    if last(r"DFT\| Charge\s+#", text):
        raise fault(where, "&GCE with a CHARGE in the input: the zero of its GCE charge is not known", "start from CHARGE 0, or convert the frame to the record, with eir_n_excess")
    solvated = re.search(r"SCCS\|", text) is not None
    return {
        "ensemble": "fixed_mu", "n_excess": 0.0 - charge, "mu": -work, "mu_target": -(work - miss), "mu_tol": WORK_FUNCTION_TOLERANCE,
        "mu_zero": "electrolyte" if solvated else "vacuum_top", "countercharge": "planar_gaussian", "solvation": "cp2k_sccs" if solvated else None, "sides": 2,
    }  # fmt: skip

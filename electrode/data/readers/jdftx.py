"""Output files of JDFTx, https://jdftx.org.

With `target-mu` JDFTx minimises G = F - mu N with N the number of all electrons, so G is of the kind Omega_total; it also
prints F = Etot - TS, which is E at the electrons it found.  E = F is read in every mode, and F - muN = G is checked.
Hartree and bohr; the cell stands in columns; forces are read in each of the three coordinates JDFTx writes.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.data.files import read_text
from electrode.data.problems import fault
from electrode.data.readers.outputs import NUMBER, complete, last, method_id, number, output_frame, symbol
from electrode.data.readers.text import opening
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR, HARTREE

CANDLE_SHE = 4.66  # absolute potential of SHE with the CANDLE solvation model [V]
MU_TOLERANCE = 1e-3  # mu is held by the minimisation itself; this is what a check may see of rounding [eV]
_START = "*************** JDFTx"
_ENERGIES = "# Energy components:"
_SETTINGS = ("basis", "coulomb-interaction", "coulomb-truncation-embed", "elec-cutoff", "elec-ex-corr", "elec-smearing", "fluid", "fluid-anion", "fluid-cation",
             "fluid-solvent", "ion-species", "kpoint", "kpoint-folding", "pcm-variant", "spintype", "van-der-waals")  # fmt: skip


def recognises(path: Path) -> bool:
    """Say whether a file starts as JDFTx starts its output."""
    return _START in opening(path)


def read(path: Path, *, neutral_electrons: float | None = None, partial: bool = False) -> list[ElectrifiedFrame]:
    """Read every ionic step of an output, of all runs appended to it.

    Parameters
    ----------
    path : output file
    neutral_electrons : electrons of the neutral cell [e], where the pseudopotential files do not show them
    partial : take the complete steps of a run that was cut short

    Raises
    ------
    DataError
        if the last run was cut short, an energy does not add up, or the electrons of the neutral cell are unknown.
    """
    text = read_text(path, "JDFTx output")
    runs = text.split(_START)[1:]
    complete(path, runs[-1] if runs else "", "Done!", partial)
    return [frame for k, run in enumerate(runs) for frame in _run(path, run, neutral_electrons, f" of run {k}" if len(runs) > 1 else "")]


def _run(path: Path, text: str, neutral: float | None, which: str) -> list[ElectrifiedFrame]:
    commands = _commands(text)
    if "electric-field" in commands:
        raise fault(path.name, "the command electric-field is set; frames in a field of JDFTx are not read", "convert them to the record, with eir_efield and the kind of their energy")
    parts = text.split(_ENERGIES)
    frames, cell, atoms = [], _first_cell(text, commands, path), None
    for k, before in enumerate(parts[:-1]):
        where = f"{path.name} step {k}{which}"
        cell = _cell(before, cell)
        atoms = _positions(before, cell, commands, where, k == 0) or _moved(atoms, cell)
        energies = _energies(parts[k + 1])
        if atoms is None:
            raise fault(where, "no ionic positions before the energies", "let JDFTx print them (dump End State)")
        if "Etot" not in energies:
            continue  # the last step of a run that was cut short
        if neutral is None:
            neutral = _neutral(text, commands, atoms, path)
        values = {**_constant(commands, text), **_state(before, energies, commands, neutral, where)}
        frames.append(output_frame("jdftx", path, k, atoms, nelect_neutral=neutral, forces=_forces(before, atoms, where), **values))
    return frames


def _commands(text: str) -> dict[str, list[str]]:
    """The commands that JDFTx echoes, name -> the rest of each of its lines."""
    echoed = re.search(r"command list \(including defaults\):\s*\n(.*?)\n\s*\n\s*\n", text, re.S)
    out: dict[str, list[str]] = {}
    for line in re.sub(r"\\\s*\n", " ", echoed.group(1) if echoed else "").splitlines():
        name, _, rest = line.strip().partition(" ")
        out.setdefault(name, []).append(rest.strip())
    return out


def _matrix(text: str) -> np.ndarray:
    return np.array([number(w) for w in re.findall(NUMBER, text)]).reshape(3, 3)


def _first_cell(text: str, commands: dict, path: Path) -> np.ndarray:
    """Cell vectors as rows [A]; the command has more digits than the printed matrix."""
    given = re.findall(NUMBER, commands.get("lattice", [""])[0])
    scale = [number(w) for w in commands.get("latt-scale", ["1 1 1"])[0].split()]
    if len(given) == 9 and "lattice" in commands:
        return (_matrix(commands["lattice"][0]) * scale).T * BOHR
    printed = re.search(r"^R = *\n((?:\[.*\n){3})", text, re.M)
    if printed is None:
        raise fault(path.name, "no lattice found", "see whether this is a whole output of JDFTx")
    return _matrix(printed.group(1)).T * BOHR


def _cell(before: str, cell: np.ndarray) -> np.ndarray:
    moved = re.findall(r"^# Lattice vectors:\s*\nR = *\n((?:\[.*\n){3})", before, re.M)
    return _matrix(moved[-1]).T * BOHR if moved else cell


def _positions(before: str, cell: np.ndarray, commands: dict, where: str, first: bool) -> Atoms | None:
    """The structure printed with a step, for the first step also that of the commands."""
    blocks = re.findall(r"^# Ionic positions in (\w+) coordinates:\n((?:ion .*\n)+)", before, re.M)
    if blocks:
        kind, rows = blocks[-1][0], [line.split()[1:] for line in blocks[-1][1].splitlines()]
    elif first and "ion" in commands:
        kind, rows = commands.get("coords-type", ["Lattice"])[0], [line.split() for line in commands["ion"]]
    else:
        return None
    slab = re.match(r"Slab ([01]{3})", commands.get("coulomb-interaction", [""])[0])
    pbc = [c == "0" for c in slab.group(1)] if slab else "Isolated" not in commands.get("coulomb-interaction", [""])[0]
    numbers = np.array([[number(w) for w in row[1:4]] for row in rows])
    atoms = Atoms([symbol(row[0], where) for row in rows], cell=cell, pbc=pbc)
    atoms.positions = numbers @ cell if kind.lower() == "lattice" else numbers * BOHR
    return atoms


def _moved(atoms: Atoms | None, cell: np.ndarray) -> Atoms | None:
    if atoms is not None:
        atoms = atoms.copy()
        atoms.set_cell(cell, scale_atoms=True)
    return atoms


def _forces(before: str, atoms: Atoms, where: str) -> np.ndarray | None:
    """Cartesian forces [eV/A]: f = R^-T f_lattice (covariant), f = R f_contravariant, R the cell in columns."""
    blocks = re.findall(r"^# Forces in (\w+) coordinates:\n((?:force .*\n)+)", before, re.M)
    if not blocks:
        return None
    kind, rows = blocks[-1][0].lower(), np.array([[number(w) for w in line.split()[2:5]] for line in blocks[-1][1].splitlines()])
    if rows.shape != (len(atoms), 3):
        raise fault(where, f"forces on {len(rows)} of {len(atoms)} atoms", "fetch the whole output")
    bohr_cell = atoms.cell.array / BOHR
    forces = {"lattice": lambda: rows @ np.linalg.inv(bohr_cell).T, "contravariant": lambda: rows @ bohr_cell, "cartesian": lambda: rows}
    if kind not in forces:
        raise fault(where, f"forces in {kind!r} coordinates: expected Lattice, Cartesian or Contravariant", "set forces-output-coords Cartesian")
    return forces[kind]() * (HARTREE / BOHR)


def _energies(after: str) -> dict[str, float]:
    block = after.lstrip("\n").split("\n\n")[0]
    return {name: number(value) for name, value in re.findall(rf"^\s*(\S+) =\s*{NUMBER}\s*$", block, re.M)}


def _state(before: str, energies: dict, commands: dict, neutral: float, where: str) -> dict:
    """Energy, electrons and potential of one step."""
    free = energies.get("F", energies["Etot"])
    fillings = re.findall(rf"FillingsUpdate:\s+mu:\s*{NUMBER}\s+nElectrons:\s*{NUMBER}", before)
    mu, electrons = map(number, fillings[-1]) if fillings else (None, neutral + _initial(commands))
    if "G" in energies:
        if abs(free - energies["muN"] - energies["G"]) > 1e-7 or abs(mu * electrons - energies["muN"]) > 1e-5:
            raise fault(where, f"G = {energies['G']} is not F - mu N = {free} - {mu} x {electrons} hartree", "see whether lines of the output are missing")
    ended = re.findall(r"^(?:ElecMinimize|SCF): (Converged|None of the convergence|.*Stopping)", before, re.M)
    target = commands.get("target-mu")
    held = {"ensemble": "fixed_n"} if target is None else {"ensemble": "fixed_mu", "mu_target": number(target[0].split()[0]) * HARTREE, "mu_tol": MU_TOLERANCE}
    return {
        "energy": free * HARTREE, "energy_kind": "E", "energy_smearing": "free", "mu": None if mu is None else mu * HARTREE,
        "n_excess": electrons - neutral, "nelect": electrons, "scf_converged": ended[-1] == "Converged" if ended else None, **held,
    }  # fmt: skip


def _initial(commands: dict) -> float:
    return number(commands.get("elec-initial-charge", ["0"])[0].split()[0])


def _neutral(text: str, commands: dict, atoms: Atoms, path: Path) -> float:
    """Electrons of the neutral cell, from the valence of the pseudopotentials and, where it says it, the initial count."""
    valence = {}
    for file, count in re.findall(r"Reading pseudopotential file '([^']+)'(?:(?!Reading pseudopotential).)*?([\d.]+) valence electrons", text, re.S):
        letters = re.match(r"[A-Za-z]{1,2}(?![A-Za-z])", Path(file).name)
        if letters:
            valence[letters.group().capitalize()] = number(count)
    missing = sorted(set(atoms.symbols) - set(valence))
    if missing:
        raise fault(path.name, f"the valence of {', '.join(missing)} is not found among the pseudopotentials, so the electrons of the neutral cell are unknown", "pass neutral_electrons=number")
    neutral = sum(valence[s] for s in atoms.symbols)
    initial = last(r"^nElectrons:\s*#\s+nBands", text)
    if initial is not None and "initial-state" not in commands and abs(initial - neutral - _initial(commands)) > 1e-5:
        raise fault(path.name, f"the run starts with {initial:g} electrons, but the pseudopotentials give {neutral:g} and elec-initial-charge adds {_initial(commands):g}", "pass neutral_electrons=number")
    return neutral


def _constant(commands: dict, text: str) -> dict:
    """What the commands say of the method; with ions in the fluid mu counts from deep in the electrolyte."""
    fluid = commands.get("fluid", ["None"])[0].split()[0]
    variant = commands.get("pcm-variant", [""])[0].split(" ")[0].lower()
    slab = re.match(r"Slab ([01]{3})", commands.get("coulomb-interaction", [""])[0])
    debye = last(r"screening length: #\s*Bohr", text)
    ions = fluid != "None" and ("fluid-cation" in commands or "fluid-anion" in commands)
    return {
        "method_id": method_id("jdftx", [f"{k} {v}" for k in _SETTINGS for v in commands.get(k, [])]),
        "mu_zero": "electrolyte" if ions else None,
        "countercharge": ("pb_nonlinear" if fluid == "NonlinearPCM" else "pb_linear") if ions else None,
        "solvation": None if fluid == "None" else f"jdftx_{variant or fluid.lower()}",
        "phi_she": CANDLE_SHE if ions and variant == "candle" else None,
        "debye_length": None if debye is None or not ions else debye * BOHR,
        "normal": slab.group(1).index("1") if slab and slab.group(1).count("1") == 1 else None,
    }  # fmt: skip

"""vasprun.xml of VASP: settings, structures, energies and forces; the electrons are those of NELECT."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
from ase import Atoms
from ase.units import GPa

from electrode.data.problems import fault
from electrode.data.readers.vasp_run import METHOD_TAGS, RUN_TAGS, SOLVATION_TAGS, Run, Step, number, version

KBAR = 0.1 * GPa  # [eV/A^3]


def parse(text: str, name: str) -> Run:
    """Return what a vasprun.xml says.

    Raises
    ------
    DataError
        if the file is cut short or damaged, or no ionic step is finished.
    """
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise fault(name, f"not readable as XML ({error}), as when a run was stopped", "read the OUTCAR of this run, or finish it") from error
    values = {}
    model = root.findall(".//separator[@name='solvation model']/i")
    for item in [*root.findall("incar//i"), *root.findall("parameters//i"), *model]:
        values.setdefault(str(item.get("name")).upper(), (item.text or "").strip())
    values.setdefault("ENCUT", values.get("ENMAX", ""))
    values.setdefault("NKPTS", str(len(root.findall("kpoints/varray[@name='kpointlist']/v"))))
    types = [[(c.text or "").strip() for c in row] for row in root.findall("atominfo/array[@name='atomtypes']/set/rc")]
    symbols = [(row[0].text or "").strip() for row in root.findall("atominfo/array[@name='atoms']/set/rc")]
    if not types or not symbols:
        raise fault(name, "expected the section atominfo with ZVAL, found none", "name the vasprun.xml of VASP")
    most, pressure = int(number(values.get("NELM"), 60)), number(values.get("PSTRESS")) * KBAR
    steps = tuple(_step(c, symbols, most, pressure, f"{name} step {k}") for k, c in enumerate(root.findall("calculation")))
    if not steps:
        raise fault(name, "no finished ionic step", "finish the run, or read its OUTCAR")
    solvation = {k: values[k] for k in SOLVATION_TAGS if k in values} if model else {}
    tags = {k: values[k] for k in (*METHOD_TAGS, *RUN_TAGS) if k in values}
    neutral = float(sum(int(row[0]) * float(row[3]) for row in types))
    return Run(version("vasp." + (root.findtext("generator/i[@name='version']") or "").strip()), tuple(row[4] for row in types), neutral, tags, solvation, steps)


def _step(calculation: ET.Element, symbols: list[str], most: int, pressure: float, where: str) -> Step:
    cell, places, forces = (_table(calculation, p) for p in ("structure/crystal/varray[@name='basis']", "structure/varray[@name='positions']", "varray[@name='forces']"))
    energy = {item.get("name"): float(item.text) for item in calculation.findall("energy/i")}
    cycles = calculation.findall("scstep")
    if cell is None or places is None or len(places) != len(symbols) or "e_fr_energy" not in energy or not cycles:
        raise fault(where, "the step lacks its cell, positions, energy or electronic steps", "read the OUTCAR of this run")
    last = {item.get("name"): float(item.text) for item in cycles[-1].findall("energy/i")}
    shift = last.get("e_0_energy", energy["e_fr_energy"]) - last.get("e_fr_energy", energy["e_fr_energy"])  # e_0_energy of the step itself is wrong in some versions
    fermi = calculation.findtext("dos/i[@name='efermi']")
    atoms = Atoms(symbols, cell=cell, scaled_positions=places, pbc=True)
    free = float(energy["e_fr_energy"] - pressure * atoms.get_volume())  # the file adds P V, OUTCAR does not
    return Step(atoms, forces, free, free + shift, None if fermi is None else float(fermi), None, len(cycles) < most)


def _table(parent: ET.Element, path: str) -> np.ndarray | None:
    rows = [[float(x) for x in (v.text or "").split()] for v in parent.findall(f"{path}/v")]
    return np.array(rows) if rows else None

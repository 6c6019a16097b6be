"""Peak memory and CPU time against the number of atoms, each size in a process of its own.

    python -m validation memory [--classical 1000 10000] [--learned 1000 2000]

`--classical` gives numbers of charges in a box of rock salt whose energy, potentials and forces are summed to 1e-4 eV/A with the mesh; `--learned` numbers of
atoms of Au(111) under water, one energy and force call of one member of a shipped `dual` model at a held charge.  Memory is the largest resident set less
what the process held before the structure was made, and both must grow no faster than the atoms: 100,000 charges and 10,000 atoms
are the sizes that the package is meant for.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

BOUND = {"classical": 15.0, "learned": 30.0}  # kB of each atom, once libraries are loaded


def classical(number: int):
    """Return a call that sums the charges of a box."""
    from electrode.physics import electrostatics_of

    side = int(np.ceil(number ** (1 / 3) / 2)) * 2
    places = np.stack(np.meshgrid(*[np.arange(side)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    charges, box = 1.0 - 2.0 * (places.sum(axis=1) % 2), 2.82 * side * np.eye(3)
    positions = 2.82 * places + np.random.default_rng(0).normal(scale=0.05, size=places.shape)
    return len(places), lambda: electrostatics_of(positions, charges, box, (True, True, True), accuracy=1e-4)


def learned(number: int):
    """Return a call of a model on Au(111) under water, repeated along the surface."""
    import torch

    from electrode.calculator import ElectrodeCalculator
    from electrode.models.store import load_model
    from validation._wet_gold import wet_gold

    torch.set_num_threads(1)
    side = max(1, round((number / 52) ** 0.5))
    atoms = wet_gold(52).repeat((side, side, 1))
    atoms.calc = ElectrodeCalculator(load_model("au111-h3o").members()[0], charge=0.0)
    return len(atoms), atoms.get_forces


def peak() -> float:
    """Return the largest resident set so far [kB]."""
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def measured(kind: str, number: int) -> dict:
    """Return atoms, memory beyond what a small call takes [MB], and CPU seconds of one call."""
    make = {"classical": classical, "learned": learned}[kind]
    make(64)[1]()  # libraries and kernels are loaded before the count
    before = peak()
    atoms, call = make(number)
    start = time.process_time()
    call()
    return {"atoms": atoms, "megabytes": (peak() - before) / 1024.0, "seconds": time.process_time() - start}


def row(kind: str, number: int) -> bool:
    """Print a row measured in a process of its own, and return whether the memory keeps within the bound."""
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "validation", "memory", "--here", kind, str(number)], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{kind:10s} {number:8d} failed: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
        return False
    found = json.loads(done.stdout.splitlines()[-1])
    each = 1024.0 * found["megabytes"] / found["atoms"]
    held = each <= BOUND[kind]
    print(f"{kind:10s} {found['atoms']:8d} {found['megabytes']:9.0f} {each:12.1f} {BOUND[kind]:8.0f} {found['seconds']:9.2f}   {'held' if held else 'not held'}", flush=True)
    return held


def main(argv: list[str]) -> int:
    """Print the table; 1 where a bound does not hold."""
    options = argparse.ArgumentParser(prog="validation memory")
    options.add_argument("--classical", type=int, nargs="*", default=[1000, 10000], help="numbers of charges")
    options.add_argument("--learned", type=int, nargs="*", default=[1000, 2000], help="numbers of atoms")
    options.add_argument("--here", nargs=2, metavar=("KIND", "NUMBER"), help="measure one in this process and print it as JSON")
    given = options.parse_args(argv)
    if given.here:
        print(json.dumps(measured(given.here[0], int(given.here[1]))))
        return 0
    print(f"{'part':10s} {'atoms':>8s} {'MB':>9s} {'kB per atom':>12s} {'bound':>8s} {'CPU s':>9s}")
    held = [row(kind, number) for kind, sizes in (("classical", given.classical), ("learned", given.learned)) for number in sizes]
    return 0 if all(held) else 1

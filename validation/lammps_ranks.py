"""`python -m validation lammps_ranks [--ranks 1 2 4] [--model NAME ...] --output FOLDER`: LAMMPS in several MPI processes, against ASE in one.

The comparison of `python -m validation engines` for strictly local models in pieces: 20 rattled structures of 52 atoms, then 100 steps of
0.5 fs at constant energy from 300 K, at -0.3 V (SHE) and at +0.2 e.  Models: the shipped committee au111-h3o, its first member, and template-f of
two layers with weights as drawn.  `--atoms N` times a few steps of a cell of N atoms instead.  Each row is a file of the folder; rows
that are there are kept.  Needs the Python libraries lammps and mpi4py of one MPI, and mpiexec on the path or in ELECTRODE_MPIEXEC.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms, units

from electrode.calculator import ElectrodeCalculator
from electrode.examples import example
from electrode.models.base import Model
from electrode.models.parted import Parted, Processes, mpi_processes
from electrode.models.store import load_model
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.representation import RepresentationConfig
from electrode.output import write_json
from electrode.simulate.lammps_driver import LammpsDriver, set_up
from validation.engines import LIMITS, TIMESTEP, differences, lammps

HELD = {"potential": {"potential": -0.3, "reference": "SHE"}, "charge": {"charge": 0.05}}  # the charge in 13 atoms


def main(argv: list[str]) -> int:
    """Start mpiexec for each row that is missing, compare and print; return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m validation lammps_ranks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranks", nargs="+", type=int, default=[1, 2, 4])
    parser.add_argument("--model", nargs="+", choices=MODELS, default=list(MODELS))
    parser.add_argument("--held", nargs="+", choices=HELD, default=list(HELD))
    parser.add_argument("--atoms", type=int, default=0, help="time steps of about so many atoms (default: compare)")
    parser.add_argument("--steps", type=int, default=3, help="that are timed (default %(default)s)")
    parser.add_argument("--pieces", type=int, help="of the structure (default: one for each process)")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.worker:
        return worker(arguments)
    command = mpiexec()
    if command is None:
        print("lammps, mpi4py or mpiexec is not installed: nothing was compared")
        return 0
    arguments.output.mkdir(parents=True, exist_ok=True)
    rows = [row(arguments, command, model, held, ranks) for model in arguments.model for held in arguments.held for ranks in arguments.ranks]
    return int(any(found.get(key, 0.0) > limit for found in rows for key, limit in LIMITS.items()))


def mpiexec() -> str | None:
    """Return the command, None where something is missing."""
    command = os.environ.get("ELECTRODE_MPIEXEC") or shutil.which("mpiexec")
    return command if all(importlib.util.find_spec(name) for name in ("lammps", "mpi4py")) else None


def row(arguments: argparse.Namespace, command: str, model: str, held: str, ranks: int) -> dict:
    """Return a row, from its file or from a run, and print it."""
    cut = f"-{arguments.pieces}-pieces" if arguments.pieces else ""
    path = arguments.output / f"{model}-{held}-{arguments.atoms or 'compare'}-{ranks}{cut}.json"
    if not path.exists():
        scratch = path.with_suffix(".npz")
        options = ["--model", model, "--held", held, "--atoms", str(arguments.atoms), "--steps", str(arguments.steps), "--output", str(arguments.output), "--worker", str(scratch)]
        options += ["--pieces", str(arguments.pieces)] if arguments.pieces else []
        subprocess.run([command, "-n", str(ranks), sys.executable, "-m", "validation", "lammps_ranks", *options], check=True)
        with np.load(scratch) as found:
            figures = {k: v.tolist() for k, v in found.items()} if arguments.atoms else compared(model, held, found)
        write_json(path, {"model": model, "held": held, "ranks": ranks, **figures}, False)
        scratch.unlink()
    found = json.loads(path.read_text())
    print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in found.items()), flush=True)
    return found


def compared(model: str, held: str, found) -> dict:
    """Return the largest differences of LAMMPS's answers from ASE with the model in one piece."""
    atoms = system((2, 2), held)
    atoms.calc = calculator(MODELS[model](), atoms, held)
    return differences(atoms, list(zip(found["energies"], found["forces"])), found["total"])


def worker(arguments: argparse.Namespace) -> int:
    """What each process does; the first writes."""
    (model,), (held,), waited = arguments.model, arguments.held, []
    processes = watched(mpi_processes(), waited)
    times = max(1, round((arguments.atoms / 13) ** 0.5)) if arguments.atoms else 2
    atoms = system((times, times), held)
    atoms.calc = calculator(Parted(MODELS[model](), pieces=arguments.pieces, processes=processes), atoms, held)
    if arguments.atoms:
        found = timed(atoms, processes, waited, arguments.steps)
    else:
        singles, total = lammps(atoms)
        found = {"energies": [e for e, _ in singles], "forces": [f for _, f in singles], "total": total}
    if processes.rank == 0:
        np.savez(arguments.worker, **found)
    return 0


def watched(processes: Processes, waited: list[float]) -> Processes:
    """Return the processes, with the processor's seconds in each sum kept: who waits for others in MPI keeps the processor busy."""

    def add(own: np.ndarray) -> np.ndarray:
        start = time.process_time()
        total = processes.add(own)
        waited.append(time.process_time() - start)
        return total

    return replace(processes, add=add)


def timed(atoms: Atoms, processes: Processes, waited: list[float], steps: int) -> dict:
    """Return seconds for a step, by the clock and of the processor in the process with most work, the energy's change, and the processes' memory."""
    from lammps import lammps as library

    lmp = library(cmdargs=["-screen", "none", "-log", "none"])
    set_up(lmp, atoms)
    driver = LammpsDriver(lmp, atoms)
    for command in ("fix move all nve", f"timestep {TIMESTEP * 1e-3}", "thermo 1"):
        lmp.command(command)
    driver.run(0)
    waited.clear()
    before, clock, processor = lmp.get_thermo("etotal"), time.perf_counter(), time.process_time()
    driver.run(steps)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor - sum(waited)
    slots = np.zeros((2, processes.size))  # one for each process
    slots[:, processes.rank] = processor, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    processors, memory = processes.add(slots.ravel()).reshape(2, -1)
    evaluations = steps + 1  # a run evaluates its start once more
    return {
        "atoms": len(atoms), "clock_s": clock / evaluations, "processor_s": processors.max() / evaluations,
        "change_eV_per_atom": abs(lmp.get_thermo("etotal") - before) / len(atoms), "memory_GiB_each": memory.max(), "memory_GiB_all": memory.sum(),
    }  # fmt: skip


def system(times: tuple[int, int], held: str) -> Atoms:
    """Return H3O on Au(111) many times over, rattled, at 300 K."""
    atoms = example("volmer-initial").repeat((*times, 1))
    rng = np.random.default_rng(1)
    atoms.positions += 0.03 * rng.normal(size=atoms.positions.shape)
    atoms.set_velocities(np.sqrt(units.kB * 300.0 / atoms.get_masses())[:, None] * rng.normal(size=atoms.positions.shape))
    return atoms


def calculator(model: Model, atoms: Atoms, held: str) -> ElectrodeCalculator:
    """Return the calculator of a cell of so many atoms."""
    control = HELD[held] if held == "potential" else {"charge": HELD[held]["charge"] * len(atoms) / 13}
    return ElectrodeCalculator(model, **control)


def member() -> Model:
    """Return the first member of the shipped committee."""
    return load_model("au111-h3o").members()[0]


def template() -> Model:
    """Return template-f beside a capacitor, with weights as drawn: those of the potential, which are zero before a training, too."""
    representation = RepresentationConfig(channels=8, radial_functions=6, cutoff=4.5)
    model = Template(TemplateConfig((1, 8, 79), representation=representation, readout_hidden=8, capacitor=True))
    weight = model.conditioning.weight.weight
    with torch.no_grad():
        weight.copy_(0.02 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0), dtype=weight.dtype))
        model.network.energy_scale.fill_(0.1)
    return model.eval()


MODELS = {"au111-h3o": lambda: load_model("au111-h3o"), "member": member, "template-f": template}

"""Time of one energy and force call as ASE calculator, and the share of it that is neither numba nor torch.

`python -m validation bench` prints CPU milliseconds, the median of repeats on one core, beside ASE's null calculator and, where
they are installed, the peers.  The share comes from a profile: own time of torch's and the kernels' functions against the rest.
"""

from __future__ import annotations

import cProfile
import pstats
import time

import numpy as np
import torch
from ase import Atoms
from ase.calculators.emt import EMT

from electrode.calculator import ElectrodeCalculator
from electrode.examples import example
from electrode.models.store import load_model

KERNELS = ("_moments.py", "_moments_tangent.py", "_scatter")
REPEATS = 60


def step(atoms: Atoms, rng: np.random.Generator) -> None:
    """Move every atom a little and ask for forces and energy."""
    atoms.positions += rng.normal(scale=1e-3, size=(len(atoms), 3))
    atoms.get_forces()
    atoms.get_potential_energy()


def milliseconds(atoms: Atoms) -> float:
    """Return the median CPU time of a step [ms]."""
    rng, times = np.random.default_rng(0), []
    for _ in range(5):
        step(atoms, rng)
    for _ in range(REPEATS):
        start = time.process_time()
        step(atoms, rng)
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


def outside_share(atoms: Atoms) -> float:
    """Return the share of a step's profiled time that is spent outside torch's own code and the numba kernels."""
    rng, profile = np.random.default_rng(0), cProfile.Profile()
    profile.enable()
    for _ in range(REPEATS):
        step(atoms, rng)
    profile.disable()
    inside = total = 0.0
    for (file, _, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():
        total += own
        builtin = file == "~" and ("torch" in name or "run_backward" in name or "Tensor" in name)
        inside += own if builtin or "/torch/" in file or file.endswith(KERNELS) or name in KERNELS else 0.0
    return 1.0 - inside / total


def systems() -> dict[int, Atoms]:
    """Return the shipped end state and its 2 x 2 supercell, 13 and 52 atoms."""
    small = example("volmer-initial")
    return {13: small, 52: small.repeat((2, 2, 1))}


def main(argv: list[str]) -> int:
    """Print a row for each calculator and size."""
    torch.set_num_threads(1)
    committee = load_model("au111-h3o")
    models = {"dual, one member": committee.members()[0], f"dual, committee of {committee.config.size}": committee, "baseline": load_model("baseline")}
    print(f"{'calculator':28s} {'control':10s} {'atoms':>5s} {'CPU ms':>8s} {'outside numba and torch':>24s}")
    for n, atoms in systems().items():
        for title, model in models.items():
            for control in ({"potential": -0.5, "reference": "SHE"}, {"charge": 0.3 * n / 13}):
                moving = atoms.copy()
                moving.calc = ElectrodeCalculator(model, **control)
                print(f"{title:28s} {next(iter(control)):10s} {n:5d} {milliseconds(moving):8.2f} {outside_share(moving):24.0%}")
        metal = atoms[atoms.numbers == 79]
        metal.calc = EMT()
        print(f"{'ASE EMT, metal atoms alone':28s} {'-':10s} {len(metal):5d} {milliseconds(metal):8.2f}")
    return 0

"""Neutral frames of the perspective's three kinds, sampled and labelled by a model whose weights travel in its package.

`python -m validation neutral_frames --output FOLDER [--labels chgnet] [--frames 60] [--kinds bulk surface interface] [--seed 0]`

bulk : (i) gold, strained, and molecules of hydrogen and oxygen in a box of their own
surface : (ii) Au(111) in vacuum with H, O, OH or a water molecule, or bare
interface : (iii) Au(111) under a layer of water, with or without one hydrogen more on the metal

Each trajectory starts from a structure of its own, whose largest forces are relaxed first, and moves by Langevin dynamics of the labelling model; geometries are
`STRIDE` steps apart.  One file for each kind, `FOLDER/bulk.xyz` and so on, which `python -m validation pretraining --neutral-file FOLDER/bulk.xyz` learns from.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import chain, count, islice
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.build import bulk, fcc111, molecule
from ase.calculators.calculator import Calculator
from ase.constraints import FixAtoms
from ase.md.langevin import Langevin
from ase.optimize import FIRE

from electrode.data.files import write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.models.neutral_calculators import make_calculator
from electrode.output import refuse_existing
from validation.teacher.structures import interface

PER_TRAJECTORY, STRIDE, WARM_UP, RELAXING = 5, 8, 16, 12
TEMPERATURE, STEP = 400.0, 1.0  # [K], [fs]
MOLECULES = ("H2O", "H2", "H2O2", "O2")
ADSORBATES = ("H", "O", "OH", "H2O", None)
VACUUM = 6.0  # [A] on either side


def bulk_or_molecule(k: int, rng: np.random.Generator) -> Atoms:
    """Return (i): gold of another lattice constant, or one to three molecules."""
    if k % 2 == 0:
        return bulk("Au", "fcc", a=4.08 * rng.uniform(0.95, 1.06), cubic=True).repeat((2, 1, 1))
    box = Atoms(cell=np.eye(3) * 11.0, pbc=True)
    first = molecule(MOLECULES[(k // 2) % len(MOLECULES)])
    for j, place in enumerate(rng.permutation(3)[: 1 + k % 3]):
        one = (first if j == 0 else molecule("H2O")).copy()
        one.rotate(rng.uniform(0, 360), rng.normal(size=3))
        box += Atoms(one.numbers, one.positions + [4.0 + 2.9 * (place - 1), 5.5, 5.5])
    return box


def surface(k: int, rng: np.random.Generator) -> Atoms:
    """Return (ii): gold (111) in vacuum with an adsorbate near a drawn place of its surface."""
    slab = fcc111("Au", (2, 2, 3), a=4.08, vacuum=VACUUM, periodic=True)
    species = ADSORBATES[k % len(ADSORBATES)]
    if species is not None:
        one = Atoms(species) if len(species) == 1 else molecule(species)
        place = rng.uniform(size=2) @ slab.cell[:2]
        height = slab.positions[:, 2].max() + {"H": 1.1, "O": 1.3, "OH": 2.0, "H2O": 2.8}[species]
        slab += Atoms(one.numbers, one.positions - one.positions[0] + place + [0.0, 0.0, height])
    return _held(slab)


def under_water(k: int, rng: np.random.Generator) -> Atoms:
    """Return (iii): gold (111) under water, every other one with hydrogen on the metal."""
    atoms = interface(1, size=(2, 2, 3), added=("none", "hydride")[k % 2], seed=int(rng.integers(2**31)))
    atoms.pbc = True
    return _held(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True))


KINDS = {"bulk": bulk_or_molecule, "surface": surface, "interface": under_water}


def _held(atoms: Atoms) -> Atoms:
    atoms.set_constraint(FixAtoms(np.flatnonzero(atoms.positions[:, 2] < atoms.positions[:, 2].min() + 0.5)))
    return atoms


def trajectory(kind: str, k: int, seed: int, calculator: Calculator, labels: str) -> Iterator[ElectrifiedFrame]:
    """Yield the frames of trajectory `k` of a kind."""
    rng = np.random.default_rng([seed, list(KINDS).index(kind), k])
    atoms = KINDS[kind](k, rng)
    atoms.info = {}
    atoms.calc = calculator
    FIRE(atoms, logfile=None, maxstep=0.1).run(fmax=0.5, steps=RELAXING)
    atoms.set_momenta(rng.standard_normal((len(atoms), 3)) * np.sqrt(atoms.get_masses() * units.kB * TEMPERATURE)[:, None])
    motion = Langevin(atoms, STEP * units.fs, temperature_K=TEMPERATURE, friction=0.02 / units.fs, fixcm=False, rng=rng)
    motion.run(WARM_UP)
    for number in range(PER_TRAJECTORY):
        motion.run(STRIDE)
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        yield ElectrifiedFrame(
            bare, f"{kind} {k} frame {number}", {"config_type": kind}, version=1, energy=atoms.get_potential_energy(), energy_kind="E", n_excess=0.0,
            forces=atoms.get_forces(apply_constraint=False), method_id=labels, trajectory=f"{kind}{k:03d}",
        )  # fmt: skip


def main(argv: list[str]) -> int:
    """Sample, label and write each kind, and say how long it took."""
    parser = argparse.ArgumentParser(prog="python -m validation neutral_frames", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--labels", default="chgnet", help="the model that moves and labels, as in `electrode electrify`")
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=tuple(KINDS))
    parser.add_argument("--frames", type=int, default=60, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--force", action="store_true", help="replace files")
    arguments = parser.parse_args(argv)
    arguments.output.mkdir(parents=True, exist_ok=True)
    refuse_existing([arguments.output / f"{kind}.xyz" for kind in arguments.kinds], arguments.force)
    calculator = make_calculator(arguments.labels)
    for kind in arguments.kinds:
        start = time.process_time()
        some = chain.from_iterable(trajectory(kind, k, arguments.seed, calculator, arguments.labels) for k in count())
        write_frames(arguments.output / f"{kind}.xyz", list(islice(some, arguments.frames)), arguments.force)
        print(f"{arguments.output / kind}.xyz: {arguments.frames} frames, {time.process_time() - start:.0f} s of CPU time", flush=True)
    return 0

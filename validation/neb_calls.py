"""`python -m validation neb_calls [--case NAME ...] [--rattle SEED ...] [--json out.json]`: calls of the true potential that a barrier costs.

Paths of an adatom, an adsorbate or an exchange on metals with the effective medium potential of ASE, end states relaxed and their calls
not counted; the saddle's force is the potential's own.  Beside them stand the counts of other programs for the same files: CatLearn 7.2.1
(on ASE 3.26), Sella 2.6 (single-ended, from the middle of the interpolated path) and the band of ASE itself, with its two end states, 5
images and BFGS.  With --rattle the free atoms of both end states are displaced at random, relaxed again, and searched between.
Paths: folder ELECTRODE_PEERS (default ../shared/peers/neb_cases).
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms
from ase.calculators.emt import EMT
from ase.optimize import BFGS

from electrode.learn.calls import free_atoms
from electrode.learn.saddle import find_saddle
from electrode.output import refuse_existing, write_json

RATTLE, END_FMAX = 0.1, 0.02  # displacement of end states [A]; force to which they are relaxed again [eV/A]


@dataclass(frozen=True)
class Case:
    """A path: its barrier from a converged band [eV], and calls of CatLearn (None: not converged), Sella and ASE."""

    name: str
    barrier: float
    catlearn: int | None
    sella: int
    band: int


CASES = (
    Case("O_Pt111", 0.0316, 5, 10, 17),
    Case("Au_Al100", 0.3744, 4, 16, 50),
    Case("H_Cu111", 0.0093, 4, 22, 11),
    Case("Cu_Cu111", 0.0563, 4, 25, 29),
    Case("Pt_exch100", 0.9862, None, 21, 59),
    Case("O_Pt111_3x3", 0.0315, 5, 17, 17),
)


def main(argv: list[str]) -> int:
    """Search, print, write; return 0, also where the paths are not there."""
    parser = argparse.ArgumentParser(prog="python -m validation neb_calls", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", choices=[c.name for c in CASES], default=[c.name for c in CASES])
    parser.add_argument("--rattle", nargs="+", type=int, default=[], metavar="SEED", help="search also between end states displaced with these seeds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    folder = Path(os.environ.get("ELECTRODE_PEERS", Path(__file__).parents[1] / "../shared/peers/neb_cases"))
    if not folder.is_dir():
        print(f"neb_calls: SKIPPED, no folder {folder}. Set ELECTRODE_PEERS to the folder that holds NAME_initial.extxyz and NAME_final.extxyz")
        return 0
    print(f"{'path':14}{'seed':>5}{'calls':>7}{'barrier':>9}{'converged band':>16}{'fmax':>7}{'CPU s':>7}   {'CatLearn':>8}{'Sella':>7}{'ASE':>5}")
    rows = [measure(case, folder, seed) for case in CASES if case.name in arguments.case for seed in (None, *arguments.rattle)]
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0


def measure(case: Case, folder: Path, seed: int | None) -> dict:
    """Search one path and print its row."""
    ends = [ase.io.read(folder / f"{case.name}_{end}.extxyz") for end in ("initial", "final")]
    if seed is not None:
        ends = [relaxed_again(atoms, seed) for atoms in ends]
    start = time.process_time()
    found = find_saddle(*ends, EMT(), known_ends=True, max_calls=30)
    row = {"path": case.name, "seed": seed, **found.to_json(), "cpu_s": time.process_time() - start, "reference_eV": case.barrier}
    barrier, force = ("-" if x is None else format(x, ".4f") for x in (found.barrier_eV, found.fmax_eV_per_A))
    shown = "-" if seed is None else seed
    print(
        f"{case.name:14}{shown:>5}{found.calls:>7}{barrier:>9}{case.barrier:>16.4f}{force:>7}{row['cpu_s']:>7.1f}   {case.catlearn or '-':>8}"
        f"{case.sella:>7}{case.band:>5}  {found.status}",
        flush=True,
    )
    return row


def relaxed_again(atoms: Atoms, seed: int) -> Atoms:
    """Return the end state after a random displacement of its free atoms and a relaxation."""
    moved, free = atoms.copy(), free_atoms(atoms)
    moved.positions[free] += np.random.default_rng(seed).normal(scale=RATTLE, size=(len(free), 3))
    moved.calc = EMT()
    BFGS(moved, logfile=None).run(fmax=END_FMAX, steps=200)
    return moved

"""Au(111) of four layers under disordered water, in the sizes of the peers' measurements, and the time of a step."""

from __future__ import annotations

import time

import numpy as np
from ase import Atoms
from ase.build import fcc111, molecule

BOXES = {21: (2, 2, 3, 3), 52: (2, 2, 4, 12), 199: (4, 4, 4, 45), 1000: (8, 8, 4, 248)}  # across, along, layers, molecules


def wet_gold(atoms: int) -> Atoms:
    """Return one of the sizes of `BOXES`, periodic along the surface."""
    across, along, layers, molecules = BOXES[atoms]
    rng, slab = np.random.default_rng(atoms), fcc111("Au", (across, along, layers), a=4.17, orthogonal=True, periodic=True)
    slab.positions[:, 2] += 1.0 - slab.positions[:, 2].min()
    (width, depth), top = slab.cell.lengths()[:2], slab.positions[:, 2].max()
    columns, rows = max(1, int(width // 3.1)), max(1, int(depth // 3.1))
    for k in range(molecules):
        layer, place = divmod(k, columns * rows)
        x, y = divmod(place, rows)
        water = molecule("H2O")
        water.rotate(rng.uniform(0.0, 360.0), rng.normal(size=3))
        shift = 0.5 * (layer % 2)
        water.translate(np.array([(x + shift) * width / columns, (y + shift) * depth / rows, top + 2.9 + 3.0 * layer]) - water.positions[0])
        slab += water
    slab.set_cell([width, depth, slab.positions[:, 2].max() + 10.0])
    slab.pbc = True, True, False
    slab.positions += rng.normal(scale=0.03, size=(len(slab), 3))
    return slab


def step(atoms: Atoms, rng: np.random.Generator) -> None:
    """Move every atom a little and ask for forces and energy."""
    atoms.positions += rng.normal(scale=1e-3, size=(len(atoms), 3))
    atoms.get_forces()
    atoms.get_potential_energy()


def milliseconds(atoms: Atoms, calculator, repeats: int) -> float:
    """Return the least CPU time of a step [ms], which other programs on the machine disturb least; two steps before are not counted."""
    atoms, rng, times = atoms.copy(), np.random.default_rng(0), []
    atoms.calc = calculator
    for _ in range(2 + repeats):
        start = time.process_time()
        step(atoms, rng)
        times.append(time.process_time() - start)
    return 1e3 * min(times[2:])

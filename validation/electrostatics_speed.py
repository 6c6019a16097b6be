"""Time of energy, potentials and forces of point charges in a bulk: the dense sum, the mesh, and the peers that are installed.

`python -m validation electrostatics_speed` prints CPU milliseconds, the median of repeats on one core, from positions and charges
to energy, potentials and forces, the neighbour search included, with the largest error of a force against a tighter mesh.  The
mesh keeps its settings and its influence function between calls, as in dynamics; "first call" also has those.
"""

from __future__ import annotations

import importlib.util
import os
import time

import numpy as np

from electrode.physics.choice import electrostatics_of
from electrode.physics.mesh import BULK, Mesh, choose
from electrode.physics.neighbours import neighbour_list
from electrode.units import COULOMB

SIZES = (100, 300, 1_000, 3_000, 10_000)
DENSE_UP_TO = 1_000
ACCURACIES = (1e-4, 1e-6)  # [eV/A]
DENSITY, CLOSEST = 0.1, 0.9  # [1/A^3], [A]: atoms of water
REPEATS = 7


def box(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return random positions (N, 3) [A] no closer than CLOSEST, neutral charges (N,) [e] and the cubic cell (3, 3) [A]."""
    rng, length = np.random.default_rng(n), (n / DENSITY) ** (1.0 / 3.0)
    positions = np.empty((n, 3))
    for i in range(n):
        while True:
            place = length * rng.random(3)
            apart = positions[:i] - place
            apart -= length * np.rint(apart / length)
            if not np.any(np.einsum("ij,ij->i", apart, apart) < CLOSEST**2):
                break
        positions[i] = place
    charges = np.where(np.arange(n) % 3 == 0, -0.8, 0.4)
    return positions, charges - charges.mean(), length * np.eye(3)


def milliseconds(call, repeats: int = REPEATS) -> float:
    """Return the median CPU time of a call after one that warms up [ms]."""
    call()
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return 1e3 * float(np.median(times))


def torch_pme(positions, charges, cell, accuracy):
    """Return a call of torch-pme, tuned by itself for an accuracy of the forces, that returns forces [eV/A]."""
    import torch
    import torchpme

    torch.set_num_threads(1)
    cutoff = 5.0
    q, box = torch.tensor(charges)[:, None], torch.tensor(cell)

    def pairs(r):
        near = neighbour_list(positions, cell, BULK, cutoff)
        i, j = torch.tensor(np.repeat(np.arange(len(charges)), np.diff(near.first))), torch.tensor(near.index)
        return torch.stack([i, j], dim=1), torch.linalg.norm(r[j] + torch.tensor(near.offset) - r[i], dim=1)

    index, distance = pairs(torch.tensor(positions))
    tuned = {"cutoff": cutoff, "neighbor_indices": index, "neighbor_distances": distance, "full_neighbor_list": True}
    smearing, options, _ = torchpme.tuning.tune_pme(q, box, torch.tensor(positions), accuracy=accuracy / COULOMB, **tuned)
    calculator = torchpme.PMECalculator(torchpme.CoulombPotential(smearing), full_neighbor_list=True, **options).to(torch.float64)

    def call():
        r = torch.tensor(positions, requires_grad=True)
        index, distance = pairs(r)
        potentials = calculator(charges=q, cell=box, positions=r, neighbor_indices=index, neighbor_distances=distance)
        (slope,) = torch.autograd.grad((q * potentials).sum(), r)
        return -COULOMB * slope.numpy()

    return call


def row(n: int, name: str, accuracy: str, times: tuple[float, ...], forces: np.ndarray, reference: np.ndarray, note: str = "") -> None:
    """Print a line of the table."""
    cells = "".join(f"{t:12.2f}" for t in times) + " " * 12 * (2 - len(times))
    print(f"{n:6d}  {name:10s} {accuracy:>8s} {cells} {np.abs(forces - reference).max():14.1e}  {note}", flush=True)


def compare(n: int, peer: bool) -> None:
    """Print the rows of a size."""
    positions, charges, cell = box(n)
    reference = Mesh(cell, BULK, choose(cell, charges, None, 1e-9)).evaluate(positions, charges).forces
    if n <= DENSE_UP_TO:
        dense = lambda: electrostatics_of(positions, charges, cell, BULK, method="dense")
        row(n, "dense", "exact", (milliseconds(dense, 3),), dense().forces, reference)
    for accuracy in ACCURACIES:
        settings = choose(cell, charges, None, accuracy)
        mesh = Mesh(cell, BULK, settings)
        kept = milliseconds(lambda: mesh.evaluate(positions, charges))
        first = milliseconds(lambda: Mesh(cell, BULK, choose(cell, charges, None, accuracy)).evaluate(positions, charges), 3)
        note = f"cutoff {settings.cutoff:.1f} A, mesh {'x'.join(map(str, settings.grid))}, order {settings.order}"
        row(n, "mesh", f"{accuracy:.0e}", (kept, first), mesh.evaluate(positions, charges).forces, reference, note)
    if peer:
        call = torch_pme(positions, charges, cell, 1e-4)
        row(n, "torch-pme", "1e-04", (milliseconds(call, 3),), call(), reference)


def main(argv: list[str]) -> int:
    """Print the table for all sizes, or for those named."""
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("OMP_NUM_THREADS is not 1: CPU time counts every thread of the matrix products. Set it to compare one core.")
    peer = importlib.util.find_spec("torchpme") is not None
    if not peer:
        print("torch-pme is not installed: skipped")
    print(f"{'atoms':>6s}  {'method':10s} {'asked':>8s} {'CPU ms':>12s}{'first call':>12s} {'error [eV/A]':>14s}")
    for n in [int(a) for a in argv] or SIZES:
        compare(n, peer)
    return 0

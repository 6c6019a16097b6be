"""`python -m validation direct_forces [--seconds 60] [--json FILE]` asks what forces from a head of their own cost.

Three networks of one size are trained for the same CPU time on hydrogen on Au(111) (tutorials/data): forces as the gradient of Omega(R, Phi),
forces of an equivariant vector head, forces of three scalar networks.  Of each, on structures of the test set at their potential:

    asymmetry    rms |u J v - v J u| / rms |u J v + v J u| over random directions u, v of all atoms, J = dF/dR: 0 for a gradient, 1 for a field
                 that is nothing but curl
    turned       rms |F(T R) - T F(R)| / rms |F| for a quarter-radian turn T about the normal
    drift        slope of energy plus kinetic energy of free dynamics at held potential [meV per atom and ps], by least squares
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from unittest.mock import patch

import numpy as np
from ase import units
from ase.md.verlet import VelocityVerlet

from electrode.calculator import ElectrodeCalculator
from electrode.models.base import Model
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train
from validation.strategies.sets import load

SMALL = {"representation": {"channels": 16, "cutoff": 4.5}, "readout_hidden": 16}
ROWS = {
    "gradient": ("template-f", SMALL),
    "vector": ("direct-forces", {"energy": SMALL}),
    "components": ("direct-forces", {"energy": SMALL, "heads": "components"}),
}
STEP = 1e-3  # of a direction of unit length [A]


def main(argv: list[str]) -> int:
    """Train, measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m validation direct_forces", description="forces from heads of their own against a gradient")
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU time of each training")
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    parser.add_argument("--steps", type=int, default=400, help="of 1 fs, of the dynamics")
    parser.add_argument("--structures", type=int, default=3, help="of the test set")
    parser.add_argument("--json", metavar="FILE", help="the table")
    parser.add_argument("--force", action="store_true", help="replace an existing file")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    frames, found = load("hydrogen", Path("."), None), {}
    for name in arguments.rows:
        scheme, choices = ROWS[name]
        start = time.process_time()
        with patch("time.monotonic", time.process_time):
            model = train(scheme, frames.training, frames.validation, TrainConfig.for_scheme(scheme, max_minutes=arguments.seconds / 60, validate_every=2), choices).model
        spent = time.process_time() - start
        found[name] = {"train_cpu_s": spent, **measured(model, frames.tests["test"], arguments.structures, arguments.steps)}
        print(f"{name:11s} " + "  ".join(f"{key} {value:.4g}" for key, value in found[name].items()), flush=True)
    if arguments.json:
        write_json(arguments.json, found, arguments.force)
    return 0


def measured(model: Model, frames, structures: int, steps: int) -> dict[str, float]:
    """Return the errors of a model on frames, and what its forces are like on some of them."""
    errors, chosen = frame_errors(model, frames), [frames[k] for k in np.linspace(0, len(frames) - 1, structures).astype(int)]
    each = lambda of: float(np.mean([of(model, f.atoms, f.potential) for f in chosen]))
    return {
        "force_rmse_meV_per_A": errors["force_rmse_meV_per_A"],
        "energy_rmse_meV_per_atom": errors["energy_rmse_meV_per_atom"],
        "asymmetry": each(asymmetry),
        "turned": each(unturned),
        "drift_meV_per_atom_ps": each(lambda m, atoms, potential: drift(m, atoms, potential, steps)),
    }


def forces(model: Model, images: list, potential: float) -> np.ndarray:
    """Return the forces on each image, (images, 3N) [eV/A]."""
    return evaluate(model, Structure.from_atoms(images), Control(potential=potential))["forces"].reshape(len(images), -1).numpy()


def asymmetry(model: Model, atoms, potential: float, pairs: int = 12, seed: int = 0) -> float:
    """Return how far the Jacobian of the forces is from symmetric, by central differences along random directions."""
    directions = np.random.default_rng(seed).normal(size=(2 * pairs, 3 * len(atoms)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    images = []
    for direction in directions:
        for sign in (1, -1):
            image = atoms.copy()
            image.positions += sign * STEP * direction.reshape(-1, 3)
            images.append(image)
    moved = forces(model, images, potential).reshape(2 * pairs, 2, -1)
    products = (moved[:, 0] - moved[:, 1]) / (2 * STEP)  # J u of each direction u
    (u, v), (ju, jv) = (np.split(x, 2) for x in (directions, products))
    one, other = np.einsum("ij,ij->i", v, ju), np.einsum("ij,ij->i", u, jv)
    return float(np.sqrt(np.mean((one - other) ** 2) / np.mean((one + other) ** 2)))


def unturned(model: Model, atoms, potential: float, angle: float = 0.25) -> float:
    """Return how far the forces on a turned structure are from the turned forces."""
    turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    image = atoms.copy()
    image.set_cell(atoms.cell.array @ turn.T)
    image.positions = atoms.positions @ turn.T
    a, b = forces(model, [atoms, image], potential).reshape(2, -1, 3)
    return float(np.sqrt(np.mean((b - a @ turn.T) ** 2) / np.mean(a**2)))


def drift(model: Model, atoms, potential: float, steps: int, femtoseconds: float = 1.0, kelvin: float = 300.0) -> float:
    """Return the slope of the total energy in free dynamics [meV per atom and ps]; its sign says whether the atoms heat up."""
    moving = atoms.copy()
    moving.calc = ElectrodeCalculator(model, potential=potential, reference="absolute")
    width = np.sqrt(units.kB * kelvin * moving.get_masses())
    moving.set_momenta(width[:, None] * np.random.default_rng(0).normal(size=moving.positions.shape))
    energies = []
    dynamics = VelocityVerlet(moving, timestep=femtoseconds * units.fs)
    dynamics.attach(lambda: energies.append(moving.get_total_energy()))
    dynamics.run(steps)
    picoseconds = 1e-3 * femtoseconds * np.arange(len(energies))
    return float(1e3 * np.polyfit(picoseconds, np.array(energies) / len(atoms), 1)[0])

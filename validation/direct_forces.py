"""`python -m validation direct_forces [--seconds 60] [--json FILE]` asks what forces from a head of their own cost.

Three networks of one size are trained for the same CPU time on hydrogen on Au(111) (tutorials/data): forces as the gradient of Omega(R, Phi),
forces of an equivariant vector head, forces of three scalar networks.  Of each, on structures of the test set at their potential:

    asymmetry    rms |u J v - v J u| / rms |u J v + v J u| over random directions u, v of all atoms, J = dF/dR: 0 for a gradient, 1 for a field
                 that is nothing but curl
    turned       rms |F(T R) - T F(R)| / rms |F| for a quarter-radian turn T about the normal
    drift        slope of energy plus kinetic energy of free dynamics at held potential [meV per moving atom and ps], by least squares, from
                 300 K in the nearest minimum, atoms that no training frame moves held fixed: elsewhere nothing holds a trained model together
    ripple       rms about that slope [meV per moving atom], at the time step and at half of it; of a gradient a quarter
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from ase import Atoms, units
from ase.constraints import FixAtoms
from ase.md.verlet import VelocityVerlet
from ase.optimize import FIRE

from electrode.calculator import ElectrodeCalculator
from electrode.models.base import Model
from electrode.models.domain import OutsideTrainedRange
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import train
from validation.strategies.sets import Frames, load

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
    parser.add_argument("--steps", type=int, default=800, help="of the dynamics")
    parser.add_argument("--femtoseconds", type=float, default=0.5, help="of a step")
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
        found[name] = {"train_cpu_s": spent, **measured(model, frames, arguments)}
        print(f"{name:11s} " + "  ".join(f"{key} {value:.4g}" for key, value in found[name].items()), flush=True)
    if arguments.json:
        write_json(arguments.json, found, arguments.force)
    return 0


def measured(model: Model, frames: Frames, arguments) -> dict[str, float]:
    """Return the errors of a model on the test frames, and what its forces are like on some of them."""
    test, steps, time_step = frames.tests["test"], arguments.steps, arguments.femtoseconds
    errors, chosen = frame_errors(model, test), [test[k] for k in np.linspace(0, len(test) - 1, arguments.structures).astype(int)]
    fixed = unmoved(frames.training)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideTrainedRange)  # what leaves it shows in the drift
        found = [drifts(model, f, fixed, steps, time_step) for f in chosen]
    lasted = [row for row in found if row is not None]
    slope, ripple, _, half = np.mean(lasted, axis=0) if lasted else np.full(4, np.nan)
    each = lambda of: float(np.mean([of(model, f.atoms, f.potential) for f in chosen]))
    return {
        "force_rmse_meV_per_A": errors["force_rmse_meV_per_A"],
        "energy_rmse_meV_per_atom": errors["energy_rmse_meV_per_atom"],
        "asymmetry": each(asymmetry),
        "turned": each(unturned),
        "drift_meV_per_atom_ps": float(slope),
        "ripple_meV_per_atom": float(ripple),
        "ripple_of_half_the_step": float(half),
        "collapsed": len(found) - len(lasted),
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


def unmoved(frames: Sequence) -> np.ndarray:
    """Return the atoms that have one place in all frames: of what happens where they move a model has seen nothing."""
    return np.flatnonzero(np.ptp([f.atoms.positions for f in frames], axis=0).max(1) < 1e-6)


def at_rest(model: Model, atoms, potential: float, fixed: np.ndarray) -> Atoms:
    """Return the structure in the nearest minimum of the model, or about there where its forces have none."""
    resting = atoms.copy()
    resting.set_constraint(FixAtoms(fixed))
    resting.calc = ElectrodeCalculator(model, potential=potential, reference="absolute")
    FIRE(resting, logfile=None).run(fmax=0.03, steps=150)
    return resting


def drifts(model: Model, frame, fixed: np.ndarray, steps: int, femtoseconds: float) -> tuple[float, ...] | None:
    """Return slope and rms of `drift` from the frame's atoms at rest, at a time step and at half of it, None where atoms run into each other."""
    try:
        resting = at_rest(model, frame.atoms, frame.potential, fixed)
        return drift(resting, steps, femtoseconds) + drift(resting, 2 * steps, 0.5 * femtoseconds)
    except ValueError as error:  # what no model can be asked; forces that are no gradient may lead there
        print(f"no drift from {frame.trajectory}: {error}")
        return None


def drift(resting, steps: int, femtoseconds: float = 0.5, kelvin: float = 300.0) -> tuple[float, float]:
    """Return the slope of the total energy in free dynamics from rest [meV per moving atom and ps], and the rms about it [meV per moving atom].

    The sign of the slope says whether the atoms heat up.
    """
    moving = resting.copy()
    moving.calc = resting.calc
    width = np.sqrt(units.kB * kelvin * moving.get_masses())
    moving.set_momenta(width[:, None] * np.random.default_rng(0).normal(size=moving.positions.shape))
    energies = []
    dynamics = VelocityVerlet(moving, timestep=femtoseconds * units.fs)
    dynamics.attach(lambda: energies.append(moving.get_total_energy()))
    dynamics.run(steps)
    picoseconds = 1e-3 * femtoseconds * np.arange(len(energies))
    each = 1e3 * np.array(energies) / (moving.get_number_of_degrees_of_freedom() / 3)
    line = np.polyfit(picoseconds, each, 1)
    return float(line[0]), float(np.std(each - np.polyval(line, picoseconds)))

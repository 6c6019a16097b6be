"""Drift of the conserved quantity of every mode at 0.5 fs, for the shipped model of hydrogen on Au(111).

`python -m validation dynamics_drift [STEPS]` (4000, 2 ps) prints the slope of a straight line through the conserved quantity and its spread about
it, in eV per atom; nuclei by velocity Verlet from 300 K, the bottom layer held.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from ase import units
from ase.md.verlet import VelocityVerlet

from electrode.calculator import ElectrodeCalculator
from electrode.examples import example
from electrode.models.store import load_model
from electrode.relax import fixed_bottom_layer
from electrode.simulate import BornOppenheimer, ChargeLangevin, ChargeNoseHoover, ChargeRecorder, ConstantCharge, ElectrodeDynamics, ExtendedCharge, Thermopotentiostat
from electrode.simulate.start import with_velocities

POTENTIAL = {"potential": -0.2, "reference": "SHE"}
MODES = {
    "constant charge": (ConstantCharge(), {"charge": 0.0}), "Born-Oppenheimer": (BornOppenheimer(), POTENTIAL),
    "extended, no bath": (ExtendedCharge(None, period=150.0), POTENTIAL), "extended, Langevin": (ExtendedCharge(ChargeLangevin(300.0), period=150.0), POTENTIAL),
    "extended, Nose-Hoover": (ExtendedCharge(ChargeNoseHoover(300.0), period=150.0), POTENTIAL), "thermopotentiostat": (Thermopotentiostat(300.0), POTENTIAL),
}  # fmt: skip


def moving(model, mode, held: dict, structure: str = "hop-initial", timestep: float = 0.5) -> ElectrodeDynamics:
    """Return a dynamics of an example at 300 K, nuclei without thermostat."""
    atoms = with_velocities(fixed_bottom_layer(example(structure)), 300.0, np.random.default_rng(0))
    atoms.calc = ElectrodeCalculator(model, **held)
    return ElectrodeDynamics(VelocityVerlet(atoms, timestep * units.fs), mode, seed=0)


def drift(dynamics: ElectrodeDynamics, steps: int) -> tuple[float, float]:
    """Return slope [eV/ps per atom] and spread [eV per atom] of the conserved quantity."""
    record = ChargeRecorder(dynamics)
    dynamics.attach(record)
    dynamics.run(steps)
    columns = record.columns()
    times, values = 1e-3 * columns["time_fs"], columns["conserved_eV"] / len(dynamics.atoms)
    line = np.polynomial.Polynomial.fit(times, values, 1)
    return float(line.deriv()(0.0)), float(np.std(values - line(times)))


def main(argv: list[str]) -> int:
    """Print a row for each mode."""
    torch.set_num_threads(1)
    steps, model = int(argv[0]) if argv else 4000, load_model("au111-h")
    print(f"{'mode':24s} {'eV/ps per atom':>15s} {'spread eV/atom':>15s} {'CPU ms/step':>12s}")
    for name, (mode, held) in MODES.items():
        start = time.process_time()
        slope, spread = drift(moving(model, mode, held), steps)
        print(f"{name:24s} {slope:15.1e} {spread:15.1e} {1e3 * (time.process_time() - start) / steps:12.2f}", flush=True)
    return 0

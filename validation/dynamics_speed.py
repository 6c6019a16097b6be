"""Steps per second of the dynamics in every mode, beside the same model under ASE's own velocity Verlet.

`python -m validation dynamics_speed [STEPS]` prints steps per CPU second on one core for 13, 52, 199 and 1,000 atoms (a hydronium on Au(111), its 2 x 2,
4 x 4 and 9 x 9 supercells, the larger two less two or thirteen hydroniums and a proton): the shipped committee, one of its members, the baseline, and where mace-torch is
installed a mace-node of default size with weights that were not trained.  The time of a step is the median; 0.5 fs, 300 K.
"""

from __future__ import annotations

import time
from importlib.util import find_spec

import numpy as np
import torch
from ase import Atoms, units
from ase.md.verlet import VelocityVerlet

from electrode.calculator import ElectrodeCalculator
from electrode.examples import example
from electrode.models.store import load_model
from electrode.relax import fixed_bottom_layer
from electrode.simulate import BornOppenheimer, ChargeLangevin, ConstantCharge, ElectrodeDynamics, ExtendedCharge, Limits, Thermopotentiostat
from electrode.simulate.start import with_velocities

POTENTIAL = {"potential": -0.2, "reference": "SHE"}
MODES = {
    "constant charge": (ConstantCharge(), None), "Born-Oppenheimer": (BornOppenheimer(), POTENTIAL),
    "extended": (ExtendedCharge(ChargeLangevin(300.0), period=150.0), POTENTIAL), "thermopotentiostat": (Thermopotentiostat(300.0), POTENTIAL),
}  # fmt: skip


def systems() -> dict[int, Atoms]:
    """Return the structures by their number of atoms."""
    small = example("volmer-initial")
    some = (small, small.repeat((2, 2, 1)), _without(small.repeat((4, 4, 1)), 2), _without(small.repeat((9, 9, 1)), 13))
    return {len(atoms): atoms for atoms in some}


def _without(atoms: Atoms, hydroniums: int) -> Atoms:
    """Return the structure less its first hydroniums, of four atoms each, and its last proton."""
    light = np.flatnonzero(atoms.numbers != 79)
    del atoms[np.r_[light[: 4 * hydroniums], light[-1]]]
    return atoms


def models() -> dict:
    """Return the models by name."""
    committee = load_model("au111-h3o")
    found = {f"committee of {committee.config.size}": committee, "one member": committee.members()[0], "baseline": load_model("baseline")}
    if find_spec("mace") is not None:
        from electrode.models.mace_node import MaceNode, MaceNodeConfig

        found["mace-node"] = MaceNode(MaceNodeConfig.for_elements((1, 8, 79))).double().eval()
    return found


def rate(dynamics, steps: int) -> float:
    """Return steps per CPU second, after three that are not counted."""
    dynamics.run(3)
    times = []
    for _ in range(steps):
        start = time.process_time()
        dynamics.run(1)
        times.append(time.process_time() - start)
    return 1.0 / float(np.median(times))


def row(model, atoms: Atoms, steps: int) -> list[float]:
    """Return the rates of ASE at constant charge and of every mode."""
    charge = {"charge": 0.0}
    moving = with_velocities(fixed_bottom_layer(atoms), 300.0, np.random.default_rng(0))
    moving.calc = ElectrodeCalculator(model, **charge)
    rates = [rate(VelocityVerlet(moving, 0.5 * units.fs), steps)]
    for mode, held in MODES.values():
        moving = with_velocities(fixed_bottom_layer(atoms), 300.0, np.random.default_rng(0))
        moving.calc = ElectrodeCalculator(model, **(held or charge))
        rates.append(rate(ElectrodeDynamics(VelocityVerlet(moving, 0.5 * units.fs), mode, limits=Limits(window=False)), steps))
    return rates


def main(argv: list[str]) -> int:
    """Print a row for each model and size."""
    torch.set_num_threads(1)
    steps = int(argv[0]) if argv else 20
    print(f"steps per CPU second\n{'model':16s} {'atoms':>5s} {'ASE, constant charge':>21s}" + "".join(f" {name:>18s}" for name in MODES))
    for title, model in models().items():
        for count, atoms in systems().items():
            found = row(model, atoms, steps if count < 100 or (count < 500 and title != "mace-node") else max(2, steps // 5))
            print(f"{title:16s} {count:5d} {found[0]:21.1f}" + "".join(f" {x:18.1f}" for x in found[1:]), flush=True)
    return 0

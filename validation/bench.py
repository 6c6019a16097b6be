"""Time of energy and force calls as ASE calculator, of imports, first calls and training, beside other programs in the same run.

    python -m validation bench [--sizes 21 52 199 1000] [--others-up-to 199] [--peers-python PATH ...] [--only calls fixed start training images]

prints CPU time of one core, the least of the repeats, on Au(111) under water.  Peers (Allegro, NequIP, MACE, PaiNN and DeePMD with small networks of random
weights) are timed in the interpreters named, on the same structures; what is not installed is named and left out.  The ratio is the
peer's time over ours; targets are ratios too.  Networks have random weights, which the time does not depend on, `dual` those that are shipped.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from electrode.calculator import ElectrodeCalculator
from electrode.models.base import Model
from electrode.models.closed_form import State
from electrode.models.schemes import find_scheme
from electrode.models.store import build_model, load_model
from validation._bench_parts import of_bands, of_start, of_training
from validation._wet_gold import BOXES, milliseconds, wet_gold

PEER = Path(__file__).parent / "peers" / "calculators.py"
TARGETS = {"Allegro": {21: 4.0, 52: 2.0, 199: 2.0, 1000: 2.0}, "MACE": dict.fromkeys(BOXES, 10.0)}
REPEATS = 60
PARTS = ("calls", "fixed", "start", "training", "images")


class Nothing(Model):
    """No energy at all, for what the calculator itself takes."""

    natural = "potential"

    def members_of(self, structure, owner, weights, kernels=None):
        """Return the model itself, which is its own members."""
        self.atoms, self.systems = len(structure.numbers), structure.n_systems
        return self

    def at(self, x):
        """Return an energy without charge or capacitance."""
        zero = np.zeros((1, self.systems))
        return State(zero, zero, zero - 1.0, {}, None)

    def forces(self, weighted):
        """Return no force."""
        return np.zeros((self.atoms, 3))


def models() -> dict[str, Model]:
    """Return the models by title."""
    committee = load_model("au111-h3o")
    found = {"dual": committee.members()[0], f"dual, committee of {committee.config.size}": committee, "baseline": load_model("baseline")}
    for scheme in ("equilibration", "taylor", "template-f"):
        found[scheme] = started(build_model(scheme, find_scheme(scheme).config().for_elements((1, 8, 79))).eval())
    return found


def started(model: Model) -> Model:
    """Return the model, kernel heads with as many landmarks as they have room for and weights that are not zero, as after training."""
    draw = torch.Generator().manual_seed(0)
    if hasattr(model, "heads"):
        with torch.no_grad():
            for tensor, size in ((model.heads.landmarks, 3.0), (model.heads.weights, 1e-3)):
                tensor.copy_(size * torch.randn(tensor.shape, generator=draw, dtype=torch.float64))
            model.heads.used.fill_(model.heads.landmarks.shape[1])
            model.heads.inverse_length.fill_(0.02)
    return model


def repeats(atoms: int) -> int:
    """Return how often a step is repeated."""
    return max(3, REPEATS // (1 + atoms // 50))


def calculator(model: Model, held: str) -> ElectrodeCalculator:
    """Return the calculator of a model at the middle of a usual range."""
    return ElectrodeCalculator(model, potential=4.0, reference="absolute") if held == "potential" else ElectrodeCalculator(model, charge=0.0)


def peers(python: str, sizes: list[int]) -> list[dict]:
    """Return what the peers of an interpreter printed."""
    with tempfile.TemporaryDirectory() as folder:
        arrays = {"number": len(sizes)}
        for k, size in enumerate(sizes):
            atoms = wet_gold(size)
            arrays |= {f"numbers{k}": atoms.numbers, f"positions{k}": atoms.positions, f"cell{k}": atoms.cell.array, f"pbc{k}": atoms.pbc}
        np.savez(Path(folder) / "structures.npz", **arrays)
        command = [python, str(PEER), str(Path(folder) / "structures.npz"), str(REPEATS // 3)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return lines or [{"peer": python, "why": (done.stderr.strip().splitlines() or ["printed nothing"])[-1]}]


def of_calls(sizes: list[int], others: int, pythons: list[str]) -> None:
    """Print a row for each model and size, then each peer beside `dual`."""
    print(f"{'energy and forces':26s} {'held':10s}" + "".join(f" {size:>9d}" for size in sizes) + "   ms at so many atoms")
    ours: dict[int, float] = {}
    for title, model in models().items():
        shipped = title.startswith("dual")
        for held in ("potential", "charge") if shipped else (model.natural,):  # at random weights no other state need be stable
            chosen = [size for size in sizes if shipped or size <= others]
            times = [milliseconds(wet_gold(size), calculator(model, held), repeats(size)) for size in chosen]
            if times:
                print(f"{title:26s} {held:10s}" + "".join(f" {ms:9.2f}" for ms in times), flush=True)
            ours = ours or dict(zip(chosen, times))
    print(f"\n{'peer, beside dual':26s} {'atoms':>6s} {'peer ms':>9s} {'ours ms':>9s} {'ratio':>7s} {'target':>7s}")
    for found in (line for python in pythons for line in peers(python, sizes)):
        if "why" in found:
            print(f"{found['peer']:26s} left out: {found['why']}")
            continue
        size, target = found["atoms"], TARGETS.get(found["peer"], {}).get(found["atoms"])
        again = min(ours[size], milliseconds(wet_gold(size), calculator(load_model("au111-h3o").members()[0], "potential"), repeats(size)))
        ratio = found["ms"] / again
        verdict = "" if target is None else f" {target:7.1f} {'met' if ratio >= target else 'not met'}"
        print(f"{found['peer']:26s} {size:6d} {found['ms']:9.2f} {again:9.2f} {ratio:7.2f}{verdict}", flush=True)


def of_fixed() -> None:
    """Print what one call takes without any model, and what ASE's own empty calculator takes."""
    from ase.calculators.calculator import Calculator, all_changes

    class Null(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
            super().calculate(atoms, properties, system_changes)
            self.results = {"energy": 0.0, "forces": np.zeros((len(atoms), 3))}

    null, own = milliseconds(wet_gold(21), Null(), 200), milliseconds(wet_gold(21), calculator(Nothing(), "potential"), 200)
    print(f"\nfixed cost of a call: ours {own:.2f} ms, ASE's empty calculator {null:.2f}, ratio {own / null:.1f}, target 2.4: {'met' if own <= 2.4 * null else 'not met'}")


def main(argv: list[str]) -> int:
    """Print the parts that are asked for."""
    options = argparse.ArgumentParser(prog="validation bench")
    options.add_argument("--sizes", type=int, nargs="+", default=list(BOXES), choices=list(BOXES))
    options.add_argument("--others-up-to", type=int, default=199, help="atoms; schemes besides dual take seconds beyond")
    options.add_argument("--peers-python", nargs="+", default=[], help="interpreters in which peers are looked for")
    options.add_argument("--only", nargs="+", default=PARTS, choices=PARTS)
    given = options.parse_args(argv)
    torch.set_num_threads(1)
    parts = {"calls": lambda: of_calls(given.sizes, given.others_up_to, given.peers_python), "fixed": of_fixed, "start": lambda: of_start(sys.executable), "training": of_training, "images": of_bands}
    for name in given.only:
        parts[name]()
    return 0

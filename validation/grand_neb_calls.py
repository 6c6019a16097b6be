"""`python -m validation grand_neb_calls [--case hop volmer] [--held charge] [--prior P] [--json out.json]`: calls that barriers against potential cost.

A shipped model stands for the expensive calculator, asked one structure at a time at a held charge or a held potential.  End states are
relaxed with it at the first potential, and those calls are not counted; what the search asks of them afterwards is.  Beside each row
stands the climbing-image band on the same model, end states relaxed at each potential, to the force of --close, and the saddle that the one
found leads to along the model's own Hessian until no force is left: how far from it small forces can end.  The same is said of a band to
0.05 eV/A at the first potential; the calls of such bands, end states held, are each inner image of each step, summed over all potentials.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from electrode.calculator import ElectrodeCalculator
from electrode.cli.few_calls import prior_named
from electrode.examples import example
from electrode.learn.accelerate import accelerated_barriers
from electrode.models.store import load_model
from electrode.neb import barriers
from electrode.output import refuse_existing, write_json
from electrode.pathway.response import response
from electrode.relax import relax
from electrode.state import Control

HESSIANS = 100  # that the highest image may be followed along
IMAGES, END_FMAX, CLOSE, RATTLE = 7, 0.02, 0.02, 0.02  # of the band; force of the end states given; force of the band compared with [eV/A]; displacement [A]


@dataclass(frozen=True)
class Case:
    """A path of the package's examples, the model that stands for the expensive calculator, and potentials [V SHE]."""

    path: str
    model: str
    potentials: tuple[float, ...]


CASES = {
    "hop": Case("hop", "au111-h", (-0.8, -0.6, -0.4, -0.2, 0.0)),
    "volmer": Case("volmer", "au111-h3o", (-0.6, -0.45, -0.3, -0.15, 0.0)),
}


def main(argv: list[str]) -> int:
    """Search, compare, print, write; return 0."""
    parser = argparse.ArgumentParser(prog="python -m validation grand_neb_calls", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES))
    parser.add_argument("--held", choices=("charge", "potential"), default="charge", help="what the calculator can hold")
    parser.add_argument("--prior", default="bonds", help="as electrode neb --prior takes it (default %(default)s)")
    parser.add_argument("--potentials", nargs="+", type=float, metavar="U", help="[V SHE], the lowest first; by default five of each path")
    parser.add_argument("--close", type=float, default=CLOSE, help="force of the band compared with [eV/A] (default %(default)s)")
    parser.add_argument("--max-calls", type=int, default=40)
    parser.add_argument("--known-ends", action="store_true", help="the search is given what the relaxation of the end states ended with, instead of asking again")
    parser.add_argument("--rattle", type=int, metavar="SEED", help="displace the examples by 0.02 A before their relaxation")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    warnings.simplefilter("ignore", UserWarning)
    given = {} if arguments.potentials is None else {"potentials": tuple(arguments.potentials)}
    rows = [row for name in arguments.case for row in measure(replace(CASES[name], **given), arguments)]
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0


def measure(case: Case, arguments) -> list[dict]:
    """Print and return the rows of one case."""
    model, asked = load_model(case.model), Asked(load_model(case.model), arguments.held)
    ends = [relaxed(f"{case.path}-{end}", model, case.potentials[0], arguments.rattle) for end in ("initial", "final")]
    plain = barriers(*ends, model, case.potentials, images=IMAGES, relax_endpoints=False)
    counts = [row.model_calls * (IMAGES - 2) for row in plain.rows]
    print(f"\n{case.path}, {case.model}: a climbing-image band takes {counts[0]} calls at {case.potentials[0]} V ({plain.rows[0].status}), {sum(counts)} at all potentials")
    row, top, zero = plain.rows[0], plain.transition_states[0], ends[0].get_potential_energy()
    if top is not None:
        energy, far, modes = settled(top, model, _at(row, plain.reference))
        print(f"its barrier is {row.barrier_eV:.4f} eV; along the Hessian it falls to {energy - zero:.4f} eV, {far:.2f} A away ({modes} negative mode)")
    close = barriers(*ends, model, case.potentials, images=IMAGES, fmax=arguments.close)
    start = time.process_time()
    found = accelerated_barriers(*ends, asked.calculator, case.potentials, images=IMAGES, prior=prior_named(arguments.prior), max_calls=arguments.max_calls, known_ends=arguments.known_ends)
    spent = time.process_time() - start
    print(f"{'U/V':>6}{'calls':>7}{'ends':>6}{'barrier':>9}{'settled':>9}{'band':>9}{'off/meV':>9}{'reaction':>10}{'band':>9}{'force':>7}   status; band's")
    rows = [_row(*each, model, close.reference) for each in zip(found.rows, found.saddles, close.rows, close.images)]
    print(f"{asked.calls} calls at a held {arguments.held}, {spent:.0f} CPU s for the search", flush=True)
    return [{"path": case.path, "plain_calls": calls, **row} for calls, row in zip(counts, rows)]


def _row(row, saddle: Atoms | None, other, band, model, reference) -> dict:
    """Print one potential beside its band and beside the saddle that it leads to, and return it."""
    before = band[0].get_potential_energy()  # of the initial state that the model relaxed at this potential
    energy, far, modes = (None, None, None) if saddle is None else settled(saddle, model, _at(row, reference))
    exact = None if energy is None else energy - before
    off = None if None in (row.barrier_eV, other.barrier_eV) else 1e3 * (row.barrier_eV - other.barrier_eV)
    cells = [(row.barrier_eV, "9.4f"), (exact, "9.4f"), (other.barrier_eV, "9.4f"), (off, "9.1f"), (row.reaction_energy_eV, "10.4f"), (other.reaction_energy_eV, "9.4f"), (row.fmax_eV_per_A, "7.3f")]
    shown = "".join("-".rjust(int(form.split(".")[0])) if x is None else format(x, form) for x, form in cells)
    print(f"{row.potential_V:6.2f}{row.fixed_charge_calls + row.constant_potential_calls:7}{row.end_state_calls:6}{shown}   {row.status}; {other.status}", flush=True)
    return {**asdict(row), "band_barrier_eV": other.barrier_eV, "settled_barrier_eV": exact, "settled_A": far, "negative_modes": modes}


def _at(row, reference) -> Control:
    return Control(potential=reference.to_absolute(row.potential_V))


def settled(atoms: Atoms, model, control: Control) -> tuple[float, float, int]:
    """Return Omega of the saddle that a structure leads to along the model's Hessian [eV], how far an atom goes [A], and its negative modes."""
    here = response(atoms, model, control)
    for _ in range(HESSIANS):
        if here.stationary:
            break
        moved = here.atoms.copy()
        moved.positions[here.free] += here.step(1)
        here = response(moved, model, control)
    return here.energy, float(np.linalg.norm(here.atoms.positions - atoms.positions, axis=1).max()), here.negative_modes


def relaxed(name: str, model, potential: float, seed: int | None = None) -> Atoms:
    """Return an example relaxed on the model at a potential [V SHE], its results with it."""
    start = example(name)
    if seed is not None:
        start.positions += np.random.default_rng(seed).normal(scale=RATTLE, size=start.positions.shape) * (start.get_tags() < start.get_tags().max())[:, None]
    atoms = relax(start, ElectrodeCalculator(model, potential=potential, reference="SHE"), fmax=END_FMAX)[0]
    known = SinglePointCalculator(atoms, energy=atoms.get_potential_energy(), forces=atoms.get_forces(apply_constraint=False))
    known.results |= {name: atoms.calc.results[name] for name in ("canonical_energy", "charge", "potential")}
    atoms.calc, atoms.info = known, {}
    return atoms


class Asked:
    """A model as the expensive calculator: one that holds what it is told to, and counts."""

    def __init__(self, model, held: str):
        self.model, self.calls = model, 0
        self.calculator = self._at_charge if held == "charge" else self._at_potential

    def _at_charge(self, charge: float):
        self.calls += 1
        return ElectrodeCalculator(self.model, charge=charge)

    def _at_potential(self, potential: float):
        self.calls += 1
        return ElectrodeCalculator(self.model, potential=potential, reference="absolute")

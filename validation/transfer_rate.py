"""`python -m validation transfer_rate [--windows N] [--moves N] [--output FOLDER] ...`: H and D hopping on Au(111), classical and quantum.

The hydrogen atom of the shipped model au111-h goes from its fcc site to the neighbouring hcp site at three potentials.  Its centroid is
held at places along the line between them, the slope of the free energy is sampled there by hybrid Monte Carlo, and transition-state
theory gives the rate, with one bead (classical) and with several (path integrals).  A classical profile does not know the mass, so H and D share it; the isotope effect of
path integrals comes from hydrogen's kinetic energy along the line.
The line's plane holds other sites too, so that beyond WALL beside the line a soft wall keeps hydrogen near it: the rate is that of one of
the three hops from an fcc site.
Every window is a file of its own in --output: a run that was stopped goes on where it stood, and `--moves` more are made with each call
until --seconds of this process are spent.  A window whose run leaves what the model was trained on is closed, and said so.
"""

from __future__ import annotations

import argparse
import gzip
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from ase.constraints import FixAtoms

from electrode.examples import example
from electrode.models.store import load_model
from electrode.output import refuse_existing, replacing, write_json
from electrode.references import reference
from electrode.simulate.analysis import estimate
from electrode.simulate.coordinates import Along, inverse_mass
from electrode.simulate.ensembles import ChargePerBead, SharedCharge
from electrode.simulate.free_energy import Profile, transition_state_rate
from electrode.simulate.isotopes import KineticEnergy, isotope_effect_by_mass
from electrode.simulate.monte_carlo import LeftTrainedRange, Run, Sampler, advance
from electrode.simulate.monte_carlo_files import load_run, save_run
from electrode.simulate.path_integral import quantum_kinetic_energy
from electrode.simulate.schedule import Schedule
from electrode.simulate.umbrella import Umbrella

MASSES = {"H": 1.008, "D": 2.014}
ENSEMBLES = {"shared": SharedCharge, "adiabatic": ChargePerBead}
WALL, STIFFNESS = 0.4, 20.0  # [A], [eV/A^2]
SKIPPED = 0.15  # share of each window's first moves that is not averaged
SAMPLED = ("slope", "charge", "kinetic")  # [eV/A] of the free energy, [e] mean over the beads, [eV] of hydrogen
FEWEST = 40  # slopes that a window needs before its average counts


@dataclass(frozen=True)
class Window:
    """One run: a potential, a mass, a number of beads, a place along the line [A]."""

    potential: float
    isotope: str
    beads: int
    place: float

    @property
    def name(self) -> str:
        """Of its files."""
        return f"{self.potential:+.2f}V-{self.isotope}-{self.beads}-{self.place:+.3f}A"


def main(argv: list[str]) -> int:
    """Sample, print and write; return 1 while windows are missing."""
    arguments = _arguments(argv)
    refuse_existing([arguments.json, arguments.pack], arguments.force)
    arguments.output.mkdir(parents=True, exist_ok=True)
    model = load_model("au111-h")
    scale = reference("SHE", absolute=model.card.she_absolute)
    initial, final = example("hop-initial"), example("hop-final")
    hop = final.positions[-1] - initial.positions[-1]
    length, coordinate = float(np.linalg.norm(hop)), Along(len(initial) - 1, tuple(hop))
    origin = coordinate.value(initial.positions)
    places = np.linspace(-0.25, 0.75 * length, arguments.windows)
    groups = [(u, isotope, beads) for beads in arguments.beads for u in arguments.potentials for isotope in (("H", "D") if beads > 1 else ("H",))]
    deadline = time.process_time() + arguments.seconds
    for u, isotope, beads in groups:
        for place in places:
            window = Window(u, isotope, beads, float(place))
            sampler = _sampler(model, initial, final, coordinate, origin, window, scale.to_absolute(u), arguments)
            _advance(window, sampler, arguments, deadline)
    if arguments.pack:
        _pack([Window(u, isotope, beads, float(place)) for u, isotope, beads in groups for place in places], arguments)
    return _report(groups, places, coordinate, initial, arguments)


def _pack(windows: list[Window], arguments) -> None:
    """Write what all windows sampled to one file, rounded far below its errors."""
    rounded = lambda values: np.round(values, 4).tolist()
    rows = [(w, _read(arguments.output, w)) for w in windows]
    rows = [
        {"potential_V": w.potential, "isotope": w.isotope, "beads": w.beads, "place_A": round(w.place, 4), **{name: rounded(d[name]) for name in SAMPLED}, "stopped": d["stopped"]}
        for w, d in rows
    ]  # fmt: skip
    with replacing(arguments.pack, arguments.force) as part:
        part.write_bytes(gzip.compress(json.dumps({"temperature_K": arguments.temperature, "ensemble": arguments.ensemble, "windows": rows}).encode(), mtime=0))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m validation transfer_rate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--potentials", nargs="+", type=float, default=[-0.8, -0.3, 0.2], help="[V] on SHE (default %(default)s)")
    parser.add_argument("--beads", nargs="+", type=int, default=[1, 16])
    parser.add_argument("--ensemble", choices=ENSEMBLES, default="adiabatic", help="a charge of each bead, or one shared by all and sampled")
    parser.add_argument("--windows", type=int, default=7)
    parser.add_argument("--moves", type=int, default=400, help="of each window before the next is begun (default %(default)s)")
    parser.add_argument("--temperature", type=float, default=300.0, help="[K]")
    parser.add_argument("--seconds", type=float, default=600.0, help="CPU time after which no window is begun or gone on with")
    parser.add_argument("--output", type=Path, default=Path("transfer_rate"), help="folder of the windows (default %(default)s)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--pack", type=Path, metavar="FILE.json.gz", help="write what was sampled in all windows to one file, which tutorials/11 reads")
    parser.add_argument("--force", action="store_true")
    return parser.parse_args(argv)


def _sampler(model, initial, final, coordinate, origin, window: Window, potential: float, arguments) -> Sampler:
    """Return what samples a window: the lowest layer held, the others and hydrogen free, all centroids as heavy as hydrogen."""
    atoms = initial.copy()
    share = np.clip(window.place / np.linalg.norm(final.positions[-1] - initial.positions[-1]), 0.0, 1.0)
    atoms.positions += share * (final.positions - initial.positions)
    atoms.positions = coordinate.placed(atoms.positions, origin + window.place)
    masses = atoms.get_masses()
    masses[-1] = MASSES[window.isotope]
    atoms.set_masses(masses)
    tags = atoms.get_tags()
    atoms.set_constraint(FixAtoms(mask=tags == tags.max()))
    schedule = Schedule(electrons=0.3, window=0.15, timestep=6.0, steps=6, mass=12.0)
    beside = Along(coordinate.atom, tuple(np.cross([0.0, 0.0, 1.0], coordinate.direction)))
    ensemble = Umbrella(ENSEMBLES[arguments.ensemble](model, atoms, potential), beside, beside.value(initial.positions), STIFFNESS, WALL)
    return Sampler(ensemble, atoms, arguments.temperature, window.beads, (len(atoms) - 1,), coordinate, schedule)


def _advance(window: Window, sampler: Sampler, arguments, deadline: float) -> None:
    """Make a window's moves, from where it stood, and write them; a window that left the trained range says so in its file."""
    place, written = arguments.output / f"{window.name}.npz", _read(arguments.output, window)
    left = arguments.moves - len(written["slope"])
    if left <= 0 or written["stopped"] or time.process_time() > deadline:
        return
    seed = int(1e6 + 1000 * window.place + 7 * window.beads + 100 * (window.potential + 5)) + 31 * len(window.isotope) * ord(window.isotope)
    run = load_run(place, sampler) if place.exists() else sampler.start(seed)
    start, rows, last = time.process_time(), [], [run]

    def observe(now: Run) -> None:
        centroid, forces = now.state.centroid, now.state.forces.mean(0)
        last[0] = now
        rows.append([float(sampler.coordinate.slopes(centroid, forces, sampler.temperature)[0]), float(now.state.charge.mean()), quantum_kinetic_energy(now.state, [len(centroid) - 1], sampler.temperature)])

    try:
        run = advance(run, left, observer=observe)
    except LeftTrainedRange as error:
        written["stopped"] = str(error)
    for name, column in zip(SAMPLED, zip(*rows)):
        written[name] += column
    written["cpu_s"] += time.process_time() - start
    written["accepted"] = {name: count.rate for name, count in last[0].counts.items()}
    save_run(place, last[0], force=True)
    write_json(arguments.output / f"{window.name}.json", written, force=True)


def _read(folder: Path, window: Window) -> dict:
    path = folder / f"{window.name}.json"
    return json.loads(path.read_text()) if path.exists() else {**{name: [] for name in SAMPLED}, "cpu_s": 0.0, "stopped": None, "accepted": {}}


def _report(groups, places, coordinate, atoms, arguments) -> int:
    rows, missing = [], 0
    print(f"{'U/V SHE':>8}{'beads':>6}{'':>3}{'windows':>8}{'barrier/eV':>14}{'rate/(1/s)':>18}{'charge/e':>9}{'CPU s':>7}")
    for u, isotope, beads in groups:
        found = {float(s): _read(arguments.output, Window(u, isotope, beads, float(s))) for s in places}
        done = {s: w for s, w in found.items() if len(w["slope"]) * (1 - SKIPPED) >= FEWEST}
        missing += len(places) - len(done)
        for s, w in found.items():
            if w["stopped"]:
                print(f"  {u:+.2f} V, {beads} beads of {isotope}, {s:+.3f} A: stopped {w['stopped']}")
        rows += [_row(u, name, beads, done, found, len(places), coordinate, atoms, arguments) for name in (MASSES if beads == 1 else (isotope,))]
    effects = _effects(rows, arguments.temperature)
    if arguments.json:
        write_json(arguments.json, {"rates": rows, "isotope_effects": effects, "ensemble": arguments.ensemble}, arguments.force)
    return 1 if missing else 0


def _row(u, isotope, beads, done, found, wanted, coordinate, atoms, arguments) -> dict:
    row = {"potential_V": u, "isotope": isotope, "beads": beads, "windows": len(done), "of": wanted, "cpu_s": sum(w["cpu_s"] for w in found.values())}
    if len(done) == wanted:
        slopes = [estimate(np.mean, _kept(w["slope"])) for _, w in sorted(done.items())]
        profile = Profile(np.array(sorted(done)), np.array([x.value for x in slopes]), np.array([x.error for x in slopes]))
        masses = np.where(np.arange(len(atoms)) == len(atoms) - 1, MASSES[isotope], atoms.get_masses())
        row |= _rate(profile, inverse_mass(coordinate, atoms.positions, masses), arguments.temperature)
        kinetic = [estimate(np.mean, _kept(w["kinetic"])) for _, w in sorted(done.items())]
        row |= {"kinetic_eV": [x.value for x in kinetic], "kinetic_error_eV": [x.error for x in kinetic], "slope_eV_per_A": profile.slope.tolist(), "slope_error_eV_per_A": profile.slope_error.tolist()}
        row |= {"inverse_mass": inverse_mass(coordinate, atoms.positions, masses), "places_A": profile.value.tolist()}
        row |= {"charge_e": float(np.mean([np.mean(w["charge"]) for w in done.values()])), "profile_eV": profile.energy.tolist()}
    shown = f"{row.get('unresolved', 'not complete'):>41}"
    if "rate_per_s" in row:
        barrier, rate = f"{row['barrier_eV']:9.4f}({1e4 * row['barrier_error_eV']:3.0f})", f"{row['rate_per_s']:11.3e}({row['rate_error_per_s'] / row['rate_per_s']:5.0%})"
        shown = f"{barrier}{rate}{row['charge_e']:+9.3f}"
    print(f"{u:8.2f}{beads:6d}{isotope:>3}{row['windows']:5d}/{wanted:<2d}{shown}{row['cpu_s']:7.0f}")
    return row


def _rate(profile: Profile, inverse: float, temperature: float) -> dict:
    try:
        rate = transition_state_rate(profile, inverse, temperature)
    except ValueError:
        return {"unresolved": "no barrier beyond the noise"}
    return {"barrier_eV": rate.barrier, "barrier_error_eV": rate.barrier_error, "rate_per_s": rate.rate, "rate_error_per_s": rate.rate_error, "top_A": rate.top}


def _kept(values: list[float]) -> np.ndarray:
    return np.array(values[int(SKIPPED * len(values)) :])


def _effects(rows: list[dict], temperature: float) -> list[dict]:
    """Return and print k_H / k_D: of one classical profile, or from hydrogen's profile and the kinetic energies of both."""
    out, known = [], {(r["potential_V"], r["beads"], r["isotope"]): r for r in rows if "kinetic_eV" in r}
    for u, beads, isotope in known:
        if isotope == "H" and (u, beads, "D") in known and "rate_per_s" in known[u, beads, "H"]:
            light, heavy = known[u, beads, "H"], known[u, beads, "D"]
            effect, error = (light["rate_per_s"] / heavy["rate_per_s"], 0.0) if beads == 1 else _by_mass(light, heavy, temperature)
            out.append({"potential_V": u, "beads": beads, "isotope_effect": effect, "error": error})
            print(f"k_H/k_D at {u:+.2f} V, {beads} beads: {effect:.2f} +- {error:.2f}")
    return out


def _by_mass(light: dict, heavy: dict, temperature: float) -> tuple[float, float]:
    profile = Profile(*(np.array(light[name]) for name in ("places_A", "slope_eV_per_A", "slope_error_eV_per_A")))
    kinetic = [KineticEnergy(MASSES[r["isotope"]], np.array(r["kinetic_eV"]), np.array(r["kinetic_error_eV"])) for r in (light, heavy)]
    return isotope_effect_by_mass(profile, *kinetic, (light["inverse_mass"], heavy["inverse_mass"]), temperature)

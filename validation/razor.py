"""What of the forces' change with charge the scheme `razor` explains, on charge series at fixed atoms.

`python -m validation razor [--sets au111_h au111_h3o metals treci] [--fold K] [--leaky] [--json F]`

left  : rms of F(Q) - F(Q0) - (Q - Q0) Z over rms of F(Q) - F(Q0), Z = dF/dQ of the model at Q0, for |Q| <= 1.35 e; Q0 is the charge of a
    geometry nearest to zero.     floor : the same with the best Z of the labels themselves, what no expansion to first order explains.
r     : correlation of Z with that of the labels.     own : as `left`, with the model's F(Q) - F(Q0), which differs with a local capacitance.

au111_h, au111_h3o : the test trajectories of the split files of tutorials/data.    metals : hydrogen on Au, Cu and Pt(111) together, trajectories
    divided 70 : 15 : 15 by seed 0.    treci : Cu(111) and water between two faces before a uniform background, one geometry left out after the
    other; no energies, since the background gives them no common zero, the potential is the mean Fermi level of the cell.  `charged` compares
    with the first charged frame of a geometry, `metal` all charges with the first frame whose charge is the metal's: neutral ones whose
    potential is high hold part of theirs in the water, which shows as a capacitance of the next step 1.1 times the geometry's least or more.
    Such frames are not trained on, but with `--leaky`.  Z of the labels where the charge is the metal's leaves 20 % of the first comparison.
`--fold K` splits the training part in K by trajectory and tests each on the others' model instead: what choices were made on.
The last two sets are read from $ELECTRODE_DATA.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from electrode.data.files import parse_frames, read_frames
from electrode.data.splits import Split, split_by_trajectory
from electrode.models.base import Model
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation import _outside_data
from validation.protocols import errors
from validation.volmer import DATA

SETS = ("au111_h", "au111_h3o", "metals", "treci")
LARGEST = 1.35  # |Q| [e]
STEP = 1e-3  # [e]
CHOICES = {"metals": {"landmarks": 100}, "treci": {"countercharge": "uniform", "landmarks": 60, "bonds": (1.0, 1.5, 2.0)}}
LEAKY = 1.1  # capacitance over the geometry's least from which on a step moves charge that is not the metal's
SHORTEST = 0.1  # step whose capacitance is looked at [e]
TERMS = {"treci": [{"quantity": "conjugate", "weight": 1.0, "scale": 0.05}, {"quantity": "force_slope", "weight": 1.0, "scale": 0.01}]}


def series(frames: Sequence, first: Callable[[float], bool] = lambda charge: True, largest: float = LARGEST) -> Iterator[tuple]:
    """Yield (atoms, charges (B,), forces (B, n, 3)) of each geometry with two charges or more of those to compare, nearest to zero first."""
    groups: dict[str, list] = {}
    for frame in frames:
        if abs(frame.charge) <= largest and first(frame.charge):
            groups.setdefault(frame.geometry_id, []).append(frame)
    for group in groups.values():
        ordered = sorted(group, key=lambda f: abs(f.charge))
        if len(ordered) > 1:
            yield ordered[0].atoms, np.array([f.charge for f in ordered]), np.array([f.forces for f in ordered])


def forces(model: Model, atoms, charges: np.ndarray) -> np.ndarray:
    """Return the model's forces at each charge, (B, n, 3) [eV/A]."""
    found = evaluate(model, Structure.from_atoms([atoms] * len(charges)), Control(charge=charges))["forces"]
    return found.detach().numpy().reshape(len(charges), -1, 3)


def compare(model: Model, frames: Sequence, first: Callable[[float], bool] = lambda charge: True, largest: float = LARGEST) -> list[dict]:
    """Return sums of squares of each geometry: of the change, of what Z, the model and the labels' own Z leave, and both Z (n, 3)."""
    rows = []
    for atoms, charge, labelled in series(frames, first, largest):
        change, step = labelled[1:] - labelled[0], (charge[1:] - charge[0])[:, None, None]
        below, above = forces(model, atoms, charge[0] + np.array([-STEP, STEP]))
        slope, best = (above - below) / (2.0 * STEP), (step * change).sum(0) / (step**2).sum()
        own = forces(model, atoms, charge)
        left = [change, change - step * slope, change - (own[1:] - own[0]), change - step * best]
        rows.append({"sums": [float((x**2).sum()) for x in left], "labels": change.size, "model": slope, "labelled": best})
    return rows


def summary(rows: Sequence[dict]) -> dict[str, float]:
    """Return the shares left and the correlation over all geometries."""
    total, slope, own, floor = np.sum([r["sums"] for r in rows], axis=0)
    model, labelled = (np.concatenate([r[name].ravel() for r in rows]) for name in ("model", "labelled"))
    share = lambda x: float(np.sqrt(x / total))
    return {
        "n_geometries": len(rows), "change_meV_per_A": float(1e3 * np.sqrt(total / sum(r["labels"] for r in rows))), "left": share(slope), "own": share(own),
        "floor": share(floor), "r": float(np.corrcoef(model, labelled)[0, 1]), "slope_rmse_eV_per_A_e": float(np.sqrt(np.mean((model - labelled) ** 2))),
    }  # fmt: skip


def tasks(name: str, leaky: bool = False) -> Iterator[tuple[list, list, list]]:
    """Yield training, validation and test frames of a set."""
    if name == "treci":
        yield from _treci(leaky)
        return
    if name == "metals":
        frames = [f for metal in ("au", "cu", "pt") for f in read_frames(_outside_data.folder() / "sjm_h_metal" / f"{metal}111_h.xyz")]
        split = split_by_trajectory(frames, (0.7, 0.15, 0.15), seed=0)
    else:
        frames, split = read_frames(DATA / f"{name}.xyz.gz"), Split.from_json(DATA / f"{name}.split.json")
    yield tuple(split.select(frames, part) for part in ("train", "validation", "test"))


def _treci(leaky: bool) -> Iterator[tuple[list, list, list]]:
    frames = parse_frames(_outside_data.folder() / "treci_fcp" / "treci_fcp_constant_potential.extxyz")
    names = sorted({f.trajectory for f in frames})
    own = {name: [f for f in frames if f.trajectory == name] for name in names}
    kept = own if leaky else {name: metallic(some) for name, some in own.items()}
    for name in names:
        others = [_levelled(f) for other in names if other != name for f in kept[other]]
        if any(series(own[name])):
            yield others, others, own[name]  # validation must not see the geometry left out


def metallic(frames: Sequence) -> list:
    """Return the frames of one geometry without the one nearest to neutral, where the step from there to the next has a capacitance beyond the others'."""
    ordered = sorted(frames, key=lambda f: abs(f.charge))
    apart = ordered[:1]
    for frame in ordered[1:]:
        apart += [frame] if abs(frame.charge - apart[-1].charge) > SHORTEST else []
    capacitance = [(b.charge - a.charge) / (a.mu - b.mu) for a, b in zip(apart[:-1], apart[1:])]
    return ordered[1:] if capacitance[0] > LEAKY * min(capacitance) else ordered


def _levelled(frame):
    """Return a frame of uniform background without energy, its potential from the mean Fermi level of the cell where the files give it."""
    level = frame.info.get("fermi_cell")
    return replace(frame, energy=None, energy_kind="none", mu=None if level is None else float(level), mu_zero="electrolyte")


def folds(training: Sequence, number: int) -> Iterator[tuple[list, list, list]]:
    """Yield a division of training frames by trajectory, each part tested once."""
    names = sorted({f.trajectory for f in training})
    np.random.default_rng(0).shuffle(names)
    for k in range(number):
        held = set(names[k::number])
        kept, out = [f for f in training if f.trajectory not in held], [f for f in training if f.trajectory in held]
        yield kept, kept, out


def measure(name: str, arguments) -> dict:
    """Train on each task of a set and return the shares left over all of them, with errors where energies are labelled."""
    found, charged, metal, further = [], [], [], {}
    given = TERMS.get(name)
    config = replace(TrainConfig.for_scheme("razor", **({"terms": given} if given else {})), max_minutes=arguments.minutes, epochs=3)
    for training, held, test in tasks(name, arguments.leaky):
        for parts in folds([*training, *held], arguments.fold) if arguments.fold else [(training, held, test)]:
            model = train("razor", *parts[:2], config, CHOICES.get(name)).model
            found += compare(model, parts[2])
            if name == "treci":
                charged += compare(model, parts[2], lambda charge: charge != 0.0)
                metal += compare(model, [f for name in {f.trajectory for f in parts[2]} for f in metallic([g for g in parts[2] if g.trajectory == name])], largest=np.inf)
            further = errors(model, parts[2]) if name != "treci" and not arguments.fold else {}
    row = {"set": name, "folds": arguments.fold, **summary(found), **further}
    return {**row, "charged": summary(charged), "metal": summary(metal)} if charged else row


def show(name: str, row: dict) -> None:
    """Print a row of the table."""
    tail = "".join(f"{row[key]:10.2f}" for key in ("energy_meV_per_atom", "force_meV_per_A", "potential_mV") if key in row)
    print(f"{name:16s}{row['n_geometries']:5d}{row['change_meV_per_A']:11.1f}{row['left']:8.3f}{row['own']:8.3f}{row['floor']:8.3f}{row['r']:9.4f}{tail}", flush=True)


def main(argv: list[str]) -> int:
    """Train, compare, print, write."""
    parser = argparse.ArgumentParser(prog="python -m validation razor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--fold", type=int, default=0, metavar="K")
    parser.add_argument("--leaky", action="store_true", help="of treci: train on frames too whose charge is partly the water's")
    parser.add_argument("--minutes", type=float, default=10.0, help="of training for each model")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    torch.set_num_threads(1)
    print("set              geom.   dF meV/A    left     own   floor        r   E meV/atom  F meV/A   Phi mV")
    rows = []
    for name in arguments.sets:
        try:
            rows.append(measure(name, arguments))
        except FileNotFoundError as error:
            print(f"{name}: skipped, {error}; set ELECTRODE_DATA")
            continue
        show(name, rows[-1])
        for part in ("charged", "metal"):
            if part in rows[-1]:
                show(f"{name} {part}", rows[-1][part])
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0

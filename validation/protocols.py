"""Every trainable scheme on the same data under the same splits: trajectories, folds of them, a reaction path, or a charge at either end left out.

`python -m validation protocols [--schemes equilibration dual] [--protocols test folds path low high] [--sets au111_h au111_h3o] [--minutes 5] [--seed 0] [--json F]`

Frames are those of tutorials/data with its split files.  `python -m validation metals` leaves metals out, `extrapolation` has more to say of charges.

test : the test trajectories of the split.     path : both Volmer paths out of training, and the barrier along their fixed images.
folds : five folds of all trajectories, drawn with the seed, each the test once; three train and one validates.  The last line pools them.
low, high : the frames of the lowest or highest charge of every geometry out of training, tested on them in the test trajectories.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.data.splits_folds import k_fold
from electrode.models.conjugate import NoStableState
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation.volmer import DATA, FIXED, PATHS, dft_profile, fixed_images, model_profile

PROTOCOLS = ("test", "folds", "path", "low", "high")
FOLDS = 5
SETS = ("au111_h", "au111_h3o")
BATCH = 50


def errors(model, frames: Sequence) -> dict[str, float]:
    """Return errors at the labelled charge, and of the charge at the labelled potential: rms over frames, the barest form of each label."""
    found = {k: [] for k in ("energy_meV_per_atom", "force_meV_per_A", "force_without_net_meV_per_A", "potential_mV", "charge_e")}
    for k in range(0, len(frames), BATCH):
        some = sorted(frames[k : k + BATCH], key=lambda f: len(f.geometry))
        structure = Structure.from_atoms([f.atoms for f in some])
        out = evaluate(model, structure, Control(charge=[f.charge for f in some]))
        charge = charges(model, structure, some)
        counts = structure.counts.numpy()
        energy = out["canonical_energy"].detach().numpy() - [f.canonical_energy for f in some]
        forces = np.split(out["forces"].detach().numpy(), np.cumsum(counts)[:-1])
        wrong = [a - f.forces for a, f in zip(forces, some)]
        found["energy_meV_per_atom"] += list(1e3 * energy / counts)
        found["force_meV_per_A"] += [1e3 * w.ravel() for w in wrong]
        found["force_without_net_meV_per_A"] += [1e3 * (w - w.mean(0)).ravel() for w in wrong]
        found["potential_mV"] += list(1e3 * (out["potential"].detach().numpy() - [f.potential for f in some]))
        found["charge_e"] += list(charge - [f.charge for f in some])
    return {name: float(np.sqrt(np.mean(np.concatenate([np.atleast_1d(v) for v in values]) ** 2))) for name, values in found.items()}


def charges(model, structure: Structure, frames: Sequence) -> np.ndarray:
    """Return the charges at the labelled potentials, NaN for all where a model has no stable state at one."""
    try:
        return evaluate(model, structure, Control(potential=[f.potential for f in frames]))["charge"].detach().numpy()
    except NoStableState:
        return np.full(len(frames), np.nan)


def by_charge(frames: Sequence, end: str) -> tuple[list, list]:
    """Return the frames without the lowest or highest charge of each geometry, and those alone."""
    groups: dict[str, list] = {}
    for frame in frames:
        groups.setdefault(frame.geometry_id, []).append(frame)
    ordered = [sorted(g, key=lambda f: f.charge) for g in groups.values()]
    last = 0 if end == "low" else -1
    out = [g[last] for g in ordered if len(g) > 2]
    held = {id(f) for f in out}
    return [f for g in ordered for f in g if id(f) not in held], out


def barrier_rows(model, frames) -> dict[str, list[float]]:
    """Return the barriers along both fixed paths, DFT and model [eV], and their slopes in potential [e]."""
    rows = {}
    for path in PATHS:
        images = fixed_images(frames, path)
        for u in FIXED[1:]:
            dft, found = dft_profile(images, u + 4.44)[0], model_profile(model, images, u + 4.44)
            rows[f"{path} {u:+.1f} V"] = [float(p.max() - p[0]) for p in (dft, found)]
        dft, found = (np.subtract(rows[f"{path} {FIXED[2]:+.1f} V"], rows[f"{path} {FIXED[1]:+.1f} V"]) / (FIXED[2] - FIXED[1])).tolist()
        rows[f"{path} slope"] = [dft, found]
    return rows


def tasks(protocol: str, sets: Sequence[str], seed: int):
    """Yield (name, training, validation, test, all frames) of a protocol."""
    for name in sets if protocol != "path" else [n for n in sets if n == SETS[1]]:
        frames = read_frames(DATA / f"{name}.xyz.gz")
        if protocol == "folds":
            for part in k_fold(frames, FOLDS, seed=seed):
                yield name, *(part.select(frames, p) for p in ("train", "validation", "test")), frames
            continue
        split = Split.from_json(DATA / f"{name}.split.json")
        training, held, test = (split.select(frames, p) for p in ("train", "validation", "test"))
        if protocol == "path":
            test = [f for f in frames if f.info["config_type"] in PATHS]
            training, held = ([f for f in some if f.info["config_type"] not in PATHS] for some in (training, held))
        elif protocol in ("low", "high"):
            training, held = (by_charge(some, protocol)[0] for some in (training, held))
            test = by_charge(test, protocol)[1]
        yield name, training, held, test, frames


def pooled(rows: Sequence[dict]) -> dict:
    """Return a row with the root mean square errors over the frames of the folds' tests; forces as if all frames held as many atoms."""
    count = np.array([r["n_test"] for r in rows])
    mean = {k: float(np.sqrt((count * np.square([r[k] for r in rows])).sum() / count.sum())) for k in rows[0] if isinstance(rows[0][k], float)}
    return {**rows[0], "protocol": "pooled", "n_test": int(count.sum()), **mean}


def line(row: dict) -> str:
    """Return a row as printed."""
    return (
        f"{row['protocol']:8s} {row['data']:12s} {row['scheme']:14s} {row['n_train']:5d} {row['n_test']:4d}   {row['energy_meV_per_atom']:8.2f}"
        f"     {row['force_meV_per_A']:6.1f} {row['force_without_net_meV_per_A']:6.1f}            {row['potential_mV']:8.1f}       {row['charge_e']:.4f}"
    )


def run(protocol: str, scheme: str, arguments: argparse.Namespace) -> list[dict]:
    """Train and test a scheme under a protocol, print and return the rows."""
    rows = []
    for name, training, held, test, frames in tasks(protocol, arguments.sets, arguments.seed):
        config = TrainConfig.for_scheme(scheme, max_minutes=arguments.minutes, seed=arguments.seed)
        model = train(scheme, training, held, config).model
        rows.append({"protocol": protocol, "data": name, "scheme": scheme, "n_train": len(training), "n_test": len(test), **errors(model, test)})
        print(line(rows[-1]), flush=True)
        if protocol == "path":
            rows[-1]["barriers_dft_model"] = barrier_rows(model, frames)
            for key, (dft, found) in rows[-1]["barriers_dft_model"].items():
                print(f"    {key:24s} DFT {dft:.3f}   model {found:.3f}", flush=True)
    for name in arguments.sets if protocol == "folds" else ():
        rows.append(pooled([r for r in rows if r["data"] == name]))
        print(line(rows[-1]), flush=True)
    return rows


def main(argv: list[str]) -> int:
    """Train, test, print."""
    parser = argparse.ArgumentParser(prog="python -m validation protocols", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemes", nargs="+", default=["equilibration", "dual"])
    parser.add_argument("--protocols", nargs="+", default=list(PROTOCOLS), choices=PROTOCOLS)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--minutes", type=float, default=5.0, help="of training for each model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    torch.set_num_threads(1)
    print(f"{'protocol':8s} {'data':12s} {'scheme':14s} train test   E meV/atom   F, without net meV/A   potential mV   charge e", flush=True)
    rows = [row for protocol in arguments.protocols for scheme in arguments.schemes for row in run(protocol, scheme, arguments)]
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0

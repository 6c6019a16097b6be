"""What physics is worth beyond the data: the lowest or the highest charge of every geometry left out, and models tested on it.

`python -m validation extrapolation [--schemes equilibration dual delta plain] [--members 3] [--minutes 3] [--models FOLDER] [--json F]`

Frames and splits are those of tutorials/data.  Training and validation lose the charge at one end; the test trajectories are asked at that
charge ("outside") and at the others ("inside").  Energy, forces and the conjugate are compared at the labelled natural variable, that variable at the
labelled conjugate where the model has a stable state there; "unstable" counts the frames without.  Each number is the root mean square over
frames, its mean and standard deviation over the members of a committee, trained at once from different first weights (least squares: one
fit, which has no such weights).  `plain` is a network of the size of `dual` without charge, capacitor or decay (validation/plain.py).  With
--models the committees are kept there and used again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.models.conjugate import NoStableState
from electrode.models.schemes import SCHEMES
from electrode.models.store import load_model, save_model
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.metrics import compare
from electrode.train.train import train
import validation.plain  # noqa: F401  registers the control
from validation.protocols import SETS, by_charge
from validation.volmer import DATA

ENDS = ("low", "high")
COLUMNS = (("energy_meV_per_atom", "E meV/atom", 1), ("force_meV_per_A", "F meV/A", 0), ("potential_mV", "Phi mV", 0), ("charge_e", "Q e", 4), ("unstable", "unstable", 1))


def trained(scheme: str, name: str, training, held, config: TrainConfig, members: int, folder: Path | None) -> Model:
    """Return a model trained on some frames, or the one that `folder` keeps under that name."""
    place = folder / name if folder else None
    if place is not None and (place / "model.json").is_file():
        return load_model(place)
    model = train(scheme, training, held, config, members=members).model
    if place is not None:
        save_model(model, place)
    return model


def singles(model: Model) -> list[Model]:
    """Return the models that a row of the table is the mean over."""
    return model.members() if isinstance(model, Committee) else [model]


def parts(data: str, end: str) -> tuple[list, list, dict[str, list]]:
    """Return training and validation frames of a set without the lowest or highest charge of each geometry, and the test frames inside and outside."""
    frames, split = read_frames(DATA / f"{data}.xyz.gz"), Split.from_json(DATA / f"{data}.split.json")
    (training, _), (held, _), (inside, outside) = (by_charge(split.select(frames, part), end) for part in ("train", "validation", "test"))
    return training, held, {"inside": inside, "outside": outside}


def errors(model: Model, frames: list) -> dict[str, float]:
    """Return root mean square errors at the label of the natural variable, that of the other variable at its own label, and how many frames have no stable state there."""
    natural = compare(model, frames).errors()
    other = "charge" if model.natural == "potential" else "potential"
    solved = [_solved(model, f, other) for f in frames]
    missed = np.array([value - getattr(f, model.natural) for value, f in zip(solved, frames)])
    found = {other: natural[f"{other}_rmse_{'e' if other == 'charge' else 'V'}"], model.natural: float(np.sqrt(np.nanmean(missed**2)))}
    return {
        "energy_meV_per_atom": natural["energy_rmse_meV_per_atom"], "force_meV_per_A": natural["force_rmse_meV_per_A"],
        "potential_mV": 1e3 * found["potential"], "charge_e": found["charge"], "unstable": int(np.isnan(missed).sum()),
    }  # fmt: skip


def _solved(model: Model, frame, held: str) -> float:
    """Return the natural variable of a frame's structure at the label of the other, NaN without a stable state."""
    try:
        out = evaluate(model, Structure.from_atoms(frame.atoms), Control(**{held: getattr(frame, held)}))
        return float(out[model.natural][0])
    except NoStableState:
        return float("nan")


def rows(end: str, data: str, scheme: str, some: dict[str, list], models: list[Model]) -> list[dict]:
    """Return a row of errors for each part of the test frames, mean and standard deviation over the models."""
    found = []
    for part, frames in some.items():
        each = [errors(m, frames) for m in models]
        mean = {key: [float(f([e[key] for e in each])) for f in (np.mean, np.std)] for key, *_ in COLUMNS}
        found.append({"left_out": end, "data": data, "scheme": scheme, "part": part, "n_test": len(frames), "models": len(models), **mean})
    return found


def line(row: dict) -> str:
    """Return a row of the table."""
    values = "  ".join(f"{row[key][0]:9.{n}f} +- {row[key][1]:.{n}f}".ljust(20) for key, _, n in COLUMNS)
    return f"{row['data']:10s} {row['left_out']:5s} {row['scheme']:14s} {row['part']:8s} {row['n_test']:4d}  {values}"


def main(argv: list[str]) -> int:
    """Train, test, print."""
    parser = argparse.ArgumentParser(prog="python -m validation extrapolation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemes", nargs="+", default=["equilibration", "dual", "delta", "plain"], choices=list(SCHEMES))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--ends", nargs="+", default=list(ENDS), choices=ENDS)
    parser.add_argument("--members", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=3.0, help="of training for each committee")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    torch.set_num_threads(1)
    print(f"{'data':10s} {'out':5s} {'scheme':14s} {'part':8s} test  " + "  ".join(f"{title:20s}" for _, title, _ in COLUMNS), flush=True)
    table = []
    for data in arguments.sets:
        for end in arguments.ends:
            training, held, some = parts(data, end)
            for scheme in arguments.schemes:
                config = TrainConfig.for_scheme(scheme, max_minutes=arguments.minutes, seed=arguments.seed)
                members = 1 if SCHEMES[scheme].linear else arguments.members
                model = trained(scheme, f"{scheme}-{data}-{end}", training, held, config, members, arguments.models)
                table += rows(end, data, scheme, some, singles(model))
                print(*(line(row) for row in table[-len(some) :]), sep="\n", flush=True)
    if arguments.json:
        write_json(arguments.json, table, arguments.force)
    return 0

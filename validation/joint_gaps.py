"""One model for several metals, molecules and distances of the counter-charge, against one model for each system alone.

`python -m validation joint_gaps [--systems au111_h cu111_h pt111_h au111_h3o] [--scheme equilibration] [--minutes 8] [--models F] [--json F]`

H on Au, Cu and Pt(111) with the counter-charge 5.5 A above the metal, and H3O+ on Au(111) with 8.6 A: sjm_h_metal of $ELECTRODE_DATA.  Trajectories
are divided as `electrode split --by trajectory --stratify-by system --seed 0` does, the joint model's as those of the single ones; all are
tested on the same frames.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import PARTS, split_by_trajectory
from electrode.models.store import save_model
from electrode.output import refuse_existing, write_json
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation.metals import folder
from validation.protocols import errors

SYSTEMS = ("au111_h", "cu111_h", "pt111_h", "au111_h3o")
SHARES = (0.7, 0.15, 0.15)
COLUMNS = (
    ("energy_meV_per_atom", "E meV/atom"), ("force_meV_per_A", "F meV/A"), ("force_without_net_meV_per_A", "without net"),
    ("labels_net_meV_per_A", "net of labels"), ("potential_mV", "potential mV"), ("charge_e", "charge e"),
)  # fmt: skip


def divided(frames: dict[str, list], seed: int) -> dict[str, dict[str, list]]:
    """Return training, validation and test frames of each system."""
    whole = [f for some in frames.values() for f in some]
    split = split_by_trajectory(whole, SHARES, seed=seed, stratify_by="system")
    return {name: {part: list(split.select(some, part)) for part in PARTS} for name, some in frames.items()}


def net_force(frames: Sequence) -> float:
    """Return the root mean square of the part of the labelled forces that moves all atoms alike, which no model of distances can have [meV/A]."""
    return 1e3 * float(np.sqrt(np.mean([f.forces.mean(0) ** 2 for f in frames])))


def tested(model, cpu: float, way: str, parts: dict[str, dict[str, list]], n_train: int) -> list[dict]:
    """Return a row for each system, and print it."""
    rows = []
    for name, part in parts.items():
        row = {"system": name, "model": way, "n_train": n_train, "n_test": len(part["test"]), "cpu_s": cpu, "labels_net_meV_per_A": net_force(part["test"])}
        rows.append({**row, **errors(model, part["test"])})
        print(f"{name:10s} {way:6s} {n_train:5d} {len(part['test']):4d} {cpu:6.0f}" + "".join(f"{rows[-1][key]:14.4g}" for key, _ in COLUMNS), flush=True)
    return rows


def parsed(argv: list[str]) -> argparse.Namespace:
    """Return the arguments."""
    parser = argparse.ArgumentParser(prog="python -m validation joint_gaps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", nargs="+", default=list(SYSTEMS), choices=SYSTEMS)
    parser.add_argument("--ways", nargs="+", default=["alone", "joint"], choices=("alone", "joint"))
    parser.add_argument("--scheme", default="equilibration")
    parser.add_argument("--minutes", type=float, default=8.0, help="of training for each model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--models", type=Path, help="folder that keeps the models")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Train, test, print."""
    arguments = parsed(argv)
    refuse_existing([arguments.json], arguments.force)
    if not folder().is_dir():
        print(f"joint_gaps: skipped, {folder()} is not there; set ELECTRODE_DATA")
        return 0
    torch.set_num_threads(1)
    parts = divided({name: read_frames(folder() / f"{name}.xyz") for name in arguments.systems}, arguments.seed)
    print("system     model  train test  cpu s" + "".join(f"{title:>14s}" for _, title in COLUMNS), flush=True)
    rows = []
    groups = {"alone": [{name: part} for name, part in parts.items()], "joint": [parts]}
    for way in arguments.ways:
        for some in groups[way]:
            training, held = ([f for part in some.values() for f in part[name]] for name in PARTS[:2])
            start = time.process_time()
            config = TrainConfig.for_scheme(arguments.scheme, max_minutes=arguments.minutes, seed=arguments.seed)
            model = train(arguments.scheme, training, held, config).model
            rows += tested(model, time.process_time() - start, way, some, len(training))
            if arguments.models:
                save_model(model, arguments.models / (way if way == "joint" else next(iter(some))), force=arguments.force)
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0

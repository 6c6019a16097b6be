"""`python -m validation pretraining --results FOLDER [--sizes 10 30 100] [--seconds 60]`: is it worth training on neutral interfaces first?

A network learns neutral frames of another method: gold-water interfaces (188 frames of Yang et al. 2023, in the folder ELECTRODE_DATA), or with
`--neutral-file` one of the kinds of `python -m validation neutral_frames` (a FOLDER for each).  Then it learns the Volmer step on Au(111) (tutorials/data), or with `--set teacher` the exact interface, from few electrified frames, each way for the same
CPU time, and is tested on the same frames:

    scratch         correction, from drawn weights
    warm            correction, all weights go on
    embedding       correction, the embedding frozen
    interactions    correction, embedding and interactions frozen
    head            correction, all of the neutral network frozen
    multihead       a head for each set on one trunk, frames of both in every step, their losses as 1 (neutral) : 0.3; multihead-1 and
                    multihead-3 as 1 : 1 and 1 : 3

`forgotten` is the error of the neutral forces after it over that before it; what was learned of another method is not expected to stay
unless it is replayed or frozen.  Each training is one JSON in FOLDER; those that are there are not repeated.
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import split_by_trajectory
from electrode.models.base import Model
from electrode.models.multihead import ELECTRIFIED, NEUTRAL
from electrode.models.store import load_model, save_model
from electrode.output import write_json
from electrode.train.config import TrainConfig
from electrode.train.fit import fit
from electrode.train.freezing import Freeze
from electrode.train.heads import HeadData
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.replay import train_with_replay
from electrode.train.train import train
from electrode.train.transfer import transferred
from validation import _outside_data
from validation.strategies.sets import Frames, load, spread

FILE = "painn_sli_au_water/au111_water_zero_potential.extxyz"
NETWORK = {"representation": {"kind": "invariant", "channels": 16, "cutoff": 4.0}, "readout_hidden": 16}
FROZEN = {"warm": (), "embedding": (Freeze(r"representation\.embedding"),), "interactions": (Freeze("representation"),), "head": (Freeze("network"),)}
RATIOS = {"multihead": 0.3, "multihead-1": 1.0, "multihead-3": 3.0}  # weight of the electrified loss beside the neutral one
WAYS = ("scratch", *FROZEN, *RATIOS)
SHARES = (0.75, 0.1)  # of the neutral frames of one composition, in their order, to train and to validate on
EACH = 4  # of the neutral test frames, which are large, one in so many is compared
KEYS = ("force_rmse_meV_per_A", "energy_rmse_meV_per_atom", "potential_rmse_V")


def main(argv: list[str]) -> int:
    """Train what has no result yet, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m validation pretraining", description="pre-training on neutral interfaces")
    parser.add_argument("--results", type=Path, required=True, help="folder of one JSON for each training")
    parser.add_argument("--sizes", nargs="+", type=int, default=(10, 30, 100, 580), help="electrified training frames")
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--seconds", type=float, default=60.0, help="CPU time of each training")
    parser.add_argument("--before", type=float, default=60.0, help="CPU time of the training on neutral frames")
    parser.add_argument("--neutral", type=int, default=137, help="neutral training frames, spread over all of them")
    parser.add_argument("--neutral-file", type=Path, help="neutral frames to begin with, instead of the published ones")
    parser.add_argument("--set", choices=("hydronium", "teacher"), default="hydronium", help="electrified frames (default %(default)s)")
    parser.add_argument("--frames", type=Path, default=Path("."), help="folder of the teacher's frames, as of `strategies run`")
    parser.add_argument("--seeds", nargs="+", type=int, default=(0,))
    arguments = parser.parse_args(argv)
    path = arguments.neutral_file or _outside_data.found("pretraining", FILE, ", or make one: python -m validation neutral_frames")
    if path is None:
        return 0
    torch.set_num_threads(1)
    arguments.results.mkdir(parents=True, exist_ok=True)
    neutral = {part: spread(some, arguments.neutral) for part, some in parts(read_frames(path, strict=False)).items()}
    base, rows = _base(neutral, arguments), []
    for seed in arguments.seeds:
        for size in arguments.sizes:
            rows += [_row(way, size, seed, base, neutral, arguments) for way in arguments.ways]
    return 0 if rows else 2


def parts(frames) -> dict[str, list]:
    """Return the neutral frames by trajectory; without names of these, those of each composition in their order, so that no test stands beside a training frame."""
    if all(f.trajectory is not None for f in frames):
        return split_by_trajectory(frames, (*SHARES, 1.0 - sum(SHARES)), seed=0).divide(frames)
    found = {"train": [], "validation": [], "test": []}
    for formula in sorted({f.geometry.get_chemical_formula() for f in frames}):
        own = [f for f in frames if f.geometry.get_chemical_formula() == formula]
        first, second = int(SHARES[0] * len(own)), int(sum(SHARES) * len(own))
        for part, some in zip(found, (own[:first], own[first:second], own[second:])):
            found[part] += some
    return found


def _base(neutral: dict[str, list], arguments) -> Model:
    folder = arguments.results / f"neutral-{arguments.neutral}frames-{arguments.before:g}s"
    if not folder.exists():
        config = TrainConfig.for_scheme("template-a", terms=[{"quantity": "energy", "scale": 0.01}, {"quantity": "forces", "scale": 0.1}], batch_size=2, validate_every=1)
        with patch("time.monotonic", time.process_time):
            found = train("template-a", neutral["train"], neutral["validation"], replace(config, max_minutes=arguments.before / 60), {**NETWORK, "variable": "charge"})
        save_model(found.model, folder)
    return load_model(folder)


def _row(way: str, size: int, seed: int, base: Model, neutral: dict[str, list], arguments) -> dict:
    file = arguments.results / f"{way}_{size}frames_{arguments.seconds:g}s_seed{seed}.json"
    if file.is_file():
        row = json.loads(file.read_text(encoding="utf-8"))
    else:
        row = measured(way, load(arguments.set, arguments.frames, size), seed, base, neutral, arguments.seconds)
        write_json(file, row)
    print(f"{way:12s} {size:4d} frames  seed {seed}  " + "  ".join(f"{key} {row[key]:.4g}" for key in (*KEYS, "forgotten", "train_cpu_s") if key in row), flush=True)
    return row


def measured(way: str, frames: Frames, seed: int, base: Model, neutral: dict[str, list], seconds: float) -> dict:
    """Train one way and return its errors on the electrified test frames, and how much worse the neutral forces are."""
    size = len(frames.training)
    config = TrainConfig.for_scheme("correction", max_minutes=seconds / 60.0, validate_every=max(1, 100 // size), seed=seed)
    start = time.process_time()
    with patch("time.monotonic", time.process_time):
        model, still = _trained(way, frames, base, neutral, config, seed)
    row = {"way": way, "n_train": size, "seed": seed, "seconds": seconds, "train_cpu_s": time.process_time() - start}
    row |= {key: value for key, value in frame_errors(model, frames.tests["test"]).items() if key in KEYS}
    if still is not None:
        before, after = (_forces(m, neutral["test"][::EACH]) for m in (base, still))
        row |= {"neutral_force_rmse_meV_per_A": after, "forgotten": after / before}
    return row


def _trained(way: str, frames, base: Model, neutral: dict[str, list], config: TrainConfig, seed: int) -> tuple[Model, Model | None]:
    """Return the model for electrified frames, and what is left of the one for neutral frames."""
    if way == "scratch":
        return train("correction", frames.training, frames.validation, config, {**NETWORK, "seed": seed}).model, None
    if way in RATIOS:
        config = replace(config, terms=(Term("energy"), Term("forces", 3.0), Term("conjugate")))  # in the spread of the labels
        replayed = HeadData(neutral["train"], neutral["validation"][:4], batch_size=1)
        heads = [asdict(NEUTRAL), asdict(replace(ELECTRIFIED, weight=RATIOS[way]))]
        model = train_with_replay(frames.training, frames.validation, replayed, config, {"heads": heads}, start=base).model
        return model, model.heads["neutral"]
    model = transferred(base, "correction", frames.training)
    fit(model, frames.training, frames.validation, replace(config, freeze=FROZEN[way]), warm=True)
    return model, model


def _forces(model: Model, frames) -> float:
    """Return the root mean square error of the forces [meV/A]."""
    return frame_errors(model, frames)["force_rmse_meV_per_A"]

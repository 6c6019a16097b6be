"""One training: a point of the design on the frames of a set, for a CPU time, to one JSON."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from unittest.mock import patch

import torch

from electrode.output import replacing
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation.strategies.measure import consistency, milliseconds, sums
from validation.strategies.points import BY_NAME
from validation.strategies.sets import Frames, load

VALIDATIONS = 3  # epochs between two


@dataclass(frozen=True)
class Task:
    """What is trained.

    Parameters
    ----------
    data : name of the set;  point : of the design
    n_train : frames;  seed : of weights and order;  budget : CPU time of the optimisation [s], without describing the frames once before it
    """

    data: str
    point: str
    n_train: int
    seed: int
    budget: float

    def file(self, results: Path) -> Path:
        """Return where the result goes."""
        return results / f"{self.data}_{self.point}_{self.n_train}frames_{self.budget:g}s_seed{self.seed}.json"


def run(task: Task, results: Path, frames_folder: Path) -> str:
    """Train, measure, write, and return a line that says how it went; a training that fails is a result too."""
    torch.set_num_threads(1)
    if task.file(results).is_file():  # another command was faster
        return f"{task.file(results).name} is there"
    frames = load(task.data, frames_folder, task.n_train)
    out = asdict(task) | {"scheme": BY_NAME[task.point].scheme, "choices": BY_NAME[task.point].choices, "n_validation": len(frames.validation), "date": date.today().isoformat()}
    start = time.process_time()
    try:
        model = fitted(task, frames)
        out["train_cpu_s"] = time.process_time() - start
        out["weights"] = sum(p.numel() for p in model.parameters() if p.requires_grad)
        out |= {"natural": model.natural, "tests": {name: sums(model, some) for name, some in frames.tests.items()}}
        out |= {"consistency_mV": consistency(model, frames.tests["test"]), "call_ms": milliseconds(model, frames.tests["test"][-1])}
    except (ValueError, ArithmeticError, RuntimeError) as error:
        out["failed"] = f"{type(error).__name__}: {error}"[:500]
    with replacing(task.file(results)) as part:
        part.write_text(json.dumps(out, allow_nan=False) + "\n", encoding="utf-8")
    return f"{task.data:10s} {task.point:20s} n {task.n_train:4d} seed {task.seed}: {out.get('failed') or 'trained in %.0f s' % out['train_cpu_s']}"


def fitted(task: Task, frames: Frames):
    """Return the model after the budget."""
    point = BY_NAME[task.point]
    config = TrainConfig.for_scheme(point.scheme, validate_every=VALIDATIONS, max_minutes=task.budget / 60.0, seed=task.seed)
    # the training's clock counts CPU time here, so that strategies are equals on a busy machine too
    with patch("time.monotonic", time.process_time):
        return train(point.scheme, frames.training, frames.validation, config, point.seeded(task.seed)).model

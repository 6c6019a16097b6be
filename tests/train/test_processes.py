"""Two processes on half the batch each end where one process on the whole batch does."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import load_file
from teacher import SMALL, TERMS, frames

from electrode.models.store import save_model
from electrode.train.fit import TrainConfig
from electrode.train.processes import ALONE, Processes, leave, processes_of_environment
from electrode.train.train import train

CONFIG = TrainConfig(TERMS, max_minutes=50.0, epochs=4, batch_size=6, validate_every=2)
BOUNDS = {"adamw": 1e-10, "soap": 1e-6}  # of rounding, which nearly degenerate bases of `soap` make larger
TESTS = Path(__file__).parents[1]


def gappy():
    """Frames to train and to validate on, some without labels, one size in a single frame."""
    training, validation = frames()
    training = [replace(f, forces=None) if k % 5 == 0 else f for k, f in enumerate(training)]
    large = [f for f in validation if len(f.geometry) > 4]
    return training, [f for f in validation if len(f.geometry) == 4] + large[:1]


def together(folder):
    """What each of the processes does."""
    processes = processes_of_environment()
    for optimiser in BOUNDS:
        found = train("dual", *gappy(), replace(CONFIG, optimiser=optimiser), SMALL, processes=processes)
        if processes.first:
            save_model(found.model, Path(folder) / optimiser)
    leave(processes)


def test_two_processes_are_one_with_the_double_batch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.path[:0] = [{str(TESTS)!r}, {str(TESTS / 'train')!r}]\nfrom test_processes import together\ntogether({str(tmp_path)!r})\n")
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    for optimiser, bound in BOUNDS.items():
        alone = train("dual", *gappy(), replace(CONFIG, batch_size=12, optimiser=optimiser), SMALL).model.state_dict()
        for name, value in load_file(tmp_path / optimiser / "weights.safetensors").items():
            torch.testing.assert_close(value, alone[name], rtol=0, atol=bound)


def test_without_torchrun_there_is_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert processes_of_environment() == ALONE == Processes() and ALONE.first
    value = torch.arange(3.0)
    assert ALONE.sum(value) is value and ALONE.of_first(2.5) == 2.5

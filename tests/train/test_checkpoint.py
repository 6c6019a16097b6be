"""An interrupted training that goes on ends where an uninterrupted one does, bit by bit; another training is refused."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from teacher import SMALL, TERMS, frames

from electrode.train import checkpoint
from electrode.train.checkpoint import Checkpoint, CheckpointError, Interruption, read_checkpoint, write_checkpoint
from electrode.train.fit import TrainConfig
from electrode.train.schedule import Schedule
from electrode.train.train import train

CONFIG = TrainConfig(TERMS, max_minutes=50.0, epochs=9, batch_size=6, validate_every=2, averaging=0.9, schedule=Schedule("cosine", warm_up=0.2))
CHILD = """
import sys; sys.path.insert(0, {tests!r})
import torch; torch.set_num_threads(1)
from test_checkpoint import CONFIG, SMALL, frames, train
from electrode.train.checkpoint import Checkpoint
import electrode.train.descent as descent, time
step = descent.Descent._step
def slow(*a):
    time.sleep(0.02)
    return step(*a)
descent.Descent._step = slow
train("dual", *frames(), CONFIG, SMALL, checkpoint=Checkpoint({path!r}, every_seconds=1e-6))
"""


class Broken(Exception):
    """What breaks a training in these tests."""


def same(a, b):
    assert a.history == b.history and a.best == b.best
    for name, value in a.model.state_dict().items():
        assert torch.equal(value, b.model.state_dict()[name]), name


def broken_at(number):
    """A progress that breaks the training at its `number`-th row."""
    rows = []

    def progress(row):
        rows.append(row)
        if len(rows) == number:
            raise Broken

    return progress


@pytest.mark.parametrize("members, change", [(1, {}), (3, {"bootstrap": True, "schedule": Schedule("plateau", patience=1), "patience": 4}), (1, {"polish": 10})], ids=["one", "committee", "polished"])
def test_after_an_exception_it_goes_on_bitwise(tmp_path, members, change):
    config = replace(CONFIG, **change)
    whole = train("dual", *frames(), config, SMALL, members=members)
    path = tmp_path / "c"
    with pytest.raises(Broken):
        train("dual", *frames(), config, SMALL, broken_at(3 * members), members, checkpoint=Checkpoint(path, every_epochs=1))
    assert read_checkpoint(path)[1]["course"]["epoch"] == 5
    same(whole, train("dual", *frames(), config, SMALL, members=members, checkpoint=Checkpoint(path, resume=True)))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_a_signal_it_goes_on_bitwise_from_within_an_epoch(tmp_path, number):
    path, seen = tmp_path / "c", []

    def progress(row):
        seen.append(row)
        if len(seen) == 2:
            signal.raise_signal(number)

    with pytest.raises(KeyboardInterrupt, match="holds the training"):
        train("dual", *frames(), CONFIG, SMALL, progress, checkpoint=Checkpoint(path))
    course = read_checkpoint(path)[1]["course"]
    assert course["epoch"] == 4 and course["batch"] == 1
    same(train("dual", *frames(), CONFIG, SMALL), train("dual", *frames(), CONFIG, SMALL, checkpoint=Checkpoint(path, resume=True)))


def test_after_a_killed_process_it_goes_on_bitwise(tmp_path):
    path = tmp_path / "c"
    code = CHILD.format(tests=str(Path(__file__).parent), path=str(path))
    folder = str(Path(__file__).parents[1])
    child = subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r})\n{code}"], stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60.0
    while not path.exists() and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    child.kill()
    assert child.wait(30) == -signal.SIGKILL
    course = read_checkpoint(path)[1]["course"]
    assert not course["over"]
    same(train("dual", *frames(), CONFIG, SMALL), train("dual", *frames(), CONFIG, SMALL, checkpoint=Checkpoint(path, resume=True)))
    child.stderr.close()


def test_a_finished_descent_is_not_done_again(tmp_path):
    path = tmp_path / "c"
    first = train("dual", *frames(), CONFIG, SMALL, checkpoint=Checkpoint(path))
    seen = []
    same(first, train("dual", *frames(), CONFIG, SMALL, seen.append, checkpoint=Checkpoint(path, resume=True)))
    assert not seen


@pytest.fixture
def kept(tmp_path):
    train("dual", *frames(), CONFIG, SMALL, checkpoint=Checkpoint(tmp_path / "c"))
    return tmp_path / "c"


def test_another_training_is_refused_by_what_differs(kept):
    resumed = Checkpoint(kept, resume=True)
    with pytest.raises(CheckpointError, match="train.learning_rate: 0.002 then, 0.01 now.*--allow-change"):
        train("dual", *frames(), replace(CONFIG, learning_rate=0.01), SMALL, checkpoint=resumed)
    training, validation = frames()
    with pytest.raises(CheckpointError, match="data.training"):
        train("dual", [*training[:-1], replace(training[-1], energy=training[-1].energy + 1e-9)], validation, CONFIG, SMALL, checkpoint=resumed)
    with pytest.raises(CheckpointError, match="model.seed"):
        train("dual", *frames(), CONFIG, {**SMALL, "seed": 1}, checkpoint=resumed)


def test_an_allowed_change_goes_on_with_the_weights(kept):
    longer = train("dual", *frames(), replace(CONFIG, epochs=12), SMALL, checkpoint=Checkpoint(kept, resume=True, allow_change=True))
    assert [r["epoch"] for r in longer.history] == [2, 4, 6, 8, 9, 10, 12]
    with pytest.raises(CheckpointError, match="another model"):
        train("dual", *frames(), CONFIG, {**SMALL, "hidden": (5,)}, checkpoint=Checkpoint(kept, resume=True, allow_change=True))


def test_an_old_checkpoint_is_neither_overwritten_nor_missed(kept, tmp_path):
    with pytest.raises(FileExistsError, match="--resume"):
        Checkpoint(kept)
    with pytest.raises(CheckpointError, match="nothing to go on with"):
        Checkpoint(tmp_path / "none", resume=True)


def test_a_damaged_file_is_refused(tmp_path):
    path = tmp_path / "c"
    write_checkpoint(path, {"x": torch.arange(3.0)}, {"big": 2**100, "nothing": float("inf")})
    tensors, state = read_checkpoint(path)
    assert tensors["x"].tolist() == [0, 1, 2] and state == {"big": 2**100, "nothing": np.inf}
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="missing or damaged"):
        read_checkpoint(path)


def test_a_file_of_another_version_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(checkpoint, "FORMAT", "0")
        write_checkpoint(tmp_path / "c", {"x": torch.arange(3.0)}, {})
    with pytest.raises(CheckpointError, match="expected a checkpoint of format 1, got 0; begin"):
        read_checkpoint(tmp_path / "c")


def test_signals_are_noted_and_the_second_is_obeyed():
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.caught == signal.SIGTERM
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before

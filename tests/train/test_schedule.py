"""Learning rates, the average of weights, the draws of a bootstrap and the log: closed forms."""

import csv
import json
import math

import numpy as np
import pytest
import torch
from teacher import frames, interface, labelled

from electrode.train.averaging import Average
from electrode.train.bootstrap import bootstrap_weights
from electrode.train.course import Course
from electrode.train.log import Log
from electrode.train.schedule import Schedule


def test_the_rate_rises_and_falls_as_it_says():
    cosine = Schedule(warm_up=0.2)
    assert cosine.rate(0.0, 0) == 0.01 and cosine.rate(0.1, 0) == pytest.approx(0.505)
    assert cosine.rate(0.2, 0) == 1.0 and cosine.rate(0.6, 0) == pytest.approx(0.5) and cosine.rate(1.0, 0) == pytest.approx(0.0, abs=1e-12)
    assert Schedule().rate(0.25, 5) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert Schedule("constant").rate(0.9, 5) == 1.0
    assert Schedule("plateau", factor=0.1).rate(0.9, 2) == pytest.approx(0.01)


def test_a_plateau_is_a_number_of_validations_without_a_lower_loss():
    course = Course(order={})
    for score, falls in ((3.0, 0), (2.0, 0), (2.5, 0), (2.0, 1), (2.1, 1), (2.1, 2), (1.0, 2), (1.5, 2)):
        course.judge(score, patience=2)
        assert course.falls == falls
    assert course.lowest == 1.0 and course.waited == 1


@pytest.mark.parametrize("change, word", [({"shape": "cosin"}, "did you mean 'cosine'"), ({"warm_up": 1.0}, "warm_up"), ({"factor": 1.0}, "factor"), ({"patience": 0}, "patience")])
def test_schedules_are_checked(change, word):
    with pytest.raises(ValueError, match=word):
        Schedule(**change)


def test_the_average_is_the_recursion_and_comes_and_goes():
    model = torch.nn.Linear(1, 1, bias=False).double()
    average, wanted = Average(model, 0.5), model.weight.item()
    for t, value in enumerate((1.0, -2.0, 4.0, 0.0, 1.0, 3.0, 2.0, 2.0, 5.0, 1.0), start=1):
        model.weight.data.fill_(value)
        average.update()
        decay = min(0.5, (1 + t) / (10 + t))
        wanted = decay * wanted + (1 - decay) * value
    with average.applied():
        assert model.weight.item() == pytest.approx(wanted, rel=1e-12)
    assert model.weight.item() == 1.0


def test_trajectories_are_drawn_whole_with_replacement():
    training = frames()[0]
    found = bootstrap_weights(training, 200, seed=1)
    names = np.array([f.trajectory for f in training])
    groups = np.unique(names)
    each = np.array([found[:, names == g] for g in groups])  # (groups, members, frames of one)
    assert (each == each[:, :, :1]).all() and (each[:, :, 0].sum(0) == len(groups)).all()
    unseen = (each[:, :, 0] == 0).mean()
    assert unseen == pytest.approx((1 - 1 / len(groups)) ** len(groups), abs=0.02)
    assert np.array_equal(found[:3], bootstrap_weights(training, 3, seed=1)) and not np.array_equal(found[:3], bootstrap_weights(training, 3, seed=2))


def test_one_trajectory_is_nothing_to_draw_from():
    with pytest.raises(ValueError, match="at least 2 trajectories"):
        bootstrap_weights(labelled(interface(), (0.0, 0.001)), 2, seed=0)


def test_the_log_is_readable_while_it_grows(tmp_path):
    rows = [{"epoch": 2, "validation_loss": 0.5, "validation_energy": 0.1}, {"epoch": 4, "validation_loss": 0.25}]
    for name in ("a.csv", "a.jsonl"):
        log = Log(tmp_path / name)
        log.write(rows[0])
        Log(tmp_path / name, append=True).write(rows[1])
        with pytest.raises(FileExistsError, match="--resume"):
            Log(tmp_path / name)
    with (tmp_path / "a.csv").open() as file:
        found = list(csv.DictReader(file))
    assert [float(r["validation_loss"]) for r in found] == [0.5, 0.25] and found[1]["validation_energy"] == ""
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == rows
    with pytest.raises(ValueError, match=".csv or .jsonl"):
        Log(tmp_path / "a.txt")
    with pytest.raises(FileNotFoundError, match="Create it first"):
        Log(tmp_path / "none" / "a.csv")

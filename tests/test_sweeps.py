"""Runs side by side give what runs one after the other give; what fails is said, and the others go on."""

import importlib.util
import os

import pytest

from electrode.sweeps import Outcome, grid, map_runs, side_by_side

DASK = importlib.util.find_spec("distributed") is not None


def inverse(entry):
    return 1.0 / entry["seed"] + entry["potential"]


ENTRIES = grid({"potential": [-0.5, 0.0], "seed": [0, 1, 3]})


def ordered(**more):
    return sorted(map_runs(inverse, ENTRIES, **more), key=lambda x: x.place)


def test_a_grid_has_every_combination():
    assert ENTRIES[:2] == [{"potential": -0.5, "seed": 0}, {"potential": -0.5, "seed": 1}] and len(ENTRIES) == 6


def test_a_run_that_raises_does_not_stop_the_others():
    found = ordered()
    assert found[0].value is None and found[0].failure.startswith("ZeroDivisionError") and found[1] == Outcome(1, 0.5)
    assert [x.place for x in found if x.failure] == [0, 3]


def test_runs_are_made_as_they_are_asked_for():
    made = []
    runs = map_runs(made.append, [1, 2, 3])
    assert made == [] and next(runs).place == 0 and made == [1]


def test_workers_belong_to_a_local_cluster():
    for more in ({"workers": 2}, {"workers": 0, "scheduler": "local"}, {"workers": 2, "scheduler": "tcp://host:8786"}):
        with pytest.raises(ValueError, match="workers: expected at least 1"):
            map_runs(inverse, ENTRIES, **more)


@pytest.mark.skipif(DASK, reason="dask is there")
def test_without_dask_the_extra_is_named():
    with pytest.raises(ValueError, match=r"electrode-interfaces\[parallel\]"):
        ordered(scheduler="local")


def where(entry):
    return os.getpid()


@pytest.mark.skipif(not DASK, reason="dask is not there")
def test_workers_stay_for_the_whole_block():
    with side_by_side("local", 1) as run:
        first, second = ({x.value for x in run(where, range(3))} for _ in range(2))
    assert first == second and len(first) == 1 and os.getpid() not in first


@pytest.mark.skipif(not DASK, reason="dask is not there")
def test_processes_give_what_one_process_gives():
    assert ordered(scheduler="local", workers=2) == ordered()

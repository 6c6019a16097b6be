"""`python -m validation strategies run` and `table`."""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from validation.strategies.points import chosen
from validation.strategies.sets import SETS, absent, prepare
from validation.strategies.table import write
from validation.strategies.training import Task, run

MOST = 60  # trainings of one command


def main(argv: list[str]) -> int:
    """Run trainings, or draw their table."""
    arguments = _arguments(argv)
    return _run(arguments) if arguments.verb == "run" else write(arguments.results, arguments.plots, arguments.output, arguments.force)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m validation strategies")
    verbs = parser.add_subparsers(dest="verb", required=True)
    one = verbs.add_parser("run", help="train what has no result yet")
    two = verbs.add_parser("table", help="compare the results")
    for verb in (one, two):
        verb.add_argument("--results", type=Path, required=True, help="folder of one JSON for each training")
    one.add_argument("--frames", type=Path, help="folder of the teacher's frames, by default RESULTS/frames")
    one.add_argument("--sets", nargs="+", choices=SETS, default=SETS[:2])
    one.add_argument("--points", nargs="+", help="of the design, by default all")
    one.add_argument("--train", nargs="+", type=int, default=(300,), help="training frames; several for learning curves")
    one.add_argument("--seeds", nargs="+", type=int, default=(0,))
    one.add_argument("--budget", type=float, default=180.0, help="CPU time of each training [s]")
    one.add_argument("--jobs", type=int, default=1, help="trainings at a time")
    one.add_argument("--most", type=int, default=MOST, help="trainings to start at most")
    two.add_argument("--plots", type=Path, help="folder for the figures")
    two.add_argument("--output", type=Path, help="the table as Markdown, by default printed")
    two.add_argument("--force", action="store_true", help="replace files")
    return parser.parse_args(argv)


def tasks(arguments: argparse.Namespace) -> list[Task]:
    """Return what is to be trained, seed by seed and size by size, and print what is left out and why."""
    points, found = chosen(arguments.points), []
    for point in points:
        if (why := point.missing()) is not None:
            print(f"{point.name}: skipped, {why}")
    able = [p for p in points if p.missing() is None]
    for data in arguments.sets:
        if (why := absent(data)) is not None:
            print(f"{data}: skipped, {why}")
            continue
        for seed in arguments.seeds:
            found += [Task(data, p.name, n, seed, arguments.budget) for n in arguments.train for p in able]
    there = [t for t in found if t.file(arguments.results).is_file()]
    left = [t for t in found if t not in there]
    print(f"{len(there)} of {len(found)} trainings have a result in {arguments.results}" + (f"; starting {arguments.most} of {len(left)}" if len(left) > arguments.most else ""))
    return left[: arguments.most]


def _run(arguments: argparse.Namespace) -> int:
    if min(arguments.budget, arguments.jobs, arguments.most, *arguments.train) <= 0:
        raise ValueError(f"strategies: expected positive --budget, --jobs, --most and --train, got {arguments.budget}, {arguments.jobs}, {arguments.most}, {arguments.train}")
    arguments.results.mkdir(parents=True, exist_ok=True)
    frames = arguments.frames or arguments.results / "frames"
    left = tasks(arguments)
    if any(t.data == "teacher" for t in left):
        for part in prepare(frames, max(arguments.train)):
            print(f"teacher: computed {part}", flush=True)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run, t, arguments.results, frames) for t in left]):
            print(done.result(), flush=True)
    return 0

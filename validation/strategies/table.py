"""The comparison of results as Markdown, and its figures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from electrode.output import refuse_existing, replacing
from validation.strategies.figures import draw
from validation.strategies.measure import QUANTITIES
from validation.strategies.paired import error, pooled, verdict
from validation.strategies.points import BY_NAME, CENTRE, POINTS

UNITS = {"energy": "E meV/atom", "forces": "F meV/A", "potential": "Phi mV", "charge": "Q e"}
DIGITS = {"energy": 2, "forces": 0, "potential": 0, "charge": 4}


@dataclass(frozen=True)
class Row:
    """One strategy on one set with one number of training frames, its seeds together.

    Parameters
    ----------
    data, point, n_train, budget : of the task;  seeds : those that did not fail
    failed : messages of those that did
    results : their contents
    """

    data: str
    point: str
    n_train: int
    budget: float
    seeds: tuple[int, ...]
    failed: tuple[str, ...]
    results: tuple[dict, ...]

    def of(self, test: str, quantity: str) -> dict:
        """Return {trajectory: (sum of squares, number)} of a test."""
        return pooled([r["tests"][test].get(quantity, {}) for r in self.results if test in r["tests"]])

    def unstable(self, test: str) -> int:
        """Return frames without a stable state, of all seeds."""
        return sum(r["tests"][test]["unstable"] for r in self.results if test in r["tests"])

    def mean(self, key: str) -> float:
        """Return the mean of a number over the seeds, NaN where it is missing."""
        found = [r[key] for r in self.results if r.get(key) is not None]
        return float(np.mean(found)) if found else float("nan")


def read(results: Path) -> list[Row]:
    """Return the rows of a folder, in the order of the design.

    Raises
    ------
    FileNotFoundError
        if there is no result.
    """
    found: dict[tuple, list[dict]] = {}
    for path in sorted(results.glob("*.json")):
        one = json.loads(path.read_text(encoding="utf-8"))
        if one.get("point") in BY_NAME:
            found.setdefault((one["data"], one["n_train"], one["budget"], one["point"]), []).append(one)
    if not found:
        raise FileNotFoundError(f"{results}: no results; make some with `python -m validation strategies run --results {results}`")
    place = {p.name: k for k, p in enumerate(POINTS)}
    rows = []
    for (data, n, budget, point), some in sorted(found.items(), key=lambda i: (*i[0][:3], place[i[0][3]])):
        good = [r for r in some if "failed" not in r]
        rows.append(Row(data, point, n, budget, tuple(r["seed"] for r in good), tuple(r["failed"] for r in some if "failed" in r), tuple(good)))
    return rows


def write(results: Path, plots: Path | None, output: Path | None, force: bool) -> int:
    """Print or write the table, and draw the figures."""
    rows = read(results)
    refuse_existing([output], force)
    text = "\n".join(markdown(rows)) + "\n"
    if output is None:
        print(text)
    else:
        with replacing(output, force) as part:
            part.write_text(text, encoding="utf-8")
    if plots is not None:
        for file in draw(rows, plots, force):
            print(file)
    return 0


def markdown(rows: list[Row]) -> Iterable[str]:
    """Yield the lines of the tables: each set and number of frames, then each test of it."""
    for data, n, budget in dict.fromkeys((r.data, r.n_train, r.budget) for r in rows):
        some = [r for r in rows if (r.data, r.n_train, r.budget) == (data, n, budget)]
        centre = next((r for r in some if r.point == CENTRE.name and r.results), None)
        yield from (f"## {data}, {n} training frames, {budget:g} s of CPU time each", "")
        for test in next((list(r.results[0]["tests"]) for r in some if r.results), []):
            yield from _test(test, some, centre)
        yield from _costs(some)


def _test(test: str, some: list[Row], centre: Row | None) -> Iterable[str]:
    yield from (f"### {test}", "", "| factor | strategy | " + " | ".join(UNITS.values()) + " | unstable |", "|---|---|" + "---|" * (len(UNITS) + 1))
    for row in some:
        if not row.results:
            yield f"| {BY_NAME[row.point].factor} | {row.point} | failed: {row.failed[0]} " + "| " * len(UNITS) + "|"
            continue
        cells = [_cell(row, test, q, centre) for q in QUANTITIES]
        yield f"| {BY_NAME[row.point].factor} | {row.point} | " + " | ".join(cells) + f" | {row.unstable(test)} |"
    yield ""


def _cell(row: Row, test: str, quantity: str, centre: Row | None) -> str:
    """Return an error with the verdict against the centre: + better, - worse, nothing where undecided."""
    mine = row.of(test, quantity)
    if not mine:
        return "-"
    text = f"{error(mine):.{DIGITS[quantity]}f}"
    if centre is None or row is centre:
        return text
    word = verdict(mine, centre.of(test, quantity)).word
    # frames without a stable state are not in the error of what was solved for: leaving out more of them is no merit
    fewer = quantity == row.results[0]["natural"] and row.unstable(test) > centre.unstable(test)
    return text + {"better": "" if fewer else " +", "worse": " -", "undecided": ""}[word]


def _costs(some: list[Row]) -> Iterable[str]:
    yield from ("### cost and consistency", "", "| strategy | seeds | weights | training CPU s | call ms | dE/dQ - Phi mV |", "|---|---|---|---|---|---|")
    for row in (r for r in some if r.results):
        numbers = [f"{row.mean(key):{how}}".replace("nan", "-") for key, how in (("weights", ".0f"), ("train_cpu_s", ".0f"), ("call_ms", ".1f"), ("consistency_mV", ".1e"))]
        yield f"| {row.point} | {len(row.seeds)} | " + " | ".join(numbers) + " |"
    yield ""

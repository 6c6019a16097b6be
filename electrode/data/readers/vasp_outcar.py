"""OUTCAR of VASP: settings from its header, and a step for each ionic iteration."""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms

from electrode.data.problems import fault
from electrode.data.readers.vasp_run import METHOD_TAGS, RUN_TAGS, SOLVATION_TAGS, Run, Step, version

_REAL = r"(-?\d+\.\d*(?:[EeDd][-+]?\d+)?)"
_ENERGIES = re.compile(rf"free  energy   TOTEN\s*=\s*{_REAL} eV\s+energy  without entropy\s*=\s*{_REAL}\s+energy\(sigma->0\)\s*=\s*{_REAL}")
_FORCES = re.compile(r"POSITION\s+TOTAL-FORCE \(eV/Angst\)\s*\n\s*-{10,}\n(.*?)\n\s*-{10,}", re.DOTALL)
_CELL = re.compile(r"direct lattice vectors[^\n]*\n" + r"([^\n]*)\n" * 3)
_ITERATION = re.compile(r"^-+ Iteration\s+(\d+)\(\s*\d+\)", re.MULTILINE)


def parse(text: str, name: str) -> Run:
    """Return what an OUTCAR says.

    Raises
    ------
    DataError
        if its header is incomplete, no ionic step is finished, or a table is damaged.
    """
    first: dict[int, int] = {}
    for match in _ITERATION.finditer(text):
        first.setdefault(int(match.group(1)), match.start())
    header = text[: min(first.values(), default=len(text))]
    counts, symbols, valence, titles = _species(header, name)
    bounds = [*sorted(first.values()), len(text)]
    cell, steps, finished = _cell(header), [], "General timing and accounting" in text
    for segment in (text[a:b] for a, b in zip(bounds, bounds[1:])):
        cell = _cell(segment) or cell
        if _ENERGIES.search(segment):
            steps.append(_step(segment, np.repeat(symbols, counts), cell, f"{name} step {len(steps)}"))
        else:
            finished = False
    if not steps:
        raise fault(name, "no finished ionic step (no line 'free  energy   TOTEN' after the iterations)", "finish the run, or fetch the whole file")
    neutral = float(np.dot(counts, valence))
    solvation = tags(header.partition(" Solvation model:")[2], SOLVATION_TAGS)
    return Run(version(header), titles, neutral, tags(header, (*METHOD_TAGS, *RUN_TAGS)), solvation, tuple(steps), finished)


def tags(text: str, names: tuple[str, ...]) -> dict[str, str]:
    """Return the settings `NAME = value` of a text by name, the first of each."""
    found = {name: re.search(rf"(?<![A-Za-z_]){name}\s*=\s*([^\s;]+)", text, re.IGNORECASE) for name in names}
    return {name: match.group(1) for name, match in found.items() if match}


def _species(header: str, name: str) -> tuple[list[int], list[str], list[float], tuple[str, ...]]:
    counts, zval = re.search(r"ions per type =([\d\s]+)", header), re.search(r"Ionic Valenz\s+ZVAL\s*=([^\n]*)", header)
    numbers = [int(n) for n in counts.group(1).split()] if counts else []
    valence = [float(z) for z in re.findall(r"\d+\.\d\d", zval.group(1))] if zval else []
    titles = tuple(t.strip() for t in re.findall(r"^ POTCAR:([^\n]+)", header, re.MULTILINE)[: len(numbers)])
    if not numbers or not len(titles) == len(valence) == len(numbers):
        raise fault(name, f"the header is incomplete: {len(titles)} POTCAR, {len(valence)} ZVAL and {len(numbers)} 'ions per type'", "fetch the whole OUTCAR; ZVAL is needed to count the electrons of the neutral cell")
    symbols = [re.sub(r"[^A-Za-z].*", "", (t.split() + [""])[1] if len(t.split()) > 1 else t) for t in titles]
    return numbers, symbols, valence, titles


def _step(segment: str, symbols: np.ndarray, cell: list[list[float]] | None, where: str) -> Step:
    block = _FORCES.search(segment)
    rows = [re.findall(_REAL, row) for row in block.group(1).splitlines()] if block else []
    if cell is None or len(rows) != len(symbols) or any(len(r) != 6 for r in rows):
        raise fault(where, f"expected a cell and {len(symbols)} rows of positions and forces, got {len(rows)} rows", "fetch the whole OUTCAR")
    table = np.array(rows, dtype=float)
    free, _, sigma0 = map(float, _ENERGIES.search(segment).groups())
    return Step(
        Atoms(symbols, table[:, :3], cell=cell, pbc=True), table[:, 3:], free, sigma0, _last(rf"E-fermi\s*:\s*{_REAL}", segment),
        _last(rf"number of electron\s+{_REAL}\s+magnetization", segment), "aborting loop because EDIFF is reached" in segment,
    )  # fmt: skip


def _cell(text: str) -> list[list[float]] | None:
    found = _CELL.findall(text)
    rows = [re.findall(_REAL, line)[:3] for line in found[-1]] if found else []
    return [[float(x) for x in row] for row in rows] or None


def _last(pattern: str, text: str) -> float | None:
    found = re.findall(pattern, text)
    return float(found[-1]) if found else None

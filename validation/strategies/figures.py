"""Figures of the strategies: errors beyond the trained potentials, errors in larger cells, and learning curves."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.output import replacing
from validation.strategies.paired import error

SHIFTS = {"below-1.0V": -1.0, "below-0.5V": -0.5, "test": 0.0, "above-0.5V": 0.5, "above-1.0V": 1.0}  # of the teacher's tests [V]
PANELS = (("forces", "force error / meV/A"), ("charge", "charge error / e"), ("potential", "potential error / mV"))
MARKS = "osD^v<>pPX*h"


def draw(rows: list, folder: Path, force: bool) -> list[Path]:
    """Draw what the rows allow and return the files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    most = max((r.n_train for r in rows if r.data == "teacher"), default=None)
    teacher = [r for r in rows if r.data == "teacher" and r.n_train == most and r.results]
    if teacher:
        lines = [(r.point, list(SHIFTS.values()), [[error(r.of(t, q)) for t in SHIFTS] for q, _ in PANELS]) for r in teacher]
        drawn.append(_figure(lines, "beyond the trained potentials / V", folder / "extrapolation.png", force, logarithmic=True))
    for data in dict.fromkeys(r.data for r in rows):
        curves = _curves([r for r in rows if r.data == data and r.results])
        if curves:
            drawn.append(_figure(curves, "training frames", folder / f"learning_{data}.png", force, logarithmic=True))
    return drawn


def _curves(rows: list) -> list[tuple[str, list, list]]:
    """Return (point, numbers of frames, errors by panel) of the points with more than one number of frames."""
    found = []
    for point in dict.fromkeys(r.point for r in rows):
        own = sorted((r for r in rows if r.point == point), key=lambda r: r.n_train)
        if len({r.n_train for r in own}) > 1:
            found.append((point, [r.n_train for r in own], [[error(r.of("test", q)) for r in own] for q, _ in PANELS]))
    return found


def _figure(lines: list[tuple[str, list, list]], label: str, file: Path, force: bool, logarithmic: bool) -> Path:
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(PANELS))
    for panel, (axis, (_, title)) in enumerate(zip(axes, PANELS)):
        for k, (name, x, errors) in enumerate(lines):
            axis.plot(x, errors[panel], marker=MARKS[k % len(MARKS)], ms=4, lw=1, color=f"C{k % 10}", label=name)
        axis.set(xlabel=label, ylabel=title)
        if logarithmic:
            axis.set_yscale("log")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7, fontsize=7, frameon=False)
    with replacing(file, force) as part:
        figure.savefig(part, dpi=150, format="png")
    return file

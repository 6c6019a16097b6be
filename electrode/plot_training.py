"""Learning curves: the losses and the validation errors of a training against its epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.output import replacing
from electrode.plot import PANEL, RESOLUTION, check_suffix

_ERRORS = {  # key of the history: (name, unit, factor)
    "validation_energy": ("energy", "meV/atom", 1e3),
    "validation_forces": ("forces", "meV/A", 1e3),
    "validation_conjugate": ("conjugate", "me or mV", 1e3),
}


def plot_curves(history: Sequence[Mapping], path: str | Path, *, force: bool = False) -> None:
    """Draw training and validation loss, and the validation errors, against epochs; a line for each member.

    Iterations of a polishing follow the epochs, beyond a dotted line.

    Parameters
    ----------
    history : rows of `Training.history`, or of the history.json of `electrode train`
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists

    Raises
    ------
    ValueError
        without rows, or for another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    if not len(history):
        raise ValueError("plot_curves: expected at least one row of history, got none")
    check_suffix(path)
    figure = Figure(figsize=(2 * PANEL[0], PANEL[1]), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    members = sorted({row.get("member", 0) for row in history})
    for k in members:
        rows = [row for row in history if row.get("member", 0) == k]
        _draw(left, right, rows, labelled=k == members[0])
    left.set_ylabel("loss", fontsize="small")
    right.set_ylabel("validation error", fontsize="small")
    polished = [row["epoch"] for row in history if "polish" in row]
    for panel in (left, right):
        panel.set_xlabel("epoch" + (" + polishing iterations" if polished else ""), fontsize="small")
        panel.set_yscale("log")
        panel.tick_params(labelsize="small", direction="in", which="both", top=True, right=True)
        panel.legend(frameon=False, fontsize="x-small")
        if polished:
            panel.axvline(polished[0], color="0.5", lw=0.8, ls=":")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)


def _draw(left, right, rows: Sequence[Mapping], labelled: bool) -> None:
    marker = "." if len(rows) == 1 else ""
    for color, key, name in (("0.5", "training_loss", "training"), ("C3", "validation_loss", "validation")):
        known = [(row["epoch"] + row.get("polish", 0), row[key]) for row in rows if key in row]
        left.plot(*zip(*known), color=color, lw=1.0, marker=marker, label=name if labelled else None)
    for number, (key, (name, unit, factor)) in enumerate(_ERRORS.items()):
        known = [(row["epoch"] + row.get("polish", 0), factor * row[key]) for row in rows if key in row]
        if known:
            right.plot(*zip(*known), color=f"C{number}", lw=1.0, marker=marker, label=f"{name} / {unit}" if labelled else None)

"""Figure of the states that a set of frames covers: charge against potential, with their counts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.data.coverage import coverage
from electrode.output import replacing
from electrode.plot import RESOLUTION, check_suffix

_BINS = 24  # each way


def plot_coverage(states: np.ndarray, path: str | Path, *, force: bool = False) -> None:
    """Draw how many frames lie at each charge and potential, and each frame as a point.

    Parameters
    ----------
    states : (F, 2) charge [e] and absolute potential [V], at least one frame
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists

    Raises
    ------
    ValueError
        without frames, or for another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    states = np.asarray(states, dtype=float)
    if states.ndim != 2 or states.shape[1] != 2 or not len(states):
        raise ValueError(f"plot_coverage: expected (F, 2) charges and potentials of at least one frame, got shape {states.shape}")
    check_suffix(path)
    figure = Figure(figsize=(4.2, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    counts, charges, potentials = coverage(states, _BINS, _BINS)
    colours = panel.pcolormesh(charges, potentials, np.ma.masked_equal(counts, 0), cmap="Blues", rasterized=True)
    panel.plot(*states.T, ".", ms=2, color="0.25", label=f"{len(states)} frames")
    figure.colorbar(colours, ax=panel).set_label("frames in the bin", fontsize="small")
    panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    panel.set_xlabel("charge of the cell / e", fontsize="small")
    panel.set_ylabel("potential, absolute / V", fontsize="small")
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)

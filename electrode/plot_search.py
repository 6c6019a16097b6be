"""The band of a search for a saddle: the surrogate's energies with their standard deviations, and the calculator's barrier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.output import replacing
from electrode.plot import PANEL, RESOLUTION, check_suffix


def plot_search(saddle: Mapping, path: str | Path, *, force: bool = False) -> None:
    """Draw the profile that a search found.

    Parameters
    ----------
    saddle : what `learn.saddle.Saddle.to_json` or `electrode learn --json` gives
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists

    Raises
    ------
    ValueError
        for a suffix other than png, svg, pdf.
    FileExistsError
        if the file exists and `force` is not set.
    """
    check_suffix(path)
    figure = Figure(figsize=PANEL, layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    energies, spread = np.asarray(saddle["profile_eV"], dtype=float), np.asarray(saddle["std_eV"], dtype=float)
    along = np.linspace(0.0, 1.0, len(energies))
    panel.plot(along, energies, "o-", ms=3, lw=1.2, label=f"surrogate after {saddle['calls']} calls")
    panel.fill_between(along, energies - spread, energies + spread, alpha=0.2, lw=0.0)
    if saddle["barrier_eV"] is not None:
        words = "barrier" if saddle["converged"] else "highest structure asked for, not converged"
        panel.axhline(saddle["barrier_eV"], color="C3", lw=0.8, ls="--", label=f"{words}, {saddle['barrier_eV']:.3f} eV")
    panel.set_xlabel("image along the path / (number of images - 1)", fontsize="small")
    panel.set_ylabel("energy over the initial state / eV", fontsize="small")
    panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)

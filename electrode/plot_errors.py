"""Errors of a model against potential: a step for each window, a dashed line for all frames."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.output import replacing
from electrode.plot import PANEL, RESOLUTION, check_suffix

_QUANTITIES = {  # key of the errors: (name, unit)
    "energy_rmse_meV_per_atom": ("energy", "(meV/atom)"),
    "force_rmse_meV_per_A": ("forces", "(meV/A)"),
    "charge_rmse_e": ("charge of the cell", "e"),
    "potential_rmse_V": ("potential", "V"),
}


def plot_errors(errors: Mapping[str, Mapping], path: str | Path, *, force: bool = False) -> None:
    """Draw root mean square errors in each window of the absolute potential, and of all frames.

    Parameters
    ----------
    errors : name of a set of frames -> what `train.metrics.frame_errors` or `electrode evaluate --json` gives
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists

    Raises
    ------
    ValueError
        where no set has windows of the potential, or for another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    shown = [key for key in _QUANTITIES if any(key in e for e in errors.values())]
    if not shown or not any(e.get("windows") for e in errors.values()):
        raise ValueError("plot_errors: expected errors with windows of the potential, got none. Compare with frames that have a potential")
    check_suffix(path)
    figure = Figure(figsize=(PANEL[0] * len(shown), PANEL[1]), layout="constrained")
    FigureCanvasAgg(figure)
    for panel, key in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown):
        for number, (name, some) in enumerate(errors.items()):
            _draw(panel, key, name, some, f"C{number}")
        quantity, unit = _QUANTITIES[key]
        panel.set_xlabel("potential, absolute / V", fontsize="small")
        panel.set_ylabel(f"rms error of {quantity} / {unit}", fontsize="small")
        panel.tick_params(labelsize="small", direction="in", top=True, right=True)
        panel.set_ylim(0.0, 1.08 * panel.get_ylim()[1])  # room for the counts
        panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)


def _draw(panel, key: str, name: str, errors: Mapping, color: str) -> None:
    windows = [w for w in errors.get("windows", ()) if key in w]
    for k, w in enumerate(windows):
        label = None if k else ", ".join(filter(None, (name, "in a window, with its frames")))
        panel.plot([w["potential_low_V"], w["potential_high_V"]], [w[key]] * 2, "-", color=color, lw=2.0, label=label)
        middle = (w["potential_low_V"] + w["potential_high_V"]) / 2
        panel.annotate(str(w["n_frames"]), (middle, w[key]), (0, 3), textcoords="offset points", ha="center", fontsize="x-small", color=color)
    if windows and key in errors:
        panel.axhline(errors[key], color=color, lw=0.8, ls="--", label=f"all frames, {errors[key]:.3g}")

"""Figures for papers: barriers against potential, scans, parity; saved as png, svg or pdf by the name of the file.

Figures are objects of their own: nothing here touches matplotlib's global state or needs a display.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.output import replacing

SUFFIXES = (".png", ".svg", ".pdf")
RESOLUTION = 200  # of png [dots per inch]
PANEL = (3.4, 2.9)  # width and height of one panel [inch]
_TANGENT = 0.12  # half length of the slope's mark [V]
_LEGEND_ROOM = 0.5  # space below the barriers, as a share of their range
_QUANTITIES = {  # quantity: (title, unit)
    "energy": ("energy, relative", "eV/atom"),
    "forces": ("force component", "eV/A"),
    "charge": ("charge of the cell", "e"),
    "potential": ("potential, absolute", "V"),
}


def check_suffix(path: str | Path) -> None:
    """Raise ValueError unless the name ends in .png, .svg or .pdf."""
    if Path(path).suffix.lower() not in SUFFIXES:
        raise ValueError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}, got {Path(path).suffix or 'no suffix'!r}. Rename the figure")


def plot_barriers(rows: Sequence[Mapping], path: str | Path, *, curve: Mapping | None = None, force: bool = False) -> None:
    """Draw the barrier against potential with its slope, and the profiles of all potentials over each other.

    The slope is the exact derivative d barrier / dU = -(Q_saddle - Q_initial), drawn as a short line through each point; barriers
    at constant charge stand at the potential of their initial state and have none.

    Parameters
    ----------
    rows : what `BarrierTable.to_json` or `electrode neb --json` gives
    curve : what `BarrierCurve.to_json` or `electrode neb --curve` gives, drawn with a band of its error
    path : file to write;  force : replace it if it exists

    Raises
    ------
    ValueError
        without rows, or for a suffix other than png, svg, pdf.
    FileExistsError
        if the file exists and `force` is not set.
    """
    rows = sorted(_some(rows, "plot_barriers"), key=lambda r: r["potential_V"])
    figure, (left, right) = _panels(2)
    if curve is not None:
        u, barrier, error = (np.array(curve[n]) for n in ("potential_V", "barrier_eV", "error_eV"))
        left.plot(u, barrier, "-", color="C0", lw=1.2, label="between, from curvatures")
        left.fill_between(u, barrier - error, barrier + error, color="C0", alpha=0.2, lw=0.0)
    _draw_barriers(left, rows)
    _name_scale(figure, [left], rows)
    left.set(ylabel="energy / eV")
    for row, color in zip(rows, colormaps["viridis"](np.linspace(0.0, 0.85, len(rows)))):
        profile = row["profile_eV"]
        right.plot(np.linspace(0.0, 1.0, len(profile)), profile, "o-" if row["converged"] else "o:", color=color, ms=3, lw=1.2, label=f"{row['potential_V']:+.2f} V")
    right.set(xlabel="image along the path / (number of images - 1)", ylabel=f"{'energy' if rows[0].get('held') == 'charge' else 'grand energy'}, relative / eV")
    right.legend(title="dotted: no converged saddle" if not all(r["converged"] for r in rows) else None, title_fontsize="x-small")
    _save(figure, path, force)


def plot_scan(rows: Sequence[Mapping], path: str | Path, *, force: bool = False) -> None:
    """Draw grand energy, charge and capacitance of one structure against potential.

    Parameters
    ----------
    rows : what `ScanTable.to_json` or `electrode scan --json` gives
    path : file to write;  force : replace it if it exists

    Raises
    ------
    ValueError
        without rows, or for a suffix other than png, svg, pdf.
    FileExistsError
        if the file exists and `force` is not set.
    """
    rows = sorted(_some(rows, "plot_scan"), key=lambda r: r["potential_V"])
    column = lambda name: np.array([row[name] for row in rows])
    per_area = all(row["capacitance_uF_per_cm2"] is not None for row in rows)
    grand = column("grand_energy_eV")
    highest = rows[int(np.argmax(grand))]["potential_V"]
    curves = (
        (grand - grand.max(), "grand energy, relative / eV", f"zero at {highest:+.2f} V"),
        (column("charge_e"), "charge of the cell / e", "Q = -dOmega/dU"),
        (column("capacitance_uF_per_cm2" if per_area else "capacitance_e_per_V"), f"capacitance / {'uF cm$^{-2}$' if per_area else 'e V$^{-1}$'}", "C = dQ/dU, nuclei fixed"),
    )
    figure, axes = _panels(3)
    for panel, (values, label, legend), color in zip(axes, curves, ("C0", "C1", "C2")):
        panel.plot(column("potential_V"), values, "o-", color=color, ms=3, lw=1.2, label=legend)
        panel.set(ylabel=label)
        panel.legend()
    _name_scale(figure, axes, rows)
    _save(figure, path, force)


def plot_parity(pairs: Mapping[str, tuple], path: str | Path, *, force: bool = False) -> None:
    """Draw predictions against labels, one panel for each quantity, with the root mean square error.

    Parameters
    ----------
    pairs : quantity ("energy" [eV/atom], "forces" [eV/A], "charge" [e], "potential" [V]) -> (labels, predictions), of one
        length each; `Comparison.pairs` gives them. Energies are drawn relative to the mean label
    path : file to write;  force : replace it if it exists

    Raises
    ------
    ValueError
        without pairs, for an unknown quantity, arrays of two lengths, or a suffix other than png, svg, pdf.
    FileExistsError
        if the file exists and `force` is not set.
    """
    if not pairs or not set(pairs) <= set(_QUANTITIES):
        raise ValueError(f"plot_parity: expected some of {', '.join(_QUANTITIES)}, got {', '.join(pairs) or 'none'}")
    figure, axes = _panels(len(pairs))
    for panel, (quantity, (label, predicted)) in zip(axes, pairs.items()):
        _draw_parity(panel, quantity, np.asarray(label, dtype=float), np.asarray(predicted, dtype=float))
    _save(figure, path, force)


def plot_capacitance(curves: Mapping[str, Sequence[Mapping]], path: str | Path, *, force: bool = False) -> None:
    """Draw differential capacitance and charge of double layers against potential.

    Parameters
    ----------
    curves : label -> rows of one electrolyte, as `electrode capacitance --json` gives them
    path : file to write;  force : replace it if it exists

    Raises
    ------
    ValueError
        without curves, or for a suffix other than png, svg, pdf.
    FileExistsError
        if the file exists and `force` is not set.
    """
    _some(curves, "plot_capacitance")
    figure, axes = _panels(2)
    names = ("differential_capacitance_uF_per_cm2", "charge_uC_per_cm2")
    for panel, name, title in zip(axes, names, ("differential capacitance / uF cm$^{-2}$", "charge / uC cm$^{-2}$")):
        for (label, rows), color in zip(curves.items(), colormaps["viridis"](np.linspace(0.0, 0.85, len(curves)))):
            panel.plot([row["potential_V"] for row in rows], [row[name] for row in rows], "-", color=color, lw=1.2, label=label)
        panel.set(xlabel="potential against zero charge / V", ylabel=title)
        panel.legend()
    _save(figure, path, force)


def _draw_barriers(panel, rows) -> None:
    found = [row for row in rows if row["barrier_eV"] is not None]
    for sure, face, label in ((True, "C0", "barrier"), (False, "none", "barrier, not converged")):
        some = [row for row in found if row["converged"] is sure]
        if some:
            spread = [r.get("barrier_std_eV") or 0.0 for r in some]
            bars = {"yerr": spread, "capsize": 3, "elinewidth": 1.0} if any(spread) else {}
            panel.errorbar([r["potential_V"] for r in some], [r["barrier_eV"] for r in some], fmt="o", color="C0", mfc=face, ms=5, label=label, **bars)
    for k, row in enumerate(r for r in found if r.get("held") != "charge"):
        slope = row["charge_e"][0] - row["charge_e"][int(np.argmax(row["profile_eV"]))]
        x = row["potential_V"] + np.array([-_TANGENT, _TANGENT])
        panel.plot(x, row["barrier_eV"] + slope * (x - row["potential_V"]), "-", color="C3", lw=1.2, label=None if k else "slope, $-(Q_{saddle} - Q_{initial})$")
        panel.annotate(f"{slope:+.2f}", (row["potential_V"], row["barrier_eV"]), (0, -11), textcoords="offset points", ha="center", fontsize="x-small", color="C3")
    panel.plot([r["potential_V"] for r in rows], [r["reaction_energy_eV"] for r in rows], "s--", color="0.5", ms=4, lw=0.8, label="reaction energy")
    panel.margins(x=0.12)
    low, high = panel.get_ylim()
    panel.set_ylim(low - _LEGEND_ROOM * (high - low), high)
    panel.legend(loc="lower left")


def _draw_parity(panel, quantity: str, label: np.ndarray, predicted: np.ndarray) -> None:
    title, unit = _QUANTITIES[quantity]
    if label.shape != predicted.shape or not label.size:
        raise ValueError(f"plot_parity: {quantity} expected labels and predictions of one length, got {label.shape} and {predicted.shape}")
    error = np.sqrt(np.mean((predicted - label) ** 2))
    zero = label.mean() if quantity == "energy" else 0.0
    x, y = label.ravel() - zero, predicted.ravel() - zero
    panel.plot(x, y, ".", ms=3, alpha=0.6, color="C0", rasterized=True, label=f"RMSE {error:.3g} {unit}")
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    panel.plot(ends, ends, "-", color="0.4", lw=0.8, label="equal")
    panel.set(xlabel=f"label: {title} / {unit}", ylabel=f"model: {title} / {unit}")
    panel.legend()


def _name_scale(figure: Figure, axes: Sequence, rows) -> None:
    """Put the word for the potential scale on the axes and the whole of it, with its absolute value, above them."""
    scale = rows[0]["reference"]
    figure.suptitle(f"Potentials on the scale {scale}", fontsize="x-small")
    for panel in axes:
        panel.set(xlabel=f"potential / V ({scale.split()[0]})")


def _some(rows: Sequence[Mapping], what: str) -> list[Mapping]:
    if not len(rows):
        raise ValueError(f"{what}: expected at least one row, got none")
    return list(rows)


def _panels(number: int) -> tuple[Figure, Sequence]:
    figure = Figure(figsize=(PANEL[0] * number, PANEL[1]), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, number, squeeze=False)[0]
    for panel in axes:
        panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    return figure, axes


def _save(figure: Figure, path: str | Path, force: bool) -> None:
    check_suffix(path)
    for panel in figure.axes:
        for text in (panel.xaxis.label, panel.yaxis.label):
            text.set_fontsize("small")
        panel.get_legend().set(frame_on=False)
        for text in panel.get_legend().get_texts():
            text.set_fontsize("x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=RESOLUTION)

"""Figures of observables: spectra, hysteresis loops, capacitance against potential, profiles along the normal."""

from __future__ import annotations

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.observables.capacitance import CapacitanceCurve
from electrode.observables.hysteresis import Loop
from electrode.observables.infrared import Spectrum
from electrode.observables.profiles import Profile
from electrode.output import replacing
from electrode.plot import PANEL, RESOLUTION, check_suffix
from electrode.units import UC_PER_CM2


def plot_spectra(spectra: dict[str, Spectrum], path: str | Path, *, highest: float = 4500.0, force: bool = False) -> None:
    """Draw spectra by name up to the wave number `highest` [1/cm]; the other arguments and errors are those of `plot_loops`."""
    panel, save = _panel(spectra, path, "plot_spectra")
    for name, s in spectra.items():
        shown = s.wavenumbers <= highest
        panel.plot(s.wavenumbers[shown], 1e-3 * s.absorption[shown], "-", lw=1.0, label=name)
    _finish(panel, "wave number / (1/cm)", "absorption times index / (1000/cm)", save, path, force)


def plot_loops(loops: dict[str, Loop], path: str | Path, *, force: bool = False) -> None:
    """Draw loops by name, closed.

    Parameters
    ----------
    path : file to write, .png, .svg or .pdf;  force : replace it if it exists

    Raises
    ------
    ValueError
        for nothing to draw, or another suffix.
    FileExistsError
        if the file exists and `force` is not set.
    """
    panel, save = _panel(loops, path, "plot_loops")
    for name, loop in loops.items():
        closed = [[*x, x[0]] for x in (loop.fields, UC_PER_CM2 * loop.polarisations)]
        panel.plot(*closed, ".-", ms=2, lw=1.0, label=f"{name}, coercive field {loop.coercive_field:.3g} V/A")
    _finish(panel, "field / (V/A)", "polarisation / (uC/cm^2)", save, path, force)


def plot_capacitance_curves(curves: dict[str, CapacitanceCurve], path: str | Path, *, force: bool = False) -> None:
    """Draw differential (lines) and integral (points) capacitances by name; the other arguments and errors are those of `plot_loops`."""
    panel, save = _panel(curves, path, "plot_capacitance_curves")
    for name, c in curves.items():
        (line,) = panel.plot(c.drops, UC_PER_CM2 * c.differential, "-", lw=1.0, label=f"{name}, differential")
        panel.plot(c.drops, UC_PER_CM2 * c.integral, "o", ms=3, color=line.get_color(), fillstyle="none", label="integral")
    _finish(panel, "potential drop / V", "capacitance / (uF/cm^2)", save, path, force)


def plot_profiles(profiles: dict[str, Profile], path: str | Path, *, force: bool = False) -> None:
    """Draw densities by name, and below them density times <cos theta> where it is known; the other arguments and errors are those of `plot_loops`."""
    panel, save = _panel(profiles, path, "plot_profiles")
    for name, p in profiles.items():
        (line,) = panel.plot(p.heights, p.density, "-", lw=1.0, label=name)
        if p.orientation is not None:
            panel.plot(p.heights, p.density * p.orientation, "--", lw=1.0, color=line.get_color(), label="times mean cosine of the dipole")
    _finish(panel, "height / A", "density / (1/A^3)", save, path, force)


def _panel(shown: dict, path, name: str):
    if not shown:
        raise ValueError(f"{name}: expected something to draw, got nothing")
    check_suffix(path)
    figure = Figure(figsize=PANEL, layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots(), figure.savefig


def _finish(panel, x: str, y: str, save, path, force: bool) -> None:
    panel.set_xlabel(x, fontsize="small")
    panel.set_ylabel(y, fontsize="small")
    panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        save(part, dpi=RESOLUTION)

"""`python -m validation silver [--plot FILE]` compares models with the differential capacitance of Ag(111) in aqueous NaF.

One set of constants for all five concentrations, fitted by least squares to all points; bulk water, 298.15 K:

    Gouy-Chapman-Stern   1/C = 1/C0 + 1/C_GC, constant C0
    sized ions           the same with the modified Poisson-Boltzmann equation, fitted diameters of Na+ and F-
    thickening layer     the layer without ions grows with the charge on either side, as ions crowd in front of it:
                         C_H = C0 [1 + (sigma/sigma_-)^2]^(-1/2) for sigma < 0, and with sigma_+ for sigma > 0

The drop across the last is int dsigma/C_H = [sigma sqrt(1 + x^2) + sigma_s asinh(x)]/(2 C0) with x = sigma/sigma_s.
Data: Valette 1989, J. Electroanal. Chem. 269, 191, in the folder ELECTRODE_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from electrode.output import refuse_existing, replacing
from electrode.physics.double_layer import DiffuseLayer, Electrolyte, GouyChapman, Helmholtz, Ion, Stern
from electrode.units import EPSILON_0, UC_PER_CM2
from validation import _outside_data

_FILE = "valette_ag111_naf/valette1989_ag111_naf_capacitance.csv"


@dataclass(frozen=True)
class Model:
    """A capacitance [uF/cm^2] of concentration [mol/L], potentials (P,) [V] and constants, with where their fit starts."""

    name: str
    capacitance: Callable
    start: tuple[float, ...]
    constants: tuple[str, ...]


def main(argv: list[str]) -> int:
    """Fit, print a table and draw; return 0, also where the data are not there."""
    parser = argparse.ArgumentParser(prog="python -m validation silver", description="differential capacitance of Ag(111) in NaF")
    parser.add_argument("--plot", metavar="FILE", help="figure of data and models, .png, .svg or .pdf")
    parser.add_argument("--force", action="store_true", help="replace an existing figure")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot], arguments.force)
    path = _outside_data.found("silver", _FILE)
    if path is None:
        return 0
    data = np.loadtxt(path, delimiter=",", skiprows=1)
    fits = {model: _fit(model, data) for model in MODELS}
    _print(fits, data)
    if arguments.plot:
        _draw(fits, data, arguments.plot, arguments.force)
    return 0


def stern(concentration: float, potentials: np.ndarray, constants) -> np.ndarray:
    """Return the Gouy-Chapman-Stern capacitance; constants: C0 [uF/cm^2]."""
    layer = Stern(_plates(constants[0]), GouyChapman(Electrolyte.symmetric(concentration)))
    return UC_PER_CM2 * layer.differential_capacitance(potentials)


def sized(concentration: float, potentials: np.ndarray, constants) -> np.ndarray:
    """Return the capacitance with sized ions; constants: C0 [uF/cm^2] and the diameters of cation and anion [A]."""
    ions = (Ion(1, concentration, abs(constants[1])), Ion(-1, concentration, abs(constants[2])))
    layer = Stern(_plates(constants[0]), DiffuseLayer(Electrolyte(ions)))
    return UC_PER_CM2 * layer.differential_capacitance(potentials)


def thickening(concentration: float, potentials: np.ndarray, constants) -> np.ndarray:
    """Return the capacitance of a layer that thickens; constants: C0 [uF/cm^2], sigma_- and sigma_+ [uC/cm^2]."""
    c0, negative, positive = np.abs(constants) / UC_PER_CM2
    diffuse = GouyChapman(Electrolyte.symmetric(concentration))
    charge = np.zeros_like(potentials)
    for _ in range(100):
        scale = np.where(charge < 0.0, negative, positive)
        x = charge / scale
        inner = 0.5 * (charge * np.sqrt(1.0 + x**2) + scale * np.arcsinh(x)) / c0
        outer = diffuse.potential(charge)
        stiffness = np.sqrt(1.0 + x**2) / c0 + 1.0 / diffuse.differential_capacitance(outer)
        step = (potentials - inner - outer) / stiffness
        charge = charge + step
        if np.abs(step).max() < 1e-12:
            return UC_PER_CM2 / stiffness
    raise FloatingPointError(f"silver: expected Newton's method to converge, got a step of {np.abs(step).max():.1e} e/A^2")


MODELS = (
    Model("Gouy-Chapman-Stern", stern, (60.0,), ("C0 uF/cm2",)),
    Model("sized ions", sized, (130.0, 12.0, 7.0), ("C0 uF/cm2", "Na+ A", "F- A")),
    Model("thickening layer", thickening, (125.0, 4.0, 16.0), ("C0 uF/cm2", "sigma- uC/cm2", "sigma+ uC/cm2")),
)


def _plates(capacitance: float) -> Helmholtz:
    return Helmholtz(EPSILON_0 * UC_PER_CM2 / abs(capacitance), 1.0)


def _curve(model: Model, constants, data: np.ndarray) -> np.ndarray:
    out = np.empty(len(data))
    for c in np.unique(data[:, 0]):
        here = data[:, 0] == c
        out[here] = model.capacitance(c, data[here, 1], constants)
    return out


def _fit(model: Model, data: np.ndarray) -> np.ndarray:
    """Return the constants of least squared error in the capacitance."""
    found = least_squares(lambda p: _curve(model, p, data) - data[:, 2], model.start, x_scale=model.start)
    return np.abs(found.x)


def _print(fits: dict, data: np.ndarray) -> None:
    concentrations = np.unique(data[:, 0])
    print(f"Ag(111) in NaF, {len(data)} points of Valette 1989, root mean square errors in uF/cm2")
    print(f"{'model':20}{'all':>7}{'relative':>10}" + "".join(f"{c:>9g} M" for c in concentrations) + "  fitted constants")
    for model, constants in fits.items():
        error = _curve(model, constants, data) - data[:, 2]
        rms = lambda x: np.sqrt(np.mean(x**2))
        row = "".join(f"{rms(error[data[:, 0] == c]):11.2f}" for c in concentrations)
        words = ", ".join(f"{name} {value:.2f}" for name, value in zip(model.constants, constants))
        print(f"{model.name:20}{rms(error):7.2f}{100 * rms(error / data[:, 2]):9.1f}%{row}  {words}")


def _draw(fits: dict, data: np.ndarray, path: str, force: bool) -> None:
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    panel, grid = figure.subplots(), np.linspace(data[:, 1].min(), data[:, 1].max(), 401)
    concentrations = np.unique(data[:, 0])
    styles = {model: style for model, style in zip(fits, (":", "--", "-"))}
    for c, color in zip(concentrations, colormaps["viridis"](np.linspace(0.0, 0.85, len(concentrations)))):
        here = data[:, 0] == c
        panel.plot(data[here, 1], data[here, 2], ".", ms=4, color=color, label=f"{c:g} mol/L, measured")
        for model, constants in fits.items():
            if model.capacitance is not sized:
                panel.plot(grid, model.capacitance(c, grid, constants), styles[model], color=color, lw=1.0, label=model.name if c == concentrations[-1] else None)
    panel.set(xlabel="potential against zero charge / V", ylabel="differential capacitance / uF cm$^{-2}$", ylim=(0.0, 100.0))
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=200)

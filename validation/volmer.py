"""The Volmer step on Au(111): DFT and model on the fixed images of both paths, and the model's own relaxed band.

DFT values at a named potential come from five charges of each geometry: Omega = E - Phi Q with its exact slope dOmega/dPhi =
-Q, joined by cubic Hermite polynomials; where a potential lies beyond the charges of an image, the capacitance of its last two charges goes on.
`python -m validation volmer --plot volmer.png [--model M] [--json out.json]`
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.interpolate import CubicHermiteSpline

from electrode.data.files import read_frames
from electrode.examples import example
from electrode.models.store import load_model
from electrode.neb import barriers
from electrode.output import refuse_existing, replacing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate

DATA = Path(__file__).parents[1] / "tutorials" / "data"
PATHS = ("volmer_path", "volmer_fcc_path")
FIXED = (-1.0, -0.5, 0.0)  # [V SHE at 4.44 V], where the DFT images are compared
RELAXED = (-0.6, -0.4, -0.2, 0.0)  # where the relaxed band has a saddle


def fixed_images(frames, path: str) -> dict[float, list]:
    """Return the frames of a path by reaction coordinate, in order of potential."""
    found = defaultdict(list)
    for frame in frames:
        if frame.info["config_type"] == path:
            found[float(frame.info["reaction_coordinate"])].append(frame)
    return {x: sorted(found[x], key=lambda f: f.potential) for x in sorted(found)}


def dft_profile(images: dict[float, list], potential: float) -> tuple[np.ndarray, float]:
    """Return Omega of every image at an absolute potential [V], and how far beyond an image's five charges it lies [V]."""
    out, beyond = [], 0.0
    for some in images.values():
        phi = [f.potential for f in some]
        spline = CubicHermiteSpline(phi, [f.grand_energy for f in some], [f.n_excess for f in some])
        end = float(np.clip(potential, phi[0], phi[-1]))
        a, b = (some[0], some[1]) if potential < phi[0] else (some[-2], some[-1])
        capacitance = (b.charge - a.charge) / (b.potential - a.potential)
        out.append(float(spline(end) + spline(end, 1) * (potential - end) - 0.5 * capacitance * (potential - end) ** 2))
        beyond = max(beyond, phi[0] - potential, potential - phi[-1])
    return np.array(out), beyond


def model_profile(model, images: dict[float, list], potential: float) -> np.ndarray:
    """Return the model's Omega of every image at an absolute potential [V]."""
    structure = Structure.from_atoms([some[0].atoms for some in images.values()])
    return evaluate(model, structure, Control(potential=potential))["grand_energy"].numpy()


def compare(model, frames) -> list[dict]:
    """Return barrier and last image over the first, DFT and model, for both paths and the fixed potentials."""
    rows = []
    for path in PATHS:
        images = fixed_images(frames, path)
        for u in FIXED:
            dft, beyond = dft_profile(images, u + 4.44)
            profiles = {"dft": dft, "model": model_profile(model, images, u + 4.44)}
            row = {"path": path, "potential_V": u, "x": list(images), "dft_extrapolated_V": beyond}
            for name, p in profiles.items():
                row |= {f"{name}_profile_eV": (p - p[0]).tolist(), f"{name}_barrier_eV": float(p.max() - p[0]), f"{name}_last_eV": float(p[-1] - p[0])}
            rows.append(row)
    return rows


def draw(rows: list[dict], relaxed: list[dict], file: Path, force: bool) -> None:
    """Draw barriers against potential, and the profiles of both paths."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 3)
    colours = {u: c for u, c in zip(FIXED, ("#31688e", "#35b779", "#b5367a"))}
    marks = {PATHS[0]: "o", PATHS[1]: "s"}
    for path, axis in zip(PATHS, axes[1:]):
        some = [r for r in rows if r["path"] == path]
        axes[0].plot(FIXED, [r["dft_barrier_eV"] for r in some], marks[path], color="k", label=f"DFT, fixed images, {path}")
        axes[0].plot(FIXED, [r["model_barrier_eV"] for r in some], "-", color="k" if path == PATHS[1] else "0.6", label=f"model, fixed images, {path}")
        for r in some:
            u = r["potential_V"]
            axis.plot(r["x"], r["dft_profile_eV"], marks[path], color=colours[u], label=f"DFT {u:+.1f} V")
            axis.plot(r["x"], r["model_profile_eV"], "-", color=colours[u])
        axis.set(xlabel="reaction coordinate", ylabel="Omega over first image / eV", title=path)
        axis.legend(fontsize=7)
    good = [r for r in relaxed if r["barrier_eV"] is not None]
    axes[0].plot([r["potential_V"] for r in good], [r["barrier_eV"] for r in good], "D-", color="#d95f02", label="model, relaxed band")
    axes[0].set(xlabel="potential / V SHE (4.44 V absolute)", ylabel="barrier / eV", title="barrier against potential")
    axes[0].legend(fontsize=6)
    with replacing(file, force) as part:
        figure.savefig(part, dpi=200)


def main(argv: list[str]) -> int:
    """Compare, relax, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m validation volmer", description=__doc__)
    parser.add_argument("--model", default="au111-h3o")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    torch.set_num_threads(1)
    model, frames = load_model(arguments.model), read_frames(DATA / "au111_h3o.xyz.gz")
    rows = compare(model, frames)
    print("path             U/V SHE   barrier DFT, model   last image DFT, model   [eV over the first image]   DFT extrapolated by")
    for r in rows:
        print(f"{r['path']:16s} {r['potential_V']:+.2f}     {r['dft_barrier_eV']:.3f} {r['model_barrier_eV']:.3f}          {r['dft_last_eV']:+.3f} {r['model_last_eV']:+.3f}                          {r['dft_extrapolated_V']:.2f} V")
    table = barriers(example("volmer-initial"), example("volmer-final"), model, RELAXED, "SHE", she_absolute=4.44, progress=print)
    relaxed = table.to_json()
    for r in relaxed:
        barrier = "no saddle" if r["barrier_eV"] is None else f"{r['barrier_eV']:.3f} +- {r['barrier_std_eV'] or 0.0:.3f}, d barrier/dU {r['barrier_slope_e']:.2f}"
        print(f"relaxed band     {r['potential_V']:+.2f}     {barrier}, reaction {r['reaction_energy_eV']:+.3f}, {r['status']}")
    if arguments.plot:
        draw(rows, relaxed, arguments.plot, arguments.force)
    if arguments.json:
        write_json(arguments.json, {"fixed": rows, "relaxed": relaxed}, arguments.force)
    return 0

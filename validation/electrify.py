"""The Volmer step on Au(111) from neutral models that saw 3, 10 or 30 charged frames.

`python -m validation electrify [--base chgnet sevennet-0 ...] [--json out.json] [--plot out.png]`

Frames are drawn from the rattled geometries of the training part of tutorials/data/au111_h3o.split.json; no image of either path is
ever seen.  Barrier: highest image over the first, along the fixed images of both paths; DFT as in `validation volmer`.  Errors are
those of the rattled geometries of the other parts.  `neutral model alone` is E0(R), at no potential.
"""

from __future__ import annotations

import argparse
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.calculator import ElectrodeCalculator
from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.baseline import Baseline
from electrode.models.conjugate import NoStableState
from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
from electrode.models.neutral_calculators import MissingPackage
from electrode.output import refuse_existing, replacing, write_json
from electrode.state import Structure
from electrode.train.electrify import draw, electrify
from electrode.train.metrics import frame_errors
from validation.volmer import DATA, FIXED, PATHS, dft_profile, fixed_images, model_profile

BASES = ("chgnet", "sevennet-0", "validation.electrify:classical")
ERRORS = ("energy_rmse_meV_per_atom", "force_rmse_meV_per_A", "potential_rmse_V")


def classical() -> ElectrodeCalculator:
    """Return the untrained classical baseline at zero charge, a neutral model that needs no package."""
    return ElectrodeCalculator(Baseline(), charge=0.0)


@lru_cache(maxsize=1)
def data() -> tuple[list, list, dict[str, dict]]:
    """Return the frames to draw from, those to compare with, and the images of each path."""
    frames = read_frames(DATA / "au111_h3o.xyz.gz")
    split = Split.from_json(DATA / "au111_h3o.split.json")
    rattled = [f for f in frames if f.info["config_type"] not in PATHS]
    unseen = [f for part in ("validation", "test") for f in split.select(rattled, part)]
    return split.select(rattled, "train"), unseen, {path: fixed_images(frames, path) for path in PATHS}


def barriers(profile, images: dict) -> list[float]:
    """Return the barrier [eV] at each potential of `FIXED` from a profile (images, potential) -> Omega (I,); NaN without a stable state."""
    found = []
    for u in FIXED:
        try:
            omega = profile(images, u + 4.44)
            found.append(float(omega.max() - omega[0]))
        except NoStableState:
            found.append(float("nan"))
    return found


def slope(found: list[float]) -> float:
    """Return the change of a barrier from the first to the last potential [e]."""
    return (found[-1] - found[0]) / (FIXED[-1] - FIXED[0])


def measure(neutral: NeutralBase, n: int, corrected: bool, per_trajectory: int, seeds, pool, unseen, paths) -> dict:
    """Return barriers of both paths and errors of unseen frames for every seed."""
    rows = []
    for seed in seeds:
        model = electrify(neutral, draw(pool, n, seed, per_trajectory), corrected).model
        errors = frame_errors(model, unseen)
        found = {path: barriers(lambda images, u: model_profile(model, images, u), images) for path, images in paths.items()}
        rows.append({"seed": seed, "barriers_eV": found, **{key: errors[key] for key in ERRORS}})
    return {"base": neutral.config.calculator, "frames": n, "corrected": corrected, "per_trajectory": per_trajectory, "seeds": rows}


def alone(neutral: NeutralBase, images: dict) -> list[float]:
    """Return the barrier of the neutral energy, the same at every potential."""
    structure = Structure.from_atoms([some[0].atoms for some in images.values()])
    energy = neutral.kernels(structure)["neutral"].values()
    return [float(energy.max() - energy[0])] * len(FIXED)


def line(row: dict, dft: dict) -> str:
    """Return a row of the table: medians over the seeds, and the root mean square error of the barriers of all seeds."""
    cells = [f"{row['base'].rpartition(':')[2]:11s} {row['frames']:3d}  {'yes' if row['corrected'] else 'no ':3s} {row['per_trajectory']}  "]
    for path in PATHS:
        found = np.array([r["barriers_eV"][path] for r in row["seeds"]])
        error = np.sqrt(np.nanmean((found - dft[path]) ** 2))
        median = np.nanmedian(found, axis=0)
        cells.append("  ".join([*(f"{b:5.2f}" for b in median), f"{np.nanmedian([slope(b) for b in found]):5.2f}", f"{error:5.2f}"]) + "  |")
    cells.append("  ".join(f"{np.median([r[key] for r in row['seeds']]):7.3g}" for key in ERRORS))
    return "  ".join(cells)


def draw_figure(rows: list[dict], dft: dict, file: Path, force: bool) -> None:
    """Draw the barriers of every base with the neutral energy corrected, a band over the seeds, beside DFT's."""
    names = list(dict.fromkeys(r["base"] for r in rows))
    figure = Figure(figsize=(3.6 * len(names), 5.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(PATHS), len(names), squeeze=False, sharex=True, sharey="row")
    for panel, path, name in ((panels[i][k], p, b) for i, p in enumerate(PATHS) for k, b in enumerate(names)):
        for row, colour in zip([r for r in rows if r["base"] == name and r["corrected"]], ("#fde725", "#35b779", "#31688e", "#440154") * 2):
            found = np.array([r["barriers_eV"][path] for r in row["seeds"]])
            panel.plot(FIXED, np.nanmedian(found, 0), "-", color=colour, label=f"{row['frames']} frames")
            panel.fill_between(FIXED, np.nanmin(found, 0), np.nanmax(found, 0), color=colour, alpha=0.2, lw=0)
        panel.plot(FIXED, dft[path], "ko", label="DFT")
        panel.set(title=f"{name.rpartition(':')[2]}, {path}", xlabel="potential / V SHE (4.44 V absolute)", ylabel="barrier / eV", ylim=(0.0, 2.0))
        panel.legend(fontsize=6, frameon=False)
    with replacing(file, force) as part:
        figure.savefig(part, dpi=150)


def main(argv: list[str]) -> int:
    """Fit, compare, print, write."""
    parser = argparse.ArgumentParser(prog="python -m validation electrify", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", nargs="+", default=BASES)
    parser.add_argument("--frames", nargs="+", type=int, default=(3, 10, 30))
    parser.add_argument("--per-trajectory", nargs="+", type=int, default=(2,), help="frames drawn of a trajectory at a time")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    torch.set_num_threads(1)
    pool, unseen, paths = data()
    dft = {path: barriers(lambda images, u: dft_profile(images, u)[0], images) for path, images in paths.items()}
    print(f"medians of {arguments.seeds} draws; barriers [eV] at {FIXED} V SHE, slope [e] and rms error [eV] for {PATHS[0]} | {PATHS[1]} | errors of {len(unseen)} rattled frames")
    print(f"base        frames corr. per    {'  '.join(['  -1.0   -0.5    0.0  slope   rms  |'] * 2)}  E meV/atom  F meV/A  Phi V")
    print(f"{'DFT':28s}" + "  ".join("  ".join(f"{b:5.2f}" for b in [*dft[p], slope(dft[p])]) + "         |" for p in PATHS))
    rows = []
    for name in arguments.base:
        try:
            neutral = NeutralBase(NeutralBaseConfig.of(name))
        except MissingPackage as error:
            print(f"{name}: SKIPPED, {error}")
            continue
        print(f"{name.rpartition(':')[2]:11s} alone{'':12s}" + "  ".join("  ".join(f"{b:5.2f}" for b in [*alone(neutral, paths[p]), 0.0]) + "         |" for p in PATHS))
        for n, corrected, per in ((n, c, p) for n in arguments.frames for c in (False, True) for p in arguments.per_trajectory):
            rows.append(measure(neutral, n, corrected, per, range(arguments.seeds), pool, unseen, paths))
            print(line(rows[-1], dft), flush=True)
    if arguments.json:
        write_json(arguments.json, {"potentials_V_SHE": FIXED, "dft_barriers_eV": dft, "rows": rows}, arguments.force)
    if arguments.plot:
        draw_figure(rows, dft, arguments.plot, arguments.force)
    return 0

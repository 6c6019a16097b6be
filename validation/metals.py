"""A metal left out: what a few frames of it teach, alone, with those of the other metals, and to a model trained on these.

`python -m validation metals [--metals au cu pt] [--methods scratch joint fine-tuned delta delta-fine-tuned] [--draws 0 1 2] [--plot metals.png] [--json F]`

Hydrogen on Au, Cu and Pt(111), sjm_h_metal of $ELECTRODE_DATA.  Of the metal left out a fixed part of the trajectories is tested on, whatever
the number of frames learned from; a fifth of these (one trajectory at least) validates.  Methods:

baseline : classical, its element energies and zero of potential fitted to the frames.  With 0 frames, to those of the other metals.
scratch, joint : `equilibration`, trained on the new frames alone, or on them and on all frames of the other metals.
fine-tuned : `equilibration` trained on the other metals, then on the new frames (`electrode train --start`).  With 0 frames, that model, with the
    new metal in the place of the most similar one.
delta, delta-fine-tuned : the same with a network that corrects the baseline.

No model can know the energy of an atom that it never saw: energies at 0 frames are compared less their mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from electrode.data.files import read_frames
from electrode.models.base import Model
from electrode.output import refuse_existing, replacing, write_json
from electrode.train.config import TrainConfig
from electrode.train.metrics import compare
from electrode.train.start import started
from electrode.train.train import train
from validation import _outside_data
from validation.accuracy import baseline_for
from validation.extrapolation import errors as stable_errors
from validation.extrapolation import trained

METALS = ("au", "cu", "pt")
NUMBERS = (0, 10, 30, 100)
FEWEST_TESTED = 6  # trajectories
TRAINED = {  # method: scheme, and what it learns from beside the frames of the new metal
    "scratch": ("equilibration", "alone"), "joint": ("equilibration", "joint"), "fine-tuned": ("equilibration", "start"),
    "delta": ("delta", "alone"), "delta-fine-tuned": ("delta", "start"),
}  # fmt: skip
METHODS = ("baseline", *TRAINED)
QUANTITIES = (("energy_meV_per_atom", "energy [meV/atom]"), ("force_meV_per_A", "forces [meV/A]"), ("potential_mV", "potential [mV]"))


def folder() -> Path:
    """Return where the frames of the metals are."""
    return _outside_data.folder() / "sjm_h_metal"


def divided(frames: list, numbers: tuple[int, ...], seed: int) -> tuple[dict[int, tuple[list, list]], list]:
    """Return {n: (training, validation)} and the test frames, by trajectory; the larger n hold the smaller, numbers that leave too few to test are left out."""
    by_name: dict[str, list] = {}
    for frame in frames:
        by_name.setdefault(frame.trajectory, []).append(frame)
    names = sorted(by_name)
    np.random.default_rng(seed).shuffle(names)
    ends = {n: int(np.searchsorted(np.cumsum([len(by_name[k]) for k in names]), n)) + 1 for n in numbers if n}
    ends = {n: end for n, end in ends.items() if len(names) - end >= FEWEST_TESTED}
    some = lambda chosen: [f for name in chosen for f in by_name[name]]
    parts = {n: (some(names[max(1, end // 5) : end]), some(names[: max(1, end // 5)])) for n, end in ends.items()}
    return parts, some(names[max(ends.values()) :])


def held_out(frames: list) -> tuple[list, list]:
    """Return nine tenths and one tenth of the trajectories of each metal."""
    names = sorted({(f.system, f.trajectory) for f in frames})
    held = set(names[::10])
    return [f for f in frames if (f.system, f.trajectory) not in held], [f for f in frames if (f.system, f.trajectory) in held]


def errors(model: Model, frames: list, mean_removed: bool) -> dict[str, float]:
    """Return root mean square errors in meV per atom, meV/A and mV, the energy's less the mean error where `mean_removed`."""
    found = stable_errors(model, frames)
    if mean_removed:
        label, predicted = compare(model, frames).pairs("energy")
        found["energy_meV_per_atom"] = 1e3 * float(np.std(predicted - label))
    return {name: found[name] for name, _ in QUANTITIES}


def curves(frames: dict[str, list], metal: str, methods: list[str], configs: dict[str, TrainConfig], draws: list[int], folder: Path | None) -> list[dict]:
    """Return the rows of one metal left out."""
    others = [f for m, some in frames.items() if m != metal for f in some]
    rows = []

    def add(method: str, draw: int, n: int, model: Model, learned: list, test: list) -> None:
        row = {"metal": metal, "draw": draw, "method": method, "n": n, "n_train": len(learned), "n_test": len(test)}
        rows.append({**row, **errors(model, test, n == 0)})
        print(line(rows[-1]), flush=True)

    for draw in draws:
        parts, test = divided(frames[metal], NUMBERS, draw)
        add("baseline", draw, 0, baseline_for(others), [], test)
        for n, (training, held) in parts.items():
            add("baseline", draw, n, baseline_for([*training, *held]), training, test)
        for method in methods:
            scheme, way = TRAINED[method]
            start = trained(scheme, f"{scheme}-without-{metal}", *held_out(others), configs["whole"], 1, folder) if way == "start" else None
            if start is not None:
                add(method, draw, 0, started(start, test), [], test)  # the frames tell the elements, and an energy that drops out with the mean
            for n, (training, held) in parts.items():
                learned = [*others, *training] if way == "joint" else training
                model = train(scheme, learned, held, configs["whole" if way == "joint" else "few"], start=start).model
                add(method, draw, n, model, learned, test)
    return rows


def line(row: dict) -> str:
    """Return a row of the table."""
    return f"{row['metal']:3s} {row['draw']:4d}  {row['method']:17s} {row['n']:4d} {row['n_train']:5d} {row['n_test']:5d}  " + "  ".join(f"{row[name]:16.1f}" for name, _ in QUANTITIES)


def plot(rows: list[dict], path: Path, force: bool) -> None:
    """Draw the errors against the number of frames, a column for each metal, the mean over the draws with its range."""
    metals = [m for m in METALS if any(r["metal"] == m for r in rows)]
    figure = Figure(figsize=(3.4 * len(metals), 7.5), layout="constrained")
    axes = figure.subplots(len(QUANTITIES), len(metals), sharex=True, squeeze=False)
    for row, (name, title) in zip(axes, QUANTITIES):
        for axis, metal in zip(row, metals):
            for k, method in enumerate(m for m in METHODS if any(r["method"] == m for r in rows)):
                numbers = sorted({r["n"] for r in rows if r["metal"] == metal and r["method"] == method})
                values = [[r[name] for r in rows if (r["metal"], r["method"], r["n"]) == (metal, method, n)] for n in numbers]
                mean = [float(np.mean(v)) for v in values]
                spread = [[m - min(v) for m, v in zip(mean, values)], [max(v) - m for m, v in zip(mean, values)]]
                axis.errorbar([max(n, 3) for n in numbers], mean, spread, marker="o", markersize=3, linewidth=1, capsize=2, color=f"C{k}", label=method)
            axis.set(xscale="log", yscale="log", xticks=[3, 10, 30, 100], xticklabels=["0", "10", "30", "100"])
            axis.minorticks_off()
            if axis in axes[0]:
                axis.set_title(f"{metal.capitalize()}(111) left out")
        row[0].set_ylabel(title)
    for axis in axes[-1]:
        axis.set_xlabel("frames of the new metal")
    axes[0][0].legend(fontsize=7)
    FigureCanvasAgg(figure)
    with replacing(path, force) as place:
        figure.savefig(place, dpi=150)


def main(argv: list[str]) -> int:
    """Train, test, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m validation metals", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--metals", nargs="+", default=list(METALS), choices=METALS)
    parser.add_argument("--methods", nargs="*", default=list(TRAINED), choices=list(TRAINED))
    parser.add_argument("--draws", type=int, nargs="+", default=[0], help="seeds of the draws of frames")
    parser.add_argument("--minutes", type=float, default=3.0, help="of training on whole sets")
    parser.add_argument("--minutes-few", type=float, default=1.0, help="of training on few frames")
    parser.add_argument("--models", type=Path, help="folder that keeps the models of the other metals")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    if not folder().is_dir():
        print(f"metals: skipped, {folder()} is not there; set ELECTRODE_DATA")
        return 0
    torch.set_num_threads(1)
    frames = {m: read_frames(folder() / f"{m}111_h.xyz") for m in METALS}
    configs = {"whole": TrainConfig(max_minutes=arguments.minutes), "few": TrainConfig(max_minutes=arguments.minutes_few)}
    print("metal draw method            n  train  test  " + "  ".join(f"{title:16s}" for _, title in QUANTITIES), flush=True)
    rows = [row for metal in arguments.metals for row in curves(frames, metal, arguments.methods, configs, arguments.draws, arguments.models)]
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if arguments.plot:
        plot(rows, arguments.plot, arguments.force)
    return 0

"""Whether the spread of a committee tells where it is wrong: inside the trained charges and structures, and outside.

`python -m validation uncertainty [--schemes dual equilibration] [--members 4] [--minutes 4] [--bootstrap] [--models FOLDER] [--plot F] [--json F]`

Frames and splits are those of tutorials/data.  The lowest and the highest charge of every geometry and all frames along a path are kept
from training and validation.  Regions: "inside", the test trajectories at the charges between; "charge", the same structures at the
lowest and highest charge; "structure", the paths at the charges between.  With sjm_h_metal of $ELECTRODE_DATA the least-squares scheme
is also asked for a "metal" that it never saw: trained on Cu and Pt, gold in the place of the most similar one, energies less their mean error.
The spread is the members' standard deviation times a factor for energy, forces and conjugate each, fitted on the validation frames.
Least squares draw their members about one fit here (`posterior: true`); --bootstrap adds such committees whose members are fitted one by one to draws of the trajectories.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from scipy.stats import spearmanr

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.base import Calibration
from electrode.models.committee import Committee
from electrode.models.schemes import SCHEMES
from electrode.output import refuse_existing, replacing, write_json
from electrode.train.calibration import coverage
from electrode.train.config import TrainConfig
from electrode.train.metrics import compare
from electrode.train.start import started
from validation.extrapolation import trained
from validation.metals import METALS, folder, held_out
from validation.protocols import SETS, by_charge
from validation.volmer import DATA

LEFT_OUT = "au"  # the metal that a committee of the others is asked for
QUANTITIES = (("energy", "energy [meV/atom]"), ("forces", "forces [meV/A]"), ("conjugate", "potential [mV] or charge [me]"))
COLORS = {"inside": "C0", "charge": "C1", "structure": "C2", "metal": "C3"}
BINS, FEWEST = 8, 5  # groups of a curve at most, and errors in a group at least


@dataclass(frozen=True)
class Points:
    """Errors and spreads of one quantity in one region, of one committee.

    Parameters
    ----------
    data, scheme, region, quantity : names
    error, spread : (n,) in thousandths of eV, A, V and e; the spread calibrated
    factor : of the calibration
    """

    data: str
    scheme: str
    region: str
    quantity: str
    error: np.ndarray
    spread: np.ndarray
    factor: float

    def row(self) -> dict:
        """Return the shares of errors inside the intervals with and without calibration, and how error and spread go together."""
        kept, raw = coverage(self.error, self.spread), coverage(self.error, self.spread / self.factor)
        order = np.argsort(self.spread)
        third = max(1, len(order) // 3)
        rms = lambda rows: float(np.sqrt(np.mean(self.error[rows] ** 2)))
        return {
            "data": self.data, "scheme": self.scheme, "region": self.region, "quantity": self.quantity, "n": len(self.error), "factor": self.factor,
            "raw_50": raw[50], "raw_90": raw[90], "calibrated_50": kept[50], "calibrated_90": kept[90],
            "rank_correlation": float(spearmanr(np.abs(self.error), self.spread)[0]), "error_low_spread": rms(order[:third]), "error_high_spread": rms(order[-third:]),
        }  # fmt: skip


def windows(data: str) -> tuple[list, list, dict[str, list]]:
    """Return training and validation frames without end charges and paths, and the test frames of each region."""
    frames, split = read_frames(DATA / f"{data}.xyz.gz"), Split.from_json(DATA / f"{data}.split.json")
    along = lambda f: "path" in f.info["config_type"] and "rattle" not in f.info["config_type"]
    between = lambda some: by_charge(by_charge(some, "low")[0], "high")[0]
    parts = [[f for f in split.select(frames, part) if not along(f)] for part in ("train", "validation", "test")]
    kept = {id(f) for f in between(parts[2])}
    outside = [f for f in parts[2] if id(f) not in kept]
    return between(parts[0]), between(parts[1]), {"inside": between(parts[2]), "charge": outside, "structure": between([f for f in frames if along(f)])}


def points(data: str, scheme: str, region: str, model: Committee, frames: list) -> list[Points]:
    """Return errors and spreads of every quantity."""
    found, factors = compare(model, frames), model.card.calibration or Calibration()
    conjugate = "potential" if model.natural == "charge" else "charge"
    out = []
    for name, _ in QUANTITIES:
        error, spread = found.spreads(conjugate if name == "conjugate" else name)
        if region == "metal" and name == "energy":
            error = error - error.mean()
        out.append(Points(data, scheme, region, name, 1e3 * error, 1e3 * spread, getattr(factors, name)))
    return out


def unseen_metal(config: TrainConfig, scheme: str, members: int, place: Path | None) -> list[Points]:
    """Return the points of a metal that the committee was not trained on; none without the data."""
    if not folder().is_dir():
        print(f"metal: skipped, {folder()} is not there; set ELECTRODE_DATA")
        return []
    frames = {m: read_frames(folder() / f"{m}111_h.xyz") for m in METALS}
    others = [f for m, some in frames.items() if m != LEFT_OUT for f in some]
    committee = trained(scheme, f"{scheme}-{members}-without-{LEFT_OUT}", *held_out(others), config, members, place)
    model = started(committee, frames[LEFT_OUT])
    model.card = replace(model.card, calibration=committee.card.calibration)
    return points("metals", scheme, "metal", model, frames[LEFT_OUT])


def binned(error: np.ndarray, spread: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the root mean square spread and error of `number` groups of equal size, by spread."""
    groups = [g for g in np.array_split(np.argsort(spread), number) if len(g)]
    rms = lambda x: np.array([np.sqrt(np.mean(x[g] ** 2)) for g in groups])
    return rms(spread), rms(error)


def plot(found: list[Points], path: Path, force: bool) -> None:
    """Draw the error against the spread of groups of equal size, a row for each quantity and a column for each scheme and set."""
    columns = sorted({(p.scheme, p.data) for p in found if p.region != "metal"})
    figure = Figure(figsize=(3.2 * len(columns), 8.0), layout="constrained")
    axes = figure.subplots(len(QUANTITIES), len(columns), squeeze=False)
    for axis, (scheme, data) in zip(axes[0], columns):
        axis.set_title(f"{data}\n{scheme}")
    for row, (name, title) in zip(axes, QUANTITIES):
        for axis, (scheme, data) in zip(row, columns):
            shown = [p for p in found if p.quantity == name and p.scheme == scheme and (p.data == data or p.region == "metal")]
            for p in shown:
                axis.plot(*binned(p.error, p.spread, int(np.clip(len(p.error) // FEWEST, 2, BINS))), "o-", markersize=4, linewidth=1, color=COLORS[p.region], label=p.region)
            axis.axline((1.0, 1.0), slope=1.0, color="0.6", linewidth=1)
            axis.set(xscale="log", yscale="log")
            for side in (axis.xaxis, axis.yaxis):
                side.set_minor_formatter(NullFormatter())
        row[0].set_ylabel(f"error in {title}", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("predicted standard error, same unit", fontsize=8)
    lines = {line.get_label(): line for axis in axes.flat for line in axis.get_lines() if line.get_label() in COLORS}  # a region may be in some panels alone
    axes[0][0].legend(handles=list(lines.values()), fontsize=8)
    FigureCanvasAgg(figure)
    with replacing(path, force) as place:
        figure.savefig(place, dpi=150)


def line(row: dict) -> str:
    """Return a row of the table."""
    shares = "  ".join(f"{100 * row[k]:4.0f} {100 * row[m]:4.0f}" for k, m in (("raw_50", "raw_90"), ("calibrated_50", "calibrated_90")))
    return f"{row['data']:10s} {row['scheme']:25s} {row['region']:10s} {row['quantity']:10s} {row['n']:6d}  {row['factor']:6.2f}  {shares}   {row['rank_correlation']:5.2f}  {row['error_low_spread']:8.1f} {row['error_high_spread']:8.1f}"


def main(argv: list[str]) -> int:
    """Train, compare, print, draw."""
    parser = argparse.ArgumentParser(prog="python -m validation uncertainty", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemes", nargs="+", default=["dual", "equilibration"], choices=list(SCHEMES))
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--members", type=int, default=4)
    parser.add_argument("--minutes", type=float, default=4.0, help="of training for each committee")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bootstrap", action="store_true", help="also least squares by bootstrap")
    parser.add_argument("--models", type=Path, help="folder that keeps the trained models")
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    torch.set_num_threads(1)
    print(f"{'data':10s} {'scheme':25s} {'region':10s} {'quantity':10s}  errors factor  raw 50 90  calibr. 50 90  rank   rms error at low, high spread", flush=True)
    found: list[Points] = []

    def add(some: list[Points]) -> None:
        found.extend(some)
        print(*(line(p.row()) for p in some), sep="\n", flush=True)

    for scheme in arguments.schemes:
        for bootstrap in (False, True) if arguments.bootstrap and SCHEMES[scheme].linear else (False,):
            config = TrainConfig.for_scheme(scheme, max_minutes=arguments.minutes, seed=arguments.seed, bootstrap=bootstrap, posterior=SCHEMES[scheme].linear and not bootstrap)
            title = f"{scheme}, bootstrap" if bootstrap else scheme
            for data in arguments.sets:
                training, held, regions = windows(data)
                model = trained(scheme, f"{title.replace(', ', '-')}-{arguments.members}-{data}-between", training, held, config, arguments.members, arguments.models)
                for region, frames in regions.items():
                    add(points(data, title, region, model, frames))
            if SCHEMES[scheme].linear and not bootstrap:
                add(unseen_metal(config, scheme, arguments.members, arguments.models))
    if arguments.json:
        write_json(arguments.json, [p.row() for p in found], arguments.force)
    if arguments.plot:
        plot(found, arguments.plot, arguments.force)
    return 0

"""`python -m validation hydrogen_barriers [--json out.json]`: published barriers of hydrogen evolution against potential.

Two sets of catheorydtu_sjm in the folder ELECTRODE_DATA (default ../shared/data), both of solvated jellium at held potentials:

- bands of Volmer, Heyrovsky and Tafel steps on copper, with the excess electrons n of each image.  The slope of a barrier in potential must be
  n(saddle) - n(first); a barrier between two potentials follows from values and slopes at both (Hermite's cubic), and is compared with
  the band that was left out, beside the straight line through the two values.  Its error is stated as that of `electrode.pathway.curve`
  without curvatures: 4t (1 - t) |Delta2 - Delta1 - integral of the slopes|.
- 131 barriers on ten metals from 2.4 to 4.4 V, numbers alone: no charges, and most images of their paths are predictions of a
  Gaussian process.  Left-out potentials come from the parabola through the others, and left-out metals from the line of barrier
  against reaction energy through the others at the same potential.

A barrier less than 0.05 eV above the final state is no saddle, and is counted, not compared.
"""

from __future__ import annotations

import argparse
import csv
import os
import warnings
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from electrode.data.files import read_frames
from electrode.output import refuse_existing, write_json
from validation.published_sjm import bands

FOLDER = "catheorydtu_sjm"
BANDS, BARRIERS = f"{FOLDER}/Deng_COR_mechanism_Natcom.extxyz.gz", f"{FOLDER}/alkaline_HER_barriers.csv"
LEAST = 0.05  # [eV] that a saddle stands above the final state
MIDDLE = 3.4  # [V absolute] where slopes are taken
WIDTHS = 2.0  # standard deviations that an error band is wide


@dataclass(frozen=True)
class Series:
    """Barriers of one step at several potentials, ascending.

    Parameters
    ----------
    step, place : which reaction, on which metal or surface
    potential : (n,) [V absolute];  barrier, reaction : (n,) [eV]
    electrons : (n,) n(saddle) - n(first) [e], None where the source has no charges
    """

    step: str
    place: str
    potential: np.ndarray
    barrier: np.ndarray
    reaction: np.ndarray
    electrons: np.ndarray | None = None

    @property
    def name(self) -> str:
        """Step and place as they are printed."""
        return f"{self.step} {self.place}"


def table_of(path: Path) -> tuple[list[Series], int]:
    """Return the series of a table of barriers, and how many of its rows have no saddle."""
    found, none = defaultdict(list), 0
    with open(path, encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            numbers = [float(row[name]) for name in ("potential_abs_V", "barrier_eV", "reaction_energy_eV")]
            none += (low := numbers[1] - numbers[2] < LEAST)
            if not low:
                found[row["reaction"], row["metal"]].append(numbers)
    return [Series(*key, *np.array(sorted(some)).T) for key, some in found.items()], none


def labelled(frames) -> tuple[list[Series], int]:
    """Return the series of bands whose images carry charges, and how many bands have no saddle."""
    found, none = defaultdict(list), 0
    for band in bands(frames):
        target = -band[0].mu_target
        omega = np.array([f.grand_energy + f.n_excess * (target - f.potential) for f in band])
        top = int(omega.argmax())
        none += (low := top in (0, len(band) - 1) or omega[top] - omega[-1] < LEAST)
        if not low:
            place, step = band[0].trajectory.split("/")[1:3]
            found[step.lower(), f"Cu({place})"].append((target, omega[top] - omega[0], omega[-1] - omega[0], band[top].n_excess - band[0].n_excess))
    return [Series(*key, *np.array(sorted(some)).T) for key, some in sorted(found.items())], none


def parabola(series: Series) -> dict:
    """Return slope [e] in the middle of the range, curvature [e/V] and root mean square residual [eV] of the parabola, None without a potential to spare."""
    x, y = series.potential - MIDDLE, series.barrier
    if len(x) < 4:
        return {"slope_e": None, "curvature_e_per_V": None, "residual_eV": None}
    fit = np.polyfit(x, y, 2)
    return {"slope_e": fit[1], "curvature_e_per_V": 2.0 * fit[0], "residual_eV": float(np.sqrt(((np.polyval(fit, x) - y) ** 2).sum() / (len(x) - 3)))}


def left_out(series: Series, noise: float) -> list[dict]:
    """Return each inner barrier as the parabola through the others has it, with its error band for a noise of each barrier [eV]."""
    rows = []
    for k in range(1, len(series.potential) - 1) if len(series.potential) > 3 else ():
        x, y = np.delete(series.potential, k) - series.potential[k], np.delete(series.barrier, k)
        powers = np.vander(x, 3)
        spread = np.linalg.inv(powers.T @ powers)[2, 2]
        line = np.interp(0.0, x, y)
        rows.append({
            "series": series.name, "potential_V": series.potential[k], "barrier_eV": series.barrier[k], "parabola_eV": np.polyfit(x, y, 2)[2] - series.barrier[k],
            "line_eV": line - series.barrier[k], "band_eV": WIDTHS * noise * np.sqrt(1.0 + spread),
        })  # fmt: skip
    return rows


def between(series: Series) -> list[dict]:
    """Return each inner barrier as values and charges at its neighbours have it, with the error that the curve states."""
    rows, x, y, n = [], series.potential, series.barrier, series.electrons
    for k in range(1, len(x) - 1):
        two = np.array([k - 1, k + 1])
        width, t = x[k + 1] - x[k - 1], (x[k] - x[k - 1]) / (x[k + 1] - x[k - 1])
        apart = abs(y[k + 1] - y[k - 1] - 0.5 * width * n[two].sum())
        cubic, line = CubicHermiteSpline(x[two], y[two], n[two])(x[k]), np.interp(x[k], x[two], y[two])
        rows.append({
            "series": series.name, "potential_V": x[k], "barrier_eV": y[k], "cubic_eV": float(cubic) - y[k], "line_eV": line - y[k], "band_eV": 4.0 * t * (1.0 - t) * apart,
        })  # fmt: skip
    return rows


def steps_of(series: Series) -> list[dict]:
    """Return, between neighbouring potentials, the slope of the barrier and the mean charge difference at both [e]."""
    slope, mean = np.diff(series.barrier) / np.diff(series.potential), 0.5 * (series.electrons[1:] + series.electrons[:-1])
    return [{"series": series.name, "potential_V": x, "slope_e": s, "electrons": n} for x, s, n in zip(series.potential, slope, mean)]


def across(some: list[Series]) -> list[dict]:
    """Return each barrier of a step as the line against reaction energy has it that goes through all other metals at that potential."""
    points, rows = defaultdict(list), []
    for s in some:
        for x, y, r in zip(s.potential, s.barrier, s.reaction):
            points[x].append((s.place, r, y))
    for x, known in points.items():
        for place, r, y in known:
            others = np.array([p[1:] for p in known if p[0] != place]).reshape(-1, 2)
            if len(others) > 3:
                slope, level = np.polyfit(*others.T, 1)
                rows.append({"series": f"{some[0].step} {place}", "potential_V": x, "barrier_eV": y, "line_eV": slope * r + level - y, "mean_eV": others[:, 1].mean() - y, "slope": slope})
    return rows


def mae(rows: list[dict], name: str) -> float:
    """Return the mean absolute value of a column."""
    return float(np.mean(np.abs([r[name] for r in rows])))


def inside(rows: list[dict], name: str) -> str:
    """Say how many errors are inside their band."""
    return f"{sum(abs(r[name]) < r['band_eV'] for r in rows)} of {len(rows)}"


def print_bands(series: list[Series], none: int) -> dict:
    """Print and return what the bands with charges say."""
    slopes, middle = [r for s in series for r in steps_of(s)], [r for s in series for r in between(s)]
    off = np.array([r["slope_e"] - r["electrons"] for r in slopes])
    print(f"bands on copper with charges: {sum(len(s.potential) for s in series)} in {len(series)} series, {none} without a saddle")
    for s in series:
        some = [r for r in slopes if r["series"] == s.name]
        text = "; ".join(f"{r['slope_e']:.3f} and {r['electrons']:.3f}" for r in some)
        print(f"  {s.name:18} slope of the barrier and charge difference [e]: {text or '-'}")
    print(f"slope against charge difference, {len(off)} pairs: median |off| {np.median(np.abs(off)):.3f} e, root mean square {np.sqrt((off**2).mean()):.3f} e")
    print(f"potentials left out, {len(middle)}: values and charges {1e3 * mae(middle, 'cubic_eV'):.0f} meV, values alone {1e3 * mae(middle, 'line_eV'):.0f} meV; inside the stated error {inside(middle, 'cubic_eV')}")
    return {"slopes": slopes, "between": middle, "without_saddle": none}


def print_table(series: list[Series], none: int) -> dict:
    """Print and return what the numbers on ten metals say."""
    fits = {s.name: parabola(s) for s in series}
    print(f"\nbarriers on ten metals: {sum(len(s.potential) for s in series)} in {len(series)} series, {none} without a saddle")
    print(f"{'step':11}{'series':>7}{'slope/e':>9}{'spread':>8}{'curvature':>11}{'off/meV':>9}{'line':>6}{'inside 2 sigma':>16}   {'other metals/meV':>16}{'mean':>6}{'alpha':>7}")
    out = {"fits": fits, "left_out": [], "across": [], "without_saddle": none}
    for step in sorted({s.step for s in series}):
        some = [s for s in series if s.step == step]
        known = [fits[s.name] for s in some if fits[s.name]["residual_eV"] is not None]
        noise = float(np.sqrt(np.mean([f["residual_eV"] ** 2 for f in known])))
        rows, metals = [r for s in some for r in left_out(s, noise)], across(some)
        slope, bend = (np.array([f[n] for f in known]) for n in ("slope_e", "curvature_e_per_V"))
        print(
            f"{step:11}{len(known):7}{slope.mean():9.3f}{slope.std():8.3f}{np.median(bend):11.3f}{1e3 * mae(rows, 'parabola_eV'):9.0f}{1e3 * mae(rows, 'line_eV'):6.0f}{inside(rows, 'parabola_eV'):>16}"
            f"   {1e3 * mae(metals, 'line_eV'):16.0f}{1e3 * mae(metals, 'mean_eV'):6.0f}{np.mean([r['slope'] for r in metals]):7.2f}"
        )
        out["left_out"] += rows
        out["across"] += metals
    return out


def main(argv: list[str]) -> int:
    """Read, compare, print, write; return 0, also where the data are not there."""
    parser = argparse.ArgumentParser(prog="python -m validation hydrogen_barriers", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    root = Path(os.environ.get("ELECTRODE_DATA", Path(__file__).parents[1] / "../shared/data"))
    if missing := [name for name in (BANDS, BARRIERS) if not (root / name).is_file()]:
        print(f"hydrogen_barriers: SKIPPED, no file {root / missing[0]}. Set ELECTRODE_DATA to the folder that holds {missing[0]}")
        return 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the reader assumes of names is said in the SOURCE.md of the set
        frames = [f for f in read_frames(root / BANDS, strict=False) if f.info["kind"] == "neb"]
    found = {"copper": print_bands(*labelled(frames)), "metals": print_table(*table_of(root / BARRIERS))}
    if arguments.json:
        write_json(arguments.json, found, arguments.force)
    return 0

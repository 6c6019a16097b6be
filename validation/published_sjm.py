"""Published constant-potential bands of CO reduction on Cu(100): energies, forces, charges and barriers of reactions never trained on.

`python -m validation published_sjm [--schemes taylor equilibration] [--folds 0] [--every 2] [--minutes 20] [--seed 0] [--json F]`

Data: Selectivity_in_COR of catheorydtu_sjm in the folder ELECTRODE_DATA (default ../shared/data): solvated jellium, nudged elastic bands
of 29 reactions at up to six potentials, 61 to 68 atoms.  Reactions in alphabetic order are dealt to five folds; a fold is the test, every
other reaction of the next one validates, the rest trains, of which `--every 2` takes every second band.  Frames that nearly
coincide with one of the test (two reactions may share an end state) leave training and validation.

Forces that the files state as zero because an atom was held are left out.  A barrier is the highest image over the first, at the target
potential: Omega(target) = Omega + n (target - Phi) of each DFT image, of the order of (0.01 V)^2 C from exact; the model's is at the same fixed images.
Its slope in potential is compared within a reaction, and with n(saddle) - n(first), which it equals for a path at rest.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits_leaks import find_leaks
from electrode.models.conjugate import NoStableState
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation import _outside_data

FILE = "catheorydtu_sjm/Selectivity_in_COR.extxyz.gz"
FOLDS = 5
NEAR = 0.05  # [A] frames closer than this to one of the test are not trained on
BATCH = 16
COLUMNS = ("energy_meV_per_atom", "energy_in_band_meV", "force_meV_per_A", "force_without_net_meV_per_A", "potential_mV", "charge_e")


def reaction(frame) -> str | None:
    """Return the reaction of an image of a band, which the third folder of its path names, None for other frames."""
    parts = frame.info["source"].split("/")
    return parts[2] if parts[1] == "kinetics" else None


def fold(names: Sequence[str], number: int) -> dict[str, str]:
    """Return the part of each reaction: "test", "validation" or "train"."""
    ordered = sorted(set(names))
    test, held = ordered[number::FOLDS], ordered[(number + 1) % FOLDS :: FOLDS][::2]
    return {name: "test" if name in test else "validation" if name in held else "train" for name in ordered}


def masked(frame):
    """Return the frame with NaN for forces that its file states as zero because the atom was held."""
    if frame.forces is None or not frame.info.get("frozen_forces_zeroed"):
        return frame
    forces = np.array(frame.forces)
    forces[np.asarray(frame.geometry.arrays["frozen"], dtype=bool)] = np.nan
    return replace(frame, forces=forces)


def bands(frames: Sequence) -> list[list]:
    """Return the whole bands among the frames, images in order; a band without some of its images is left out."""
    found = defaultdict(list)
    for frame in frames:
        found[frame.trajectory].append(frame)
    ordered = [sorted(some, key=lambda f: f.info["frame"]) for _, some in sorted(found.items())]
    return [some for some in ordered if [f.info["frame"] for f in some] == list(range(some[0].info["n_frames"]))]


def divided(frames: Sequence, number: int, every: int) -> dict[str, list]:
    """Return training, validation and test frames of a fold."""
    part_of = fold([reaction(f) for f in frames], number)
    places = sorted({(reaction(f), f.trajectory) for f in frames})
    taken = {t for name in part_of for t in [t for r, t in places if r == name][::every]}
    kept = [f for f in frames if part_of[reaction(f)] == "test" or f.trajectory in taken]
    parts = [part_of[reaction(f)] for f in kept]
    sides = ["test" if p == "test" else str(k) for k, p in enumerate(parts)]  # a leak is told once for each pair of names
    near = {k for leak in find_leaks(kept, sides, near=NEAR) if "test" in leak.parts for k in (leak.first, leak.second)}
    return {p: [f for k, f in enumerate(kept) if parts[k] == p and (p == "test" or k not in near)] for p in ("train", "validation", "test")}


def differences(model, frames: Sequence) -> dict[str, list[np.ndarray]]:
    """Return predicted minus labelled values of every frame: energy and forces at the model's natural variable, the potential at the charge and the charge at the potential."""
    found, own = defaultdict(list), model.natural
    scalar = "canonical_energy" if own == "charge" else "grand_energy"
    for k in range(0, len(frames), BATCH):
        some = frames[k : k + BATCH]
        values = {name: np.array([getattr(f, name) for f in some]) for name in ("charge", "potential")}
        structure = Structure.from_atoms([f.atoms for f in some])
        out = {name: value.detach().numpy() for name, value in evaluate(model, structure, Control(**{own: values[own]})).items()}
        found["energy"] += list(out[scalar] - [getattr(f, scalar) for f in some])
        found["forces"] += [a - f.forces for a, f in zip(np.split(out["forces"], np.cumsum(structure.counts.numpy())[:-1]), some)]
        for name, held in (("potential", "charge"), ("charge", "potential")):
            found[name] += list((out[name] if held == own else solved(model, some, held, values[held])[name]) - values[name])
    return found


def solved(model, frames: Sequence, held: str, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return what `evaluate` does of frames at charges [e] or potentials [V], NaN for those without a stable state there."""
    names = ("grand_energy", "charge", "potential")
    try:
        out = evaluate(model, Structure.from_atoms([f.atoms for f in frames]), Control(**{held: values}))
    except NoStableState:
        if len(frames) == 1:
            return {name: np.full(1, np.nan) for name in names}
        parts = [solved(model, [f], held, values[k : k + 1]) for k, f in enumerate(frames)]
        return {name: np.concatenate([p[name] for p in parts]) for name in names}
    return {name: out[name].detach().numpy() for name in names}


def errors(found: dict, frames: Sequence) -> dict[str, float]:
    """Return root mean square errors under the names of `COLUMNS`; the energy within a band is that over the band's mean."""
    rms = lambda values: 1e3 * float(np.sqrt(np.nanmean(np.concatenate([np.ravel(v) for v in values]) ** 2)))
    energy, atoms = np.array(found["energy"]), np.array([len(f.geometry) for f in frames])
    inside = energy.copy()
    for name in {f.trajectory for f in frames}:
        own = [f.trajectory == name for f in frames]
        inside[own] -= inside[own].mean()
    whole = [w for w in found["forces"] if np.isfinite(w).all()]
    values = (energy / atoms, inside, found["forces"], [w - w.mean(0) for w in whole], found["potential"])
    return {**dict(zip(COLUMNS, map(rms, values))), "charge_e": rms(found["charge"]) / 1e3}


def nothing(frames: Sequence) -> dict[str, float]:
    """Return the errors of no force, the mean potential and charge, and one energy for all images of a band: what a model must beat."""
    label = lambda name: np.array([getattr(f, name) for f in frames])
    found = {"energy": -label("canonical_energy"), "forces": [-f.forces for f in frames], **{name: label(name).mean() - label(name) for name in ("potential", "charge")}}
    return {name: value for name, value in errors(found, frames).items() if name != "energy_meV_per_atom"}


def barrier(model, band: Sequence) -> dict[str, float]:
    """Return barrier [eV] and its slope in potential [e] along a band's images, DFT and model."""
    target = -band[0].mu_target
    dft = np.array([f.grand_energy + f.n_excess * (target - f.potential) for f in band])
    found = solved(model, band, "potential", np.full(len(band), target))
    top, ours = int(dft.argmax()), found["grand_energy"]
    guess = int(np.nanargmax(ours)) if np.isfinite(ours).all() else 0
    return {
        "reaction": reaction(band[0]), "path": "/".join(band[0].trajectory.split("/")[3:-1]), "trajectory": band[0].trajectory, "potential_V": target, "images": len(band),
        "dft_barrier_eV": float(dft[top] - dft[0]), "model_barrier_eV": float(ours[guess] - ours[0]),
        "dft_reaction_eV": float(dft[-1] - dft[0]), "model_reaction_eV": float(ours[-1] - ours[0]),
        "dft_electrons": band[top].n_excess - band[0].n_excess, "model_electrons": float(found["charge"][0] - found["charge"][guess]),
    }  # fmt: skip


def slopes(rows: Sequence[dict]) -> list[dict]:
    """Return, for each path with bands at three potentials or more, the least-squares slope of its barrier in potential and the mean charge difference [e]."""
    found = defaultdict(list)
    for row in rows:
        found[row["trajectory"].split("/pot_")[0]].append(row)
    out = []
    for name, some in found.items():
        x = np.array([r["potential_V"] for r in some])
        if len(np.unique(x)) > 2:
            fit = lambda key: float(np.polyfit(x, [r[key] for r in some], 1)[0])
            mean = lambda key: float(np.mean([r[key] for r in some]))
            out.append({"path": name, "bands": len(some), **{f"{k}_slope_e": fit(f"{k}_barrier_eV") for k in ("dft", "model")}, **{f"{k}_electrons": mean(f"{k}_electrons") for k in ("dft", "model")}})
    return out


def summary(rows: Sequence[dict]) -> dict[str, float]:
    """Return mean, mean absolute and root mean square differences of barriers, reaction energies [eV] and slopes [e], and what the mean DFT barrier misses."""
    out = {"bands": len(rows), "no_stable_state": sum(not np.isfinite(r["model_barrier_eV"]) for r in rows)}
    for name in ("barrier", "reaction"):
        d = np.array([r[f"model_{name}_eV"] - r[f"dft_{name}_eV"] for r in rows])
        out |= {f"{name}_mean_eV": float(np.nanmean(d)), f"{name}_mae_eV": float(np.nanmean(np.abs(d))), f"{name}_rmse_eV": float(np.sqrt(np.nanmean(d**2)))}
    out["barrier_spread_eV"] = float(np.std([r["dft_barrier_eV"] for r in rows]))
    some = slopes(rows)
    rms = lambda a, b: float(np.sqrt(np.nanmean([(s[a] - s[b]) ** 2 for s in some]))) if some else float("nan")
    out |= {"slope_rmse_e": rms("model_slope_e", "dft_slope_e"), "slope_spread_e": float(np.std([s["dft_slope_e"] for s in some])) if some else float("nan")}
    return out | {"slope_against_charge_dft_e": rms("dft_slope_e", "dft_electrons"), "slope_against_charge_model_e": rms("model_slope_e", "model_electrons")}


def one(scheme: str, parts: dict[str, list], config: TrainConfig, choices: dict) -> dict:
    """Train a scheme, test it, and return the row of the table."""
    begin = time.process_time()
    training = train(scheme, parts["train"], parts["validation"], config, choices)
    spent = (time.process_time() - begin) / 60.0
    rows = [barrier(training.model, band) for band in bands(parts["test"])]
    sizes = {f"n_{p}": len(some) for p, some in parts.items()}
    found = errors(differences(training.model, parts["test"]), parts["test"])
    return {"scheme": scheme, **sizes, "cpu_minutes": spent, "choices": choices, **found, "barriers": summary(rows), "slopes": slopes(rows), "bands": rows}


def main(argv: list[str]) -> int:
    """Train, test, print."""
    parser = argparse.ArgumentParser(prog="python -m validation published_sjm", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--schemes", nargs="+", default=["taylor", "equilibration", "dual", "delta"])
    parser.add_argument("--folds", nargs="+", type=int, default=[0], choices=range(FOLDS))
    parser.add_argument("--every", type=int, default=1, help="train on every n-th band of a reaction")
    parser.add_argument("--landmarks", type=int, default=150, help="of the schemes with kernels")
    parser.add_argument("--short-range", action="store_true", help="beside the classical short-range energy, which knows CO on copper badly")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training for each model")
    parser.add_argument("--steps", type=int, help="epochs or least-squares steps at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    path = _outside_data.found("published_sjm", FILE)
    if path is None:
        return 0
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 61 pairs of frames are 0.15 to 0.3 eV/e off dE/dn = mu: noise of geometries that nearly agree
        frames = [masked(f) for f in read_frames(path, strict=False) if reaction(f) is not None]
    rows = [row for k in arguments.folds for row in _fold(frames, k, arguments)]
    if arguments.json:
        write_json(arguments.json, _finite(rows), arguments.force)
    return 0


def _finite(content):
    """Return the content with None for numbers that are not finite."""
    if isinstance(content, dict):
        return {name: _finite(value) for name, value in content.items()}
    if isinstance(content, list):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and not np.isfinite(content) else content


def _fold(frames: Sequence, number: int, arguments) -> list[dict]:
    parts = divided(frames, number, arguments.every)
    print(f"fold {number}: " + ", ".join(f"{p} {len(some)} frames of {len({reaction(f) for f in some})} reactions" for p, some in parts.items()), flush=True)
    print(f"{'no model':14s}            " + "  ".join(f"{name} {value:.4g}" for name, value in nothing(parts["test"]).items()), flush=True)
    rows = []
    for scheme in arguments.schemes:
        choices = {"landmarks": arguments.landmarks} if scheme in ("taylor", "equilibration") else {}
        choices |= {"short_range": arguments.short_range} if scheme in ("taylor", "equilibration", "dual") else {}
        config = TrainConfig.for_scheme(scheme, max_minutes=arguments.minutes, seed=arguments.seed, epochs=arguments.steps)
        row = {"fold": number, "seed": arguments.seed, **one(scheme, parts, config, choices)}
        b = row["barriers"]
        print(f"{scheme:14s} {row['cpu_minutes']:5.1f} min  " + "  ".join(f"{name} {row[name]:.4g}" for name in COLUMNS), flush=True)
        print(f"{'':14s} " + "  ".join(f"{name} {value:.3g}" for name, value in b.items()), flush=True)
        rows.append(row)
    return rows

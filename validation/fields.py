"""The schemes in a field on published crystals and liquids, and on molecules computed for this project.

`python -m validation fields [--sets sio2 batio3 nma water water_field] [--schemes enthalpy fireann pnnp pnnp-dipole] [--minutes T] [--seed S] [--members K]
[--at-once N] [--splits FOLDER] [--models FOLDER] [--plot FILE] [--json F]`

sio2, batio3 : Falletta et al.'s finite-field frames; blocks of 5 frames in their order, of ten blocks the third validates and the fifth and tenth are
    the test.  `published` is the authors' model on the same test frames, which it was trained on in part: a fit error beside a held-out one; its energy
    has a constant of its own, which is taken off.
nma : Zhang and Jiang's N-methylacetamide, geometries divided 80 : 10 : 10 by seed 0.  The file is their validation part; that of training is not public.
water : their liquid water, forces alone; trained on nine in ten of their training frames, the tenth validates, their validation frames are the test.
    A frame with two atoms nearer than 0.4 A is left out.
water_field : water molecules and dimers, geometries divided 70 : 15 : 15 by seed 0; errors of the test for each strength of the field as well, and
    `--plot` draws those of the forces beside what the first order in the field leaves out of the labels.

`pnnp` is the kind with polar tensors, which learns from the frames without a field and has no energy in one; `pnnp-dipole` learns a dipole from all.
`--members K` trains K models from seeds S, S + 1 and on, for the minutes of `--minutes` each, N at once in processes of their own, and measures their mean.
Errors of the training frames stand beside those of the test in the file.

`--splits FOLDER` writes the divisions for `electrode train DATA --scheme enthalpy --split FOLDER/sio2.split.json` and trains nothing.  The data are read
from $ELECTRODE_DATA, default ../shared/data, and stay there; what is not found is skipped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from electrode.models.schemes import FIELD_TERMS
from electrode.models.store import save_model
from electrode.output import refuse_existing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.joining import joined
from electrode.train.metrics import frame_errors
from electrode.train.train import train
from validation._fields_data import FILES, divided, division, folder, read
from validation._fields_figure import draw

CRYSTALS = {"sio2", "batio3"}
OF_CRYSTAL = {"dipole": {"scale": 0.0015, "begins": 0.5}, "polarizability": {"scale": 0.001}}  # a dipole whose branch the Born charges find first
OF_CRYSTALS = ("enthalpy", {"networks": 2}, {"batch_size": 1, "terms": [{**t, **OF_CRYSTAL.get(t["quantity"], {})} for t in FIELD_TERMS]})
PUBLISHED = {"sio2": "allegro_pol/SiO2-published-ML.extxyz.gz", "batio3": "allegro_pol/BaTiO3-published-ML.extxyz.gz"}
EDGES = (0.0, 0.02, 0.15, 0.35, 0.7)  # of the strengths of the field [V/A]
SCHEMES = {  # name in the table: scheme, its choices, what its training differs in
    "enthalpy": ("enthalpy", {}, {}),
    "fireann": ("fireann", {}, {}),
    "pnnp": ("pnnp", {"polarisation": "tensor"}, {}),
    "pnnp-dipole": ("pnnp", {"polarisation": "dipole"}, {"terms": [t for t in FIELD_TERMS if t["quantity"] != "polarizability"]}),
}
KEYS = {
    "energy_rmse_meV_per_atom": "E meV/atom", "force_rmse_meV_per_A": "F meV/A", "dipole_rmse_eA": "P eA", "born_charge_rmse_e": "Z* e",
    "polarizability_rmse_eA2_per_V": "alpha eA2/V", "field_force_rmse_meV_per_A": "F by field",
}  # fmt: skip


def published(name: str, test: Sequence) -> dict:
    """Return the errors of the authors' predictions on the test frames, found by their geometries; a constant of the energy taken off."""
    predicted = {_place(f): f for f in read(PUBLISHED[name])}
    both = [(f, predicted[_place(f)]) for f in test if _place(f) in predicted]
    rms = lambda values: float(np.sqrt(np.mean(np.square(np.concatenate([np.ravel(v) for v in values])))))
    energy = np.array([(p.energy - f.energy) / len(f.geometry) for f, p in both])
    return {
        "n_frames": len(both), "energy_rmse_meV_per_atom": 1e3 * rms([energy - energy.mean()]), "force_rmse_meV_per_A": 1e3 * rms([p.forces - f.forces for f, p in both]),
        "dipole_rmse_eA": rms([_folded(p.dipole - f.dipole, f) for f, p in both]), "born_charge_rmse_e": rms([p.born_charges - f.born_charges for f, p in both]),
        "polarizability_rmse_eA2_per_V": rms([p.polarizability - f.polarizability for f, p in both]),
    }  # fmt: skip


def _place(frame) -> bytes:
    """Return what two files that round differently have in common."""
    scaled = frame.geometry.get_scaled_positions() % 1.0
    return np.round(scaled[:12], 3).tobytes() + frame.geometry.numbers.tobytes()


def _folded(error: np.ndarray, frame) -> np.ndarray:
    cell = frame.geometry.cell.array
    return error - np.round(error @ np.linalg.inv(cell)) @ cell


def by_strength(model, test: Sequence) -> list[dict]:
    """Return the errors of the frames in each window of the field's strength."""
    rows = []
    for low, high in zip(EDGES, EDGES[1:]):
        some = [f for f in test if low <= strength(f) < high]
        if some:
            middle = float(np.mean([strength(f) for f in some]))
            answer = force_of_field(model, some, test)
            rows.append({"field_low_V_per_A": low, "field_high_V_per_A": high, "field_mean_V_per_A": middle, "field_force_rmse_meV_per_A": answer, **pooled(model, some)})
    return rows


def force_of_field(model, some: Sequence, test: Sequence) -> float | None:
    """Return the error of what the field adds to the forces [meV/A], of frames whose geometry is also there without one; None for none."""
    still = {f.trajectory: f for f in test if f.trajectory is not None and strength(f) == 0.0}
    errors = []
    for f in some:
        if strength(f) > 0.0 and f.trajectory in still:
            forces = [evaluate(model, Structure.from_atoms(f.atoms), Control(charge=f.charge, field=np.array(e)))["forces"].numpy() for e in (f.efield, np.zeros(3))]
            errors.append((forces[0] - forces[1] - f.forces + still[f.trajectory].forces).ravel())
    return 1e3 * float(np.sqrt(np.mean(np.square(np.concatenate(errors))))) if errors else None


def pooled(model, frames: Sequence) -> dict:
    """Return the errors over all frames."""
    return {k: v for k, v in frame_errors(model, frames).items() if k == "n_frames" or k in KEYS}


def measure(name: str, kind: str, minutes: float, seed: int = 0, keep: Path | None = None, members: int = 1, at_once: int = 1) -> dict:
    """Train a scheme on a set, or a committee of it, and return its errors on the test; the model is kept in a folder."""
    parts = divided(name)
    learnt, test = {part: teachable(kind, some) for part, some in parts.items()}, answerable(kind, parts["test"])
    seeds = range(seed, seed + members)
    with ProcessPoolExecutor(at_once, get_context("spawn")) as pool:
        models, seconds, epochs = zip(*pool.map(trained, *zip(*[(name, kind, minutes, k) for k in seeds])))
    model = models[0] if members == 1 else joined(models, learnt["validation"])
    if keep is not None:
        save_model(model, keep / f"{name}-{kind}")
    row = {"set": name, "scheme": kind, "seed": seed, "members": members, "train": len(learnt["train"]), "cpu_seconds": sum(seconds), "epochs": min(epochs)}
    row |= {**pooled(model, test), "training": pooled(model, learnt["train"]), "validation": pooled(model, learnt["validation"])}
    return {**row, "fields": by_strength(model, test)} if name in ("water_field", "nma", "water") else row


def trained(name: str, kind: str, minutes: float, seed: int) -> tuple:
    """Return a model trained on a set, the CPU seconds that it took, and its epochs."""
    torch.set_num_threads(1)
    scheme, choices, changes = SCHEMES[kind] if kind != "enthalpy" or name not in CRYSTALS else OF_CRYSTALS
    parts = {part: teachable(kind, some) for part, some in divided(name).items()}
    started = time.process_time()
    config = TrainConfig.for_scheme(scheme, max_minutes=minutes, seed=seed, **changes)
    training = train(scheme, parts["train"], parts["validation"], config, {**choices, "seed": seed})
    return training.model, time.process_time() - started, training.history[-1]["epoch"]


def teachable(kind: str, frames: Sequence) -> list:
    """Return the frames that a scheme learns from: all, but for polar tensors those without a field."""
    return [f for f in frames if kind != "pnnp" or strength(f) == 0.0]


def answerable(kind: str, frames: Sequence) -> list:
    """Return the frames with the labels that a scheme has an answer to: polar tensors have no energy in a field."""
    return [replace(f, energy=None) if kind == "pnnp" and strength(f) > 0.0 else f for f in frames]


def strength(frame) -> float:
    """Return that of the frame's field [V/A]."""
    return 0.0 if frame.efield is None else float(np.linalg.norm(frame.efield))


def show(name: str, row: dict) -> None:
    """Print a row of the table."""
    cells = "".join(f"{row[key]:12.4g}" if row.get(key) is not None else f"{'-':>12}" for key in KEYS)
    print(f"{name:26s}{row['n_frames']:6d}{cells}{row.get('cpu_seconds', float('nan')):9.0f}", flush=True)


def write_splits(place: Path, names: Sequence[str]) -> None:
    """Write the divisions of the sets that are there."""
    place.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = place / f"{name}.split.json"
        refuse_existing([path], False)
        division(name, read(FILES[name])).to_json(path)
        print(f"{path}: electrode train {folder() / FILES[name]} --scheme enthalpy --split {path}")


def main(argv: list[str]) -> int:
    """Train, compare, print, write."""
    parser = argparse.ArgumentParser(prog="python -m validation fields", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=tuple(FILES), default=tuple(FILES))
    parser.add_argument("--schemes", nargs="+", choices=tuple(SCHEMES), default=("enthalpy", "fireann"))
    parser.add_argument("--minutes", type=float, default=20.0, help="of training for each model")
    parser.add_argument("--seed", type=int, default=0, help="of weights and order of frames; the divisions stay")
    parser.add_argument("--members", type=int, default=1, help="models of a committee")
    parser.add_argument("--at-once", type=int, default=1, help="members that are trained at once, in a process each")
    parser.add_argument("--splits", type=Path, metavar="FOLDER", help="write the divisions there and stop")
    parser.add_argument("--models", type=Path, metavar="FOLDER", help="keep the models there, each in a folder SET-SCHEME")
    parser.add_argument("--plot", type=Path, help="figure of the set water_field, .png, .svg or .pdf")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    kept = [arguments.models / f"{n}-{k}" for n in arguments.sets for k in arguments.schemes] if arguments.models and arguments.models.is_dir() else []
    refuse_existing([arguments.plot, arguments.json, *kept], arguments.force)
    torch.set_num_threads(1)
    names = [n for n in arguments.sets if (folder() / FILES[n]).is_file()]
    for name in sorted(set(arguments.sets) - set(names)):
        print(f"{name}: skipped, {folder() / FILES[name]} is not there; set ELECTRODE_DATA")
    if arguments.splits is not None:
        write_splits(arguments.splits, names)
        return 0
    print(f"{'set, scheme':26s}{'test':>6}{''.join(f'{head:>12}' for head in KEYS.values())}{'cpu s':>9}")
    rows = []
    for name in names:
        rows += _set(name, arguments)
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    if arguments.plot and "water_field" in names:
        draw([r for r in rows if r["set"] == "water_field"], read(FILES["water_field"]), arguments.plot, arguments.force)
    return 0


def _set(name: str, arguments) -> list[dict]:
    rows = []
    for scheme in arguments.schemes:
        rows.append(measure(name, scheme, arguments.minutes, arguments.seed, arguments.models, arguments.members, arguments.at_once))
        show(f"{name}, {scheme}", rows[-1])
        for window in rows[-1].get("fields", ()):
            show(f"  {window['field_low_V_per_A']:g} to {window['field_high_V_per_A']:g} V/A", window)
    if name in PUBLISHED:
        frames = read(FILES[name])
        rows.append({"set": name, "scheme": "published", **published(name, division(name, frames).divide(frames)["test"])})
        show(f"{name}, published", rows[-1])
    return rows

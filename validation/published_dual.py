"""The dual scheme on the solvated-jellium frames that its authors published: their form and ours, on geometries never trained on.

`python -m validation published_dual [--forms published ours] [--folds 0 1 2] [--minutes 5] [--seed 0] [--json F]`

Data: chen2023_amp_sjm in the folder ELECTRODE_DATA (default ../shared/data): Au27 with six water molecules, with one H more, and alone, at
target potentials of 3.64 to 5.04 V.  Frames whose atoms lie within 0.02 A of each other are one group, which also takes in the same
geometry at other potentials; groups are dealt to five folds, one for the test and one to validate.

published : networks of (5, 5), no energy beside the products, the loss of energy, summed charge and forces at 1 : 10 : 0.04, and full-batch
    quasi-Newton steps after a stochastic start
ours : the scheme's own choices

Chen et al., npj Comput. Mater. 9, 73 (2023), https://doi.org/10.1038/s41524-023-01007-6, report 0.10 to 0.15 meV/atom and 5e-5 e/atom on about
1500 frames.  The energies of these 322 hold noise: at one geometry Omega(Phi) scatters about int n dPhi, which `noise` measures.
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
from electrode.data.splits_folds import k_fold
from electrode.output import refuse_existing, write_json
from electrode.train.config import TrainConfig
from electrode.train.loss import Term
from electrode.train.metrics import compare
from electrode.train.train import train
from validation import _outside_data

FILE = "chen2023_amp_sjm/chen2023_au_water_sjm.extxyz"
FOLDS, NEAR = 5, 0.02  # [A]
PUBLISHED = {"hidden": (5, 5), "local_energy": False, "short_range": False}
LOSS = (Term("energy", 1.0, 1e-3), Term("latent_charge", 10.0, 45e-3), Term("forces", 0.04, 1e-3))  # per atom, of 45
FORMS = {"published": (PUBLISHED, {"terms": LOSS, "weight_decay": 0.0, "polish": 1000, "polish_share": 0.6}), "ours": ({}, {})}


def noise(frames: Sequence) -> dict[str, float]:
    """Return how far Omega(Phi) scatters about int n dPhi (trapezoids) at geometries with three potentials or more, rms [meV] and [meV/atom]."""
    groups = defaultdict(list)
    for frame in frames:
        groups[frame.geometry_id].append(frame)
    off, atoms = [], []
    for some in groups.values():
        some = sorted(some, key=lambda f: f.potential)
        if len(some) > 2:
            phi, n, omega = (np.array([getattr(f, name) for f in some]) for name in ("potential", "n_excess", "grand_energy"))
            left = omega - np.concatenate([[0.0], np.cumsum(0.5 * (n[1:] + n[:-1]) * np.diff(phi))])
            off += list(1e3 * (left - left.mean()) * np.sqrt(len(some) / (len(some) - 1)))
            atoms += [len(some[0].geometry)] * len(some)
    rms = lambda x: float(np.sqrt(np.mean(np.square(x)))) if len(x) else float("nan")
    return {"frames": len(off), "rms_meV": rms(off), "rms_meV_per_atom": rms(np.divide(off, atoms))}


def errors(model, frames: Sequence) -> dict[str, float]:
    """Return root mean square errors at the labelled potentials: energy and charge over the atoms, forces, and the sum of latent charges."""
    found = compare(model, frames)
    out, atoms = found.errors(), np.array([len(f.geometry) for f in frames])
    per_atom = lambda name: float(np.sqrt(np.mean([((f[name][1] - f[name][0]) / n) ** 2 for f, n in zip(found.frames, atoms)])))
    return {
        "energy_meV_per_atom": out["energy_rmse_meV_per_atom"], "force_meV_per_A": out["force_rmse_meV_per_A"],
        "charge_e_per_atom": per_atom("charge"), "latent_charge_e_per_atom": per_atom("latent_charge"),
    }  # fmt: skip


def one(form: str, parts: dict, minutes: float, seed: int) -> dict:
    """Train a form on the parts of a fold and return its errors on each."""
    choices, changes = FORMS[form]
    config = replace(TrainConfig.for_scheme("dual", max_minutes=minutes, seed=seed), **changes)
    begin = time.process_time()
    model = train("dual", parts["train"], parts["validation"], config, {**choices, "seed": seed}).model
    spent = (time.process_time() - begin) / 60.0
    return {"form": form, "cpu_minutes": spent, **{p: {"frames": len(some), **errors(model, some)} for p, some in parts.items() if p != "validation"}}


def _folds(frames: Sequence, numbers: Sequence[int]) -> dict[int, dict]:
    splits = k_fold(frames, FOLDS, seed=0, group="positions", near=NEAR, join=True)
    return {k: splits[k].divide(frames, NEAR) for k in numbers}


def main(argv: list[str]) -> int:
    """Train, test, print."""
    parser = argparse.ArgumentParser(prog="python -m validation published_dual", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--forms", nargs="+", default=list(FORMS), choices=FORMS)
    parser.add_argument("--folds", nargs="+", type=int, default=[0], choices=range(FOLDS))
    parser.add_argument("--minutes", type=float, default=5.0, help="of training for each model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    path = _outside_data.found("published_dual", FILE)
    if path is None:
        return 0
    torch.set_num_threads(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dE/dn is far from mu between most pairs of frames: the noise of the energies
        frames = read_frames(path, strict=False)
        parts = _folds(frames, arguments.folds)
    floor = noise(frames)
    print(f"noise of the energies: {floor['rms_meV']:.0f} meV, {floor['rms_meV_per_atom']:.2f} meV/atom, over {floor['frames']} frames")
    rows = []
    for k, form in ((k, form) for k in arguments.folds for form in arguments.forms):
        rows.append({"fold": k, "seed": arguments.seed, **one(form, parts[k], arguments.minutes, arguments.seed)})
        for part in ("train", "test"):
            print(f"fold {k} {form:10s} {part:6s} {rows[-1]['cpu_minutes']:5.1f} min  " + "  ".join(f"{name} {value:.3g}" for name, value in rows[-1][part].items()), flush=True)
    if arguments.json:
        write_json(arguments.json, {"noise": floor, "rows": rows}, arguments.force)
    return 0

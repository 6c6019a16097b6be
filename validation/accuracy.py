"""Errors of the shipped models on trajectories that their training never saw, beside the untrained baseline.

`python -m validation accuracy`; the splits are tutorials/data/*.split.json.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.baseline import Baseline
from electrode.models.store import load_model
from electrode.state import Structure
from electrode.train.metrics import compare
from validation.volmer import DATA


def baseline_for(frames) -> Baseline:
    """Return the classical baseline with element energies and the potential's zero fitted to the training frames."""
    label = lambda name: np.array([getattr(f, name) for f in frames])
    structure = Structure.from_atoms([f.atoms for f in frames])
    return Baseline().fit_offsets(structure, label("charge"), label("canonical_energy"), label("potential"))


def correlation(model, frames) -> float:
    """Return Pearson's r between the model's and the labelled force components."""
    found, labels = compare(model, frames).pairs("forces")
    return float(np.corrcoef(np.ravel(found), np.ravel(labels))[0, 1])


def capacitance_ratio(model, frames) -> float:
    """Return the median over neighbouring charges of each geometry of the model's dQ/dPhi over the labelled one."""
    found, groups = compare(model, frames), defaultdict(list)
    conjugate = "charge" if model.natural == "potential" else "potential"
    for frame, row in zip(frames, found.frames):
        label, predicted = (float(x) for x in row[conjugate])
        groups[frame.trajectory].append((frame.charge, label, predicted))
    ratios = []
    for rows in groups.values():
        steps = np.diff(np.array(sorted(rows)), axis=0)
        ratios += list(steps[:, 2] / steps[:, 1] if conjugate == "charge" else steps[:, 1] / steps[:, 2])
    return float(np.median(ratios))


def main(argv: list[str]) -> int:
    """Print a row for each model and part."""
    torch.set_num_threads(1)
    print(f"{'model':24s} {'part':10s} frames  E meV/atom  F meV/A  charge e  potential V  r(F)  C/C(DFT)")
    for name in ("au111_h", "au111_h3o"):
        frames = read_frames(DATA / f"{name}.xyz.gz")
        split = Split.from_json(DATA / f"{name}.split.json")
        parts = {p: split.select(frames, p) for p in ("train", "validation", "test")}
        for title, model in ((name.replace("_", "-"), load_model(name.replace("_", "-"))), (f"baseline, {name}", baseline_for(parts["train"]))):
            for part, some in parts.items():
                e = compare(model, some).errors()
                print(
                    f"{title:24s} {part:10s} {e['n_frames']:5d} {e['energy_rmse_meV_per_atom']:10.2f} {e['force_rmse_meV_per_A']:9.1f}"
                    f" {e.get('charge_rmse_e', float('nan')):10.4f} {e.get('potential_rmse_V', float('nan')):10.3f}   {correlation(model, some):.3f}  {capacitance_ratio(model, some):.2f}"
                )
    return 0

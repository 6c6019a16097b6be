"""`python -m validation polar_tensors [--parts water field] [--numbers 5 10] [--minutes 8] [--seed 0] [--plot FILE] [--json FILE]` learns how water answers to a field.

water : polar tensors of liquid water from 5 and from 10 frames of 128 molecules, tested on 10 frames that no training has seen (`aptnn_water`).  The published
    errors on those are 0.0424 and 0.0324 e; the mean tensor of each element has 0.152 e.
field : the scheme `pnnp` of both kinds on single water molecules and dimers in fields (`water_field_dft`), trained without a field, tested on other
    geometries by strength of the field.  Beside its errors stands what the first order in the field leaves out: the forces of the electronic structure less
    F0 + Z^T F of the same, with Z its own labels, of all geometries.

Splits: the ten frames marked `train_10`, of which the first five are the small set, and the test file; trajectories 70 : 15 : 15 by seed 0.
Folders: ELECTRODE_DATA (default ../shared/data).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import Atoms

from electrode.data.files import read_frames
from electrode.data.splits import split_by_trajectory
from electrode.models.pnnp import born_charges, integrability_defect
from electrode.output import refuse_existing, replacing, write_json
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.train import train
from validation import _outside_data

DATA = _outside_data.folder()
FILES = {"water": "aptnn_water/apt_water_train_noleak.extxyz", "field": "water_field_dft/water.xyz"}
PUBLISHED = {5: 0.04235, 10: 0.03237}
BORN = [{"quantity": "born_charges", "weight": 1.0, "scale": 0.03}]
WATER = {"energy": None, "response": {"channels": 32, "layers": 2, "radial_functions": 8, "cutoff": 5.0}}
EDGES = (0.0, 1e-6, 0.1, 0.2, 0.4, 0.7)  # of the windows of the field [V/A]
BOX = 30.0  # of molecules in open space [A]; nothing is periodic


def rms(x) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(x))))


def tensor_error(model, frames: Sequence) -> float:
    """Return the error of polar tensors over all components [e]."""
    wrong = [born_charges(model, Structure.from_atoms(f.atoms)).flatten(1).numpy() - f.born_charges for f in frames if f.born_charges is not None]
    return rms(np.concatenate([w.ravel() for w in wrong]))


def water(minutes: float, seed: int, epochs: int, numbers: Sequence[int]) -> list[dict]:
    """Train on some numbers of frames, test on the others."""
    frames = read_frames(DATA / FILES["water"])
    test = read_frames(DATA / FILES["water"].replace("train_noleak", "test"))
    rows = []
    print("water: frames   RMSE e   published   integrability defect   epochs")
    for number in numbers:
        some = [f for f in frames if f.info["from"] == "train_10"][:number]
        config = TrainConfig.for_scheme("pnnp", terms=BORN, max_minutes=minutes, epochs=epochs * 5 // number, batch_size=1, averaging=0.98, validate_every=10, seed=seed)
        found = train("pnnp", some, some, config, {**WATER, "seed": seed})  # every frame counts: the averaged last weights are kept, no test is seen
        defect = integrability_defect(found.model, Structure.from_atoms(test[0].atoms), probes=3)
        rows.append({"part": "water", "frames": number, "born_charge_rmse_e": tensor_error(found.model, test), "published_e": PUBLISHED[number], "defect": defect, "epochs": found.history[-1]["epoch"]})
        print(f"       {number:6d}  {rows[-1]['born_charge_rmse_e']:.4f}     {PUBLISHED[number]:.4f}         {defect:.3f}              {rows[-1]['epochs']}", flush=True)
    return rows


def boxed(frame):
    """Return a frame of a molecule in a box that is not periodic, about whose middle nothing changes."""
    atoms = frame.geometry.copy()
    atoms.set_cell([BOX, BOX, BOX])
    return replace(frame, geometry=Atoms(atoms, pbc=False))


def field(minutes: float, seed: int) -> list[dict]:
    """Train both kinds on frames without a field, test them in fields of growing strength."""
    frames = [boxed(f) for f in read_frames(DATA / FILES["field"])]
    parts = split_by_trajectory(frames, (0.7, 0.15, 0.15), seed=0).divide(frames)
    still = {part: [f for f in some if not f.efield.any()] for part, some in parts.items()}
    models = {}
    for kind in ("tensor", "dipole"):
        config = TrainConfig.for_scheme("pnnp", max_minutes=minutes, seed=seed, validate_every=20)
        models[kind] = train("pnnp", still["train"], still["validation"], config, {"polarisation": kind, "seed": seed}).model
        print(f"field: {kind}: polar tensors {tensor_error(models[kind], still['test']):.4f} e of {len(still['test'])} test geometries, trained on {len(still['train'])}", flush=True)
    rows = []
    for low, high in zip(EDGES, EDGES[1:]):
        held, whole = _window(models, parts["test"], low, high), _window({}, frames, low, high)  # what needs no model is taken of all geometries
        rows += [{**held, **{k: whole[k] for k in ("truncation", "field_force")}}] if held else []
    print("field V/A   frames   first order of DFT meV/A   force of the field meV/A   all forces, tensor, dipole meV/A   field's forces, tensor, dipole meV/A")
    for r in rows:
        print(
            f"{r['field']:8.3f}   {r['frames']:4d}          {r['truncation']:8.1f}               {r['field_force']:8.1f}                   {r['tensor']:8.1f} {r['dipole']:8.1f}"
            f"                    {r['tensor_field']:8.1f} {r['dipole_field']:8.1f}", flush=True,
        )  # fmt: skip
    return rows


def _window(models: dict, frames: Sequence, low: float, high: float) -> dict | None:
    """Return the errors of the frames whose field lies in a window [meV/A]."""
    base = {f.trajectory: f for f in frames if not f.efield.any()}
    some = [f for f in frames if low <= np.linalg.norm(f.efield) < high and f.trajectory in base]
    if not some:
        return None
    found: dict[str, list] = {name: [] for name in ("truncation", "field_force", *models, *(f"{m}_field" for m in models))}
    for f in some:
        still = base[f.trajectory]
        by_field = f.forces - still.forces
        first = np.einsum("nab,a->nb", still.born_charges.reshape(-1, 3, 3), f.efield)
        found["truncation"].append(by_field - first)
        found["field_force"].append(by_field)
        for name, model in models.items():
            at = lambda e: evaluate(model, Structure.from_atoms(f.atoms), Control(charge=0.0, field=e))["forces"].numpy()
            forces = at(f.efield)
            found[name].append(forces - f.forces)
            found[f"{name}_field"].append(forces - at(np.zeros(3)) - by_field)
    middle = float(np.mean([np.linalg.norm(f.efield) for f in some]))
    return {"part": "field", "field": middle, "frames": len(some), **{k: 1e3 * rms(np.concatenate([x.ravel() for x in v])) for k, v in found.items()}}


def draw(rows: list[dict], path: Path, force: bool) -> None:
    """Draw the errors against the strength of the field."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    panel = figure.subplots()
    rows = [r for r in rows if r["field"] > 0.0]
    x = [r["field"] for r in rows]
    names = {"field_force": "force of the field", "truncation": "beyond first order (DFT)", "tensor_field": "error of pnnp, tensor", "dipole_field": "error of pnnp, dipole"}
    for name, label in names.items():
        panel.plot(x, [r[name] for r in rows], "o-", ms=3, label=label)
    panel.set_yscale("log")
    panel.set_ylim(bottom=0.1)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.set_xlabel("field / (V/A)", fontsize="small")
    panel.set_ylabel("rms of the field's forces / (meV/A)", fontsize="small")
    panel.tick_params(labelsize="small", direction="in", top=True, right=True)
    panel.legend(frameon=False, fontsize="x-small")
    with replacing(path, force) as part:
        figure.savefig(part, dpi=200)


def main(argv: list[str]) -> int:
    """Train, print, draw; return 0, also where data are not there."""
    parser = argparse.ArgumentParser(prog="python -m validation polar_tensors", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", default=list(FILES), choices=list(FILES))
    parser.add_argument("--minutes", type=float, default=8.0, help="of each training at most")
    parser.add_argument("--numbers", type=int, nargs="+", default=list(PUBLISHED), choices=list(PUBLISHED), help="of frames in the part water")
    parser.add_argument("--epochs", type=int, default=100, help="of the part water with 5 frames, half as many with 10")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, help="figure of the part field, .png, .svg or .pdf")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.plot, arguments.json], arguments.force)
    torch.set_num_threads(1)
    rows = []
    for part in arguments.parts:
        if not (DATA / FILES[part]).is_file():
            print(f"polar_tensors: SKIPPED {part}, no file {DATA / FILES[part]}. Set ELECTRODE_DATA")
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # what the reader of a known set assumes
            rows += water(arguments.minutes, arguments.seed, arguments.epochs, arguments.numbers) if part == "water" else field(arguments.minutes, arguments.seed)
    if arguments.plot:
        draw([r for r in rows if r["part"] == "field"], arguments.plot, arguments.force)
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return 0

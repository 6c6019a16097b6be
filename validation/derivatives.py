"""Forces of the shipped models against finite differences, at fixed potential and at fixed charge, in float64.

`python -m validation derivatives` takes three geometries of each test set and one more whose atom lies on the interface
plane; it prints the largest deviation and fails above 1e-6 eV/A.
"""

from __future__ import annotations

import numpy as np
import torch

from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.models.store import load_model
from electrode.state import Control, Structure
from electrode.testing import FORCE_TOLERANCE, numerical_forces
from electrode.thermo import evaluate
from validation.volmer import DATA


def on_the_plane(model, atoms):
    """Return the structure with its last atom moved onto the interface plane, beside the surface atoms."""
    decay = model.members()[0].config.decay_functions if hasattr(model, "members") else model.config.decay_functions
    moved, top = atoms.copy(), atoms.positions[atoms.get_tags() == 1]
    moved.positions[-1] = top[:3].mean(0) + [0.0, 0.0, decay.offset + 0.1]
    return moved


def worst(model, atoms, control) -> float:
    """Return the largest deviation over all atoms and directions [eV/A]."""
    forces = evaluate(model, Structure.from_atoms(atoms), control)["forces"].numpy()
    pairs = [(k, c) for k in range(len(atoms)) for c in range(3)]
    return float(np.abs(forces.ravel() - numerical_forces(model, atoms, control, pairs)).max())


def main(argv: list[str]) -> int:
    """Print a line for each structure and control."""
    torch.set_num_threads(1)
    failed = 0
    for name in ("au111_h", "au111_h3o"):
        model = load_model(name.replace("_", "-"))
        frames = Split.from_json(DATA / f"{name}.split.json").select(read_frames(DATA / f"{name}.xyz.gz"), "test")
        chosen = [(f.where, f.atoms, f) for f in frames[2 :: max(1, len(frames) // 3)][:3]]
        chosen.append(("an atom on the interface plane", on_the_plane(model, frames[2].atoms), frames[2]))
        for where, atoms, frame in chosen:
            for control in (Control(potential=frame.potential), Control(charge=frame.charge)):
                error = worst(model, atoms, control)
                failed += error > FORCE_TOLERANCE
                print(f"{name:10s} {where:32s} fixed {control.held:9s} = {float(control.value[0]):+.3f}   {error:.1e} eV/A")
    return int(failed > 0)

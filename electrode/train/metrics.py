"""Errors of a model on labelled frames: each frame at its own label of the model's natural variable.

Energies are compared in the natural scalar (E, Omega, or H with a field), nothing refitted; the charge is -dOmega/dPhi
and the potential dE/dQ, never a sum of latent charges.  Labels that a frame lacks are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.data.problems import fault
from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame
from electrode.models.base import Model
from electrode.models.domain import check_elements
from electrode.state import Control, Structure
from electrode.thermo import evaluate

BATCH = 32  # frames in one evaluation
WINDOW = 0.5  # width of the bins in potential [V]
UNNAMED = "unnamed"  # frames without a system

_KEYS = {  # quantity: (key of the root mean square error, factor from eV, A, e, V)
    "energy": ("energy_rmse_meV_per_atom", 1e3),
    "forces": ("force_rmse_meV_per_A", 1e3),
    "charge": ("charge_rmse_e", 1.0),
    "potential": ("potential_rmse_V", 1.0),
    "dipole": ("dipole_rmse_eA", 1.0),
    "latent_charge": ("latent_charge_rmse_e", 1.0),
    "latent_gap": ("latent_charge_gap_rmse_e", 1.0),
}


@dataclass(frozen=True)
class Comparison:
    """Labels and predictions of F frames, one pair of arrays for each frame and quantity.

    Parameters
    ----------
    natural : the model's natural variable
    frames : F dictionaries quantity -> (label, prediction), each of equal shape: "energy" () [eV per atom], "forces"
        (N, 3) [eV/A], "charge" () [e] or "potential" () [V], "dipole" (3,) [e A], "latent_charge" () [e] (the sum of the
        atomic charges against the label), "latent_gap" () [e] (that sum against the model's own charge)
    systems : F names
    potentials : F absolute potentials [V], NaN where a frame has none
    """

    natural: str
    frames: tuple[dict[str, tuple[np.ndarray, np.ndarray]], ...]
    systems: tuple[str, ...]
    potentials: np.ndarray

    def pairs(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Return labels and predictions of one quantity over all frames that have it, each flat; empty where none has."""
        both = [f[quantity] for f in self.frames if quantity in f]
        flat = [np.concatenate([np.ravel(pair[side]) for pair in both]) if both else np.empty(0) for side in (0, 1)]
        return flat[0], flat[1]

    def take(self, rows: Sequence[int]) -> Comparison:
        """Return the comparison of some of the frames."""
        return Comparison(self.natural, tuple(self.frames[k] for k in rows), tuple(self.systems[k] for k in rows), self.potentials[list(rows)])

    def errors(self) -> dict:
        """Return `n_frames` and the root mean square errors under the keys of `electrode evaluate --json`."""
        out = {"n_frames": len(self.frames)}
        for quantity, (key, factor) in _KEYS.items():
            label, predicted = self.pairs(quantity)
            if len(label):
                out[key] = factor * float(np.sqrt(np.mean((predicted - label) ** 2)))
        return out

    def by_system(self) -> dict[str, dict]:
        """Return the errors of each system under its name."""
        return {name: self.take([k for k, s in enumerate(self.systems) if s == name]).errors() for name in sorted(set(self.systems))}

    def by_window(self, width: float = WINDOW) -> list[dict]:
        """Return the errors in each window of the absolute potential, `width` [V] wide, that holds a frame."""
        if not width > 0:
            raise ValueError(f"potential windows: expected a positive width [V], got {width}")
        bins = np.floor(self.potentials / width)
        windows = []
        for b in np.unique(bins[np.isfinite(bins)]):
            edges = {"potential_low_V": float(b * width), "potential_high_V": float((b + 1) * width)}
            windows.append(edges | self.take(np.flatnonzero(bins == b)).errors())
        return windows


def frame_errors(model: Model, frames: Sequence[ElectrifiedFrame], *, window: float = WINDOW, progress: Callable[[int], None] | None = None) -> dict:
    """Return the errors of `model` on labelled frames, pooled, per system and per window of the potential.

    Parameters
    ----------
    model : of either natural variable
    frames : with the natural variable's label; other labels where there are any
    window : width of the windows of the absolute potential [V]
    progress : called with the number of frames done, after each batch

    Returns
    -------
    dict with `n_frames` and, where labelled, `energy_rmse_meV_per_atom`, `force_rmse_meV_per_A`, `charge_rmse_e` (a
    potential-natural model) or `potential_rmse_V` (a charge-natural one), `dipole_rmse_eA`; for a scheme with latent
    charges `latent_charge_rmse_e` (their sum against the label) and `latent_charge_gap_rmse_e` (against the model's own
    charge); the same again under `systems` (by name) and `windows` (a list, with the edges)

    Raises
    ------
    DataError
        without frames, or where a frame lacks the natural variable.
    ValueError
        for elements that the model does not know, frames in a field that it does not read, or a model that gives NaN.
    """
    found = compare(model, frames, progress=progress)
    return {**found.errors(), "natural": found.natural, "systems": found.by_system(), "windows": found.by_window(window)}


def compare(model: Model, frames: Sequence[ElectrifiedFrame], *, progress: Callable[[int], None] | None = None) -> Comparison:
    """Return labels and predictions of every frame, from batched evaluations; see `frame_errors` for what it raises."""
    frames = list(frames)
    if not frames:
        raise fault("evaluate", "expected at least one frame, got none", "give frames to compare with")
    rows = []
    for start in range(0, len(frames), BATCH):
        batch = frames[start : start + BATCH]
        rows.extend(_compare_batch(model, batch))
        if progress is not None:
            progress(len(batch))
    systems = tuple(UNNAMED if f.system is None else str(f.system) for f in frames)
    potentials = np.array([np.nan if (p := _potential(f)) is None else p for f in frames])
    return Comparison(model.natural, tuple(rows), systems, potentials)


def _compare_batch(model: Model, frames: list[ElectrifiedFrame]) -> list[dict]:
    structure = Structure.from_atoms([f.atoms for f in frames])
    check_elements(model, structure)
    out = evaluate(model, structure, _control(model, frames))
    rows = []
    for k, frame in enumerate(frames):
        predicted = _predictions(model, out, structure, k)
        labels = {name: label for name, label in _labels(model, frame).items() if label is not None}
        row = {name: (np.asarray(label), predicted[name]) for name, label in labels.items() if name in predicted}
        if "latent_charge" in predicted:
            row["latent_gap"] = (out["charge"][k].numpy(), predicted["latent_charge"])
        for name, (_, value) in row.items():
            if not np.isfinite(value).all():
                raise ValueError(f"{frame.where}: the model's {name} is not finite; check the structure and the model")
        rows.append(row)
    return rows


def _control(model: Model, frames: list[ElectrifiedFrame]) -> Control:
    held = torch.tensor([f.charge if model.natural == "charge" else f.potential for f in frames], dtype=torch.float64)
    fields = np.array([np.zeros(3) if f.efield is None else f.efield for f in frames])
    if model.uses_field:
        return Control(**{model.natural: held}, field=torch.from_numpy(fields))
    for frame, field in zip(frames, fields):
        if field.any():
            raise ValueError(f"{frame.where}: labelled in a field of {field} V/A, which {type(model).__name__} does not read; use a field scheme or leave the frame out")
    return Control(**{model.natural: held})


def _predictions(model: Model, out: dict[str, Tensor], structure: Structure, k: int) -> dict[str, np.ndarray]:
    atoms = structure.system == k
    found = {
        "energy": out["natural_energy"][k] / int(atoms.sum()),
        "forces": out["forces"][atoms],
        "charge": out["charge"][k],
        "potential": out["potential"][k],
    }
    del found[model.natural]
    if "dipole" in out:
        found["dipole"] = out["dipole"][k]
    if "atomic_charges" in out:
        found["latent_charge"] = out["atomic_charges"][atoms].sum()
    return {name: value.numpy() for name, value in found.items()}


def _labels(model: Model, frame: ElectrifiedFrame) -> dict:
    charge = None if frame.n_excess is None else frame.charge
    energy = _natural_energy(model, frame)
    return {
        "energy": None if energy is None else energy / len(frame.geometry),
        "forces": frame.forces,
        "charge": charge,
        "potential": _potential(frame),
        "dipole": frame.dipole,
        "latent_charge": charge,
    }


def _natural_energy(model: Model, frame: ElectrifiedFrame) -> float | None:
    if frame.energy is None or frame.energy_kind == "none":
        return None
    if model.natural == "potential":
        return frame.grand_energy
    return frame.enthalpy if model.uses_field else frame.canonical_energy


def _potential(frame: ElectrifiedFrame) -> float | None:
    return frame.potential if frame.mu is not None and frame.mu_zero in CONVERTIBLE_ZEROS else None

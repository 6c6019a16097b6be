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
from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.models.domain import check_elements
from electrode.state import Control, Structure
from electrode.thermo import evaluate, response
from electrode.train.calibration import coverage
from electrode.train.frame_batches import frame_batches
from electrode.train.labels import charge_of, held, natural_energy, polarization_of, potential_of, quantum
from electrode.train.loss import folded

WINDOW = 0.5  # width of the bins in potential [V]
UNNAMED = "unnamed"  # frames without a system

_KEYS = {  # quantity: (key of the root mean square error, factor from eV, A, e, V)
    "energy": ("energy_rmse_meV_per_atom", 1e3),
    "forces": ("force_rmse_meV_per_A", 1e3),
    "charge": ("charge_rmse_e", 1.0),
    "potential": ("potential_rmse_V", 1.0),
    "dipole": ("dipole_rmse_eA", 1.0),
    "born_charges": ("born_charge_rmse_e", 1.0),
    "polarizability": ("polarizability_rmse_eA2_per_V", 1.0),
    "latent_charge": ("latent_charge_rmse_e", 1.0),
    "latent_gap": ("latent_charge_gap_rmse_e", 1.0),
    "head_gap": ("potential_head_gap_rmse_V", 1.0),
}


_COVERAGE = {"energy": "energy", "forces": "force", "charge": "charge", "potential": "potential"}  # quantity: name in keys such as force_coverage_90


@dataclass(frozen=True)
class Comparison:
    """Labels and predictions of F frames, one pair of arrays for each frame and quantity, and a committee's spread as a third.

    Parameters
    ----------
    natural : the model's natural variable
    frames : F dictionaries quantity -> (label, prediction) or (label, prediction, spread), each of equal shape: "energy" () [eV per atom], "forces"
        (N, 3) [eV/A], "charge" () [e] or "potential" () [V], "dipole" (3,) [e A] (that of the label's branch), "born_charges" (N, 9) [e],
        "polarizability" (9,) [e A^2/V], "latent_charge" () [e] (the sum of the
        atomic charges against the label), "latent_gap" () [e] (that sum against the model's own charge),
        "head_gap" () [V] (a potential head against the model's own dE/dQ)
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

    def spreads(self, quantity: str) -> tuple[np.ndarray, np.ndarray]:
        """Return errors and a committee's spreads of one quantity over all frames that have both, each flat; empty where none has."""
        found = [f[quantity] for f in self.frames if len(f.get(quantity, ())) == 3]
        error = [np.ravel(predicted - label) for label, predicted, _ in found]
        return np.concatenate([np.empty(0), *error]), np.concatenate([np.empty(0), *(np.ravel(s) for *_, s in found)])

    def take(self, rows: Sequence[int]) -> Comparison:
        """Return the comparison of some of the frames."""
        return Comparison(self.natural, tuple(self.frames[k] for k in rows), tuple(self.systems[k] for k in rows), self.potentials[list(rows)])

    def errors(self) -> dict:
        """Return `n_frames`, the root mean square errors and a committee's coverage under the keys of `electrode evaluate --json`."""
        out = {"n_frames": len(self.frames)}
        for quantity, (key, factor) in _KEYS.items():
            label, predicted = self.pairs(quantity)
            if len(label):
                out[key] = factor * float(np.sqrt(np.mean((predicted - label) ** 2)))
        for quantity, name in _COVERAGE.items():
            error, spread = self.spreads(quantity)
            if len(error):
                out |= {f"{name}_coverage_{share}": value for share, value in coverage(error, spread).items()}
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
    dict with `n_frames` and, where labelled, `energy_rmse_meV_per_atom`, `force_rmse_meV_per_A`, `charge_rmse_e` (a potential-natural
    model) or `potential_rmse_V` (a charge-natural one), `dipole_rmse_eA`, `born_charge_rmse_e`, `polarizability_rmse_eA2_per_V`; for a
    scheme with latent charges `latent_charge_rmse_e` (their sum against the label) and `latent_charge_gap_rmse_e` (against the model's own
    charge), for one whose potential is a head `potential_head_gap_rmse_V` (against the model's own dE/dQ); for a committee the shares of
    labels inside its 50 % and 90 % intervals, `energy_coverage_50` ... `force_coverage_90`, and `charge_` or `potential_`; the same again
    under `systems` (by name) and `windows` (a list, with the edges)

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
    zeros = model.card.energy_zeros
    frames = [f if zeros is None else zeros.apply(f) for f in frames]
    if not frames:
        raise fault("evaluate", "expected at least one frame, got none", "give frames to compare with")
    rows = []
    for batch in frame_batches(model, frames):
        rows.extend(_compare_batch(model, batch))
        if progress is not None:
            progress(len(batch))
    systems = tuple(UNNAMED if f.system is None else str(f.system) for f in frames)
    potentials = np.array([np.nan if (p := potential_of(f)) is None else p for f in frames])
    return Comparison(model.natural, tuple(rows), systems, potentials)


def _compare_batch(model: Model, frames: list[ElectrifiedFrame]) -> list[dict]:
    structure = Structure.from_atoms([f.atoms for f in frames])
    check_elements(model, structure)
    control = Control(**held(model, frames))
    out = evaluate(model, structure, control) | _responses(model, structure, control, frames)
    spreads = _spreads(model, structure, control, out) if isinstance(model, Committee) else {}
    rows = []
    for k, frame in enumerate(frames):
        predicted, spread = _predictions(model, out, structure, k), {name: value[k] for name, value in spreads.items()}
        labels = {name: label for name, label in _labels(model, frame).items() if label is not None}
        row = {name: (np.asarray(label), predicted[name], *_if_any(spread, name)) for name, label in labels.items() if name in predicted}
        if "dipole" in row:
            row["dipole"] = _on_one_branch(*row["dipole"], frame)
        if "latent_charge" in predicted:
            row["latent_gap"] = (out["charge"][k].numpy(), predicted["latent_charge"])
        if "potential_slope" in out:
            row["head_gap"] = (out["potential"][k].numpy(), out["potential_slope"][k].numpy())
        for name, values in row.items():
            if not np.isfinite(values[1]).all():
                raise ValueError(f"{frame.where}: the model's {name} is not finite; check the structure and the model")
        rows.append(row)
    return rows


def _spreads(model: Committee, structure: Structure, control: Control, out: dict[str, Tensor]) -> dict[str, list[np.ndarray]]:
    """Return the spread of each frame's energy per atom, forces and conjugate."""
    forces = model.forces_std(structure, control)
    other = "potential" if model.natural == "charge" else "charge"
    return {
        "energy": list((out["energy_std"] / structure.counts).numpy()),
        "forces": [forces[structure.system == k].numpy() for k in range(structure.n_systems)],
        other: list(model.conjugate_std(structure, control).numpy()),
    }


def _if_any(values: dict, name: str) -> tuple:
    return (values[name],) if name in values else ()


def _responses(model: Model, structure: Structure, control: Control, frames: list[ElectrifiedFrame]) -> dict[str, Tensor]:
    """Return Born charges and polarisability where a frame has them labelled and the model's polarisation is a derivative."""
    labelled = any(f.born_charges is not None or polarization_of(f)[1] is not None for f in frames)
    return response(model, structure, control) if labelled and model.uses_field and model.conservative and model.natural == "charge" else {}


def _on_one_branch(label: np.ndarray, predicted: np.ndarray, frame: ElectrifiedFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the label and the branch of a predicted dipole (3,) [e A] that is nearest to it, of those that the label does not tell apart."""
    error = folded(torch.as_tensor(predicted - label)[None], torch.as_tensor(quantum(frame))[None])[0]
    return label, label + error.numpy()


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
    if "born_charges" in out:
        found["born_charges"] = out["born_charges"][atoms].flatten(1)
    if "polarizability" in out:
        found["polarizability"] = out["polarizability"][k].flatten()
    if "atomic_charges" in out:
        found["latent_charge"] = out["atomic_charges"][atoms].sum()
    return {name: value.numpy() for name, value in found.items()}


def _labels(model: Model, frame: ElectrifiedFrame) -> dict:
    charge, energy, (dipole, polarizability) = charge_of(frame), natural_energy(model, frame), polarization_of(frame)
    return {
        "energy": None if energy is None else energy / len(frame.geometry),
        "forces": frame.forces,
        "charge": charge,
        "potential": potential_of(frame),
        "dipole": dipole,
        "born_charges": frame.born_charges,
        "polarizability": polarizability,
        "latent_charge": charge,
    }

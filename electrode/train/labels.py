"""What the frames know, as tensors: NaN where a label is missing, so that a frame counts for whatever it has."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from electrode.data.cells import reorder
from electrode.data.problems import fault
from electrode.data.record import CONVERTIBLE_ZEROS, ElectrifiedFrame
from electrode.models.base import Model
from electrode.models.fields import refuse_charge_along_periods
from electrode.state import Control, Structure

_NEAR = 1e-6  # two values of the natural variable closer than this are one [e or V]


def natural_energy(model: Model, frame: ElectrifiedFrame) -> float | None:
    """Return the label of the model's scalar [eV], or None where the frame has no energy or not what its conversion needs.

    An energy in a field that the frame itself calls good for forces only, since its polarisation lies on any branch, is none.
    """
    if frame.energy is None or frame.energy_kind == "none" or (_forces_only(frame) and np.any(frame.efield)):
        return None
    converted = model.natural == "potential" or frame.energy_kind in ("Omega", "Omega_total")
    if converted and (frame.n_excess is None or frame.mu is None):
        return None
    if model.natural == "potential":
        return frame.grand_energy
    return frame.enthalpy if model.uses_field else frame.canonical_energy


def polarization_of(frame: ElectrifiedFrame) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return the dipole (3,) [e A] and the polarisability (9,) [e A^2/V], None where they are not labelled or good for forces only."""
    return (None, None) if _forces_only(frame) else (frame.dipole, frame.polarizability)


def quantum(frame: ElectrifiedFrame) -> np.ndarray:
    """Return the lattice vectors times e that the frame's dipole is known up to, (3, 3) [e A], zeros for none."""
    modulo = frame.polarization_branch == "modulo_lattice"
    return np.where(modulo & frame.geometry.pbc[:, None], frame.geometry.cell.array, 0.0)


def _forces_only(frame: ElectrifiedFrame) -> bool:
    return frame.polarization_branch == "force_only"


def charge_of(frame: ElectrifiedFrame) -> float | None:
    """Return the net charge [e], or None where it is not stated."""
    return None if frame.n_excess is None else frame.charge


def potential_of(frame: ElectrifiedFrame) -> float | None:
    """Return the absolute potential [V], or None where it is not stated or stands on a zero that allows no conversion."""
    return frame.potential if frame.mu is not None and frame.mu_zero in CONVERTIBLE_ZEROS else None


def held(model: Model, frames: Sequence[ElectrifiedFrame]) -> dict[str, Tensor]:
    """Return the control of each frame: the natural variable (B,) and, for a model that reads one, the field (B, 3) [V/A].

    Raises
    ------
    DataError
        where a frame lacks the natural variable, or has the surface's normal along another vector than the third.
    ValueError
        for a frame in a field that the model does not read, or a net charge in a field along a periodic direction.
    """
    for frame in frames:
        if frame.normal in (0, 1):
            mend = f"reorder vectors and pbc by {reorder(frame.normal)}, with eir_normal = 2"
            raise fault(frame.where, f"eir_normal = {frame.normal}: models have the surface along the cell's first two vectors", mend)
    natural = [f.charge if model.natural == "charge" else f.potential for f in frames]
    fields = np.array([np.zeros(3) if f.efield is None else f.efield for f in frames], dtype=np.float64)
    found = {model.natural: torch.tensor(natural, dtype=torch.float64)}
    if model.uses_field:
        held = {**found, "field": torch.from_numpy(fields)}
        refuse_charge_along_periods(Structure.from_atoms([f.atoms for f in frames]), Control(**held))
        return held
    for frame, field in zip(frames, fields):
        if field.any():
            raise ValueError(f"{frame.where}: labelled in a field of {field} V/A, which {type(model).__name__} does not read; use a field scheme or leave the frame out")
    return found


def labels(model: Model, frames: Sequence[ElectrifiedFrame]) -> dict[str, Tensor]:
    """Return the labels of B frames of n atoms each, NaN where one is missing; shapes and units stand in `blocks.Block`.

    Raises
    ------
    DataError
        for an energy that cannot be converted, or a hardness that is not positive.
    """
    n = 3 * len(frames[0].geometry)
    column = lambda values: np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    row = lambda values, size: np.array([np.full(size, np.nan) if v is None else np.ravel(v) for v in values], dtype=np.float64)
    charge, potential = column([charge_of(f) for f in frames]), column([potential_of(f) for f in frames])
    natural, conjugate = (charge, potential) if model.natural == "charge" else (potential, charge)
    forces = row([f.forces for f in frames], n)
    slope = between_neighbours(frames, natural, np.column_stack([conjugate, forces]))
    found = {
        "energy": column([natural_energy(model, f) for f in frames]),
        "forces": forces,
        "charge": charge,
        "conjugate": conjugate,
        "capacitance": _capacitance(model, frames, slope[:, 0]),
        "force_slope": slope[:, 1:],
    }
    if model.uses_field:
        both = [polarization_of(f) for f in frames]
        found["dipole"], found["polarizability"] = row([d for d, _ in both], 3), row([a for _, a in both], 9)
        found["born_charges"] = row([f.born_charges for f in frames], 3 * n)
        found["dipole_quantum"] = np.array([quantum(f) for f in frames])
    return {name: torch.from_numpy(value) for name, value in found.items()}


def between_neighbours(frames: Sequence[ElectrifiedFrame], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return dy/dx (B, k) where a frame stands between two others of its geometry and method, NaN elsewhere.

    The slope in the middle of the parabola through three points (x_a, y_a), (x, y), (x_b, y_b), of second order in their
    distances,

        dy/dx = [ (y - y_a) h_b/h_a + (y_b - y) h_a/h_b ] / (h_a + h_b),   h_a = x - x_a,  h_b = x_b - x

    Parameters
    ----------
    frames : B frames
    x : (B,);  y : (B, k)
    """
    found = np.full(y.shape, np.nan)
    groups: dict[tuple, list[int]] = {}
    for k, frame in enumerate(frames):
        if np.isfinite(x[k]):
            groups.setdefault((frame.geometry_id, frame.method_id), []).append(k)
    for rows in groups.values():
        rows = sorted(rows, key=lambda k: x[k])
        for a, k, b in zip(rows, rows[1:], rows[2:]):
            below, above = x[k] - x[a], x[b] - x[k]
            if min(below, above) > _NEAR:
                found[k] = ((y[k] - y[a]) * above / below + (y[b] - y[k]) * below / above) / (below + above)
    return found


def _capacitance(model: Model, frames: Sequence[ElectrifiedFrame], slope: np.ndarray) -> np.ndarray:
    """Return dQ/dPhi: the inverse of the labelled hardness d2E/dQ2 [eV/e^2] where there is one, else from neighbours."""
    for frame in frames:
        if frame.hardness is not None and not frame.hardness > 0:
            raise fault(frame.where, f"REF_hardness = {frame.hardness}: expected d2E/dQ2 > 0 of a stable interface", "leave the label out, or mend it")
    slope = slope if model.natural == "potential" else 1.0 / slope
    return np.array([s if f.hardness is None else 1.0 / f.hardness for f, s in zip(frames, slope)])

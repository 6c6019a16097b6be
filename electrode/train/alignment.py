"""Zeros of several methods against a model, so that their frames can be trained on together."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from electrode.data.record import ElectrifiedFrame
from electrode.data.zeros import EnergyZeros, fit_zeros
from electrode.models.base import Model
from electrode.models.domain import check_elements
from electrode.state import Control, Structure
from electrode.thermo import evaluate

BATCH = 32  # frames in one evaluation


def zeros_of_model(model: Model, frames: Sequence[ElectrifiedFrame]) -> EnergyZeros:
    """Return the zeros of every method among the frames over those of a model, see `data.zeros`.

    Parameters
    ----------
    model : gives E^0 and Phi^0 at the structure and charge of each frame, of either natural variable
    frames : with charges, without a field

    Raises
    ------
    DataError
        for a frame without charge or method, or a method without an energy.
    ValueError
        for a frame in a field, or elements that the model does not know.
    """
    for frame in frames:
        if frame.efield is not None and frame.efield.any():
            raise ValueError(f"{frame.where}: expected no field where zeros are fitted against a model, got {frame.efield} V/A; leave the frame out")
    energies, potentials = [], []
    for start in range(0, len(frames), BATCH):
        some = frames[start : start + BATCH]
        structure = Structure.from_atoms([f.atoms for f in some])
        check_elements(model, structure)
        out = evaluate(model, structure, Control(charge=torch.tensor([f.charge for f in some], dtype=torch.float64)))
        energies += out["canonical_energy"].tolist()
        potentials += out["potential"].tolist()
    return fit_zeros(frames, energies, potentials)

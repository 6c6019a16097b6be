"""A stored model at zero charge as an ASE calculator, so that it can be the neutral base of another."""

from __future__ import annotations

import torch
from ase.calculators.calculator import Calculator, all_changes

from electrode.models.store import load_model
from electrode.state import Control, Structure


class ZeroCharge(Calculator):
    """E(R, Q = 0) and its forces.

    Parameters
    ----------
    source : folder of a model, or name of a shipped one

    Raises
    ------
    ValueError
        for no model, or one that has no energy at fixed charge.
    """

    implemented_properties = ["energy", "forces"]

    def __init__(self, source: str):
        super().__init__()
        self.model = load_model(source)
        if self.model.natural != "charge" or not self.model.conservative:
            raise ValueError(f"neutral base {source!r}: expected a model of natural charge whose forces are its gradient, got {type(self.model).__name__}")

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes) -> None:
        """Put "energy" [eV] and "forces" (N, 3) [eV/A] into the results."""
        super().calculate(atoms, properties, system_changes)
        still = Structure.from_atoms(self.atoms)
        structure = still.at(still.positions.requires_grad_())
        energy = self.model(structure, Control(charge=0.0).expand(1), self.model.describe(structure))["natural_energy"].sum()
        (slope,) = torch.autograd.grad(energy, structure.positions)
        self.results = {"energy": float(energy.detach()), "forces": -slope.numpy()}

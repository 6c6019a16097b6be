"""Analytic models: every identity can be written down, so every number can be checked."""

from dataclasses import dataclass

import numpy as np
import torch
from ase import Atoms

from electrode.models.base import Model


def work_function(r):
    return 4.5 + 0.3 * torch.tanh(r[:, 2]) - 0.1 * torch.cos(2 * np.pi * r[:, 0] / 3.0)


@dataclass(frozen=True)
class ToyConfig:
    """`quartic` bends E(Q); `spread` makes the capacitance depend on the atoms; `stiffness` may be negative."""

    capacitance: float = 0.4
    quartic: float = 0.0
    spread: float = 0.0
    stiffness: float = 1.0


def base_energy(r):
    return 0.5 * ((r - torch.tensor([0.1, 0.2, 1.5], dtype=r.dtype)) ** 2).sum(1) + 0.2 * torch.sin(r[:, 0] * r[:, 1])


class ChargeToy(Model):
    """E = E0(R) + Phi0(R) Q + s Q^2 / 2C(R) + k Q^4, the capacitor of one adsorbed atom a system."""

    natural = "charge"

    def __init__(self, config=ToyConfig()):
        super().__init__()
        self.config = config

    def forward(self, structure, control, description):
        c, r, q = self.config, description["positions"], control.charge
        capacitance = c.capacitance + c.spread * structure.total(torch.tanh(r[:, 2] - r[:, 1]))
        energy = structure.total(base_energy(r)) + structure.total(work_function(r)) * q
        return {"natural_energy": energy + c.stiffness * q**2 / (2 * capacitance) + c.quartic * q**4}


class PotentialToy(Model):
    """Omega = E0(R) - C(R) (Phi - Phi0(R))^2 / 2 - k (Phi - Phi0)^4, the same capacitor at natural potential."""

    natural = "potential"

    def __init__(self, config=ToyConfig()):
        super().__init__()
        self.config = config

    def forward(self, structure, control, description):
        c, r = self.config, description["positions"]
        capacitance = c.capacitance + c.spread * structure.total(torch.tanh(r[:, 2] - r[:, 1]))
        x = control.potential - structure.total(work_function(r))
        return {"natural_energy": structure.total(base_energy(r)) - c.stiffness * capacitance * x**2 / 2 - c.quartic * x**4}


class FieldToy(Model):
    """H = E(R, Q) - F . (sum z r) - F . a . F / 2 with charges z that sum to Q about the centre, at natural charge."""

    natural = "charge"
    uses_field = True

    def forward(self, structure, control, description):
        r, q, f = description["positions"], control.charge, control.field
        energy = structure.total(base_energy(r)) + structure.total(work_function(r)) * q + q**2 / 0.8
        if f is None:
            return {"natural_energy": energy}
        polarisation = q[:, None] * structure.total(torch.tanh(r))
        return {"natural_energy": energy - (f * polarisation).sum(1) - 0.35 * (f**2).sum(1)}


def one_atom(seed=0):
    rng = np.random.default_rng(seed)
    return Atoms("H", positions=rng.normal(size=(1, 3)) + [0.3, 0.1, 1.2], cell=[3.0, 3.0, 20.0], pbc=(True, True, False))

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


@dataclass(frozen=True)
class HopConfig:
    """Two wells at +-`half` along x, `height` apart in energy from the saddle, whose work function is lower by `drop` there.

    `lean` raises the work function along x, so that the hop moves charge; with `per_area` the capacitance is that of the cell's
    area and the work function's changes are spread over it.
    """

    height: float = 0.6
    half: float = 1.2
    drop: float = 0.25
    capacitance: float = 0.4
    tilt: float = 0.0
    bond: float = 0.0
    lean: float = 0.0
    per_area: float = 0.0


class HopToy(Model):
    """Omega = h v^2 + t x - C (Phi - W)^2 / 2 with v = 1 - (x/a)^2 and W = 4.5 + d v, for the last atom of each system.

    Quadratic in v: wells at v0 = -B / 2A, saddle at v = 1, barrier (2A + B)^2 / 4A, where A = h - C d^2 / 2 and
    B = -C d (Phi - 4.5) without tilt; `bond` pushes the last two atoms apart, `lean` adds l x to W.
    """

    natural = "potential"

    def __init__(self, config=HopConfig()):
        super().__init__()
        self.config, self.calls, self.sizes = config, 0, []

    def forward(self, structure, control, description):
        c, r = self.config, description["positions"]
        last = torch.cumsum(structure.counts, 0) - 1
        hop, others = r[last], structure.total((r**2).sum(1)) - (r[last] ** 2).sum(1)
        v = 1.0 - (hop[:, 0] / c.half) ** 2
        area = structure.area / c.per_area if c.per_area else 1.0
        x = control.potential - 4.5 - (c.drop * v + c.lean * hop[:, 0]) / area
        energy = c.height * v**2 + c.tilt * hop[:, 0] + 2.0 * (hop[:, 1] ** 2 + (hop[:, 2] - 1.0) ** 2) + 0.0 * others
        if c.bond:
            energy = energy + c.bond * torch.exp(-((r[last] - r[last - 1]) ** 2).sum(1))
        return {"natural_energy": energy - 0.5 * c.capacitance * area * x**2}

    def describe(self, structure):
        """Once for each evaluation of a batch."""
        self.calls, self.sizes = self.calls + 1, [*self.sizes, structure.n_systems]
        return super().describe(structure)

    def barrier(self, potential):
        c = self.config
        a, b = c.height - 0.5 * c.capacitance * c.drop**2, c.capacitance * c.drop * (potential - 4.5)
        return (2 * a + b) ** 2 / (4 * a)

    def slope(self, potential):
        c = self.config
        a, b = c.height - 0.5 * c.capacitance * c.drop**2, c.capacitance * c.drop * (potential - 4.5)
        return (2 * a + b) / (2 * a) * c.capacitance * c.drop


def hop_ends(symbols="AuH"):
    """End states of `HopToy`: the last atom near either well, the others far below."""
    ends = []
    for x in (-1.15, 1.15):
        atoms = Atoms(symbols, cell=[8.0, 8.0, 20.0], pbc=(True, True, False))
        atoms.positions[:, 2] = -3.0 * np.arange(len(atoms))[::-1]
        atoms.positions[-1] = [x, 0.05, 1.02]
        atoms.set_tags(atoms.numbers == 79)
        ends.append(atoms)
    return ends

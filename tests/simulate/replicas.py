"""Many replicas of a toy at once: nuclei by BAOAB here, the charge by a mode of the package; and the exact averages."""

import numpy as np
import torch
from toys import base_energy, one_atom

from electrode import Control, Structure, evaluate
from electrode.models.base import Model
from electrode.units import BOLTZMANN

MASS, FRICTION = 100.0, 0.1  # [eV fs^2/A^2], [1/fs]
CENTRE = np.array([0.1, 0.2, 1.5])  # of the toy's spring


class LeaningToy(Model):
    """E = E0(R) + [4.5 + a (z - 1.5)] Q + Q^2/2C(R): a capacitor whose charge and capacitance follow the atom."""

    slope, capacitance, spread = 1.0, 0.4, 0.3

    def forward(self, structure, control, description):
        r, q = description["positions"], control.charge
        capacitance = self.capacitance + self.spread * structure.total(torch.tanh(r[:, 2] - 1.5))
        level = structure.total(4.5 + self.slope * (r[:, 2] - 1.5))
        return {"natural_energy": structure.total(base_energy(r)) + level * q + q**2 / (2 * capacitance)}


def answers(model, positions, control):
    """Forces, charge, potential, capacitance of each replica as arrays."""
    structure = Structure.from_atoms(one_atom()).repeat(len(positions)).at(torch.tensor(positions))
    out = evaluate(model, structure, control)
    return {k: out[k].numpy() for k in ("forces", "charge", "potential", "capacitance", "grand_energy")}


def run(model, mode, potential, temperature, *, replicas=2500, steps=220, wait=100, every=8, dt=2.0, seed=0):
    """Positions, charge, potential and capacitance at the sampled steps, (samples, replicas, ...)."""
    rng, thermal = np.random.default_rng(seed), BOLTZMANN * temperature
    r = CENTRE + np.sqrt(thermal) * rng.normal(size=(replicas, 3))
    v = np.sqrt(thermal / MASS) * rng.normal(size=r.shape)
    held = lambda state: Control(potential=potential) if state is None else Control(charge=torch.tensor(state.charge))
    now, state, kept = answers(model, r, Control(potential=potential)), None, []
    if mode.moves:
        spread = np.sqrt(thermal * now["capacitance"])  # that of the charge at fixed nuclei, which saves waiting for it
        state = mode.start(now["charge"] + spread * rng.normal(size=replicas), now["capacitance"], dt, rng)
        now = answers(model, r, held(state))
    left = np.exp(-FRICTION * dt)
    for step in range(steps):
        v = v + 0.5 * dt * now["forces"] / MASS
        if mode.moves:
            state = mode.before(state, potential - now["potential"], dt, rng)
        r = r + 0.5 * dt * v
        v = left * v + np.sqrt((1 - left**2) * thermal / MASS) * rng.normal(size=v.shape)
        r = r + 0.5 * dt * v
        now = answers(model, r, held(state))
        v = v + 0.5 * dt * now["forces"] / MASS
        if mode.moves:
            state = mode.after(state, potential - now["potential"], dt)
        if step >= wait and step % every == 0:
            kept.append({"positions": r, **now})
    return {k: np.array([x[k] for x in kept]) for k in ("positions", "charge", "potential", "capacitance")}


def exact(model, potential, temperature, fluctuating, points=16):
    """Means <z>, <C>, var(Q*) by Gauss-Hermite quadrature over the spring, for E quadratic in Q."""
    thermal = BOLTZMANN * temperature
    x, w = np.polynomial.hermite_e.hermegauss(points)
    grid = np.stack(np.meshgrid(x, x, x, indexing="ij"), -1).reshape(-1, 3)
    weight = (w[:, None, None] * w[:, None] * w).reshape(-1)
    r = CENTRE + np.sqrt(thermal) * grid
    found = answers(model, r, Control(potential=potential))
    spring = 0.5 * ((r - CENTRE) ** 2).sum(1)
    weight = weight * np.exp(-(found["grand_energy"] - spring - found["grand_energy"].min()) / thermal)
    weight = weight * np.sqrt(found["capacitance"]) if fluctuating else weight
    mean = lambda values: np.average(values, weights=weight)
    return {"z": mean(r[:, 2]), "C": mean(found["capacitance"]), "structural": mean(found["charge"] ** 2) - mean(found["charge"]) ** 2}


def over_replicas(statistic):
    """Mean and standard error of one number a replica."""
    return statistic.mean(), statistic.std(ddof=1) / np.sqrt(len(statistic))

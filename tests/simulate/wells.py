"""Analytic ensembles in numpy, fast enough for statistics, and what block averages say of them."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.models.base import ModelCard
from electrode.simulate.ensembles import State
from electrode.simulate.monte_carlo import Sampler, advance
from electrode.units import BOLTZMANN

T, WIDE = 300.0, (-5.0, 5.0)  # [K]; bounds that no charge reaches [e]


@dataclass
class Card:
    card: ModelCard = ModelCard()


class Wells:
    """V = sum k r^2 / 2 + (a . r) Q + Q^2 / 2C - Phi Q over beads: harmonic atoms, coupled to a sampled charge."""

    model, area = Card(), 1.0

    def __init__(self, stiffness=2.0, coupling=(0.0, 0.0, 0.0), capacitance=0.3, potential=0.1, shared_charge=True):
        self.stiffness, self.coupling, self.capacitance = stiffness, np.array(coupling), capacitance
        self.potential, self.shared_charge = potential, shared_charge

    def state(self, positions, charge, near=None):
        level = (positions @ self.coupling).sum(1)
        if not self.shared_charge:
            charge = self.capacitance * (self.potential - level)
        charge = np.broadcast_to(np.asarray(charge, dtype=float), level.shape).copy()
        bead = 0.5 * self.stiffness * (positions**2).sum((1, 2)) + (level - self.potential) * charge + charge**2 / (2 * self.capacitance)
        forces = -self.stiffness * positions - charge[:, None, None] * self.coupling
        return State(positions, charge, level + charge / self.capacitance, float(bead.mean()), forces)


class Pairs(Wells):
    """Wells beside a pair attraction between every two atoms, for coordinates that are distances."""

    def state(self, positions, charge, near=None):
        base = super().state(positions, charge, near)
        energy, forces = base.energy, base.forces.copy()
        for i in range(positions.shape[1]):
            for j in range(i):
                r = positions[:, i] - positions[:, j]
                d = np.linalg.norm(r, axis=1, keepdims=True)
                energy += float((3.0 * (d - 1.2) ** 2).mean())
                forces[:, i] -= 6.0 * (d - 1.2) * r / d
                forces[:, j] += 6.0 * (d - 1.2) * r / d
        return State(positions, base.charge, base.potential, energy, forces)


def sample(sampler, moves, read, seed=1, **start):
    """Return read(run) after each move (n, ...), the first tenth left out, and the last run."""
    rows = []
    run = advance(sampler.start(seed, **start), moves, observer=lambda r: rows.append(read(r)))
    return np.array(rows[moves // 10 :]), run


def mean_and_error(x, blocks=20):
    """Return the mean and its error from block averages."""
    means = x[: len(x) // blocks * blocks].reshape(blocks, -1, *x.shape[1:]).mean(1)
    return means.mean(0), means.std(0, ddof=1) / np.sqrt(blocks)


def near(values, exact, sigmas=4.0, share=0.1):
    """Within the error bars, and these small enough to mean something."""
    mean, error = mean_and_error(values)
    assert np.all(np.abs(mean - exact) < sigmas * error) and np.all(error < share * np.abs(exact)), (mean, exact, error)


def kt(temperature):
    return BOLTZMANN * temperature


def atoms(symbols="H", seed=0, spread=0.1):
    rng = np.random.default_rng(seed)
    return Atoms(symbols, positions=rng.normal(scale=spread, size=(len(Atoms(symbols)), 3)))


__all__ = ["T", "WIDE", "Pairs", "Sampler", "Wells", "advance", "atoms", "kt", "mean_and_error", "near", "sample"]

"""The four classes of Monte Carlo moves, each in detailed balance by itself: electrons, beads, centroids, held coordinates.

A move proposes a state and the logarithm of what it is accepted with, or None where there is a wall.  With V the energy in the
Boltzmann factor (`ensembles`):

    electrons    Q' uniform in the window about Q cut at the bounds,    ln(|I(Q)| / |I(Q')|) - beta dV
    beads        bridges of the free ring polymer, centroid kept,       -beta dV
    centroids    velocity Verlet from fresh Maxwell velocities,         -beta d(K + V)
    coordinate   lengths and angles of the legs, the coordinate kept,   ln(Jacobian ratio) - beta dV

Sun, Jin, Yang and Xu, Nat. Commun. 16, 3600 (2025), arXiv:2407.12458; hybrid Monte Carlo after Duane et al., Phys. Lett. B 195,
216 (1987), https://doi.org/10.1016/0370-2693(87)91197-X
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.simulate.coordinates import Coordinate, Distance
from electrode.simulate.ensembles import Ensemble, State
from electrode.simulate.ring import bridge, thermal_length
from electrode.units import BOLTZMANN


@dataclass(frozen=True)
class ElectronMove:
    """A new charge for all beads, drawn evenly from a window that the bounds cut.

    Parameters
    ----------
    window : width of the window [e]
    low, high : bounds of the charge [e]
    """

    window: float
    low: float
    high: float

    def interval(self, charge: float) -> tuple[float, float]:
        """Return where the next charge may lie."""
        return max(charge - self.window / 2, self.low), min(charge + self.window / 2, self.high)

    def propose(self, ensemble: Ensemble, state: State, temperature: float, rng: np.random.Generator) -> tuple[State, float]:
        """Return the state proposed and the logarithm of its acceptance; the width ratio undoes what the bounds cut off."""
        charge = float(state.charge[0])
        low, high = self.interval(charge)
        new = float(rng.uniform(low, high))
        there = self.interval(new)
        proposed = ensemble.state(state.positions, new, state)
        return proposed, np.log((high - low) / (there[1] - there[0])) - (proposed.energy - state.energy) / (BOLTZMANN * temperature)


@dataclass(frozen=True)
class BeadMove:
    """Some consecutive beads of every quantised atom drawn anew from the free ring polymer, about the same centroid.

    Parameters
    ----------
    atoms : (n,) indices of the quantised atoms;  masses : (n,) [amu]
    length : beads drawn at once, less than all
    """

    atoms: np.ndarray
    masses: np.ndarray
    length: int

    def propose(self, ensemble: Ensemble, state: State, temperature: float, rng: np.random.Generator) -> tuple[State, float]:
        """Return the state proposed and the logarithm of its acceptance; the springs are in the proposal, exactly."""
        count = len(state.positions)
        step = thermal_length(self.masses, temperature) / np.sqrt(count)
        old = state.positions[:, self.atoms]
        ring = bridge(old, int(rng.integers(count)), self.length, step, rng)
        positions = state.positions.copy()
        positions[:, self.atoms] = ring - ring.mean(0) + old.mean(0)
        proposed = ensemble.state(positions, float(state.charge[0]), state)
        return proposed, -(proposed.energy - state.energy) / (BOLTZMANN * temperature)


@dataclass(frozen=True)
class HybridMove:
    """A short trajectory of the centroids, the beads carried along rigidly.

    Parameters
    ----------
    timestep : [ASE's unit of time];  steps : of velocity Verlet
    masses : (N,) [amu], inf for atoms that are held; any values sample the same distribution
    coordinate : what is held, or None
    """

    timestep: float
    steps: int
    masses: np.ndarray
    coordinate: Coordinate | None = None

    def propose(self, ensemble: Ensemble, state: State, temperature: float, rng: np.random.Generator) -> tuple[State, float]:
        """Return the state proposed and the logarithm of its acceptance."""
        velocities = self._free(rng.normal(size=state.centroid.shape) * np.sqrt(BOLTZMANN * temperature / self.masses)[:, None])
        before = self._kinetic(velocities)
        moved = state
        for _ in range(self.steps):
            velocities = velocities + 0.5 * self.timestep * self._acceleration(moved)
            positions = moved.positions + self.timestep * velocities
            moved = ensemble.state(positions, float(state.charge[0]), moved)
            velocities = velocities + 0.5 * self.timestep * self._acceleration(moved)
        gained = self._kinetic(velocities) - before + moved.energy - state.energy
        return moved, -gained / (BOLTZMANN * temperature)

    def _acceleration(self, state: State) -> np.ndarray:
        return self._free(state.forces.mean(0) / self.masses[:, None])

    def _free(self, vectors: np.ndarray) -> np.ndarray:
        return vectors if self.coordinate is None else self.coordinate.project(vectors, self.masses)

    def _kinetic(self, velocities: np.ndarray) -> float:
        moving = np.isfinite(self.masses)
        return 0.5 * float((self.masses[moving, None] * velocities[moving] ** 2).sum())


@dataclass(frozen=True)
class CoordinateMove:
    """The lengths and directions of the legs of a held distance, or difference of distances, which it keeps.

    Either both lengths change by the same amount (Jacobian (d_1' d_3' / d_1 d_3)^2), or one leg's polar angle (sin t' / sin t) or azimuth.

    Parameters
    ----------
    coordinate : what is held
    length : largest change of the lengths [A];  angle : of an angle [rad]
    """

    coordinate: Distance
    length: float = 0.05
    angle: float = 0.2

    def propose(self, ensemble: Ensemble, state: State, temperature: float, rng: np.random.Generator) -> tuple[State, float] | None:
        """Return the state proposed and the logarithm of its acceptance, None past the end of a length or angle."""
        legs = self.coordinate.legs(state.centroid)
        change = self._lengths(legs, rng) if len(legs) == 2 and rng.integers(3) == 0 else self._turn(legs, rng)
        if change is None:
            return None
        new, jacobian = change
        positions = state.positions.copy()
        positions[:, list(self.coordinate.ends)] += new - legs
        proposed = ensemble.state(positions, float(state.charge[0]), state)
        return proposed, jacobian - (proposed.energy - state.energy) / (BOLTZMANN * temperature)

    def _lengths(self, legs: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float] | None:
        lengths = np.linalg.norm(legs, axis=1)
        ratio = 1.0 + rng.uniform(-self.length, self.length) / lengths
        return None if (ratio <= 0).any() else (legs * ratio[:, None], 2.0 * float(np.log(ratio).sum()))

    def _turn(self, legs: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, float] | None:
        new, k, turn = legs.copy(), int(rng.integers(len(legs))), rng.uniform(-self.angle, self.angle)
        x, y, z = legs[k]
        flat, azimuth = np.hypot(x, y), np.arctan2(y, x)
        polar = np.arctan2(flat, z)
        if rng.integers(2):
            new[k] = [flat * np.cos(azimuth + turn), flat * np.sin(azimuth + turn), z]
            return new, 0.0
        if not 0.0 < polar + turn < np.pi:
            return None
        length, ratio = np.linalg.norm(legs[k]), np.sin(polar + turn) / np.sin(polar)
        new[k] = length * np.array([np.sin(polar + turn) * np.cos(azimuth), np.sin(polar + turn) * np.sin(azimuth), np.cos(polar + turn)])
        return new, float(np.log(ratio))


Move = ElectronMove | BeadMove | HybridMove | CoordinateMove

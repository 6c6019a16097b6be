"""Path-integral molecular dynamics: a ring polymer of P beads moved in its normal modes, all beads in one evaluation of the model.

    H_P = sum_k [m v_k^2 / 2 + m w_P^2 (x_k - x_{k+1})^2 / 2] + P V,      at P times the temperature,  w_P = P kT / hbar

V is the energy of the ensemble (`ensembles`).  One step is OBABO: friction and noise on each mode, half a kick, the free ring polymer
exactly, half a kick, friction and noise; the modes' friction is 2 w_k, the centroid's 1/tau.  Ceriotti, Parrinello, Markland and
Manolopoulos, J. Chem. Phys. 133, 124104 (2010), https://doi.org/10.1063/1.3489925.  A shared charge is sampled by one Metropolis move a step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import units as ase_units

from electrode.simulate.ensembles import State
from electrode.simulate.monte_carlo import LeftTrainedRange, Sampler
from electrode.simulate.ring import ACTION, mode_frequencies, normal_modes
from electrode.units import BOLTZMANN


@dataclass(frozen=True)
class RingState:
    """A moving ring polymer.

    Parameters
    ----------
    state : positions, charge and forces
    velocities : (P, N, 3) [A per ASE's unit of time]
    generator : state of the random generator
    steps : made so far
    """

    state: State
    velocities: np.ndarray
    generator: dict
    steps: int = 0


@dataclass(frozen=True)
class RingPolymerDynamics:
    """Dynamics of the beads of a sampler, whose coordinate and Monte Carlo moves of nuclei it does not use.

    Parameters
    ----------
    sampler : ensemble, atoms, temperature, beads
    timestep : [fs]
    relaxation_time : tau of the centroids [fs]; None for no thermostat on any mode (ring-polymer dynamics at constant energy)

    Raises
    ------
    ValueError
        for a time that is not positive, or a sampler that holds a coordinate.
    """

    sampler: Sampler
    timestep: float = 0.5
    relaxation_time: float | None = 100.0

    def __post_init__(self):
        if not self.timestep > 0 or (self.relaxation_time is not None and not self.relaxation_time > 0):
            raise ValueError(f"RingPolymerDynamics: expected positive times [fs], got {self.timestep} and {self.relaxation_time}")
        if self.sampler.coordinate is not None:
            raise ValueError("RingPolymerDynamics holds no coordinate; use hybrid Monte Carlo, or an Umbrella")

    @cached_property
    def _modes(self) -> np.ndarray:
        return normal_modes(self.sampler.n_beads)

    @cached_property
    def _frequencies(self) -> np.ndarray:
        return mode_frequencies(self.sampler.n_beads, self.sampler.temperature)

    @cached_property
    def _moving(self) -> np.ndarray:
        """Which modes of which atoms move, (P, N, 1): none of held atoms, the centroid alone of classical ones."""
        free = np.tile(np.isfinite(self.sampler.masses), (self.sampler.n_beads, 1))
        free[1:] &= np.isin(np.arange(len(self.sampler.masses)), self.sampler.ring_atoms)
        return free[:, :, None]

    @cached_property
    def _spread(self) -> np.ndarray:
        """Thermal velocity of each atom at P times the temperature, (N, 1)."""
        return np.sqrt(self.sampler.n_beads * BOLTZMANN * self.sampler.temperature / self.sampler.masses)[:, None]

    def start(self, seed: int, charge: float | None = None) -> RingState:
        """Return a ring polymer at the atoms' positions with thermal velocities; see `Sampler.start`."""
        run, rng = self.sampler.start(seed, charge), np.random.default_rng(seed + 1)
        modes = rng.normal(size=run.state.positions.shape) * self._spread * self._moving
        return RingState(run.state, self._beads(modes), rng.bit_generator.state)

    def advance(self, ring: RingState, steps: int, *, every: int = 1, observer: Callable[[RingState], None] | None = None) -> RingState:
        """Return the ring polymer after some more steps.

        Raises
        ------
        LeftTrainedRange
            where a step leaves the model's trained range and the sampler is to stop there; the observer has seen what came before.
        NoStableState, FloatingPointError
            where the model has no state, or gives numbers that are not finite.
        """
        rng = np.random.default_rng()
        rng.bit_generator.state = ring.generator
        for k in range(1, steps + 1):
            moved = self._step(ring, rng)
            if moved.state.messages and self.sampler.stop_outside:
                raise LeftTrainedRange(f"after {ring.steps} steps: {'; '.join(moved.state.messages)}. Choose another potential, or train there")
            ring = moved
            if observer is not None and k % every == 0:
                observer(ring)
        return ring

    def energy(self, ring: RingState) -> float:
        """Return H_P [eV], conserved without thermostat and electron moves."""
        free = np.isfinite(self.sampler.masses)
        masses, beads = self.sampler.masses[free, None], ring.state.positions[:, free]
        frequency = self.sampler.n_beads * BOLTZMANN * self.sampler.temperature / ACTION
        springs = 0.5 * frequency**2 * (masses * (beads - np.roll(beads, 1, axis=0)) ** 2).sum()
        return float(0.5 * (masses * ring.velocities[:, free] ** 2).sum() + springs + self.sampler.n_beads * ring.state.energy)

    def _step(self, ring: RingState, rng: np.random.Generator) -> RingState:
        dt, state = self.timestep * ase_units.fs, self._electrons(ring.state, rng)
        velocities = self._friction(self._amplitudes(ring.velocities), dt, rng) + 0.5 * dt * self._pull(state)
        positions, velocities = self._drift(self._amplitudes(state.positions), velocities, dt)
        state = self.sampler.ensemble.state(self._beads(positions), float(state.charge[0]), state)
        velocities = self._friction(velocities + 0.5 * dt * self._pull(state), dt, rng)
        return RingState(state, self._beads(velocities), rng.bit_generator.state, ring.steps + 1)

    def _electrons(self, state: State, rng: np.random.Generator) -> State:
        if "electrons" not in self.sampler.moves:
            return state
        proposed, weight = self.sampler.moves["electrons"][1].propose(self.sampler.ensemble, state, self.sampler.temperature, rng)
        return proposed if np.log1p(-rng.uniform()) < weight else state

    def _friction(self, modes: np.ndarray, dt: float, rng: np.random.Generator) -> np.ndarray:
        """Return the modes' velocities after half a step of friction and noise."""
        if self.relaxation_time is None:
            return modes
        rate = 2.0 * self._frequencies
        rate[0] = 1.0 / (self.relaxation_time * ase_units.fs)
        kept = np.exp(-0.5 * dt * rate)[:, None, None]
        return kept * modes + np.sqrt(1.0 - kept**2) * self._spread * self._moving * rng.normal(size=modes.shape)

    def _drift(self, positions: np.ndarray, velocities: np.ndarray, dt: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the modes after a step of the free ring polymer, each an oscillator."""
        angle = (self._frequencies * dt)[:, None, None]
        cosine, sine, frequency = np.cos(angle), np.sin(angle), self._frequencies[:, None, None]
        length = dt * np.sinc(angle / np.pi)  # sin(w dt) / w, dt for the centroid
        return cosine * positions + length * velocities, cosine * velocities - frequency * sine * positions

    def _pull(self, state: State) -> np.ndarray:
        return self._amplitudes(state.forces) / self.sampler.masses[:, None] * self._moving

    def _amplitudes(self, beads: np.ndarray) -> np.ndarray:
        return np.tensordot(self._modes, beads, axes=1)

    def _beads(self, modes: np.ndarray) -> np.ndarray:
        return np.tensordot(self._modes.T, modes, axes=1)


def quantum_kinetic_energy(state: State, atoms: np.ndarray, temperature: float) -> float:
    """Return the centroid-virial estimate of the kinetic energy of some atoms [eV].

        3 n kT / 2 - (1 / 2P) sum_k (x_k - x_c) . F_k

    Parameters
    ----------
    atoms : (n,) indices;  temperature : [K]
    """
    off = state.positions[:, atoms] - state.positions[:, atoms].mean(0)
    return 1.5 * len(atoms) * BOLTZMANN * temperature - 0.5 * float((off * state.forces[:, atoms]).sum(axis=(1, 2)).mean())

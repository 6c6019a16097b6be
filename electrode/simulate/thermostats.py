"""Thermostats of a moving charge, apart from those of the nuclei.

A bath has `outer`, what it does at both ends of a step, and `middle`, what it does half-way.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from electrode.simulate.charge_state import ChargeState, require_positive
from electrode.units import BOLTZMANN

_ROOT = 2.0 ** (1.0 / 3.0)
_WEIGHTS = (1.0 / (2.0 - _ROOT), -_ROOT / (2.0 - _ROOT), 1.0 / (2.0 - _ROOT))  # of Suzuki and Yoshida, fourth order


@dataclass(frozen=True)
class ChargeLangevin:
    """Friction and noise half-way through a step, the O of BAOAB.

        v <- a v + sqrt[(1 - a^2) kT/M] N(0, 1),   a = exp(-dt/tau)

    Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34, https://doi.org/10.1093/amrx/abs010

    Parameters
    ----------
    temperature : [K];  relaxation_time : tau [fs]

    Raises
    ------
    ValueError
        for a value that is not positive.
    """

    temperature: float
    relaxation_time: float = 100.0
    links = 0

    def __post_init__(self):
        require_positive("ChargeLangevin", temperature=self.temperature, relaxation_time=self.relaxation_time)

    def outer(self, state: ChargeState, dt: float) -> ChargeState:
        """Return the state as it is."""
        return state

    def middle(self, state: ChargeState, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the state after friction and noise over dt [fs]."""
        left = np.exp(-dt / self.relaxation_time)
        spread = np.sqrt((1.0 - left**2) * BOLTZMANN * self.temperature / state.mass)
        moved = replace(state, velocity=left * state.velocity + spread * rng.standard_normal(state.charge.shape))
        return replace(moved, given=state.given + moved.kinetic_energy - state.kinetic_energy)

    def energy(self, state: ChargeState) -> np.ndarray:
        """Return what the bath adds to the conserved quantity [eV]; the energy given is counted by the state."""
        return np.zeros_like(state.charge)


@dataclass(frozen=True)
class ChargeNoseHoover:
    """A Nose-Hoover chain on the charge, without noise.

        v' = ... - w_1 v,   Q w_1' = M v^2 - kT - Q w_1 w_2,   Q w_k' = Q w_(k-1)^2 - kT - Q w_k w_(k+1),   Q = kT tau^2

    Martyna, Klein and Tuckerman, J. Chem. Phys. 97, 2635 (1992), https://doi.org/10.1063/1.463940; steps of fourth order,
    Yoshida, Phys. Lett. A 150, 262 (1990), https://doi.org/10.1016/0375-9601(90)90092-3

    Parameters
    ----------
    temperature : [K];  relaxation_time : tau [fs];  links : length of the chain

    Raises
    ------
    ValueError
        for a value that is not positive, or fewer than two links, with which an oscillator is not thermalised.
    """

    temperature: float
    relaxation_time: float = 100.0
    links: int = 3

    def __post_init__(self):
        require_positive("ChargeNoseHoover", temperature=self.temperature, relaxation_time=self.relaxation_time)
        if self.links < 2:
            raise ValueError(f"ChargeNoseHoover: expected at least 2 links, got {self.links}; one does not thermalise an oscillator")

    def outer(self, state: ChargeState, dt: float) -> ChargeState:
        """Return the state after dt [fs] of the chain alone."""
        thermal = BOLTZMANN * self.temperature
        chain, speed, velocity = state.chain.copy(), state.chain_velocity.copy(), state.velocity
        for part in (weight * dt for weight in _WEIGHTS):
            for j in reversed(range(self.links)):
                self._push(speed, j, state.mass * velocity**2, thermal, part)
            chain += part * speed
            velocity = velocity * np.exp(-part * speed[0])
            for j in range(self.links):
                self._push(speed, j, state.mass * velocity**2, thermal, part)
        return replace(state, velocity=velocity, chain=chain, chain_velocity=speed)

    def middle(self, state: ChargeState, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the state as it is."""
        return state

    def energy(self, state: ChargeState) -> np.ndarray:
        """Return the energy of the chain, sum Q w^2/2 + kT s [eV]."""
        thermal = BOLTZMANN * self.temperature
        return thermal * (0.5 * (self.relaxation_time * state.chain_velocity) ** 2 + state.chain).sum(0)

    def _push(self, speed: np.ndarray, j: int, twice_kinetic: np.ndarray, thermal: float, dt: float) -> None:
        """Move the velocity of link j by half of dt, the drag of the next link about it."""
        inertia = thermal * self.relaxation_time**2
        drag = np.exp(-0.25 * dt * speed[j + 1]) if j + 1 < self.links else 1.0
        excess = (inertia * speed[j - 1] ** 2 if j else twice_kinetic) - thermal
        speed[j] = (speed[j] * drag + 0.5 * dt * excess / inertia) * drag

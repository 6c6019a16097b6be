"""Modes in which the electrode's charge fluctuates about the value that has the potential.

Both sample exp{-[E(R, Q) - Phi Q]/kT} over nuclei and charge, with <dE/dQ> = Phi and var(Q) = kT <C(R)> + var(Q*) for a capacitor
of the capacitance C(R) whose charge at the potential is Q*(R).  The charge moves while the nuclei do: one evaluation of the
model a step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from electrode.simulate.charge_state import ChargeState, at_rest, require_positive
from electrode.simulate.held import require_held
from electrode.simulate.thermostats import ChargeLangevin, ChargeNoseHoover
from electrode.state import Control
from electrode.units import BOLTZMANN

MIN_STEPS = 10  # in one period of the charge: fewer are near the limit of stability, a third of this


@dataclass(frozen=True)
class ExtendedCharge:
    """A charge with a mass and a thermostat of its own.

        M Q'' = Phi - dE/dQ,   M = (P/2 pi)^2/C

    BAOAB with a Langevin bath, kick-drift-kick inside a Nose-Hoover chain, plain without a bath.  Bonnet, Morishita, Sugino and
    Otani, Phys. Rev. Lett. 109, 266101 (2012), https://doi.org/10.1103/PhysRevLett.109.266101

    Parameters
    ----------
    bath : ChargeLangevin or ChargeNoseHoover, or None for a charge that exchanges energy with the nuclei alone
    period : P [fs], of the charge's oscillation at the capacitance of the first structure; away from those of the nuclei
    mass : M [eV fs^2/e^2], instead of the period
    charge : [e], at the start; without it the one that has the potential

    Raises
    ------
    ValueError
        unless one of period and mass is given, and for values that are not positive.
    """

    bath: ChargeLangevin | ChargeNoseHoover | None
    period: float | None = None
    mass: float | None = None
    charge: float | None = None
    moves = True

    def __post_init__(self):
        require_positive("ExtendedCharge", period=self.period, mass=self.mass)
        if (self.period is None) == (self.mass is None):
            raise ValueError(f"ExtendedCharge: expected one of period [fs] and mass [eV fs^2/e^2], got {self.period} and {self.mass}; 100 to 200 fs is usual")

    def require(self, control: Control) -> None:
        """Refuse a calculator that does not hold the potential."""
        require_held(self, control, "potential")

    def start(self, charge, capacitance, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the first state, its velocity drawn at the bath's temperature.

        Parameters
        ----------
        charge : [e];  capacitance : [e/V], of the first structure;  dt : [fs]

        Raises
        ------
        ValueError
            for a capacitance that is not positive, or a period, or a chain's relaxation time, of fewer than ten steps.
        """
        if not np.all(np.asarray(capacitance) > 0):
            raise ValueError(f"ExtendedCharge: expected a positive capacitance at the start, got {capacitance} e/V; the model has no stable charge there")
        mass = self.mass if self.mass is not None else (self.period / (2.0 * math.pi)) ** 2 / capacitance
        period = 2.0 * math.pi * np.sqrt(mass * capacitance)
        if np.min(period) < MIN_STEPS * dt:
            raise ValueError(f"ExtendedCharge: the charge oscillates with a period of {np.min(period):.3g} fs, expected at least {MIN_STEPS} steps of {dt:g} fs; raise the mass or the period")
        if self.bath is not None and self.bath.links and self.bath.relaxation_time < MIN_STEPS * dt:
            raise ValueError(f"ExtendedCharge: expected a chain with a relaxation time of at least {MIN_STEPS} steps of {dt:g} fs, got {self.bath.relaxation_time:g} fs; raise it")
        state = at_rest(charge, capacitance, mass, 0 if self.bath is None else self.bath.links)
        if self.bath is None:
            return state
        spread = np.sqrt(BOLTZMANN * self.bath.temperature / state.mass)
        return replace(state, velocity=spread * rng.standard_normal(state.charge.shape))

    def before(self, state: ChargeState, pull, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the state with the charge of the next positions; `pull` is Phi - dE/dQ [V] at the present ones."""
        if self.bath is not None:
            state = self.bath.outer(state, 0.5 * dt)
        state = _drifted(_kicked(state, pull, dt), 0.5 * dt)
        if self.bath is not None:
            state = self.bath.middle(state, dt, rng)
        return _drifted(state, 0.5 * dt)

    def after(self, state: ChargeState, pull, dt: float) -> ChargeState:
        """Return the state at the end of the step, `pull` [V] at the new positions and charge."""
        state = _kicked(state, pull, dt)
        return state if self.bath is None else self.bath.outer(state, 0.5 * dt)

    def energy(self, state: ChargeState) -> np.ndarray:
        """Return what charge and bath add to the conserved quantity beside E - Phi Q [eV]."""
        return state.kinetic_energy - state.given + (0.0 if self.bath is None else self.bath.energy(state))


@dataclass(frozen=True)
class Thermopotentiostat:
    """A charge that flows through a resistor with its thermal noise.

        Q(t + dt) = Q(t) - C0 [dE/dQ - Phi](1 - a) + N(0, 1) sqrt[kT C0 (1 - a^2)],   a = exp(-dt/tau)

    Where the capacitance C differs from C0 the variance is kT C0 (1 - a^2)/[1 - (1 - (1 - a) C0/C)^2] instead of kT C: choose tau
    of at least 50 steps.  Deissenbeck, Freysoldt, Todorova, Neugebauer and Wippermann, Phys. Rev. Lett. 126, 136803 (2021).

    Parameters
    ----------
    temperature : [K];  time_constant : tau [fs]
    capacitance : C0 [e/V], of the bare electrodes; without it the model's for the first structure
    charge : [e], at the start; without it the one that has the potential

    Raises
    ------
    ValueError
        for values that are not positive.
    """

    temperature: float
    time_constant: float = 100.0
    capacitance: float | None = None
    charge: float | None = None
    moves = True

    def __post_init__(self):
        require_positive("Thermopotentiostat", temperature=self.temperature, time_constant=self.time_constant, capacitance=self.capacitance)

    def require(self, control: Control) -> None:
        """Refuse a calculator that does not hold the potential."""
        require_held(self, control, "potential")

    def start(self, charge, capacitance, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the first state, whose capacitance is C0.

        Raises
        ------
        ValueError
            for a capacitance of the first structure that is not positive.
        """
        bare = capacitance if self.capacitance is None else self.capacitance
        if not np.all(np.asarray(bare) > 0):
            raise ValueError(f"Thermopotentiostat: expected a positive capacitance, got {bare} e/V; give one, or start where the model is stable")
        return at_rest(charge, bare)

    def before(self, state: ChargeState, pull, dt: float, rng: np.random.Generator) -> ChargeState:
        """Return the state with the charge of the next positions; `pull` is Phi - dE/dQ [V] at the present ones."""
        left, bare = math.exp(-dt / self.time_constant), state.capacitance
        noise = np.sqrt(BOLTZMANN * self.temperature * bare * (1.0 - left**2)) * rng.standard_normal(state.charge.shape)
        step = bare * pull * (1.0 - left) + noise
        return replace(state, charge=state.charge + step, velocity=step / dt, given=state.given - 0.5 * pull * step)

    def after(self, state: ChargeState, pull, dt: float) -> ChargeState:
        """Return the state at the end of the step, with the rest of the energy that the charge brought along."""
        return replace(state, given=state.given - 0.5 * pull * state.velocity * dt)

    def energy(self, state: ChargeState) -> np.ndarray:
        """Return what the circuit adds to the conserved quantity beside E - Phi Q [eV]."""
        return -state.given


def _kicked(state: ChargeState, pull, dt: float) -> ChargeState:
    return replace(state, velocity=state.velocity + 0.5 * dt * pull / state.mass)


def _drifted(state: ChargeState, dt: float) -> ChargeState:
    return replace(state, charge=state.charge + dt * state.velocity)

"""The electrode's charge as a coordinate that moves beside the nuclei."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ChargeState:
    """Where a moving charge is; every entry is one number, or one for each of several systems that move alike.

    Parameters
    ----------
    charge : [e];  velocity : [e/fs]
    mass : [eV fs^2/e^2]; 0 for a charge without inertia
    capacitance : [e/V], of the first structure, or the one that was given
    given : energy that noise and friction have put into the system so far [eV]
    chain, chain_velocity : (links, ...) and [1/fs], of a Nose-Hoover chain
    """

    charge: np.ndarray
    velocity: np.ndarray
    mass: np.ndarray
    capacitance: np.ndarray
    given: np.ndarray
    chain: np.ndarray
    chain_velocity: np.ndarray

    @property
    def kinetic_energy(self) -> np.ndarray:
        """M v^2/2 [eV]."""
        return 0.5 * self.mass * self.velocity**2


def at_rest(charge, capacitance, mass=0.0, links: int = 0) -> ChargeState:
    """Return a charge [e] that does not move, with a thermostat chain of so many links at rest.

    Parameters
    ----------
    charge : one number or an array [e];  capacitance : [e/V];  mass : [eV fs^2/e^2]
    """
    charge = np.array(charge, dtype=float)
    chain = np.zeros((links, *charge.shape))
    zero = np.zeros_like(charge)
    return ChargeState(charge, zero, zero + mass, zero + capacitance, zero, chain, chain.copy())


def require_positive(owner: str, **values: float | None) -> None:
    """Raise ValueError for a number that is given and is not positive and finite."""
    for name, value in values.items():
        if value is not None and not (np.isscalar(value) and np.isreal(value) and np.isfinite(value) and value > 0):
            raise ValueError(f"{owner}: expected a positive {name.replace('_', ' ')}, got {value!r}")

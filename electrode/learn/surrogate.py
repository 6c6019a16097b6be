"""The surrogate of an expensive energy E(R), or E(R, Q) where labels carry a charge: prior, trend and Gaussian process.

    E = c + a E_prior(R) + b Q + d Q^2 / 2 + GP(features(R), Q / q)

The potential dE/dQ is a label beside the forces where there is a charge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from electrode.learn.features import Pairs, Places
from electrode.learn.gaussian_process import LENGTHS, GaussianProcess, Points
from electrode.learn.labels import Label
from electrode.units import UC_PER_CM2

OFFSET, PRIOR = 3.0, 0.1  # widths of the weights of the constant and of the prior, relative to the amplitude
LEVEL, LEVEL_WIDTH = 4.5, 1.0  # potential without charge [V]
CAPACITANCE, STIFFNESS_WIDTH = 20.0, 0.3  # [uF/cm^2]; width of d relative to its mean
CHARGED_LENGTHS = (1.0, 1.4, 2.0, 2.8, 4.0)  # tried where there is a charge: interfaces with a solvent have more, and longer, pairs than adatoms
CHARGE = 1.0  # change of charge over which the features count as different [e]


@dataclass(frozen=True)
class Space:
    """What surrogates of one problem share.

    Parameters
    ----------
    features : of the free atoms
    prior : see `electrode.learn.prior`
    area : [A^2] of the surface, None where labels carry no charge
    """

    features: Pairs | Places
    prior: Callable
    area: float | None = None

    def trend(self, positions: np.ndarray, charge: np.ndarray | None) -> np.ndarray:
        """Return the trend's functions and gradients, (m, 1 + D, T)."""
        energy, gradient = self.prior(positions)
        m, n = len(positions), 3 * len(self.features.free)
        out = np.zeros((m, 1 + n + (self.area is not None), 2 + 2 * (self.area is not None)))
        out[:, 0, 0], out[:, 0, 1], out[:, 1 : 1 + n, 1] = 1.0, energy, gradient[:, self.features.free].reshape(m, -1)
        if self.area is not None:
            out[:, 0, 2], out[:, 0, 3], out[:, -1, 2], out[:, -1, 3] = charge, 0.5 * charge**2, 1.0, charge
        return out

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and width of the trend's weights."""
        if self.area is None:
            return np.array([0.0, 1.0]), np.array([OFFSET, PRIOR])
        stiffness = UC_PER_CM2 / (CAPACITANCE * self.area)
        return np.array([0.0, 1.0, LEVEL, stiffness]), np.array([OFFSET, PRIOR, LEVEL_WIDTH, STIFFNESS_WIDTH * stiffness])

    def values(self, features, charge: np.ndarray | None) -> np.ndarray:
        """Return the features with the charge beside them."""
        return features.values if self.area is None else np.column_stack([features.values, charge / CHARGE])


class Surrogate:
    """The energy as far as the labels tell it.

    Parameters
    ----------
    space : features and prior
    labels : at least one; each carries charge and potential if the space has an area
    """

    def __init__(self, space: Space, labels: Sequence[Label]):
        self.space = space
        positions = np.array([x.positions for x in labels])
        charge = None if space.area is None else np.array([x.charge for x in labels])
        features = space.features(positions)
        jacobian = features.jacobian()
        free = space.features.free
        gradient = -np.array([x.forces[free] for x in labels]).reshape(len(labels), -1)
        energy = np.array([x.energy for x in labels])
        if space.area is not None:
            m, p, n = jacobian.shape
            wide = np.zeros((m, p + 1, n + 1))
            wide[:, :p, :n], wide[:, p, n] = jacobian, 1.0 / CHARGE
            jacobian, gradient = wide, np.column_stack([gradient, [x.potential for x in labels]])
        trend = space.trend(positions, charge)
        self.zero, self.prior_zero = energy[0], trend[0, 0, 1]
        trend[:, 0, 1] -= self.prior_zero
        stationary = sum(x.reason == "end state" for x in labels)
        points = Points(space.values(features, charge), jacobian, trend)
        self.process = GaussianProcess.fit(points, np.column_stack([energy - self.zero, gradient]), *space.weights(), stationary, LENGTHS if space.area is None else CHARGED_LENGTHS)

    def __call__(self, positions: np.ndarray, charge: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return energies (m,) [eV], forces (m, N, 3) [eV/A] and potentials (m,) [V] at positions (m, N, 3), charges (m,)."""
        features, trend = self.space.features(positions), self._trend(positions, charge)
        value, slope = self.process.value_and_slope(self.space.values(features, charge))
        known = trend @ self.process.weights
        free, pairs = self.space.features.free, features.values.shape[1]
        gradient = features.pull(slope[:, :pairs]) + known[:, 1 : 1 + 3 * len(free)]
        forces = np.zeros(positions.shape)
        forces[:, free] = -gradient.reshape(len(positions), -1, 3)
        potential = None if charge is None else slope[:, -1] / CHARGE + known[:, -1]
        return self.zero + value + known[:, 0], forces, potential

    def std(self, positions: np.ndarray, charge: np.ndarray | None = None) -> np.ndarray:
        """Return the standard deviation of the energies, (m,) [eV]."""
        values = self.space.values(self.space.features(positions), charge)
        return self.process.std(values, self._trend(positions, charge)[:, 0])

    def _trend(self, positions: np.ndarray, charge: np.ndarray | None) -> np.ndarray:
        trend = self.space.trend(positions, charge)
        trend[:, 0, 1] -= self.prior_zero
        return trend

"""The surrogate of an expensive energy E(R), or E(R, Q) where labels carry a charge: prior, trend and Gaussian process.

    E = c + a E_prior(R) + E_pairs(R) + b Q + d Q^2 / 2 + GP(features(R), Q / q)

The potential dE/dQ is a label beside the forces where there is a charge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.learn.features import Pairs, Places
from electrode.learn.gaussian_process import LENGTHS, GaussianProcess, Points
from electrode.learn.labels import Label
from electrode.learn.radial import WEIGHT, Radial
from electrode.units import UC_PER_CM2

OFFSET, PRIOR = 3.0, 0.1  # widths of the weights of the constant and of the prior, relative to the amplitude
LEVEL, LEVEL_WIDTH = 4.5, 1.0  # potential without charge [V]
CAPACITANCE, STIFFNESS_WIDTH = 20.0, 0.03  # [uF/cm^2]; width of d relative to its mean
CHARGED_LENGTHS = (1.0, 1.4, 2.0, 2.8, 4.0)  # tried where there is a charge: interfaces with a solvent have more, and longer, pairs than adatoms
CHARGE = 1.0  # change of charge over which the features count as different [e]


@dataclass(frozen=True)
class Space:
    """What surrogates of one problem share.

    Parameters
    ----------
    features : of the free atoms
    prior : see `electrode.learn.prior`; one that knows of the charge only where labels do
    area : [A^2] of the surface, None where labels carry no charge
    radial : energies of pairs to be learned beside the prior, None for none
    """

    features: Pairs | Places
    prior: Callable
    area: float | None = None
    radial: Radial | None = None

    def trend(self, positions: np.ndarray, charge: np.ndarray | None) -> np.ndarray:
        """Return the trend's first functions, those of constant, prior and charge, and their gradients, (m, 1 + D, T)."""
        energy, gradient, *answer = self.prior(positions)
        if answer:
            energy, gradient = energy + answer[0] * charge, gradient + answer[1] * charge[:, None, None]
        m, n = len(positions), 3 * len(self.features.free)
        out = np.zeros((m, 1 + n + (self.area is not None), 2 + 2 * (self.area is not None)))
        out[:, 0, 0], out[:, 0, 1], out[:, 1 : 1 + n, 1] = 1.0, energy, gradient[:, self.features.free].reshape(m, -1)
        if self.area is not None:
            out[:, 0, 2], out[:, 0, 3], out[:, -1, 2], out[:, -1, 3] = charge, 0.5 * charge**2, 1.0, charge
            out[:, -1, 1] = answer[0] if answer else 0.0
        return out

    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and width of the trend's weights."""
        mean, width = [0.0, 1.0], [OFFSET, PRIOR]
        if self.area is not None:
            level = 0.0 if getattr(self.prior, "charged", False) else LEVEL  # such a prior has its own
            mean, width = [*mean, level, self.stiffness], [*width, LEVEL_WIDTH, STIFFNESS_WIDTH * self.stiffness]
        more = 0 if self.radial is None else self.radial.count
        return np.array([*mean, *[0.0] * more]), np.array([*width, *[WEIGHT] * more])

    @property
    def stiffness(self) -> float:
        """The expected change of the potential with the charge [V/e]."""
        return stiffness_of(self.area)

    def values(self, features, charge: np.ndarray | None) -> np.ndarray:
        """Return the features with the charge beside them."""
        return features.values if self.area is None else np.column_stack([features.values, charge / CHARGE])


def area_of(atoms: Atoms) -> float:
    """Return the area of the surface that the first two vectors of the cell span [A^2]; raises ValueError where there is none."""
    area = float(np.linalg.norm(np.cross(*atoms.cell.array[:2])))
    if not area > 0.0:
        raise ValueError("structure: expected a cell with a surface, spanned by its first two vectors; got none")
    return area


def stiffness_of(area: float) -> float:
    """Return the expected change of the potential with the charge of a surface of this area [A^2], [V/e]."""
    return UC_PER_CM2 / (CAPACITANCE * area)


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
        self.known = trend.shape[2]  # functions of the trend before those of pairs
        if space.radial is not None:
            trend = np.concatenate([trend, _padded(space.radial.with_gradients(features), trend.shape[1])], axis=2)
        stationary = sum(x.reason == "end state" for x in labels)
        points = Points(space.values(features, charge), jacobian, trend)
        self.process = GaussianProcess.fit(points, np.column_stack([energy - self.zero, gradient]), *space.weights(), stationary, LENGTHS if space.area is None else CHARGED_LENGTHS)

    def __call__(self, positions: np.ndarray, charge: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return energies (m,) [eV], forces (m, N, 3) [eV/A] and potentials (m,) [V] at positions (m, N, 3), charges (m,)."""
        features, trend = self.space.features(positions), self._trend(positions, charge)
        value, slope = self.process.value_and_slope(self.space.values(features, charge))
        known = trend @ self.process.weights[: self.known]
        free, pairs = self.space.features.free, features.values.shape[1]
        push = slope[:, :pairs]
        if self.space.radial is not None:
            learned, more = self.space.radial.energy(features.values, self.process.weights[self.known :])
            value, push = value + learned, push + more
        gradient = features.pull(push) + known[:, 1 : 1 + 3 * len(free)]
        forces = np.zeros(positions.shape)
        forces[:, free] = -gradient.reshape(len(positions), -1, 3)
        potential = None if charge is None else slope[:, -1] / CHARGE + known[:, -1]
        return self.zero + value + known[:, 0], forces, potential

    def std(self, positions: np.ndarray, charge: np.ndarray | None = None) -> np.ndarray:
        """Return the standard deviation of the energies, (m,) [eV]."""
        features, trend = self.space.features(positions), self._trend(positions, charge)[:, 0]
        if self.space.radial is not None:
            trend = np.concatenate([trend, self.space.radial.functions(features.values)], axis=1)
        return self.process.std(self.space.values(features, charge), trend)

    def _trend(self, positions: np.ndarray, charge: np.ndarray | None) -> np.ndarray:
        trend = self.space.trend(positions, charge)
        trend[:, 0, 1] -= self.prior_zero
        return trend


def _padded(functions: np.ndarray, rows: int) -> np.ndarray:
    """Return functions and gradients (m, 1 + 3F, T) with a gradient of zero by the charge where there is one."""
    return np.pad(functions, ((0, 0), (0, rows - functions.shape[1]), (0, 0)))

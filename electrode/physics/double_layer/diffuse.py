"""The diffuse layer of any electrolyte against its bulk, from its first integral; see `base` for the equations."""

from __future__ import annotations

import numpy as np

from electrode.physics.double_layer.base import DoubleLayer, away_from_zero, increasing_root, integral_from_zero
from electrode.physics.double_layer.electrolyte import Electrolyte


class DiffuseLayer(DoubleLayer):
    """The diffuse layer of any electrolyte: valencies, sizes, number of kinds and permittivity as they are.

    Parameters
    ----------
    electrolyte : see `Electrolyte`
    """

    def __init__(self, electrolyte: Electrolyte):
        self.electrolyte = electrolyte
        self.scale = 2.0 * electrolyte.thermal_energy / np.abs(electrolyte.valences).max()

    def field(self, potential):
        """Return the field at a point of potential psi, |E| with the sign of psi [V/A], from int E dD = p."""
        potential = np.asarray(potential, float)
        return np.copysign(self.electrolyte.permittivity.field(self.electrolyte.pressure(potential)), potential)

    def charge(self, potential):
        """Return sigma = D(E)."""
        return self.electrolyte.permittivity.displacement(self.field(potential))

    def potential(self, charge):
        """Return Phi(sigma), from p = int E dD through 2 asinh(sqrt(p/4 n kT)), which is nearly linear in Phi."""
        charge, salt = np.asarray(charge, float), self.electrolyte
        none, sign = charge == 0.0, np.where(charge < 0.0, -1.0, 1.0)
        unit = 2.0 * salt.bulk_densities.sum() * salt.thermal_energy
        wanted = salt.permittivity.energy(salt.permittivity.field_of_displacement(charge))
        goal = np.where(none, 1.0, 2.0 * np.arcsinh(np.sqrt(wanted / unit)))

        def function(size):
            p = salt.pressure(sign * size)
            return 2.0 * np.arcsinh(np.sqrt(p / unit)), -sign * salt.charge_density(sign * size) / np.sqrt(p * (unit + p))

        size = increasing_root(function, goal, goal * 0.5 * self.scale, np.full_like(goal, np.inf))
        return np.where(none, 0.0, sign * size)

    def differential_capacitance(self, potential):
        """Return C = -rho/E, and its limit at Phi = 0, eps eps0 over the screening length."""
        safe = away_from_zero(potential, self.scale)
        return -self.electrolyte.charge_density(safe) / self.field(safe)

    def grand_energy(self, potential):
        """Return Omega(Phi), a sum of Gauss-Legendre rules."""
        return -integral_from_zero(self.charge, potential, self.scale)

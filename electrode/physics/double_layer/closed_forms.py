"""Double layers with closed forms: Helmholtz, Gouy-Chapman, Bikerman; see `base` for the equations and sources."""

from __future__ import annotations

import numpy as np

from electrode.physics.double_layer.base import DoubleLayer, away_from_zero, integral_from_zero
from electrode.physics.double_layer.electrolyte import Electrolyte
from electrode.physics.double_layer.permittivity import Constant
from electrode.units import EPSILON_0

_LARGE = 100.0  # beyond which 1 is lost beside exp


class Helmholtz(DoubleLayer):
    """A plate capacitor, C = eps eps0/d.

    Parameters
    ----------
    thickness : d [A]
    permittivity : eps

    Raises
    ------
    ValueError
        for a thickness that is not positive or a permittivity below 1.
    """

    def __init__(self, thickness: float = 3.0, permittivity: float = 6.0):
        if not (0.0 < thickness < np.inf and 1.0 <= permittivity < np.inf):
            raise ValueError(f"Helmholtz: expected a positive thickness [A] and a permittivity of at least 1, got {thickness} and {permittivity}")
        self.thickness, self.capacitance = thickness, EPSILON_0 * permittivity / thickness

    def charge(self, potential):
        """Return sigma = C Phi."""
        return self.capacitance * np.asarray(potential, float)

    def potential(self, charge):
        """Return Phi = sigma/C."""
        return np.asarray(charge, float) / self.capacitance

    def differential_capacitance(self, potential):
        """Return C."""
        return np.full_like(np.asarray(potential, float), self.capacitance)

    def grand_energy(self, potential):
        """Return -C Phi^2/2."""
        return -0.5 * self.capacitance * np.asarray(potential, float) ** 2


class GouyChapman(DoubleLayer):
    """The diffuse layer of a z:z electrolyte of point ions, with sigma = s sinh(z Phi/2kT), s^2 = 8 eps eps0 kT n.

    Parameters
    ----------
    electrolyte : two kinds of ions of opposite valence; their diameters are not used

    Raises
    ------
    ValueError
        for other ions, or a permittivity that depends on the field.
    """

    def __init__(self, electrolyte: Electrolyte):
        self.valence, density, self.permittivity = _symmetric(electrolyte, "GouyChapman")
        self.electrolyte = electrolyte
        self.scale = 2.0 * electrolyte.thermal_energy / self.valence  # [V]
        self.charge_scale = np.sqrt(8.0 * self.permittivity * electrolyte.thermal_energy * density)

    def charge(self, potential):
        """Return sigma by Grahame's equation."""
        return self.charge_scale * np.sinh(np.asarray(potential, float) / self.scale)

    def potential(self, charge):
        """Return Phi by Grahame's equation."""
        return self.scale * np.arcsinh(np.asarray(charge, float) / self.charge_scale)

    def differential_capacitance(self, potential):
        """Return C = (eps eps0/lambda_D) cosh(z Phi/2kT)."""
        return self.charge_scale / self.scale * np.cosh(np.asarray(potential, float) / self.scale)

    def grand_energy(self, potential):
        """Return Omega = -(2kT/z) s [cosh(z Phi/2kT) - 1]."""
        return -2.0 * self.scale * self.charge_scale * np.sinh(0.5 * np.asarray(potential, float) / self.scale) ** 2

    def profile(self, distance, potential: float) -> np.ndarray:
        """Return psi at distances (...) [A] from the electrode, tanh(z psi/4kT) = tanh(z Phi/4kT) exp(-x/lambda_D)."""
        decay = np.exp(-np.asarray(distance, float) / self.electrolyte.debye_length)
        return 2.0 * self.scale * np.arctanh(np.tanh(0.5 * potential / self.scale) * decay)


class Bikerman(DoubleLayer):
    """The diffuse layer of a z:z electrolyte whose ions have one size a, nu = 2 a^3 n.

        sigma^2 = 2 eps eps0 p,   p = (2 n kT/nu) ln[1 + 2 nu sinh^2(z Phi/2kT)]

    Parameters
    ----------
    electrolyte : two kinds of ions of opposite valence and equal diameter

    Raises
    ------
    ValueError
        for other ions, or a permittivity that depends on the field.

    Departure: Omega = -int sigma dPhi has no closed form and is a sum of Gauss-Legendre rules, exact to 1e-13.
    """

    def __init__(self, electrolyte: Electrolyte):
        self.valence, density, self.permittivity = _symmetric(electrolyte, "Bikerman")
        a, b = (ion.diameter for ion in electrolyte.ions)
        if not a == b > 0.0:
            raise ValueError(f"Bikerman: expected one diameter [A] for both ions, got {a} and {b}. Use DiffuseLayer for unequal sizes")
        self.electrolyte = electrolyte
        self.filling = 2.0 * density * a**3
        self.pressure_scale = 2.0 * density * electrolyte.thermal_energy / self.filling
        self.scale = 2.0 * electrolyte.thermal_energy / self.valence

    def charge(self, potential):
        """Return sigma(Phi)."""
        potential = np.asarray(potential, float)
        reduced = np.abs(potential) / self.scale
        near = np.log1p(2.0 * self.filling * np.sinh(np.minimum(reduced, _LARGE)) ** 2)
        crowding = np.where(reduced < _LARGE, near, 2.0 * reduced + np.log(0.5 * self.filling))
        return np.copysign(np.sqrt(2.0 * self.permittivity * self.pressure_scale * crowding), potential)

    def potential(self, charge):
        """Return Phi(sigma)."""
        charge = np.asarray(charge, float)
        crowding = charge**2 / (2.0 * self.permittivity * self.pressure_scale)
        near = np.arcsinh(np.sqrt(np.expm1(np.minimum(crowding, _LARGE)) / (2.0 * self.filling)))
        reduced = np.where(crowding < _LARGE, near, 0.5 * (crowding - np.log(0.5 * self.filling)))
        return np.copysign(self.scale * reduced, charge)

    def differential_capacitance(self, potential):
        """Return C = -rho/E, and eps eps0/lambda_D at Phi = 0."""
        safe = away_from_zero(potential, self.scale)
        reduced = np.clip(safe / self.scale, -_LARGE, _LARGE)
        change = 2.0 * self.filling * np.sinh(2.0 * reduced) / (1.0 + 2.0 * self.filling * np.sinh(reduced) ** 2)
        return self.permittivity * self.pressure_scale * change / self.scale / self.charge(safe)

    def grand_energy(self, potential):
        """Return Omega(Phi)."""
        return -integral_from_zero(self.charge, potential, self.scale)


def _symmetric(electrolyte: Electrolyte, who: str) -> tuple[float, float, float]:
    """Return valence, density of either ion [1/A^3] and eps eps0 of a z:z electrolyte."""
    valences = electrolyte.valences
    if len(valences) != 2 or valences.sum() != 0.0:
        raise ValueError(f"{who}: expected two ions of opposite valence, got valences {', '.join(f'{z:g}' for z in valences)}. Use DiffuseLayer, which takes any")
    if not isinstance(electrolyte.permittivity, Constant):
        raise ValueError(f"{who}: expected a constant permittivity, got {electrolyte.permittivity}. Use DiffuseLayer, which takes any")
    return abs(float(valences[0])), float(electrolyte.bulk_densities[0]), EPSILON_0 * electrolyte.permittivity.value

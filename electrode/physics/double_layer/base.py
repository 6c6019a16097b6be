"""Charge, potential, capacitance and energy of a planar double layer.

    sigma = sigma(Phi),   C = dsigma/dPhi,   E(sigma) = int_0^sigma Phi dsigma',   Omega(Phi) = E - sigma Phi

so that dE/dsigma = Phi and dOmega/dPhi = -sigma.  Phi is measured from the bulk electrolyte and from the potential of zero
charge.  Units: sigma [e/A^2], Phi [V], C [e/(V A^2)], energies [eV/A^2], of any shape.

A diffuse layer against its bulk obeys the first integral  int E dD = p(psi)  at every point, hence at the electrode, where
D = sigma: no profile is needed for the charge.  Dividing its derivative by E gives C = -rho(psi)/E.
Sources: Gouy 1910, J. Phys. Theor. Appl. 9, 457; Chapman 1913, Philos. Mag. 25, 475; Stern 1924,
https://doi.org/10.1002/bbpc.192400182; Grahame 1947, Chem. Rev. 41, 441; Kilic, Bazant and Ajdari 2007,
https://doi.org/10.1103/PhysRevE.75.021502
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from electrode.units import UC_PER_CM2

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(10)
_STEPS = 60  # of the bracketed root search
_NEAR_ZERO = 1e-7  # potential over kT below which C is its limit at zero


class DoubleLayer(ABC):
    """A relation between charge and potential, with what follows from it."""

    @abstractmethod
    def charge(self, potential) -> np.ndarray:
        """Return sigma(Phi)."""

    @abstractmethod
    def potential(self, charge) -> np.ndarray:
        """Return Phi(sigma)."""

    @abstractmethod
    def differential_capacitance(self, potential) -> np.ndarray:
        """Return dsigma/dPhi."""

    @abstractmethod
    def grand_energy(self, potential) -> np.ndarray:
        """Return Omega(Phi), zero at Phi = 0."""

    def energy(self, charge) -> np.ndarray:
        """Return E(sigma) = Omega + sigma Phi, zero at sigma = 0."""
        potential = self.potential(charge)
        return self.grand_energy(potential) + charge * potential

    def integral_capacitance(self, potential) -> np.ndarray:
        """Return sigma/Phi; at Phi = 0 it is the differential capacitance."""
        potential = np.asarray(potential, float)
        zero = potential == 0.0
        return np.where(zero, self.differential_capacitance(0.0), self.charge(potential) / np.where(zero, 1.0, potential))


def microfarad_per_cm2(capacitance) -> np.ndarray:
    """Return a capacitance per area [e/(V A^2)] in uF/cm^2."""
    return UC_PER_CM2 * np.asarray(capacitance, float)


def away_from_zero(potential, scale: float) -> np.ndarray:
    """Return the potential, or a tiny one where it is so small that -rho/E is its limit [V]."""
    potential = np.asarray(potential, float)
    return np.where(np.abs(potential) < _NEAR_ZERO * scale, _NEAR_ZERO * scale, potential)


def integral_from_zero(function, end, panel: float) -> np.ndarray:
    """Return int_0^end f dx for ends (...), by Gauss-Legendre rules on panels no wider than `panel`."""
    end = np.asarray(end, float)
    panels = max(1, int(np.ceil(np.abs(end).max(initial=0.0) / panel)))
    fractions = (np.arange(panels)[:, None] + 0.5 * (1.0 + _NODES)).ravel() / panels
    weights = np.tile(0.5 * _WEIGHTS, panels) / panels
    return end * (function(np.multiply.outer(end, fractions)) @ weights)


def increasing_root(function, goal: np.ndarray, start: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return x in [0, high] with f(x) = goal, by Newton's method that halves the bracket where a step would leave it.

    Parameters
    ----------
    function : x (...) -> f and df/dx, both (...), with f increasing and f(0) <= goal
    goal, start, high : (...), the start above 0, the upper end finite or infinite
    """
    low, x = np.zeros_like(start), start
    for _ in range(_STEPS):
        value, slope = function(x)
        low, high = np.where(value < goal, x, low), np.where(value < goal, high, x)
        new = x + (goal - value) / slope
        fallback = np.where(np.isfinite(high), 0.5 * (low + high), 2.0 * x)
        new = np.where((new >= low) & (new <= high), new, fallback)
        done = np.abs(new - x) <= 1e-15 * new
        x = new
        if np.all(done):
            break
    return x

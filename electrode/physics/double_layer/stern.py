"""A layer without ions between the electrode and the diffuse layer; see `base` for the equations."""

from __future__ import annotations

import numpy as np

from electrode.physics.double_layer.base import DoubleLayer, increasing_root
from electrode.physics.double_layer.closed_forms import GouyChapman, Helmholtz
from electrode.physics.double_layer.electrolyte import Electrolyte

_UNIT = 0.025  # scale of the potentials [V]


class Stern(DoubleLayer):
    """Two layers of one charge in series, Phi = Phi_inner(sigma) + Phi_outer(sigma), 1/C = 1/C_inner + 1/C_outer.

    Parameters
    ----------
    inner : layer next to the electrode, of constant capacitance
    outer : the diffuse layer
    """

    def __init__(self, inner: Helmholtz, outer: DoubleLayer):
        self.inner, self.outer = inner, outer

    def charge(self, potential):
        """Return sigma(Phi)."""
        outer, inner = self._split(potential)
        c, d = self.inner.capacitance, self.outer.differential_capacitance(outer)
        return (c * self.outer.charge(outer) + d * self.inner.charge(inner)) / (c + d)

    def potential(self, charge):
        """Return Phi(sigma)."""
        return self.inner.potential(charge) + self.outer.potential(charge)

    def outer_potential(self, potential):
        """Return the potential at the plane between the two layers [V] for potentials of the electrode."""
        return self._split(potential)[0]

    def differential_capacitance(self, potential):
        """Return C(Phi)."""
        outer = self.outer.differential_capacitance(self.outer_potential(potential))
        return 1.0 / (1.0 / self.inner.capacitance + 1.0 / outer)

    def grand_energy(self, potential):
        """Return Omega(Phi), the sum of those of both layers at their share of the potential."""
        outer, inner = self._split(potential)
        return self.inner.grand_energy(inner) + self.outer.grand_energy(outer)

    def _split(self, potential) -> tuple[np.ndarray, np.ndarray]:
        """Return the drops over outer and inner layer, where asinh of both charges agrees: nearly linear in the drop."""
        potential = np.asarray(potential, float)
        none, sign = potential == 0.0, np.where(potential < 0.0, -1.0, 1.0)
        total, c = np.where(none, 1.0, np.abs(potential)), self.inner.capacitance
        unit = _UNIT * c

        def function(size):
            outer, inner = np.abs(self.outer.charge(sign * size)), c * (total - size)
            slope = self.outer.differential_capacitance(sign * size) / np.hypot(unit, outer) + c / np.hypot(unit, inner)
            return np.arcsinh(outer / unit) - np.arcsinh(inner / unit), slope

        start = np.minimum(0.5 * total, _UNIT)
        size = increasing_root(function, np.zeros_like(total), start, total)
        outer = np.where(none, 0.0, sign * size)
        return outer, potential - outer


class GouyChapmanStern(Stern):
    """A Helmholtz layer in series with the diffuse layer of a z:z electrolyte of point ions.

    Parameters
    ----------
    electrolyte : as for `GouyChapman`
    thickness : of the layer without ions [A]
    permittivity : of that layer
    """

    def __init__(self, electrolyte: Electrolyte, thickness: float = 3.0, permittivity: float = 6.0):
        super().__init__(Helmholtz(thickness, permittivity), GouyChapman(electrolyte))

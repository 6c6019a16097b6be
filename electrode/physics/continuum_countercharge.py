"""The counter-charge of a slab that the ions of an electrolyte form: a planar continuum double layer beyond a plane.

Below the plane h is vacuum with the slab's atoms in it, above it first the Stern layer, if there is one, then the diffuse layer, a
continuum of ions and solvent in equilibrium with its bulk (`double_layer`, any electrolyte).  It answers to the slab's charge Q on
the area A alone: the field that enters at h is Q/(eps0 A), uniform along the surface, as beneath a sheet at h, and the drop
Phi(s) over both layers at the charge per area s = Q/A has the work

    A e(Q/A),    e(s) = int_0^s Phi(s') ds',    d(A e)/dQ = Phi(Q/A)

which `charged_slab` adds to the energy of the slab before a sheet at h.  It holds the entropy of the ions: E is then the energy of the
slab plus the free energy of an electrolyte open to its bulk at temperature T, its slope in Q is the potential against the bulk.

    linear (s -> 0)          e = s^2/(2 C),  1/C = d/(eps_S eps0) + lambda_D/(eps eps0), Debye and Hueckel's; points of any valence
    infinitely concentrated  Phi = s d/(eps_S eps0): with eps_S = 1 a `Sheet` at h + d, without Stern layer one at h

What is left out: the lateral structure of the electrolyte's answer.  The slab's field varies along the surface with waves k, which
reach the plane weakened by exp(-k (h - z)); ions and solvent of a real electrolyte screen them too, an energy of the order of the
square of what arrives.  It is nothing for a slab that is uniform along the surface, and grows as atoms come near the plane.  Also
left out: solvent between the atoms below h, the work of making room for them, and what mean-field theory leaves out.  The other side of
the slab faces a vacuum without field.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from electrode.physics.double_layer import DiffuseLayer, Electrolyte, Helmholtz, Plate, Stern, solve
from electrode.physics.slab_countercharge import Sheet


@dataclass(frozen=True)
class ContinuumLayer:
    """A planar double layer whose first plane is at a height; a counter-charge as those of `slab_countercharge` are.

    Parameters
    ----------
    height : h [A], where the vacuum of the slab ends
    electrolyte : in equilibrium with its bulk, from which potentials are measured
    stern : layer without ions between h and the diffuse layer, or None

    Raises
    ------
    ValueError
        for a height that is not finite.
    """

    height: float
    electrolyte: Electrolyte
    stern: Helmholtz | None = None

    def __post_init__(self):
        if not math.isfinite(self.height):
            raise ValueError(f"ContinuumLayer: expected a finite height [A], got {self.height}")

    @property
    def layer(self) -> DiffuseLayer | Stern:
        """The relation between charge per area and potential."""
        diffuse = DiffuseLayer(self.electrolyte)
        return diffuse if self.stern is None else Stern(self.stern, diffuse)

    def require_above(self, height: np.ndarray) -> None:
        """Raise ValueError unless the plane lies above heights (N,) [A]."""
        Sheet(self.height).require_above(height)

    def attraction(self, height, area: float, smear=0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return g(z) [V per e of Q] and dg/dz [V/A per e of Q], (...), of a sheet at h."""
        return Sheet(self.height).attraction(height, area, smear)

    def response(self, charge: float, area: float) -> tuple[float, float]:
        """Return A e(Q/A) [eV] and Phi(Q/A) [V] for Q [e] and A [A^2]."""
        layer, density = self.layer, charge / area
        return area * float(layer.energy(density)), float(layer.potential(density))

    def profile(self, height, charge: float, area: float) -> np.ndarray:
        """Return the potential against the bulk [V] at heights (...) [A]: Phi up to h, from the Poisson-Boltzmann equation above."""
        above, density = np.maximum(np.asarray(height, float) - self.height, 0.0), charge / area
        field, thickness = (0.0, 0.0) if self.stern is None else (density / self.stern.capacitance / self.stern.thickness, self.stern.thickness)
        diffuse = solve(self.electrolyte, Plate(charge=density)).potential(np.maximum(above - thickness, 0.0))
        return diffuse + field * np.maximum(thickness - above, 0.0)

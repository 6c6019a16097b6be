"""The electrolyte side of a slab: the counter-charge, and the screening of charges that stand in the electrolyte.

The field averaged over the surface, from the charge D(z) = Q - sum_i q_i P_i(z) below z, has the energy
(2 pi k_e/area) int D^2/eps(z) dz, where P_i(z) is the part of the Gaussian of atom i that lies above z.  The slab sum
counts it with eps = 1 everywhere.  This module adds what the double layer changes: a permittivity from the plane z_edge
up to the plane of the counter-charge -Q, and no field beyond that, where the electrolyte conducts.  The layer is as
thick as its capacitance says, d = eps eps0/C_dl per area.  All together the energy stays a sum of squares, so that the
capacitance is positive for every structure; the term Q^2/(2 C_dl) that comes out is left to `equilibration`.

z_edge is the mean of z_i + 0.4 sigma_i over the electrode's atoms with the weights exp(4 (z_i + 0.4 sigma_i)/A), its
outer layer.  The factor 0.4 makes a bare electrode have the capacitance C_dl within 10 % at 20 uF/cm^2: (111) and (100)
faces of Cu, Ag, Au, Ni, Pd, Pt and Al.
Permittivity of the oriented water next to a metal, about 6: Bockris, Devanathan and Mueller 1963,
https://doi.org/10.1098/rspa.1963.0114
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import erfc, expit

from electrode.units import COULOMB, EPSILON_0, UC_PER_CM2

_TOP_SHARPNESS = 4.0  # [1/A]
_REACH = 0.4  # of an electrode's atom, in widths of its Gaussian
_EDGE_WIDTH = 0.3  # over which the permittivity changes [A]
_STEP = 0.2  # of the sum over z [A], exact to 1e-12 for functions as smooth as these


class Layer:
    """Potentials Q f_i of the counter-charge and the screening matrix B, with their derivatives.

    With x_i = z_i - z_edge, kappa(z) = 1 - 1/eps(z) and the integrals h_i = int kappa P_i dz, m_ij = int kappa P_i P_j dz,

        f_i = slope (2 h_i - x_i),    B_ij = -2 slope m_ij

    Parameters
    ----------
    height : (N,) [A], along the normal
    sigma : (N,) [A], widths of the Gaussians
    electrode : (N,) bool
    normal : (3,), from the electrode to the electrolyte
    slope : 2 pi k_e / area [V/(e A)], 0 without a layer
    permittivity : eps
    thickness : d [A]
    """

    def __init__(self, height, sigma, electrode, normal, slope: float, permittivity: float, thickness: float):
        outer = height + _REACH * sigma
        weight = np.where(electrode, np.exp(_TOP_SHARPNESS * np.minimum(outer - outer[electrode].max(), 0.0)), 0.0)
        self.weight = weight / weight.sum()
        self.normal, self.slope, self.sigma = normal, slope, sigma
        self.below = outer - self.weight @ outer
        self.rise = self.weight * (1.0 + _TOP_SHARPNESS * self.below)  # dz_edge/dz
        x = height - self.weight @ outer
        last = np.max(x + 8.0 * sigma, initial=0.0)
        grid = _STEP * np.arange(round(-36.0 * _EDGE_WIDTH / _STEP), int(last / _STEP) + 2)
        kappa = (1.0 - 1.0 / permittivity) * expit(grid / _EDGE_WIDTH) + expit((grid - thickness) / _EDGE_WIDTH) / permittivity
        self.kappa = _STEP * kappa[:, None]
        self.u = u = (grid[:, None] - x) / sigma
        self.above = 0.5 * erfc(u / np.sqrt(2.0))  # P, and its derivatives in x
        self.above1 = np.exp(-0.5 * u**2) / (np.sqrt(2.0 * np.pi) * sigma)
        self.above2 = u * self.above1 / sigma
        self.field = slope * (2.0 * (self.kappa * self.above).sum(axis=0) - x)
        self.matrix = -2.0 * slope * (self.kappa * self.above).T @ self.above

    def pull(self, g: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Return the gradient of g.f + sum_ij W_ij B_ij / 2 in the positions, (N, 3), for symmetric W (N, N)."""
        return np.outer(self._to_heights(self._slopes(g, weight)), self.normal)

    def push(self, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of f (N,) and B (N, N) along a displacement."""
        dx = self._to_edge(displacement @ self.normal)
        change = self.kappa * self.above1 * dx
        half = change.T @ self.above
        return self.slope * (2.0 * change.sum(axis=0) - dx), -2.0 * self.slope * (half + half.T)

    def pull_along(self, g: np.ndarray, weight: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(g, weight)` along a displacement, (N, 3)."""
        dz = displacement @ self.normal
        dx = self._to_edge(dz)
        steeper = self.above2 * dx * (g - self.above @ weight)
        shared = self.above1 * ((self.above1 * dx) @ weight)
        change = 2.0 * self.slope * (self.kappa * (steeper - shared)).sum(axis=0)
        total = self._slopes(g, weight).sum()
        return np.outer(self._to_heights(change) - total * self._turned_rise(dz), self.normal)

    def widened(self, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of f (N,) and B (N, N) along a direction (N,) of the logarithms of the widths, with dP/dln sigma = sigma^2 d2P/dx2."""
        dx = -(_REACH * self.sigma * along) @ self.rise
        change = self.kappa * (self.above1 * dx + self.above2 * self.sigma**2 * along)
        half = change.T @ self.above
        return self.slope * (2.0 * change.sum(axis=0) - dx), -2.0 * self.slope * (half + half.T)

    def push_widened(self, along: np.ndarray, displacement: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of `widened(along)` along a displacement."""
        dz, wider = displacement @ self.normal, _REACH * self.sigma * along
        d_rise = self._turned_rise(dz)
        dx, x1, dx1 = self._to_edge(dz), -wider @ self.rise, -wider @ d_rise
        above3 = (self.u**2 - 1.0) * self.above1
        moved = self.above1 * dx
        changed = self.above1 * x1 + self.above2 * self.sigma**2 * along
        both = self.above2 * dx * x1 + self.above1 * dx1 + above3 * dx * along
        half = (self.kappa * both).T @ self.above + (self.kappa * changed).T @ moved
        return self.slope * (2.0 * (self.kappa * both).sum(axis=0) - dx1), -2.0 * self.slope * (half + half.T)

    def _turned_rise(self, dz):
        """Return the derivative of dz_edge/dz along dz."""
        d_weight = _TOP_SHARPNESS * self.weight * (dz - self.weight @ dz)
        d_below = _TOP_SHARPNESS * (dz - self.rise @ dz)
        return d_weight * (1.0 + _TOP_SHARPNESS * self.below) + self.weight * d_below

    def _slopes(self, g, weight):
        """Return the derivatives in x."""
        return self.slope * (2.0 * (self.kappa * self.above1 * (g - self.above @ weight)).sum(axis=0) - g)

    def _to_edge(self, dz):
        return dz - self.rise @ dz

    def _to_heights(self, per_x):
        return per_x - per_x.sum() * self.rise


def layer_of(positions, cell, pbc, sigma, electrode, double_layer_capacitance: float, permittivity: float) -> Layer:
    """Return the layer beside one system; in open space there is none, and its potentials and screening are zero.

    Parameters
    ----------
    positions : (N, 3) [A];  cell : (3, 3) [A], the electrolyte is on the side of c;  pbc : (3,) bool
    sigma : (N,) [A];  electrode : (N,) bool, at least one
    double_layer_capacitance : [uF/cm^2];  permittivity : eps
    """
    slab = bool(pbc[0])
    cross = np.cross(cell[0], cell[1]) if slab else np.array([0.0, 0.0, 1.0])
    cross = -cross if slab and cross @ cell[2] < 0.0 else cross
    area = float(np.linalg.norm(cross))
    slope = 2.0 * math.pi * COULOMB / area if slab else 0.0
    thickness = permittivity * EPSILON_0 * UC_PER_CM2 / double_layer_capacitance
    return Layer(positions @ cross / area, sigma, electrode, cross / area, slope, permittivity, thickness)

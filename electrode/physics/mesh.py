"""Coulomb interaction of many charges on a mesh: smooth particle-mesh Ewald for point and Gaussian charges.

The sum over reciprocal vectors of `ewald` is taken on a mesh of K_1 x K_2 x K_3 points along the cell vectors,

    phi_i = sum_n w_n(R_i) sum_m G_m exp(2 pi i m.n/K) rho_m,    rho = Fourier transform of sum_j q_j w_n(R_j),
    G_m   = k_e (4 pi/V) exp(-k^2/4 alpha^2)/k^2 prod_axes U_0^2/(sum_l U_l^2)^2,    U_l = sinc(m/K + l)^p

with the weights w of B-splines of order p.  The near part runs over pairs within a cutoff, and carries the widths:
[erfc(alpha r) - erfc(gamma_ij r)]/r.  Forces and strain derivative are the exact derivatives of this energy, so the net
force is zero only to the accuracy of the mesh.  Surroundings conduct, and a net charge is in the limit of points, as in `ewald`.
For a slab, periodic along a and b, with vacuum along c of height L, volume V and charge Q, with heights z and M = sum q z:

    E += (2 pi k_e/V) (M^2 - Q sum q z^2 - Q^2 L^2/12)

which makes it the planar sum of `electrostatics.coulomb`, whose zero is that of a sheet -2 pi k_e (charge per area) |z|.
Sources: Essmann et al. 1995, https://doi.org/10.1063/1.470117; Kolafa and Perram 1992, https://doi.org/10.1080/08927029208049126;
Yeh and Berkowitz 1999, https://doi.org/10.1063/1.479595; Ballenegger, Arnold and Cerda 2009, https://doi.org/10.1063/1.3216473
Departure from Essmann et al.: G_m is optimal for the energy (Ballenegger, Cerda and Holm 2012, https://doi.org/10.1021/ct2001792)
instead of interpolating exactly at the mesh points, and 0 at m = K/2.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import fft

from electrode.physics._mesh_kernels import fold, gather_gradients, padded, spline_weights, spread, unfold
from electrode.physics._splines import Settings, choose, damping, near_pairs, volume_of  # choose: for those who import it with Mesh
from electrode.physics.ewald_sum import Ewald, in_plane
from electrode.physics.lattice import surface_of, upright_cell
from electrode.physics.neighbours import NeighbourList, neighbour_list
from electrode.units import COULOMB

BULK, SLAB = (True, True, True), (True, True, False)
_NEUTRAL = 1e-8  # [e]


class Mesh:
    """A periodic cell with its mesh, kept for any number of evaluations.

    Parameters
    ----------
    cell : (3, 3) [A], rows, any shape; of a slab, c spans the slab and its vacuum (`slab_cell`)
    pbc : (3,) bool, (True, True, True), or (True, True, False) for a slab
    settings : from `choose`, or one's own
    remove_net_force : subtract the mean force, which is left by the mesh; the forces are then not those of the energy

    Raises
    ------
    ValueError
        for another periodicity or a cell without volume.
    """

    def __init__(self, cell: np.ndarray, pbc, settings: Settings, *, remove_net_force: bool = False):
        self.cell, self.pbc = np.array(cell, float), tuple(bool(p) for p in pbc)
        self.settings, self.remove_net_force = settings, remove_net_force
        if self.pbc not in (BULK, SLAB):
            raise ValueError(f"Mesh: expected pbc (True, True, True) or (True, True, False), a slab; got {self.pbc}. Set atoms.pbc")
        self.volume = volume_of(self.cell)
        across = np.cross(self.cell[0], self.cell[1])
        self.normal = across / np.linalg.norm(across)
        self.height = self.volume / np.linalg.norm(across)
        self._inverse = np.linalg.inv(self.cell)
        waves, factors = self._waves()
        square = sum(k * k for k in waves)
        square[0, 0, 0] = np.inf
        green = 4.0 * math.pi * COULOMB / self.volume * np.exp(-square / (4.0 * settings.alpha**2)) / square
        self._influence = green * factors

    def evaluate(
        self,
        positions: np.ndarray,
        charges: np.ndarray,
        sigma: np.ndarray | None = None,
        *,
        countercharge: str | None = None,
        neighbours: NeighbourList | None = None,
    ) -> Ewald:
        """Return energy, potentials and forces.

        Parameters
        ----------
        positions : (N, 3) [A]; of a slab, not wrapped along c
        charges : (N,) [e]
        sigma : (N,) [A], widths, 0 for a point; None for points
        countercharge : needed where there is a net charge: "background" (uniform, periodic in three directions) or "none" (slab)
        neighbours : a list that reaches at least the cutoff; searched if None

        Raises
        ------
        ValueError
            for no atoms, a net charge without its counter-charge, or a slab higher than its cell.
        """
        positions, q, sigma = self._checked(positions, charges, sigma, countercharge)
        phi, slopes, _ = self._near(positions, q, sigma, neighbours)
        alpha = self.settings.alpha
        own = np.divide(0.5, sigma, out=np.zeros(len(q)), where=sigma > 0.0)
        phi += 2.0 / math.sqrt(math.pi) * (own - alpha) * q - math.pi * q.sum() / (self.volume * alpha**2)
        if not self.pbc[2]:
            self._add_slab(positions @ self.normal, q, phi, slopes)
        phi, slopes = COULOMB * phi, COULOMB * slopes
        weights, bends, start = self._splines(positions)
        field, steps = padded(self.settings.grid), np.zeros((len(q), 3))
        field[:, :, : self.settings.grid[2]] = fft.irfftn(self._transform(q, weights, start) * self._influence, self.settings.grid, norm="forward", overwrite_x=True)
        unfold(field)
        gather_gradients(field, weights, bends, start, self.settings.order, phi, steps)
        forces = -q[:, None] * (slopes + (steps * self.settings.grid) @ self._inverse.T)
        return Ewald(0.5 * float(q @ phi), phi, forces - forces.mean(axis=0) if self.remove_net_force else forces)

    def strain(self, positions: np.ndarray, charges: np.ndarray, sigma: np.ndarray | None = None, *, countercharge: str | None = None) -> np.ndarray:
        """Return dE/dstrain (3, 3) [eV] for positions and cell vectors r -> (1 + strain) r; arguments and errors as for `evaluate`.

        Alpha, cutoff, mesh and charges are kept.  In a bulk it is the stress times the volume; of a slab it holds for strains in its
        plane (`ewald_sum.in_plane`).
        """
        positions, q, sigma = self._checked(positions, charges, sigma, countercharge)
        near, alpha = self._near(positions, q, sigma, None)[2], self.settings.alpha
        weights, _, start = self._splines(positions)
        energies = self._influence * np.abs(self._transform(q, weights, start)) ** 2
        energies[:, :, 0] *= 0.5
        waves = self._waves()[0]
        square = sum(k * k for k in waves)
        square[0, 0, 0] = 1.0
        bend = energies * (2.0 / square + 0.5 / alpha**2)
        far = np.array([[np.sum(bend * a * b) for b in waves] for a in waves])
        background = -0.5 * math.pi * COULOMB * q.sum() ** 2 / (self.volume * alpha**2)
        whole = COULOMB * near + far - (energies.sum() + background) * np.eye(3)
        if self.pbc[2]:
            return whole
        zero = np.zeros(len(q)), np.zeros((len(q), 3))
        self._add_slab(positions @ self.normal, q, *zero)
        return in_plane(whole, self.normal, 0.5 * COULOMB * float(q @ zero[0]))

    def _checked(self, positions, charges, sigma, countercharge):
        q = np.ascontiguousarray(charges, float)
        if len(q) == 0:
            raise ValueError("Mesh: expected at least one atom, got none. Check the structure")
        check_countercharge(q, self.pbc, countercharge)
        positions, sigma = np.ascontiguousarray(positions, float), np.zeros(len(q)) if sigma is None else np.ascontiguousarray(sigma, float)
        if positions.shape != (len(q), 3) or sigma.shape != q.shape:
            raise ValueError(f"Mesh: expected positions {(len(q), 3)} and sigma {q.shape}; got {positions.shape} and {sigma.shape}. Pass one row an atom")
        return positions, q, sigma

    def _waves(self):
        """Return the components of k, three arrays of the half spectrum's shape, and the factors of the splines."""
        grid, order = self.settings.grid, self.settings.order
        steps = [np.rint(np.fft.fftfreq(k, 1.0 / k)) for k in grid[:2]] + [np.arange(grid[2] // 2 + 1.0)]
        m = np.meshgrid(*steps, indexing="ij", sparse=True)
        factors = math.prod(np.meshgrid(*[damping(s, k, order) for s, k in zip(steps, grid)], indexing="ij", sparse=True))
        return [2.0 * math.pi * sum(self._inverse[axis, k] * m[k] for k in range(3)) for axis in range(3)], factors

    def _splines(self, positions):
        return spline_weights(positions @ self._inverse, np.array(self.settings.grid), self.settings.order)

    def _transform(self, q, weights, start):
        mesh = padded(self.settings.grid)
        spread(q, np.arange(len(q)), weights, start, self.settings.order, mesh)
        return fft.rfftn(fold(mesh), overwrite_x=True)

    def _near(self, positions, q, sigma, neighbours):
        """Return potentials and gradients of the near part and its strain derivative, over k_e."""
        near = neighbour_list(positions, self.cell, BULK, self.settings.cutoff) if neighbours is None else neighbours
        phi, slopes, strain = np.zeros(len(q)), np.zeros((len(q), 3)), np.zeros((3, 3))
        near_pairs(positions, near.first, near.index, near.offset, q, sigma, self.settings.alpha, self.settings.cutoff, phi, slopes, strain)
        return phi, slopes, strain

    def _add_slab(self, z, q, phi, slopes):
        if np.ptp(z) >= self.height:
            raise ValueError(f"Mesh: expected a slab lower than its cell of {self.height:.3g} A, got {np.ptp(z):.3g} A. Unwrap it along c and see slab_cell")
        z = z - z.mean()
        net, moment, second = q.sum(), q @ z, q @ (z * z)
        phi += 2.0 * math.pi / self.volume * (2.0 * z * moment - second - net * z * z - net * self.height**2 / 6.0)
        slopes += 4.0 * math.pi / self.volume * (moment - net * z)[:, None] * self.normal


def slab_cell(positions: np.ndarray, cell: np.ndarray, charges: np.ndarray, accuracy: float = 1e-6) -> np.ndarray:
    """Return a slab's cell (3, 3) [A] whose c, along the normal, leaves a vacuum g for the accuracy of the forces [eV/A].

    Images act through waves along the surface with exp(-h g): g = ln(8 pi k_e max|q| sum|q|/(area accuracy))/h for the smallest h.
    """
    _, area, shortest = surface_of(cell)
    size = np.abs(charges)
    return upright_cell(positions, cell, math.log(8.0 * math.pi * COULOMB * size.max() * size.sum() / (area * accuracy) + 2.0) / shortest)


def check_countercharge(q, pbc, countercharge) -> None:
    """Refuse a net charge unless its counter-charge is stated as what the sum holds: a background in bulk, none beside a slab."""
    asked = "background" if pbc[2] else "none"
    if countercharge not in (None, asked) or (countercharge is None and abs(q.sum()) > _NEUTRAL):
        raise ValueError(f"expected countercharge={asked!r} for the net charge {q.sum():.3g} e with pbc {pbc}, got {countercharge!r}. State it, or neutralise the charges")

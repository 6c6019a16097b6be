"""`MeshOperator`: the particle mesh of `mesh` for many evaluations in one cell, as dynamics and iterations need it.

It computes the sums of `mesh.Mesh`, bulk or slab, with the same settings, and keeps between calls what does not change:

    new cell or widths     influence function, polynomial of the near part       (`MeshOperator`)
    moved by > skin / 2    half neighbour list with a skin                       (`at`, now and then)
    new positions          spline weights, planes that are touched               (`at`)
    new charges            one product phi = A q, or energy and forces           (`potentials`, `evaluate`)

    operator = MeshOperator(cell, pbc, choose(cell, charges, sigma), sigma)
    operator.at(positions).potentials(charges)      # (N,) [V]: A q, for conjugate gradients
    operator.evaluate(charges)                      # Ewald(energy, potentials, forces) at the same positions

The near part is exact to a thousandth of what its cutoff leaves out, and to 1e-9 in the overlap of Gaussians (`_near`).
`single=True` transforms the mesh in single precision: rounding then adds up to 1e-6 of the largest potential (measured: 2e-7).
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._near import TABLE, near_gradients, near_potentials, splitting_polynomial
from electrode.physics._pairs import Pairs
from electrode.physics._planes import Planes
from electrode.physics._splines import Settings, volume_of
from electrode.physics.ewald_sum import Ewald
from electrode.physics.mesh import BULK, SLAB, check_countercharge
from electrode.units import COULOMB

_SQRT_PI = math.sqrt(math.pi)


class MeshOperator:
    """The interaction of charges in a cell, at positions that are set with `at`.

    Parameters
    ----------
    cell : (3, 3) [A], rows, any shape; of a slab, c spans the slab and its vacuum (`mesh.slab_cell`)
    pbc : (3,) bool, all True, or (True, True, False) for a slab
    settings : from `mesh.choose`, or one's own
    sigma : (N,) [A], widths of the charges, 0 for a point
    skin : of the neighbour list [A]; any value gives the same result
    single : transform the mesh in single precision

    Raises
    ------
    ValueError
        for another periodicity, a cell without volume, no atoms, or a skin that is not positive.
    """

    def __init__(self, cell: np.ndarray, pbc, settings: Settings, sigma: np.ndarray, *, skin: float = 1.0, single: bool = False):
        self.cell, self.pbc = np.array(cell, float), tuple(bool(p) for p in pbc)
        self.settings, self.sigma, self.skin = settings, np.array(sigma, float), float(skin)
        if self.pbc not in (BULK, SLAB) or self.sigma.ndim != 1 or len(self.sigma) == 0 or not self.skin > 0.0:
            raise ValueError(
                "MeshOperator: expected pbc (True, True, True) or (True, True, False), one width for each of at least one atom and a skin above 0; "
                f"got {self.pbc}, shape {self.sigma.shape} and {skin}. Change it"
            )
        self.volume = volume_of(self.cell)
        across = np.cross(self.cell[0], self.cell[1])
        self.normal = across / np.linalg.norm(across)
        self.height = self.volume / np.linalg.norm(across)
        self.planes = Planes(self.cell, settings, single)
        self.wide = 2.0 * self.sigma**2
        own = np.divide(0.5, self.sigma, out=np.zeros(len(self.sigma)), where=self.sigma > 0.0)
        self.own = 2.0 * COULOMB / _SQRT_PI * (own - settings.alpha)
        self.everything = np.arange(len(self.sigma))
        self._terms = splitting_polynomial(settings.alpha, settings.cutoff)
        self.pairs = self.positions = None

    def at(self, positions: np.ndarray) -> MeshOperator:
        """Take positions (N, 3) [A], of a slab not wrapped along c, and return itself.

        Raises
        ------
        ValueError
            for another shape, atoms closer than 0.4 A, or a slab that is higher than its cell.
        """
        positions = np.array(positions, float, order="C")
        if positions.shape != (len(self.sigma), 3) or not np.isfinite(positions).all():
            raise ValueError(f"MeshOperator.at: expected finite positions of shape ({len(self.sigma)}, 3), got shape {positions.shape}, or NaN")
        if not self.pbc[2]:
            z = positions @ self.normal
            if np.ptp(z) >= self.height:
                raise ValueError(
                    f"MeshOperator.at: expected a slab lower than its cell of {self.height:.3g} A, got {np.ptp(z):.3g} A. "
                    "Unwrap it along c and see slab_cell"
                )
            self.z = z - z.mean()
        if self.pairs is None or not self.pairs.hold(positions, self.skin):
            self.pairs = Pairs(positions, self.cell, self.settings.cutoff + self.skin)
        self.positions, self._local = positions, positions - self.pairs.home
        self.splines = self.planes.splines(positions)
        self.runs = self.planes.runs(self.splines, self.everything)
        return self

    def potentials(self, charges: np.ndarray) -> np.ndarray:
        """Return phi = A q (N,) [V] of charges (N,) [e] at the positions; a net charge is taken as `evaluate` takes it."""
        q = self._checked(charges)
        phi = np.zeros(len(q))
        self.add_near(self.pairs, q, phi)
        phi *= COULOMB
        self.splines.gather(self.planes.solve(self.spectrum_of(q), self.runs), self.everything, phi)
        return phi + self.own * q + self.uniform(q)[0]

    def evaluate(self, charges: np.ndarray, *, countercharge: str | None = None) -> Ewald:
        """Return energy, potentials and forces of charges (N,) [e] at the positions.

        Parameters
        ----------
        charges : (N,) [e]
        countercharge : needed where there is a net charge: "background" (uniform, periodic in three directions) or "none" (slab)

        Raises
        ------
        ValueError
            for a net charge without its counter-charge.
        """
        q = self._checked(charges)
        check_countercharge(q, self.pbc, countercharge)
        return self.evaluate_spectrum(q, self.spectrum_of(q))

    def spectrum_of(self, q: np.ndarray) -> np.ndarray:
        """Return the transform of the planes of charges (N,) [e]."""
        spectrum = self.planes.spectrum()
        self.planes.add(spectrum, q, self.everything, self.splines, self.runs)
        return spectrum

    def evaluate_spectrum(self, q: np.ndarray, spectrum: np.ndarray) -> Ewald:
        """Return what `evaluate` does, from charges and the transform of their planes."""
        near = np.zeros((len(q), 4))
        p, x = self.pairs, self.settings.cutoff
        near_gradients(self._local, p.shifts, p.first, p.index, p.code, q, self.wide, x, self._terms, TABLE, near)
        uniform, tilt = self.uniform(q)
        return self.joined(q, COULOMB * near[:, 3] + self.own * q + uniform, COULOMB * near[:, :3], tilt, spectrum)

    def joined(self, q: np.ndarray, phi: np.ndarray, slopes: np.ndarray, tilt: np.ndarray | None, spectrum: np.ndarray) -> Ewald:
        """Return what the mesh gives together with potentials (N,) [V], gradients (N, 3) [eV/A] and a field (N,) [V/A] of the rest."""
        steps = np.zeros((len(q), 3))
        self.splines.gather_gradients(self.planes.solve(spectrum, self.runs), phi, steps)
        forces = (steps * -q[:, None]) @ (self.planes.grid * self.planes.inverse).T
        forces -= slopes
        if tilt is not None:
            forces -= np.outer(q * tilt, self.normal)
        return Ewald(0.5 * float(q @ phi), phi, forces)

    def add_near(self, pairs: Pairs, q: np.ndarray, phi: np.ndarray) -> None:
        """Add the near part of the potentials over k_e, over some pairs."""
        near_potentials(self._local, pairs.shifts, pairs.first, pairs.index, pairs.code, q, self.wide, self.settings.cutoff, self._terms, TABLE, phi)

    def uniform(self, q: np.ndarray) -> tuple[np.ndarray | float, np.ndarray | None]:
        """Return the potential of background and slab correction [V], and the correction's derivative along the normal [V/A]."""
        background = -math.pi * COULOMB * q.sum() / (self.volume * self.settings.alpha**2)
        if self.pbc[2]:
            return background, None
        z, net, share = self.z, q.sum(), 2.0 * math.pi * COULOMB / self.volume
        moment, second = q @ z, q @ (z * z)
        return background + share * (2.0 * moment * z - second - net * (z * z + self.height**2 / 6.0)), 2.0 * share * (moment - net * z)

    def _checked(self, charges: np.ndarray) -> np.ndarray:
        q = np.ascontiguousarray(charges, float)
        if self.pairs is None or q.shape != self.sigma.shape:
            raise ValueError(f"MeshOperator: expected {len(self.sigma)} charges after at(positions), got shape {q.shape}. Call at first")
        return q

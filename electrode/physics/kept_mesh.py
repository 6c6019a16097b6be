"""`KeptMesh`: a particle mesh for many products at one set of positions, as conjugate gradients make them.

The near pairs' interaction and its slope are computed once when positions are set, and a product with the matrix costs
two operations for each pair beside the mesh.  Sums and accuracy are those of `mesh_operator`; Slater charges add their
difference from narrow Gaussians over a list of pairs of its own, to 1e-7 of it.
"""

from __future__ import annotations

import numpy as np

from electrode.physics._kept_pairs import ScreenedPart, SlaterPart, gradients, multiply
from electrode.physics._splines import choose
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.ewald_sum import Ewald
from electrode.physics.mesh import BULK, SLAB, slab_cell
from electrode.physics.mesh_operator import MeshOperator
from electrode.physics.slater import Slater, slater_beyond
from electrode.units import COULOMB

_COSTS = (6e-9, 40e-9, 12e-9)  # seconds, for `choose`: a pair is computed once for several products with the mesh
_NARROW = 0.5  # widest Gaussian beneath a Slater charge [A]: the mesh takes wide ones with large cutoffs only
_ROOM = 2.0  # by which a slab may grow before its cell is made anew [A]


class KeptMesh:
    """The interaction of Gaussian or Slater charges in a bulk or a slab.

    Parameters
    ----------
    space : `charge_interactions.Bulk`, `Planar` with a cell, or `slater.Slater` around one of them
    positions : (N, 3) [A], typical ones
    width : (N,) [A]
    charges : (N,) [e], as large as charges become
    accuracy : largest error of a force [eV/A]
    skin : of the neighbour list [A]
    """

    def __init__(self, space: Bulk | Planar | Slater, positions: np.ndarray, width: np.ndarray, charges: np.ndarray, accuracy: float, skin: float = 1.0):
        smooth = space.space if isinstance(space, Slater) else space
        planar, self.normal = isinstance(smooth, Planar), space.normal
        self.cell, self.most = np.asarray(space.cell, float), float(charges @ charges)
        if planar:
            self.cell = slab_cell(positions, self.cell, charges, accuracy)
            self.cell[2] *= 1.0 + _ROOM / np.linalg.norm(self.cell[2])
        self.highest = np.ptp(positions @ self.normal) + _ROOM if planar else np.inf
        self.corrected = not planar and smooth.slab
        pbc, slater = SLAB if planar or smooth.slab else BULK, isinstance(space, Slater)
        gaussian = np.minimum(width, _NARROW) if slater else width
        self.operator = MeshOperator(self.cell, pbc, choose(self.cell, charges, gaussian, accuracy, _COSTS), gaussian, skin=skin)
        self.parts, self.own = [ScreenedPart(self.operator)], self.operator.own
        if slater:
            shells = np.broadcast_to(space.shells, width.shape)
            self.parts.append(SlaterPart(width, shells, gaussian, self.cell, skin))
            self.own = self.own + slater_beyond(width, shells, gaussian)

    def serves(self, positions: np.ndarray, charges: np.ndarray) -> bool:
        """Return whether the accuracy holds at positions (N, 3) [A] and charges (N,) [e]."""
        return float(charges @ charges) <= self.most and np.ptp(positions @ self.normal) <= self.highest

    def at(self, positions: np.ndarray) -> bool:
        """Take positions (N, 3) [A] and return whether the mesh's pairs were searched anew."""
        old = self.operator.pairs
        self.operator.at(positions)
        for part in self.parts:
            part.at(self.operator.positions)
        return self.operator.pairs is not old

    def product(self, charges: np.ndarray) -> np.ndarray:
        """Return A q (N,) [V] at the positions."""
        op, q = self.operator, np.ascontiguousarray(charges, float)
        phi = self._near(q)
        op.splines.gather(op.planes.solve(op.spectrum_of(q), op.runs), op.everything, phi)
        return phi + self._uniform(q)[0]

    def evaluate(self, charges: np.ndarray) -> Ewald:
        """Return energy, potentials and forces at the positions."""
        op, q = self.operator, np.ascontiguousarray(charges, float)
        slopes = np.zeros((len(q), 3))
        for part in self.parts:
            p = part.pairs
            gradients(part.local, p.shifts, p.first, p.index, p.code, part.slopes, q, slopes)
        uniform, tilt = self._uniform(q)
        return op.joined(q, self._near(q) + uniform, COULOMB * slopes, tilt, op.spectrum_of(q))

    def _uniform(self, q: np.ndarray) -> tuple[np.ndarray | float, np.ndarray | None]:
        """Return the potential of background and slab correction [V] and its derivative along the normal [V/A], with the zero of the space."""
        if not self.corrected:
            return self.operator.uniform(q)
        height = self.operator.positions @ self.normal
        tilt = 4.0 * np.pi * COULOMB / self.operator.volume * (q @ height)
        return tilt * height, np.full(len(q), tilt)

    def _near(self, q: np.ndarray) -> np.ndarray:
        """Return the potentials (N,) [V] of near pairs and of charges on themselves."""
        phi = np.zeros(len(q))
        for part in self.parts:
            multiply(part.pairs.first, part.pairs.index, part.values, q, phi)
        return COULOMB * phi + self.own * q

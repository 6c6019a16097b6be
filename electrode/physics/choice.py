"""Energy, potentials, forces and strain derivative of charges, by the sum that is fastest.

The dense sums (`dense_sums`) are exact and take a time that grows as N^2; the particle mesh (`mesh`) takes N log N to a stated
accuracy.  Up to `DENSE` atoms the dense sum is taken: 40 in a bulk and 28 in a slab, where both were measured to take about 2 ms
with the choice of the settings, and any number in open space, for which there is no mesh.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from electrode.physics.dense_sums import LatticeSum, OpenSum
from electrode.physics.ewald_sum import Ewald
from electrode.physics.mesh import BULK, SLAB, Mesh, check_countercharge, choose, slab_cell

OPEN = (False, False, False)
DENSE = {BULK: 40, SLAB: 28, OPEN: math.inf}  # atoms up to which the dense sum is faster


def electrostatics_of(
    positions: np.ndarray,
    charges: np.ndarray,
    cell: np.ndarray,
    pbc,
    sigma: np.ndarray | None = None,
    *,
    accuracy: float = 1e-6,
    countercharge: str | None = None,
    method: str | None = None,
    strain: bool = False,
) -> Ewald:
    """Return energy, potentials and forces of charges, by the dense sum for few atoms and on a mesh for many (`DENSE`).

    Parameters
    ----------
    positions : (N, 3) [A]
    charges : (N,) [e]
    cell : (3, 3) [A]; a slab's c is not used
    pbc : (3,) bool, all True, (True, True, False) or all False
    sigma : (N,) [A], widths, 0 for a point; None for points
    accuracy : largest error of a force [eV/A], of the mesh
    countercharge : needed for a net charge: "background" (uniform, periodic in three directions) or "none" (slab and open space)
    method : "dense", "mesh" or None for the rule
    strain : also return the strain derivative, of a slab in its plane; there is none in open space

    Raises
    ------
    ValueError
        for no atoms, another periodicity or method, a cell without volume, a net charge without its counter-charge, or a strain
        in open space.
    """
    positions, q, pbc = np.asarray(positions, float), np.asarray(charges, float), tuple(bool(p) for p in pbc)
    if len(q) == 0 or pbc not in DENSE or method not in (None, "dense", "mesh"):
        raise ValueError(f"electrostatics_of: expected atoms, pbc of {list(DENSE)} and method 'dense', 'mesh' or None; got {len(q)} atoms, {pbc}, {method!r}. Change it")
    if strain and pbc == OPEN:
        raise ValueError("electrostatics_of: expected a periodic direction for a strain derivative, got open space. Drop strain=True")
    check_countercharge(q, pbc, countercharge)
    sigma = np.zeros(len(q)) if sigma is None else np.asarray(sigma, float)
    if method == "mesh" or method is None and len(q) > DENSE[pbc]:
        return _on_mesh(positions, q, np.asarray(cell, float), pbc, sigma, accuracy, countercharge, strain)
    dense = OpenSum(positions, sigma) if pbc == OPEN else LatticeSum(positions, cell, sigma, planar=pbc == SLAB)
    phi = dense.matrix() @ q
    return Ewald(0.5 * float(q @ phi), phi, dense.forces(q), dense.strain(q) if strain else None)


def _on_mesh(positions, q, cell, pbc, sigma, accuracy, countercharge, strain) -> Ewald:
    cell = cell if pbc[2] else slab_cell(positions, cell, q, accuracy)
    mesh = Mesh(cell, pbc, choose(cell, q, sigma, accuracy))
    found = mesh.evaluate(positions, q, sigma, countercharge=countercharge)
    return replace(found, strain=mesh.strain(positions, q, sigma, countercharge=countercharge)) if strain else found

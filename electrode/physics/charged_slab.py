"""A charged slab, periodic along two lattice vectors, with its counter-charge -Q stated explicitly: energy and derivatives.

For charges q_i at heights z_i, each averaged over its Gaussian, the Coulomb matrix A of `electrostatics` and the potential Q g of the
counter-charge (`slab_countercharge`),

    E = q.A.q/2 + Q sum_i q_i g(z_i) + W(Q),    V_i = dE/dq_i = (A q)_i + Q g(z_i) + sum_j q_j g(z_j) + dW/dQ

where W, the work of charging a double layer that answers to Q, is zero for a rigid counter-charge and that of
`continuum_countercharge` for an electrolyte.
Zero of potential: V is zero beyond the counter-charge, in the bulk of the electrolyte, as long as no charge of the slab overlaps it.
There the planar average is  V(z) = Q phi(z) - sum_j q_j <max(z_j - z, 0)>/(eps0 A),  and a counter-charge farther away by dg adds
dg/(eps0 A) to dV/dQ.  E leaves out the energy of a rigid counter-charge in its own field, Q^2 `self_energy`: with it E is the
electrostatic energy of the neutral whole, whose slope is the potential against the mean over the counter-charge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.physics.continuum_countercharge import ContinuumLayer
from electrode.physics.dense_sums import LatticeSum
from electrode.physics.lattice import surface_of
from electrode.physics.slab_countercharge import GaussianSheet, JelliumSlab, NoCountercharge, Sheet, positive_part
from electrode.units import EPSILON_0

Countercharge = NoCountercharge | Sheet | GaussianSheet | JelliumSlab | ContinuumLayer


@dataclass(frozen=True)
class SlabEnergy:
    """A slab with its counter-charge.

    Parameters
    ----------
    energy : E [eV]
    potentials : V_i = dE/dq_i, (N,) [V]
    forces : -dE/dR, (N, 3) [eV/A]
    countercharge_force : total force on the counter-charge, (3,) [eV/A]
    strain : dE/dstrain (3, 3) [eV] along the surface: a, b and positions r -> (1 + strain) r at fixed charges, widths and heights, that
        of the counter-charge too; 0 across, where the vacuum has no length that could be strained
    """

    energy: float
    potentials: np.ndarray
    forces: np.ndarray
    countercharge_force: np.ndarray
    strain: np.ndarray


def slab_energy(positions: np.ndarray, charges: np.ndarray, sigma: np.ndarray, cell: np.ndarray, countercharge: Countercharge) -> SlabEnergy:
    """Return energy, potentials, forces and strain derivative of Gaussian charges in a slab with its counter-charge.

    Parameters
    ----------
    positions : (N, 3) [A];  charges : (N,) [e];  sigma : (N,) [A], widths, 0 for a point charge
    cell : (3, 3) [A], rows; c only says which side the electrolyte is on
    countercharge : its charge is minus the sum of the charges

    Raises
    ------
    ValueError
        for charges or widths of another length, or a counter-charge that is not above every atom.
    """
    positions, charges, sigma = (np.asarray(x, float) for x in (positions, charges, sigma))
    if not charges.shape == sigma.shape == positions.shape[:1]:
        raise ValueError(f"slab_energy: expected a charge and a width for each of {len(positions)} atoms; got shapes {charges.shape} and {sigma.shape}")
    normal, area = surface(cell)
    height, total = positions @ normal, float(charges.sum())
    countercharge.require_above(height)
    planar = LatticeSum(positions, cell, sigma, planar=True)
    own = planar.matrix() @ charges
    g, slope = countercharge.attraction(height, area, sigma)
    work, drop = countercharge.response(total, area)
    attracted, pull = total * float(charges @ g), total * charges * slope
    along = np.eye(3) - np.outer(normal, normal)
    return SlabEnergy(
        energy=0.5 * float(charges @ own) + attracted + work,
        potentials=own + total * g + charges @ g + drop,
        forces=planar.forces(charges) - np.outer(pull, normal),
        countercharge_force=pull.sum() * normal,
        strain=planar.strain(charges) + (work - total * drop - attracted) * along,
    )


def planar_potential(grid, height, charges, sigma, area: float, countercharge: Countercharge) -> np.ndarray:
    """Return V(z), the potential averaged over the surface [V], at heights `grid` (M,) [A].

    Parameters
    ----------
    height, charges, sigma : (N,) heights [A], charges [e] and widths [A] of the slab's atoms
    area : [A^2];  countercharge : as for `slab_energy`
    """
    grid, height, charges = (np.asarray(x, float) for x in (grid, height, charges))
    apart, total = height - grid[:, None], float(charges.sum())
    kernel = (0.5 * apart - positive_part(apart, sigma)[0]) / (EPSILON_0 * area)
    rigid = total * countercharge.attraction(grid, area)[0] + charges @ countercharge.attraction(height, area, sigma)[0]
    return kernel @ charges + rigid + countercharge.profile(grid, total, area)


def surface(cell: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the unit normal of a and b on the side of c, (3,), and the area [A^2] of a cell (3, 3) [A]."""
    normal, area, _ = surface_of(cell)
    return (-normal if normal @ np.asarray(cell, float)[2] < 0.0 else normal), area

"""How the Coulomb matrix of Gaussian charges answers to their widths.

The lattice sum of point charges knows no widths (`electrostatics`), so that with gamma_ij = (2 sigma_i^2 + 2 sigma_j^2)^(-1/2) alone

    dA_ij/dgamma_ij = (2 k_e/sqrt(pi)) sum_n exp(-gamma_ij^2 |d + n|^2),    dgamma_ij/dln sigma_i = -2 gamma_ij^3 sigma_i^2

which fades within a few widths.
"""

from __future__ import annotations

import numpy as np

from electrode.physics.electrostatics import REACH, SQRT_PI, Coulomb
from electrode.physics.lattice import lattice_points
from electrode.units import COULOMB


def widened(positions: np.ndarray, cell: np.ndarray, pbc: np.ndarray, sigma: np.ndarray, along: np.ndarray) -> Coulomb:
    """Return the derivative of the Coulomb matrix, and of its gradient, along a direction of the logarithms of the widths.

    Parameters
    ----------
    positions, cell, pbc, sigma : as of `electrostatics.coulomb`, with sigma > 0
    along : (N,), change of ln sigma
    """
    gamma = 1.0 / np.sqrt(2.0 * (sigma[:, None] ** 2 + sigma[None, :] ** 2))
    spread = sigma**2 * along
    wider = -2.0 * gamma**3 * (spread[:, None] + spread[None, :])
    between = positions[None, :, :] - positions[:, None, :]
    images = np.zeros((1, 3))
    if pbc[0]:
        vectors = np.asarray(cell, float)[:2]
        between = between - np.rint(between @ np.linalg.pinv(vectors)) @ vectors
        images = lattice_points(vectors, REACH / gamma.min() + np.linalg.norm(vectors, axis=1).sum())[1]
    d = between[:, :, None, :] + images
    bell = np.exp(-(gamma[:, :, None] ** 2) * (d * d).sum(3))
    factor = COULOMB * 2.0 / SQRT_PI * wider
    gradient = -2.0 * gamma[:, :, None] ** 2 * np.einsum("ijm,ijmk->ijk", bell, d)
    gradient[np.diag_indices(len(sigma))] = 0.0  # images move along
    return Coulomb(factor * bell.sum(2), factor[:, :, None] * gradient, None)

"""Members of a committee drawn from what least squares leave open.

At the best weights theta the sum that was minimised has the second derivative 2 M, M = J^T J + prior, and the weights that the labels and the
prior allow are normal about theta with the covariance M^-1 (Laplace's approximation; exact where the residuals are linear),

    theta_k = theta + M^-1/2 (z_k - mean z) sqrt(K/(K - 1)),    k = 1 ... K,   z normal

Their mean is theta itself and the expected variance of any prediction that is linear in the weights is g.M^-1 g, so that one fit gives the
committee.  Labels of one geometry are no independent draws, which M takes them for: the calibration on the validation frames sets the scale.
MacKay, Neural Comput. 4, 448 (1992), https://doi.org/10.1162/neco.1992.4.3.448
"""

from __future__ import annotations

import math

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from electrode.train.least_squares import Problem

ROUNDING = 1e-12  # added to the unit diagonal


def draws(solved: Problem, theta: np.ndarray, members: int, seed: int) -> np.ndarray:
    """Return the weights of the members (K, P) of at least two, drawn about the best ones (P,)."""
    matrix = solved.normal(theta)[0]
    scale = 1.0 / np.sqrt(np.diag(matrix))
    scaled = matrix * scale * scale[:, None]
    scaled[np.diag_indices(len(scale))] = 1.0 + ROUNDING
    factor = cholesky(scaled, lower=False)  # of the upper triangle: U^T U
    z = np.random.default_rng(seed).normal(size=(members, len(scale)))
    z = (z - z.mean(0)) * math.sqrt(members / (members - 1.0))
    drawn = np.tile(theta, (members, 1))
    drawn[:, solved.free] += scale * solve_triangular(factor, z.T, lower=False).T
    return drawn

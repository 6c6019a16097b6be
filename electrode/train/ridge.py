"""Least squares with a Gaussian prior, and the fits that never saw one group of rows.

    w = argmin |X w - y|^2 + |w|^2,    w without g = w - S_g (I - X_g S_g)^-1 (y_g - X_g w),    S_g = (X^T X + I)^-1 X_g^T

for rows in units of their error and columns in units of their prior's width; exact, no fit is repeated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve


@dataclass(frozen=True)
class Ridge:
    """A fit of K weights to L rows.

    Parameters
    ----------
    rows : X (L, K);  labels : y (L,)
    weights : w (K,);  factor : Cholesky factor of X^T X + I
    """

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    factor: tuple

    @classmethod
    def fit(cls, rows: np.ndarray, labels: np.ndarray) -> Ridge:
        """Return the fit of rows (L, K) to labels (L,)."""
        factor = cho_factor(rows.T @ rows + np.eye(rows.shape[1]))
        weights = cho_solve(factor, rows.T @ labels)
        weights = weights + cho_solve(factor, rows.T @ (labels - rows @ weights) - weights)  # columns of very wide priors lose digits
        return cls(rows, labels, weights, factor)

    def left_out(self, group: np.ndarray) -> dict[str, np.ndarray]:
        """Return the weights (K,) of a fit without the rows of each group (L,), by the group's name."""
        residual, found = self.labels - self.rows @ self.weights, {}
        for name in np.unique(group):
            x = self.rows[group == name]
            spread = cho_solve(self.factor, x.T)
            error = np.linalg.solve(np.eye(len(x)) - x @ spread, residual[group == name])
            found[str(name)] = self.weights - spread @ error
        return found

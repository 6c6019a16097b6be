"""Minimum of a quadratic form under linear constraints, by factorisation or by conjugate gradients.

    min_q  q.A.q/2 - d.q   with  U q = t:      A q - d = U^T mu,   U q = t

`Factorised` reflects the rows of U onto the first coordinates (Householder) and factorises what is left of A (Cholesky),
which exists exactly where A is positive definite on the subspace U q = 0.  `Iterative` needs only products with A:
conjugate gradients in that subspace with a diagonal preconditioner M that projects residuals along M^-1 U^T.
Source: Gould, Hribar and Nocedal 2001, https://doi.org/10.1137/S1064827598345667
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve, qr, solve_triangular

_INDEFINITE = (
    "charge equilibration: expected a matrix that is positive definite on the charges that can move, got a negative direction{}: the charges "
    "would grow without bound. Give the atoms a width or a larger hardness (point charges too close together), or hold the total charge"
)


class Factorised:
    """The factorised problem, for any number of right-hand sides.

    Parameters
    ----------
    matrix : A (n, n), symmetric [V/e]
    rows : U (m, n), independent, m <= n

    Raises
    ------
    ValueError
        where A is not positive definite on the subspace U q = 0.
    """

    def __init__(self, matrix: np.ndarray, rows: np.ndarray):
        self.matrix, self.rows, m = matrix, rows, len(rows)
        (packed, self.scale), triangle = qr(rows.T, mode="raw") if m else ((np.zeros((len(matrix), 0)), np.zeros(0)), np.zeros((0, 0)))
        self.reflectors = np.tril(packed, -1) + np.eye(*packed.shape)
        self.triangle = triangle[:m]
        rest = self._turn(self._turn(matrix).T)[m:, m:]
        try:
            self.factor = cho_factor(rest) if len(rest) else None
        except np.linalg.LinAlgError as error:
            raise ValueError(_INDEFINITE.format("")) from error

    def solve(self, drive: np.ndarray, targets: np.ndarray, guess: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return q (n,) and mu (m,) for d (n,) and t (m,); a guess is not needed."""
        m = len(self.rows)
        q = np.zeros(len(self.matrix))
        if m:
            q[:m] = solve_triangular(self.triangle, targets, trans="T")
        if self.factor is not None:
            right = self._turn(drive - self.matrix @ self._turn_back(q))[m:]
            q[m:] = cho_solve(self.factor, right)
        q = self._turn_back(q)
        if not m:
            return q, np.zeros(0)
        return q, solve_triangular(self.triangle, self._turn(self.matrix @ q - drive)[:m])

    def _turn(self, x: np.ndarray) -> np.ndarray:
        x = np.array(x)
        for v, scale in zip(self.reflectors.T, self.scale):
            x -= scale * np.multiply.outer(v, v @ x)
        return x

    def _turn_back(self, x: np.ndarray) -> np.ndarray:
        x = np.array(x)
        for v, scale in zip(self.reflectors.T[::-1], self.scale[::-1]):
            x -= scale * np.multiply.outer(v, v @ x)
        return x


class Iterative:
    """The same problem by preconditioned conjugate gradients, started from a guess.

    Parameters
    ----------
    product : q (n,) -> A q (n,)
    diagonal : M (n,), positive
    rows : U (m, n), independent
    tolerance : largest component of the projected residual [V]
    max_steps : before it is given up
    """

    def __init__(self, product: Callable, diagonal: np.ndarray, rows: np.ndarray, *, tolerance: float = 1e-11, max_steps: int = 1000):
        self.product, self.inverse, self.rows = product, 1.0 / diagonal, rows
        self.tolerance, self.max_steps = tolerance, max_steps
        self.towards = np.linalg.solve(rows * self.inverse @ rows.T, rows * self.inverse).T  # M^-1 U^T (U M^-1 U^T)^-1
        self.average = np.linalg.solve(rows @ rows.T, rows)

    def solve(self, drive: np.ndarray, targets: np.ndarray, guess: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return q (n,) and mu (m,) for d (n,), t (m,) and a guess of q (n,).

        Raises
        ------
        ValueError
            where A has a negative direction in the subspace, or the residual does not fall below the tolerance.
        """
        q = np.zeros(len(drive)) if guess is None else np.array(guess, float)
        q += self.towards @ (targets - self.rows @ q)
        residual = drive - self.product(q)
        direction, previous = np.zeros(len(q)), np.inf
        for _ in range(self.max_steps):
            bare = residual - self.rows.T @ (self.average @ residual)
            left = np.abs(bare).max(initial=0.0)
            if left < self.tolerance:
                return q, self.average @ -residual
            step = self.inverse * bare
            step -= self.towards @ (self.rows @ step)
            norm = bare @ step
            direction = step + norm / previous * direction
            along = self.product(direction)
            curvature = direction @ along
            if not curvature > 0.0:
                raise ValueError(_INDEFINITE.format(f" of curvature {curvature:.3g}"))
            q += norm / curvature * direction
            residual -= norm / curvature * along
            previous = norm
        raise ValueError(f"charge equilibration: expected a residual below {self.tolerance:g} V within {self.max_steps} steps, got {left:.2e} V. Use method=\"factorised\"")

"""Minimum of a quadratic form under linear constraints, by factorisation or by conjugate gradients.

    min_q  q.A.q/2 - d.q   with  U q = t:      A q - d = U^T mu,   U q = t

`Factorised` reflects the rows of U onto the first coordinates (Householder) and factorises what is left of A (Cholesky),
which exists exactly where A is positive definite on the subspace U q = 0.  `Iterative` needs only products with A:
conjugate gradients in that subspace with a preconditioner M that projects residuals along M^-1 U^T.
Source: Gould, Hribar and Nocedal 2001, https://doi.org/10.1137/S1064827598345667
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import qr, solve_triangular
from scipy.linalg.blas import dsymv, dsyr2
from scipy.linalg.lapack import dpotrf, dpotrs

INDEFINITE = (
    "charge equilibration: expected a matrix that is positive definite on the charges that can move, got a negative direction{}: the charges "
    "would grow without bound. Give the atoms a width or a larger hardness (point charges too close together), or hold the total charge"
)


class Factorised:
    """The factorised problem, for any number of right-hand sides.

    Parameters
    ----------
    matrix : A (n, n), symmetric [V/e]; kept, not changed
    rows : U (m, n), independent, m <= n
    diagonal : (n,) added to A, or None

    Raises
    ------
    ValueError
        where A is not positive definite on the subspace U q = 0.
    """

    def __init__(self, matrix: np.ndarray, rows: np.ndarray, diagonal: np.ndarray | None = None):
        self.matrix, self.rows, self.diagonal = matrix, rows, np.zeros(len(matrix)) if diagonal is None else diagonal
        m = len(rows)
        (packed, self.scale), triangle = qr(rows.T, mode="raw") if m else ((np.zeros((len(matrix), 0)), np.zeros(0)), np.zeros((0, 0)))
        self.reflectors = np.tril(packed, -1) + np.eye(*packed.shape)
        self.triangle = triangle[:m]
        self.factor, failed = dpotrf(self._reflected(), lower=1, clean=0, overwrite_a=1) if len(matrix) else (matrix, 0)
        if failed:
            raise ValueError(INDEFINITE.format(""))

    def _reflected(self) -> np.ndarray:
        """Return the lower triangle of H A H with the first m coordinates, which the constraints fix, replaced by the identity."""
        out, m = np.array(self.matrix.T, order="F"), len(self.rows)  # the transpose of a matrix in rows is copied as it lies
        np.einsum("ii->i", out)[:] += self.diagonal
        for v, scale in zip(self.reflectors.T, self.scale):
            p = scale * dsymv(1.0, out, v, lower=1)
            out = dsyr2(-1.0, v, p - 0.5 * scale * (v @ p) * v, lower=1, a=out, overwrite_a=1)
        out[:, :m] = np.eye(len(out), m)
        return out

    def solve(self, drive: np.ndarray, targets: np.ndarray, guess: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return q (n,) and mu (m,) for d (n,) and t (m,); a guess is not needed."""
        m = len(self.rows)
        q = np.zeros(len(self.matrix))
        if m:
            q[:m] = solve_triangular(self.triangle, targets, trans="T")
        if len(q) > m:
            right = self._turn(drive - self._product(self._turn_back(q)) if m else drive)
            right[:m] = 0.0
            q[m:] = dpotrs(self.factor, right, lower=1)[0][m:]
        q = self._turn_back(q)
        if not m:
            return q, np.zeros(0)
        return q, solve_triangular(self.triangle, self._turn(self._product(q) - drive)[:m])

    def _product(self, q: np.ndarray) -> np.ndarray:
        return self.matrix @ q + self.diagonal * q

    def _turn(self, x: np.ndarray) -> np.ndarray:
        for v, scale in zip(self.reflectors.T, self.scale):
            x = x - scale * (v @ x) * v
        return x

    def _turn_back(self, x: np.ndarray) -> np.ndarray:
        for v, scale in zip(self.reflectors.T[::-1], self.scale[::-1]):
            x = x - scale * (v @ x) * v
        return x


class Iterative:
    """The same problem by preconditioned conjugate gradients, started from a guess.

    Parameters
    ----------
    product : q (n,) -> A q (n,)
    precondition : r (n,) -> M^-1 r (n,), linear, symmetric and positive definite
    rows : U (m, n), independent
    tolerance : largest component of the projected residual [V]
    max_steps : before it is given up
    """

    def __init__(self, product: Callable, precondition: Callable, rows: np.ndarray, *, tolerance: float = 1e-11, max_steps: int = 1000):
        self.product, self.precondition, self.rows = product, precondition, rows
        self.tolerance, self.max_steps = tolerance, max_steps
        preconditioned = np.array([precondition(row) for row in rows]).reshape(rows.shape)
        self.towards = np.linalg.solve(preconditioned @ rows.T, preconditioned).T  # M^-1 U^T (U M^-1 U^T)^-1
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
            step = self.precondition(bare)
            step -= self.towards @ (self.rows @ step)
            norm = bare @ step
            direction = step + norm / previous * direction
            along = self.product(direction)
            curvature = direction @ along
            if not curvature > 0.0:
                raise ValueError(INDEFINITE.format(f" of curvature {curvature:.3g}"))
            q += norm / curvature * direction
            residual -= norm / curvature * along
            previous = norm
        raise ValueError(f"charge equilibration: expected a residual below {self.tolerance:g} V within {self.max_steps} steps, got {left:.2e} V. Use method=\"factorised\"")

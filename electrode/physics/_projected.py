"""The minimum of a quadratic form under linear constraints for many right-hand sides: by an inverse that is kept, or by iteration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack
from scipy.linalg.blas import dsymv

from electrode.physics.charge_solver import INDEFINITE, Iterative


class Projected:
    """The minimum of q.A.q/2 - d.q with U q = t for any d and t, as q = K d + T t, from one Cholesky factorisation.

    With G = (A + s U^T U)^-1, S = U G U^T:  T = G U^T S^-1,  K = G - T U G,  and A q - d = U^T mu with
    mu = S^-1 (t - U G d) - s t.  The term in s changes nothing where U q = t, and lifts the uniform direction of a cell
    whose net charge a background neutralises.

    Parameters
    ----------
    matrix : A (n, n), symmetric [V/e]; overwritten
    rows : U (m, n), independent, m <= n

    Raises
    ------
    ValueError
        where A is not positive definite on the subspace U q = 0.
    """

    def __init__(self, matrix: np.ndarray, rows: np.ndarray):
        self.rows = rows
        self.lift = float(np.abs(matrix).max(initial=1.0)) if len(rows) else 0.0
        matrix += self.lift * rows.T @ rows
        factor, failed = lapack.dpotrf(matrix.T, lower=True, overwrite_a=True)
        if failed:
            raise ValueError(INDEFINITE.format(""))
        inverse, _ = lapack.dpotri(factor, lower=True, overwrite_c=True)
        inverse = np.tril(inverse)
        inverse += np.tril(inverse, -1).T
        self.spread = inverse @ rows.T
        self.compliance = np.linalg.inv(rows @ self.spread)
        self.towards = self.spread @ self.compliance
        self.response = np.asfortranarray(inverse - self.towards @ self.spread.T)  # products read one triangle

    def solve(self, drive: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return q (n,) and mu (m,) for d (n,) and t (m,)."""
        charges = self.respond(drive) + self.towards @ targets
        return charges, self.compliance @ (targets - self.spread.T @ drive) - self.lift * targets

    def respond(self, drive: np.ndarray) -> np.ndarray:
        """Return K d (n,)."""
        return dsymv(1.0, self.response, drive, lower=1)


class Extrapolated:
    """The same by conjugate gradients, from charges that continue the last two solutions in a line.

    The matrix of well separated Gaussians needs no more than its diagonal to precondition it: its eigenvalues lie between those
    of neighbouring charges that alternate and of an electrode charged as a whole, whose ratio is 15 to 20 and most of which are low.

    Parameters
    ----------
    product : q (n,) -> A q (n,)
    own : (n,), positive, about the diagonal of A [V/e]
    rows : U (m, n), independent
    tolerance : largest component of the projected residual [V]
    """

    def __init__(self, product: Callable, own: np.ndarray, rows: np.ndarray, tolerance: float):
        self._solver = Iterative(product, lambda residual: residual / own, rows, tolerance=tolerance)
        self._targets, self._last = np.zeros(len(rows)), []

    def solve(self, drive: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return q (n,) and mu (m,) for d (n,) and t (m,)."""
        guess = sum(w * q for w, q in zip(([], [1.0], [2.0, -1.0])[len(self._last)], self._last)) if self._last else None
        charges, multipliers = self._solver.solve(drive, targets, guess)
        self._last = [charges, *self._last[:1]]
        return charges, multipliers

    def respond(self, drive: np.ndarray) -> np.ndarray:
        """Return K d (n,)."""
        return self._solver.solve(drive, self._targets)[0]

"""A Gaussian process of a scalar that learns from values and gradients, with a trend of uncertain weights.

    y(x) = h(x).w + s z(u(x)),   w ~ N(w0, s^2 diag(v^2)),   cov(z, z') = exp(-|u - u'|^2 / (2 l^2))

u are features with known Jacobian, so that derivatives of the covariance are those of the kernel times Jacobians.  The amplitude s
has an inverse-gamma prior and is integrated in closed form; the length l maximises the marginal likelihood times a log-normal prior.
Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, MIT Press 2006, sections 2.7, 5.4 and 9.4
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

VALUE_NOISE, SLOPE_NOISE = 5e-4, 3e-3  # of labels, relative to the amplitude: of values, of gradients
AMPLITUDE, CONFIDENCE = 2.0, 10.0  # prior of s: its scale [eV], and how many labels that is worth
LENGTHS = (0.7, 0.85, 1.0, 1.2, 1.4)  # tried for l
LENGTH_WIDTH = 0.3  # of ln l around 0


@dataclass(frozen=True)
class Points:
    """Labelled places of a Gaussian process.

    Parameters
    ----------
    values : (M, P) features;  jacobian : (M, P, D)
    trend : (M, 1 + D, T), the trend's functions and their gradients
    """

    values: np.ndarray
    jacobian: np.ndarray
    trend: np.ndarray

    def covariance(self, length: float) -> np.ndarray:
        """Return the covariance of values and gradients, (M(1+D), M(1+D)), without trend, for s = 1."""
        m, p, d = self.jacobian.shape
        j = self.jacobian / length
        steps = (self.values[:, None] - self.values[None]) / length
        k = np.exp(-0.5 * (steps**2).sum(-1))
        along = np.einsum("apx,abp->abx", j, steps)  # of the first point; of the second, the transpose with the other sign
        flat = j.transpose(0, 2, 1).reshape(m * d, p)
        both = (flat @ flat.T).reshape(m, d, m, d).transpose(0, 2, 1, 3)
        out = np.empty((m, 1 + d, m, 1 + d))
        out[:, 0, :, 0] = k
        out[:, 1:, :, 0] = -(k[..., None] * along).transpose(0, 2, 1)
        out[:, 0, :, 1:] = -(k[..., None] * along.transpose(1, 0, 2))
        out[:, 1:, :, 1:] = (k[..., None, None] * (both + along[..., None] * along.transpose(1, 0, 2)[:, :, None])).transpose(0, 2, 1, 3)
        return out.reshape(m * (1 + d), m * (1 + d))


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted Gaussian process.

    Parameters
    ----------
    points : what it learned from
    length, amplitude : l, s [eV]
    solution : (M(1+D),), inverse covariance times labels
    factor : Cholesky factor of the covariance for s = 1
    weights, widths : (T,) w and v
    """

    points: Points
    length: float
    amplitude: float
    solution: np.ndarray
    factor: tuple
    weights: np.ndarray
    widths: np.ndarray

    @classmethod
    def fit(
        cls, points: Points, labels: np.ndarray, mean: np.ndarray, widths: np.ndarray, stationary: int = 0, lengths: Sequence[float] = LENGTHS
    ) -> GaussianProcess:
        """Return the process of the likeliest length.

        Parameters
        ----------
        points : M labelled places
        labels : (M, 1 + D), value [eV] and gradient at each
        mean, widths : (T,) w0 and v of the trend's weights
        stationary : how many of the points were picked for their small gradients, and so say nothing of the amplitude
        lengths : candidates for l
        """
        m, d = labels.shape
        h = points.trend.reshape(m * d, -1)
        left = labels.ravel() - h @ mean
        noise = np.tile([VALUE_NOISE**2, *[SLOPE_NOISE**2] * (d - 1)], m)
        fixed = (h * widths**2) @ h.T + np.diag(noise)
        count, fits = (m - stationary) * d + CONFIDENCE, []
        for length in lengths:
            factor = cho_factor(points.covariance(length) + fixed, lower=True)
            solution = cho_solve(factor, left)
            variance = (left @ solution + CONFIDENCE * AMPLITUDE**2) / count
            evidence = -0.5 * count * np.log(variance) - np.log(np.diag(factor[0])).sum()
            fits.append((evidence - 0.5 * (np.log(length) / LENGTH_WIDTH) ** 2, length, float(np.sqrt(variance)), solution, factor))
        _, length, amplitude, solution, factor = max(fits, key=lambda fit: fit[0])
        return cls(points, length, amplitude, solution, factor, mean + widths**2 * (h.T @ solution), widths)

    def value_and_slope(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the process without its trend at features (m, P), and its derivative by the features (m, P)."""
        k, steps = self._kernel(values)
        of_value, of_slope = np.split(self.solution.reshape(len(self.points.values), -1), [1], axis=1)
        push = np.einsum("mpx,mx->mp", self.points.jacobian, of_slope) / self.length
        along = np.einsum("amp,mp->am", steps, push)
        scale = k * (of_value[:, 0] + along)
        slope = (k @ push - np.einsum("am,amp->ap", scale, steps)) / self.length
        return scale.sum(1), slope

    def std(self, values: np.ndarray, trend: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the value at features (m, P) and trend functions (m, T), (m,) [eV]."""
        k, steps = self._kernel(values)
        along = np.einsum("mpx,amp->amx", self.points.jacobian, steps, optimize=True) / self.length
        row = np.concatenate([k[..., None], k[..., None] * along], axis=2).reshape(len(values), -1)
        row += (trend * self.widths**2) @ self.points.trend.reshape(row.shape[1], -1).T
        variance = 1.0 + trend**2 @ self.widths**2 - np.einsum("ij,ij->i", row, cho_solve(self.factor, row.T).T)
        return self.amplitude * np.sqrt(np.maximum(variance, 0.0))

    def _kernel(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        steps = (values[:, None] - self.points.values[None]) / self.length
        return np.exp(-0.5 * (steps**2).sum(-1)), steps

"""Training by damped Gauss-Newton steps, for models whose heads are linear in their weights.

    minimise sum_k weight_k (residual_k/scale_k)^2 + sum_p ((theta_p - theta_p0)/spread_p)^2

over energies per atom, forces and potentials.  The second sum is the prior: the weights of a kernel head are independent
normal numbers in the basis that whitens it, times the head's amplitude, so that the sum is the log posterior of Gaussian-process
regression with the scales as noise.  A few steps replace thousands of epochs.
Sources: Levenberg 1944, https://doi.org/10.1090/qam/10666; Marquardt 1963, https://doi.org/10.1137/0111030
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np
import torch
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk

from electrode.models.base import Model
from electrode.train.blocks import Block
from electrode.train.geometries import Geometry, Passing, geometries
from electrode.train.linear_rows import Weights, alike, derivatives, jacobians, outputs, residuals
from electrode.train.loss import Term

STEPS = 30  # at most
TOLERANCE = 1e-4  # relative fall of the loss that ends the training
QUANTITIES = ("energy", "forces", "conjugate", "force_slope")
MAIN = 1e-6  # directions of a kernel with smaller eigenvalues, relative to the largest, are left to the energy
_DAMPING = (1e-2, 1e-10, 1e4)  # first, least, most, relative to the diagonal
_CHUNK = 1000  # rows added at a time


@dataclass(frozen=True)
class Problem:
    """A model with the data it is fitted to.

    Parameters
    ----------
    model : with heads, see `models.equilibration`
    data : the geometries
    sizes : functions of each element's whitened basis
    factors : quantity -> sqrt(weight)/scale
    start, spread : (P,) prior mean and standard deviation of the packed weights
    shape : weights of the right shapes
    free : (P,) bool, the weights that are fitted; the others stay
    """

    model: Model
    data: list[Geometry] | list[Passing]
    sizes: list[int]
    factors: dict[str, float]
    start: np.ndarray
    spread: np.ndarray
    shape: Weights
    free: np.ndarray

    def narrowed(self, width: float) -> Problem:
        """Return the problem with `width` times the prior's width of the kernels' weights."""
        spread = self.spread.copy()
        spread[: self.shape.coefficients.size] *= width
        return replace(self, spread=spread)

    def cost(self, theta: np.ndarray) -> float:
        """Return the sum that is minimised."""
        total = float((((theta - self.start) / self.spread) ** 2).sum())
        for geometry, found in self.found(theta):
            for name, factor in self.factors.items():
                e = _weighted(found[name], geometry) * factor
                total += float(np.nansum(e**2))
        return total

    def found(self, theta: np.ndarray) -> Iterator[tuple[Geometry | Passing, dict[str, np.ndarray]]]:
        """Yield every geometry with its residuals; the model is left with the weights where slopes are not kept."""
        if self.data and isinstance(self.data[0], Passing):
            take_weights(self.model, self, theta)
            yield from ((geometry, self._slopes(geometry, geometry.found())) for geometry in self.data)
        else:
            yield from ((geometry, self._slopes(geometry, residuals(geometry, slope, *found))) for geometry, slope, found in self._outputs(theta, False))

    def _outputs(self, theta: np.ndarray, second: bool) -> Iterator[tuple[Geometry, np.ndarray, list[np.ndarray]]]:
        """Yield every geometry with the slopes of the heads' outputs and the energy's derivatives, see `linear_rows`."""
        weights, passing = self.shape.unpack(theta), bool(self.data) and isinstance(self.data[0], Passing)
        for some in ([g] for g in self.data) if passing else alike(self.data, second):
            some = [g.built().at(weights.scalars, second) for g in some]
            values, slopes = zip(*(outputs(g, weights, self.sizes) for g in some))
            yield from zip(some, slopes, derivatives(self.model, some, values, weights.scalars, second))

    def errors(self, theta: np.ndarray) -> dict[str, float]:
        """Return the root mean square residual of each quantity that has labels."""
        found = [f for _, f in self.found(theta)]
        flat = {name: np.concatenate([f[name].ravel() for f in found]) for name in self.factors}
        return {name: float(np.sqrt(np.nanmean(x**2))) for name, x in flat.items() if np.isfinite(x).any()}

    def normal(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return J^T J (upper triangle) and J^T r of the free weights, the prior included."""
        p, spread = int(self.free.sum()), self.spread[self.free]
        matrix, right = np.zeros((p, p), order="F"), (self.start - theta)[self.free] / spread**2
        for rows, residual in _stacked(self.rows(theta)):
            matrix = dsyrk(1.0, rows.T, 1.0, matrix, overwrite_c=1)
            right += rows.T @ residual
        matrix[np.diag_indices(p)] += 1.0 / spread**2
        return matrix, right

    def _slopes(self, geometry: Geometry, found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Return the quantities with "force_slope" where the loss has it: the forces' slope in charge, taken as that of the labels is."""
        if "force_slope" not in self.factors:
            return found
        return {**found, "force_slope": np.tensordot(geometry.between, found["forces"], 1)}

    def rows(self, theta: np.ndarray) -> Iterator[np.ndarray]:
        """Yield weighted rows [jacobian of the free weights, residual] of the labels of each geometry."""
        for geometry, slope, (e, g_v, g_d, h_vv, h_vd) in self._outputs(theta, True):
            both = residuals(geometry, slope, e, g_v, g_d), jacobians(geometry, slope, g_v, g_d, h_vv, h_vd)
            yield self._rows(geometry, *(self._slopes(geometry, x) for x in both))

    def _rows(self, geometry: Geometry, found: dict[str, np.ndarray], slopes: dict[str, np.ndarray]) -> np.ndarray:
        """Return the rows of one geometry."""
        parts = []
        for name, factor in self.factors.items():
            both = np.concatenate([slopes[name][..., self.free], found[name][..., None]], axis=-1)
            both = factor * np.sqrt(geometry.weight).reshape(-1, *[1] * (both.ndim - 1)) * both
            parts.append(both.reshape(-1, both.shape[-1]))
        rows = np.concatenate(parts)
        return rows[~np.isnan(rows[:, -1])]


def _stacked(parts: Iterable[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the rows [jacobian, residual] of geometries in stacks of about `_CHUNK`, jacobians and residuals apart."""
    held: list[np.ndarray] = []
    for part in chain(parts, [None]):
        held += [] if part is None else [part]
        if held and (part is None or sum(map(len, held)) > _CHUNK):
            yield np.concatenate([x[:, :-1] for x in held]), np.concatenate([x[:, -1] for x in held])
            held = []


def problem(model: Model, data: Sequence[Block], frames: Sequence, terms: Sequence[Term], weight: Sequence[float]) -> Problem:
    """Return the problem of fitting a model, already adapted, to frames with weights (frames,); `data` as in `geometries`."""
    roots, sizes, shape = _basis(model)
    spread = Weights(
        np.broadcast_to(model.config.amplitudes, shape.coefficients.shape),
        np.broadcast_to(model.offset_spreads, shape.offsets.shape),
        np.full(shape.scalars.shape, model.scalar_spread),
    ).pack()
    factors = {t.quantity: math.sqrt(t.weight) / t.scale for t in terms if t.weight}
    unknown = sorted(set(factors) - set(QUANTITIES))
    if unknown:
        raise ValueError(f"a least-squares training has the terms {', '.join(QUANTITIES)}, got {unknown}; leave those out")
    return Problem(model, geometries(model, data, frames, weight, roots), sizes, factors, shape.pack(), spread, shape, _free(roots, shape))


def _free(roots: list[np.ndarray], shape: Weights) -> np.ndarray:
    """Return which weights are worth a fit: for heads beside the first, the energy, which alone has large terms, the main directions of the kernel."""
    kept = np.ones(shape.coefficients.shape, bool)
    sizes = [1.0 / (root**2).sum(0) for root in roots]  # eigenvalues of the kernel matrices
    kept[:, 1:] = np.concatenate([np.zeros(0, bool), *(x > MAIN * x.max(initial=0.0) for x in sizes)])[:, None]
    return Weights(kept, np.ones(shape.offsets.shape, bool), np.ones(shape.scalars.shape, bool)).pack()


def _basis(model: Model) -> tuple[list[np.ndarray], list[int], Weights]:
    """Return the whitening of each element's kernel, its sizes, and the model's weights in that basis: zero but for the constants before a first training."""
    heads = model.heads
    roots = [heads.root(k).numpy() if int(heads.used[k]) else np.zeros((0, 0)) for k in range(len(heads.offsets))]
    sizes = [r.shape[1] for r in roots]
    constants = heads.offsets.detach().numpy().copy(), model.scalars().detach().numpy().copy()
    coefficients = [heads.coefficients(k).numpy() for k in range(len(roots)) if sizes[k]]
    return roots, sizes, Weights(np.concatenate([np.zeros((0, heads.weights.shape[2])), *coefficients]), *constants)


def take_weights(model: Model, solved: Problem, theta: np.ndarray) -> None:
    """Give the model the weights of a vector."""
    weights = solved.shape.unpack(theta)
    with torch.no_grad():
        model.heads.offsets.copy_(torch.from_numpy(weights.offsets))
        model.scalars().copy_(torch.from_numpy(weights.scalars))
        model.heads.weights.zero_()
        for k, c in enumerate(np.split(weights.coefficients, np.cumsum(solved.sizes)[:-1])):
            if len(c):
                model.heads.weights[k, : int(model.heads.used[k])] = model.heads.root(k) @ torch.from_numpy(np.ascontiguousarray(c))


def minimise(solved: Problem, steps: int, seconds: float, report: Callable[[int, float, np.ndarray], None]) -> np.ndarray:
    """Return the weights at which the cost stops falling; `report(step, cost, theta)` is called after each step."""
    theta, start = solved.start.copy(), time.monotonic()
    cost, damping = solved.cost(theta), _DAMPING[0]
    for step in range(1, steps + 1):
        matrix, right = solved.normal(theta)
        while True:
            trial = theta.copy()
            trial[solved.free] += _damped(matrix, right, damping)
            reached = solved.cost(trial)
            if reached < cost or damping >= _DAMPING[2]:
                break
            damping *= 10.0
        if not reached < cost:
            break
        fall, theta, cost = cost - reached, trial, reached
        damping = max(damping / 10.0, _DAMPING[1])
        report(step, cost, theta)
        if fall < TOLERANCE * cost or time.monotonic() - start > seconds:
            break
    return theta


def _damped(matrix: np.ndarray, right: np.ndarray, damping: float) -> np.ndarray:
    """Solve (M + damping diag M) x = right for M given by its upper triangle, scaled to a unit diagonal."""
    scale = 1.0 / np.sqrt(np.diag(matrix))
    scaled = matrix * scale * scale[:, None]
    scaled[np.diag_indices(len(scale))] = 1.0 + damping
    try:
        return scale * cho_solve(cho_factor(scaled, lower=False, overwrite_a=True), scale * right)
    except LinAlgError:
        return np.zeros_like(right)  # no step: the caller damps more


def _weighted(values: np.ndarray, geometry: Geometry | Passing) -> np.ndarray:
    return values * np.sqrt(geometry.weight).reshape(-1, *[1] * (values.ndim - 1))

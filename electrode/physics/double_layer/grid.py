"""Gauss-Lobatto points of an element, and elements graded by the profile in front of a single plate."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial.legendre import Legendre

from electrode.physics.double_layer.diffuse import DiffuseLayer

ORDER = 14  # of the polynomials in each element
_STEP = 1.0  # change of z psi/kT over an element where it is large, and of ln psi where it is small
_LAST = 1e-7  # z psi/kT where the bulk begins
_GAUSS, _GAUSS_WEIGHTS = np.polynomial.legendre.leggauss(8)


def _lobatto(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return points, weights and the matrix of derivatives on [-1, 1]."""
    highest = Legendre.basis(order)
    points = np.concatenate([[-1.0], np.sort(highest.deriv().roots().real), [1.0]])
    for _ in range(3):  # polish the roots
        inner = points[1:-1]
        points[1:-1] = inner - highest.deriv()(inner) / highest.deriv(2)(inner)
    at = highest(points)
    apart = points[:, None] - points[None, :] + np.eye(order + 1)
    derivative = at[:, None] / at[None, :] / apart
    np.fill_diagonal(derivative, 0.0)
    np.fill_diagonal(derivative, -derivative.sum(axis=1))
    return points, 2.0 / (order * (order + 1) * at**2), derivative


NODES, WEIGHTS, DERIVATIVE = _lobatto(ORDER)
_POLES = 1.0 / np.prod(NODES[:, None] - NODES[None, :] + np.eye(ORDER + 1), axis=1)


def barycentric(t: np.ndarray) -> np.ndarray:
    """Return the weights of the nodes, (..., P+1), for interpolation at t (...) in [-1, 1]."""
    apart = np.asarray(t)[..., None] - NODES
    hit = np.abs(apart) < 1e-15
    terms = np.where(hit.any(axis=-1, keepdims=True), hit.astype(float), _POLES / np.where(hit, 1.0, apart))
    return terms / terms.sum(axis=-1, keepdims=True)


def half_space_edges(diffuse: DiffuseLayer, potential: float) -> tuple[np.ndarray, Callable]:
    """Return the ends of elements in front of one plate [A], and a first guess of psi(x) [V]."""
    unit = 0.5 * diffuse.scale
    levels = [max(abs(potential) / unit, _LAST)]
    while levels[-1] > _LAST:
        levels.append(max(levels[-1] - _STEP, levels[-1] * np.exp(-_STEP)))
    levels = np.copysign(unit, potential) * np.array([*levels, levels[-1] * np.exp(-_STEP)])
    half = 0.5 * np.log(levels[1:] / levels[:-1])
    psi = np.copysign(np.exp(0.5 * np.log(levels[:-1] * levels[1:])[:, None] + half[:, None] * _GAUSS), potential)
    lengths = -(psi / diffuse.field(psi)) @ _GAUSS_WEIGHTS * half  # x = -int psi/E d ln psi
    edges = np.concatenate([[0.0], np.cumsum(lengths)])
    sign, logarithm = np.sign(levels[0]), np.log(np.abs(levels))
    return edges, lambda x: sign * np.exp(np.interp(x, edges, logarithm)) * (x <= edges[-1])


def slit_edges(diffuse: DiffuseLayer, left: float, right: float, width: float) -> tuple[np.ndarray, Callable]:
    """Return the ends of elements between two plates [A], and a first guess of psi(x) [V]."""
    (a, from_left), (b, from_right) = half_space_edges(diffuse, left), half_space_edges(diffuse, right)
    coarse = np.unique(np.concatenate([a[a < 0.5 * width], [0.5 * width], width - b[b < 0.5 * width]]))
    longest = min(diffuse.electrolyte.screening_length, width / 10.0)
    parts = [np.linspace(x, y, 1 + max(1, int(np.ceil((y - x) / longest))))[:-1] for x, y in zip(coarse[:-1], coarse[1:])]
    return np.append(np.concatenate(parts), width), lambda x: from_left(x) + from_right(width - x)

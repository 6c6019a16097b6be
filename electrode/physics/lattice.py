"""Points of lattices and of their reciprocals, in two and three dimensions."""

from __future__ import annotations

import math

import numpy as np

_SMALL_STEPS = np.array([(i, j) for i in range(-3, 4) for j in range(-3, 4) if i or j])


def lattice_points(vectors: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the integer coordinates (M, d) and the points (M, 3) of the lattice of vectors (d, 3) within a radius; d is 2 or 3."""
    reach = np.floor(radius * np.linalg.norm(np.linalg.pinv(vectors), axis=0)).astype(int)
    steps = np.stack(np.meshgrid(*[np.arange(-k, k + 1) for k in reach], indexing="ij"), axis=-1).reshape(-1, len(vectors))
    points = steps @ vectors
    near = np.einsum("ij,ij->i", points, points) <= radius**2
    return steps[near], np.ascontiguousarray(points[near])


def half_waves(vectors: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the integer coordinates (K, d) and one of each pair k, -k of the reciprocal vectors (K, 3) of vectors (d, 3) within a radius."""
    steps, waves = lattice_points(2.0 * math.pi * np.linalg.pinv(vectors).T, radius)
    ahead = (np.sign(steps) @ 3 ** np.arange(steps.shape[1])[::-1]) > 0  # the sign of the first coordinate that is not zero
    return steps[ahead], waves[ahead]


def surface_of(cell: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Return the unit vector along a x b (3,), the area [A^2] and the length of the shortest reciprocal vector [1/A] of a and b.

    Raises
    ------
    ValueError
        for vectors a and b that are not independent.
    """
    a, b = np.asarray(cell, float)[:2]
    across = np.cross(a, b)
    area = float(np.linalg.norm(across))
    if not area > 1e-6:
        raise ValueError(f"slab: expected two independent vectors a and b, got {[a.tolist(), b.tolist()]}. Set atoms.cell")
    shortest = float(np.linalg.norm(_SMALL_STEPS @ [a, b], axis=1).min())
    return across / area, area, 2.0 * math.pi / area * shortest


def upright_cell(positions: np.ndarray, cell: np.ndarray, gap: float) -> np.ndarray:
    """Return a slab's cell (3, 3) [A] whose c stands on a and b, higher than the positions (N, 3) [A] by a gap [A]."""
    normal = surface_of(cell)[0]
    return np.array([*np.asarray(cell, float)[:2], normal * (np.ptp(positions @ normal) + gap)])

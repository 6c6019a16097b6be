"""Densities on a grid over a cell: its points, averages along the surface, and a response without net charge."""

from __future__ import annotations

import numpy as np


def grid_shape(cell: np.ndarray, spacing: float) -> tuple[int, int, int]:
    """Return the numbers of points along the lattice vectors of a cell (3, 3) [A] that lie at most `spacing` [A] apart.

    Raises
    ------
    ValueError
        for a spacing that is not positive, or a cell without volume.
    """
    cell = np.asarray(cell, float)
    if not spacing > 0.0 or not abs(np.linalg.det(cell)) > 1e-10:
        raise ValueError(f"grid_shape: expected a positive spacing [A] and a cell with a volume, got {spacing} and {cell.tolist()}")
    return tuple(int(np.ceil(x / spacing - 1e-9)) for x in np.linalg.norm(cell, axis=1))


def grid_points(cell: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return the points (k l m, 3) [A] of a grid over a cell (3, 3) [A], the last index fastest; the first is the origin."""
    fractions = np.stack(np.meshgrid(*(np.arange(n) / n for n in shape), indexing="ij"), axis=-1)
    return fractions.reshape(-1, 3) @ np.asarray(cell, float)


def planar_average(values: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return heights z (m,) [A] along the normal and the mean N(z) (m,) of values (k, l, m) on a grid, N = (1/A) int int n dx dy.

    Raises
    ------
    ValueError
        for another shape, or a cell whose third vector is not normal to the surface: a grid plane is then no plane of equal distance from it.
    """
    values, cell = np.asarray(values, float), np.asarray(cell, float)
    if values.ndim != 3:
        raise ValueError(f"planar_average: expected values on a grid of three directions, got shape {values.shape}")
    if np.abs(cell[:2] @ cell[2]).max() > 1e-6 * np.abs(cell).max() ** 2:
        raise ValueError(f"planar_average: expected a third lattice vector normal to the surface, got {cell.tolist()}")
    return np.arange(values.shape[2]) * np.linalg.norm(cell[2]) / values.shape[2], values.mean((0, 1))


def neutralised(values: np.ndarray) -> np.ndarray:
    """Return a density (...) on a grid without its integral, which is taken off where the density is, n - |n| int n / int |n|."""
    values = np.asarray(values, float)
    size = np.abs(values).sum()
    return values - np.abs(values) * (values.sum() / size) if size > 0.0 else values

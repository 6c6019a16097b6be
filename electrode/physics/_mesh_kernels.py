"""Kernels of the particle mesh: weights of the B-splines, charges to the mesh, potentials and gradients back.

The cardinal B-spline of order p is M_p(x) = [x M_{p-1}(x) + (p - x) M_{p-1}(x - 1)]/(p - 1) with
M_p'(x) = M_{p-1}(x) - M_{p-1}(x - 1).  A charge at u [mesh steps] weighs M_p(u - k) at the points k = floor(u) - p + 1 + j.
Weights are kept in lines of WIDTH, zero beyond the order, and the mesh has WIDTH more points along its last axis: a line of the
mesh then never wraps, and its loop has a length that the compiler knows.  `fold` and `unfold` join both ends of the mesh.
Source: Essmann et al. 1995, https://doi.org/10.1063/1.470117
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled

WIDTH = 8  # the highest order


@compiled(fastmath=True, error_model="numpy")
def spline_weights(fractional, grid, order):
    """Return weights and derivatives (N, 3, WIDTH) and the first mesh points (N, 3) of all charges."""
    n = len(fractional)
    weights, slopes = np.zeros((n, 3, WIDTH)), np.zeros((n, 3, WIDTH))
    start = np.empty((n, 3), np.int64)
    for i in range(n):
        for axis in range(3):
            size = grid[axis]
            u = (fractional[i, axis] - math.floor(fractional[i, axis])) * size
            base = int(math.floor(u))
            f = u - base
            w, dw = weights[i, axis], slopes[i, axis]
            w[0] = 1.0
            for p in range(2, order + 1):
                if p == order:
                    dw[0] = -w[0]
                    for j in range(1, p):
                        dw[j] = w[j - 1] - w[j]
                share = 1.0 / (p - 1)
                for j in range(p - 1, 0, -1):
                    w[j] = ((f + p - 1 - j) * w[j - 1] + (1 + j - f) * w[j]) * share
                w[0] *= (1.0 - f) * share
            start[i, axis] = (base - order + 1) % size
    return weights, slopes, start


@compiled(fastmath=True, error_model="numpy")
def spread(charges, atoms, weights, start, order, mesh):
    """Add the charges of some atoms to the mesh."""
    n0, n1, n2 = mesh.shape
    flat = mesh.reshape(-1)
    for i in atoms:
        w0, w1, w2 = weights[i, 0], weights[i, 1], weights[i, 2]
        x = start[i, 0]
        for a in range(order):
            y = start[i, 1]
            for b in range(order):
                place = np.uint64((x * n1 + y) * n2 + start[i, 2])
                w = charges[i] * w0[a] * w1[b]
                for c in range(WIDTH):
                    flat[place + np.uint64(c)] += w * w2[c]
                y = y + 1 if y + 1 < n1 else 0
            x = x + 1 if x + 1 < n0 else 0


@compiled(fastmath=True, error_model="numpy")
def gather(mesh, atoms, weights, start, order, potentials):
    """Add the mesh's potential at some atoms."""
    n0, n1, n2 = mesh.shape
    flat = mesh.reshape(-1)
    for i in atoms:
        w0, w1, w2 = weights[i, 0], weights[i, 1], weights[i, 2]
        v, x = 0.0, start[i, 0]
        for a in range(order):
            y = start[i, 1]
            for b in range(order):
                place = np.uint64((x * n1 + y) * n2 + start[i, 2])
                line = 0.0
                for c in range(WIDTH):
                    line += w2[c] * flat[place + np.uint64(c)]
                v += w0[a] * w1[b] * line
                y = y + 1 if y + 1 < n1 else 0
            x = x + 1 if x + 1 < n0 else 0
        potentials[i] += v


@compiled(fastmath=True, error_model="numpy")
def gather_gradients(mesh, weights, slopes, start, order, potentials, gradients):
    """Add the mesh's potential at every charge, and its gradient in mesh steps."""
    n0, n1, n2 = mesh.shape
    flat = mesh.reshape(-1)
    for i in range(len(potentials)):
        w0, w1, w2 = weights[i, 0], weights[i, 1], weights[i, 2]
        s0, s1, s2 = slopes[i, 0], slopes[i, 1], slopes[i, 2]
        v, g0, g1, g2, x = 0.0, 0.0, 0.0, 0.0, start[i, 0]
        for a in range(order):
            plain, across, along, y = 0.0, 0.0, 0.0, start[i, 1]
            for b in range(order):
                place = np.uint64((x * n1 + y) * n2 + start[i, 2])
                line, bend = 0.0, 0.0
                for c in range(WIDTH):
                    value = flat[place + np.uint64(c)]
                    line += w2[c] * value
                    bend += s2[c] * value
                plain += w1[b] * line
                across += s1[b] * line
                along += w1[b] * bend
                y = y + 1 if y + 1 < n1 else 0
            v += w0[a] * plain
            g0 += s0[a] * plain
            g1 += w0[a] * across
            g2 += w0[a] * along
            x = x + 1 if x + 1 < n0 else 0
        potentials[i] += v
        gradients[i, 0] += g0
        gradients[i, 1] += g1
        gradients[i, 2] += g2


@compiled(error_model="numpy")
def occupied(start, atoms, order, size):
    """Return which planes of the first axis some atoms' splines touch, (size,) bool."""
    out = np.zeros(size, np.bool_)
    for i in atoms:
        for a in range(order):
            out[(start[i, 0] + a) % size] = True
    return out


@compiled(error_model="numpy")
def scale(spectrum, factor):
    """Multiply a complex array by a real one."""
    flat, factors = spectrum.reshape(-1), factor.reshape(-1)
    for k in range(flat.size):
        flat[k] = flat[k] * factors[k]


def padded(grid, dtype=float) -> np.ndarray:
    """Return an empty mesh with its margin."""
    return np.zeros((grid[0], grid[1], grid[2] + WIDTH), dtype)


def fold(mesh: np.ndarray) -> np.ndarray:
    """Add the margin to the mesh and return the mesh without it."""
    size = mesh.shape[2] - WIDTH
    for start in range(size, size + WIDTH, size):
        rest = mesh[:, :, start : start + size]
        mesh[:, :, : rest.shape[2]] += rest
    return mesh[:, :, :size]


def unfold(mesh: np.ndarray) -> None:
    """Fill the margin from the mesh."""
    size = mesh.shape[2] - WIDTH
    for start in range(size, size + WIDTH, size):
        rest = mesh[:, :, start : start + size]
        rest[:] = mesh[:, :, : rest.shape[2]]

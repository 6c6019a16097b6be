"""Numba kernels of the short-range energy: the terms of each bond and their derivatives, see `pair`."""

import math

import numpy as np

from electrode.physics._compiled import compiled

_jit = compiled(error_model="numpy")


@_jit
def _decay(r, rate, length, cutoff):
    """Return w(r) exp(-rate (r - length)) and its first and second derivative."""
    width = cutoff / 3.0
    t = min(max((r - (cutoff - width)) / width, 0.0), 1.0)
    w = 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)
    w1 = -30.0 * t**2 * (1.0 - t) ** 2 / width
    w2 = -60.0 * t * (1.0 - t) * (1.0 - 2.0 * t) / width**2
    e = math.exp(-rate * (r - length))
    return w * e, (w1 - rate * w) * e, (w2 - 2.0 * rate * w1 + rate**2 * w) * e


@_jit
def decays(distance, rate, length, cutoff):
    """Return `_decay` of each bond, (3, M)."""
    out = np.empty((3, len(distance)))
    for b in range(len(distance)):
        out[0, b], out[1, b], out[2, b] = _decay(distance[b], rate[b], length[b], cutoff)
    return out


def kinds(numbers):
    """Return the atomic numbers that there are, ascending, and the place of each atom's among them."""
    present = np.zeros(numbers.max() + 1, np.int64)
    present[numbers] = 1
    return np.flatnonzero(present), (np.cumsum(present) - 1)[numbers]


@_jit
def bond_terms(i, j, kind, distance, repulsion, hopping, share, cutoff, n_kinds, root):
    """Return v and c h^2 of each bond with two derivatives, (3, M) each, from their amplitude, rate and length (3, kinds^2), and sqrt(rho + s^2) of each atom for s = root."""
    v, square, rho = np.empty((3, len(i))), np.empty((3, len(i))), np.empty(len(kind))
    for a in range(len(kind)):
        rho[a] = root**2
    for b in range(len(i)):
        k = kind[i[b]] * n_kinds + kind[j[b]]
        f, f1, f2 = _decay(distance[b], repulsion[1, k], repulsion[2, k], cutoff)
        v[0, b], v[1, b], v[2, b] = repulsion[0, k] * f, repulsion[0, k] * f1, repulsion[0, k] * f2
        f, f1, f2 = _decay(distance[b], hopping[1, k], hopping[2, k], cutoff)
        c = share[k] * hopping[0, k] ** 2
        square[0, b], square[1, b], square[2, b] = c * f * f, 2.0 * c * f * f1, 2.0 * c * (f1 * f1 + f * f2)
        rho[i[b]] += square[0, b]
    for a in range(len(kind)):
        rho[a] = math.sqrt(rho[a])
    return v, square, rho


@_jit
def slopes(i, v, square, root):
    """Return the derivative of atom i's share of the energy with respect to each of its bonds, (M,)."""
    out = np.empty(len(i))
    for b in range(len(i)):
        out[b] = 0.5 * v[1, b] - square[1, b] / (2.0 * root[i[b]])
    return out


@_jit
def pulled(i, j, slope, direction, n_atoms):
    """Return the gradient (N, 3) of a sum over bonds whose terms have these slopes."""
    out = np.zeros((n_atoms, 3))
    for b in range(len(i)):
        for k in range(3):
            x = slope[b] * direction[b, k]
            out[j[b], k] += x
            out[i[b], k] -= x
    return out


@_jit
def bonds(first, index, offset, positions):
    """Return the atom i, the distance and the unit vector of each bond."""
    i, distance, direction = np.empty(len(index), np.int64), np.empty(len(index)), np.empty((len(index), 3))
    for a in range(len(first) - 1):
        for b in range(first[a], first[a + 1]):
            i[b], r = a, 0.0
            for k in range(3):
                direction[b, k] = positions[index[b], k] + offset[b, k] - positions[a, k]
                r += direction[b, k] ** 2
            distance[b] = math.sqrt(r)
            for k in range(3):
                direction[b, k] /= distance[b]
    return i, distance, direction

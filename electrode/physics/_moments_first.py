"""Numba kernels of the symmetry functions and their first derivatives, whose exponentials and moments are kept between them (see `_moments`).

Monomials of the unit vector u stand by degree, each degree in falling powers of x, then of y.  Their gradient is made of lower ones, so that a
sum over monomials v_m dp_m/du_c is one over the lower monomials l alone: count(l, c) v_above(l, c) p_l.
"""

import math
from functools import cache

import numpy as np

from electrode.physics._exponential import falling
from electrode.physics._moments import _finish, _jit, _self_weight, _to_products, listed_monomials


@_jit
def _bells(r, gaussians, out):
    """Fill out = exp(-eta (r - c)^2)."""
    for k in range(len(gaussians)):
        out[k] = falling(gaussians[k, 1] * (r - gaussians[k, 0]) ** 2)


@_jit
def _shell(d, cutoff, shell):
    """Fill the unit vector of a vector d, its length r, the cutoff function and its slope (6,)."""
    r = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    w, inverse = math.pi / cutoff, 1.0 / r
    c = math.cos(w * r)
    s = math.sqrt(max(1.0 - c * c, 0.0))
    for k in range(3):
        shell[k] = d[k] * inverse
    shell[3], shell[4], shell[5] = r, 0.25 * (1.0 + c) ** 2, -0.5 * w * s * (1.0 + c)


@cache
def tables(order):
    """Return the multinomial weight (n,) of the monomials up to an order; for each of them and axis, the higher one that they make, and its exponent, (n, 3)."""
    power, _, weight = listed_monomials(order)
    n = len(power)
    above, count = np.full((n, 3), -1), np.zeros((n, 3))
    for l in range(n):
        for c in range(3):
            for m in range(l + 1, n):
                if np.array_equal(power[m], power[l] + (np.arange(3) == c)):
                    above[l, c], count[l, c] = m, power[m, c]
    return weight, above, count


@_jit
def _fill(u, order, p):
    """Fill the monomials of u: those of a degree are those below times x, the last of them times y, the very last times z."""
    p[0] = 1.0
    low, high = 0, 1
    for degree in range(1, order + 1):
        n = high - low
        for k in range(n):
            p[high + k] = p[low + k] * u[0]
        for k in range(degree):
            p[high + n + k] = p[high - degree + k] * u[1]
        p[high + n + degree] = p[high - 1] * u[2]
        low, high = high, high + n + degree + 1


@_jit
def _products(M, pairs, order, weight, T):
    """Fill T[pair, l] = sum over monomials m of degree l of weight_m M[first, m] M[second, m]."""
    for k in range(len(pairs)):
        x, y = M[pairs[k, 0]], M[pairs[k, 1]]
        for l in range(order + 1):
            total = 0.0
            for m in range(l * (l + 1) * (l + 2) // 6, (l + 1) * (l + 2) * (l + 3) // 6):
                total += weight[m] * x[m] * y[m]
            T[k, l] = total


@_jit
def _products_back(t, M, pairs, order, weight, W):
    """Fill W = d/dM of sum t[pair, l] T[pair, l]."""
    W[:] = 0.0
    for k in range(len(pairs)):
        a, b = pairs[k]
        for x, y in ((a, b), (b, a)):
            for l in range(order + 1):
                c = t[k, l]
                for m in range(l * (l + 1) * (l + 2) // 6, (l + 1) * (l + 2) * (l + 3) // 6):
                    W[x, m] += c * M[y, m]
    for a in range(len(W)):
        for m in range(len(weight)):
            W[a, m] *= weight[m]


@_jit
def values(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, weight):
    """Return the symmetry functions (N, F), with `tables`, the moments (N, rows, monomials), and the exponentials (M, K) and shells (M, 6) of all neighbours."""
    n_el, n_rad, n_ang, order = sizes
    n_atoms, n_mono = len(first) - 1, len(weight)
    out = np.zeros((n_atoms, n_el * n_rad + len(pairs) * len(angular_map)))
    moments = np.zeros((n_atoms, n_el * n_ang, n_mono))
    p, T, own = np.empty(n_mono), np.empty((len(pairs), order + 1)), np.empty((n_el, n_ang, n_ang))
    exponentials, shells, g = np.empty((len(index), n_rad + n_ang)), np.empty((len(index), 6)), np.empty(n_rad + n_ang)
    for i in range(n_atoms):
        own[:], M = 0.0, moments[i]
        for e in range(first[i], first[i + 1]):
            s = channels[index[e]]
            _shell(vectors[e], cutoff, shells[e])
            _bells(shells[e, 3], gaussians, exponentials[e])
            _fill(shells[e], order, p)
            for k in range(n_rad + n_ang):
                g[k] = exponentials[e, k] * shells[e, 4]
            for k in range(n_rad):
                out[i, s * n_rad + k] += g[k]
            for k in range(n_ang):
                gk = g[n_rad + k]
                for m in range(n_mono):
                    M[s * n_ang + k, m] += gk * p[m]
                for l in range(n_ang):
                    own[s, k, l] += gk * g[n_rad + l]
        _products(M, pairs, order, weight, T)
        _finish(T, own, pairs, n_ang, angular_map, out[i, n_el * n_rad :])
    return out, moments, exponentials, shells


@_jit
def pull(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, weight, above, count, moments, exponentials, shells, cotangent):
    """Return sum_if cotangent_if dG_if/dR, (N, 3)."""
    n_el, n_rad, n_ang, order = sizes
    n_atoms, n_mono, n_low = len(first) - 1, len(weight), order * (order + 1) * (order + 2) // 6
    out = np.zeros((n_atoms, 3))
    W, t, own = np.empty((n_el * n_ang, n_mono)), np.empty((len(pairs), order + 1)), np.empty((n_el, n_ang, n_ang))
    p, v, beta = np.empty(n_mono), np.empty(n_mono), np.empty(3)
    g, g1 = np.empty(n_rad + n_ang), np.empty(n_rad + n_ang)
    for i in range(n_atoms):
        _to_products(cotangent[i, n_el * n_rad :], angular_map, t)
        _products_back(t, moments[i], pairs, order, weight, W)
        _self_weight(t, pairs, n_ang, own)
        for e in range(first[i], first[i + 1]):
            j = index[e]
            s = channels[j]
            u, r, f, f1 = shells[e, :3], shells[e, 3], shells[e, 4], shells[e, 5]
            for k in range(n_rad + n_ang):
                g[k] = exponentials[e, k] * f
                g1[k] = exponentials[e, k] * (f1 - 2.0 * gaussians[k, 1] * (r - gaussians[k, 0]) * f)
            _fill(u, order, p)
            along = _along(s, cotangent[i], W, own[s], g, g1, n_rad, n_ang, p, v)
            beta[:] = 0.0
            for l in range(n_low):
                for c in range(3):
                    beta[c] += count[l, c] * v[above[l, c]] * p[l]
            along -= (u[0] * beta[0] + u[1] * beta[1] + u[2] * beta[2]) / r
            for c in range(3):
                x = u[c] * along + beta[c] / r
                out[j, c] += x
                out[i, c] -= x
    return out


@_jit
def _along(s, cotangent, W, own, g, g1, n_rad, n_ang, p, v):
    """Return the slope along the distance, and fill v with the weights of the monomials."""
    along = 0.0
    for k in range(n_rad):
        along += cotangent[s * n_rad + k] * g1[k]
    v[:] = 0.0
    for k in range(n_ang):
        gk, slope = g[n_rad + k], 0.0
        row = W[s * n_ang + k]
        for m in range(len(p)):
            v[m] += row[m] * gk
            slope += row[m] * p[m]
        along += slope * g1[n_rad + k]
        for l in range(n_ang):
            along += own[k, l] * (g1[n_rad + k] * g[n_rad + l] + gk * g1[n_rad + l])
    return along

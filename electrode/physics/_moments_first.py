"""Numba kernels of the symmetry functions and their first derivatives, whose exponentials and moments are kept between them (see `_moments`).

The monomial m of the unit vector u is made of a lower one: p_m = p_below(m) u_axis(m).  Its gradient is made of lower ones too, so that a
sum over monomials v_m dp_m/du_c is one over the lower monomials l alone: count(l, c) v_above(l, c) p_l.
"""

import math

import numpy as np

from electrode.physics._moments import _contract, _expand, _finish, _jit, _self_weight, _to_products, monomials


@_jit
def _shell(d, cutoff, gaussians, u, e, g, g1, known):
    """Fill the unit vector u and the radial functions g at a vector d, with the exponentials e or, where those are known, with the slopes g1; return the distance."""
    r = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    for c in range(3):
        u[c] = d[c] / r
    w = math.pi / cutoff
    c = math.cos(w * r)
    f = 0.25 * (1.0 + c) ** 2
    if not known:
        for k in range(len(gaussians)):
            x = r - gaussians[k, 0]
            e[k] = math.exp(-gaussians[k, 1] * x * x)
            g[k] = e[k] * f
        return r
    f1 = -0.5 * w * math.sin(w * r) * (1.0 + c)
    for k in range(len(gaussians)):
        g[k] = e[k] * f
        g1[k] = e[k] * (f1 - 2.0 * gaussians[k, 1] * (r - gaussians[k, 0]) * f)
    return r


@_jit
def _lower(power):
    """Return, for each monomial, the lower one and the axis that make it; for each lower one and axis, the higher one and its exponent."""
    n = len(power)
    below, axis = np.zeros(n, np.int64), np.zeros(n, np.int64)
    above, count = np.full((n, 3), -1), np.zeros((n, 3))
    for l in range(n):
        for c in range(3):
            for m in range(l + 1, n):
                match = True
                for k in range(3):
                    match = match and power[m, k] == power[l, k] + (1 if k == c else 0)
                if match:
                    below[m], axis[m], above[l, c], count[l, c] = l, c, m, power[m, c]
    return below, axis, above, count


@_jit
def _fill(u, below, axis, p):
    p[0] = 1.0
    for m in range(1, len(p)):
        p[m] = p[below[m]] * u[axis[m]]


@_jit
def values(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map):
    """Return the symmetry functions (N, F), the moments (N, rows, monomials) and the exponentials of all neighbours (M, K)."""
    n_el, n_rad, n_ang, order = sizes
    power, degree, weight = monomials(order)
    below, axis, _, _ = _lower(power)
    n_atoms, n_mono = len(first) - 1, len(degree)
    out = np.zeros((n_atoms, n_el * n_rad + len(pairs) * len(angular_map)))
    moments = np.zeros((n_atoms, n_el * n_ang, n_mono))
    p, T, own = np.empty(n_mono), np.empty((len(pairs), order + 1)), np.empty((n_el, n_ang, n_ang))
    exponentials, u, g, g1 = np.empty((len(index), n_rad + n_ang)), np.empty(3), np.empty(n_rad + n_ang), np.empty(n_rad + n_ang)
    for i in range(n_atoms):
        own[:], M = 0.0, moments[i]
        for e in range(first[i], first[i + 1]):
            s = channels[index[e]]
            _shell(vectors[e], cutoff, gaussians, u, exponentials[e], g, g1, False)
            _fill(u, below, axis, p)
            for k in range(n_rad):
                out[i, s * n_rad + k] += g[k]
            for k in range(n_ang):
                gk = g[n_rad + k]
                for m in range(n_mono):
                    M[s * n_ang + k, m] += gk * p[m]
                for l in range(n_ang):
                    own[s, k, l] += gk * g[n_rad + l]
        _contract(M, M, pairs, degree, weight, T)
        _finish(T, own, pairs, n_ang, angular_map, out[i, n_el * n_rad :])
    return out, moments, exponentials


@_jit
def pull(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, moments, exponentials, cotangent):
    """Return sum_if cotangent_if dG_if/dR, (N, 3)."""
    n_el, n_rad, n_ang, order = sizes
    power, degree, weight = monomials(order)
    below, axis, above, count = _lower(power)
    n_atoms, n_mono, n_low = len(first) - 1, len(degree), order * (order + 1) * (order + 2) // 6
    out = np.zeros((n_atoms, 3))
    W, t, own = np.empty((n_el * n_ang, n_mono)), np.empty((len(pairs), order + 1)), np.empty((n_el, n_ang, n_ang))
    p, v, beta, u = np.empty(n_mono), np.empty(n_mono), np.empty(3), np.empty(3)
    g, g1 = np.empty(n_rad + n_ang), np.empty(n_rad + n_ang)
    for i in range(n_atoms):
        _to_products(cotangent[i, n_el * n_rad :], angular_map, t)
        _expand(t, moments[i], pairs, degree, weight, W)
        _self_weight(t, pairs, n_ang, own)
        for e in range(first[i], first[i + 1]):
            j = index[e]
            s = channels[j]
            r = _shell(vectors[e], cutoff, gaussians, u, exponentials[e], g, g1, True)
            _fill(u, below, axis, p)
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

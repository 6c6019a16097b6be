"""Numba kernels of the symmetry functions, continued: changes along a displacement of the atoms (see `_moments`)."""

import numpy as np

from electrode.physics._moments import (
    _angles,
    _bend,
    _contract,
    _expand,
    _finish,
    _jit,
    _radial,
    _self_weight,
    _to_products,
    _unit,
    monomials,
)


@_jit
def _turn(d_t, u, r, u_t):
    """Fill u_t, the change of the unit vector, and return that of the distance."""
    r_t = u[0] * d_t[0] + u[1] * d_t[1] + u[2] * d_t[2]
    for c in range(3):
        u_t[c] = (d_t[c] - u[c] * r_t) / r
    return r_t


@_jit
def _moments_along(i, first, index, vectors, channels, n_rad, n_ang, cutoff, gaussians, power, q, displacement, M, M_t, own_t, radial_t):
    """Fill the moments M of atom i and the changes of the moments, of the terms j = k and of the radial functions."""
    g, u, d_t, u_t = np.empty((3, len(gaussians))), np.empty(3), np.empty(3), np.empty(3)
    p, p1 = np.empty(len(power)), np.empty((len(power), 3))
    M[:], M_t[:], own_t[:], radial_t[:] = 0.0, 0.0, 0.0, 0.0
    for e in range(first[i], first[i + 1]):
        j = index[e]
        s = channels[j]
        r = _unit(vectors[e], u)
        for c in range(3):
            d_t[c] = displacement[j, c] - displacement[i, c]
        r_t = _turn(d_t, u, r, u_t)
        _radial(r, cutoff, gaussians, g, 1)
        _angles(u, power, q, p, p1)
        for k in range(n_rad):
            radial_t[s * n_rad + k] += g[1, k] * r_t
        for k in range(n_ang):
            gk, gk_t = g[0, n_rad + k], g[1, n_rad + k] * r_t
            for m in range(len(power)):
                M[s * n_ang + k, m] += gk * p[m]
                M_t[s * n_ang + k, m] += gk_t * p[m] + gk * (p1[m, 0] * u_t[0] + p1[m, 1] * u_t[1] + p1[m, 2] * u_t[2])
            for l in range(n_ang):
                own_t[s, k, l] += gk_t * g[0, n_rad + l] + gk * g[1, n_rad + l] * r_t


@_jit
def push(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, displacement):
    """Return the change of the symmetry functions along a displacement, (N, F)."""
    n_el, n_rad, n_ang, order = sizes
    power, degree, weight = monomials(order)
    n_atoms, n_mono = len(first) - 1, len(degree)
    out = np.zeros((n_atoms, n_el * n_rad + len(pairs) * len(angular_map)))
    q = np.empty((order + 1, 3))
    M, M_t = np.empty((n_el * n_ang, n_mono)), np.empty((n_el * n_ang, n_mono))
    T, T2 = np.empty((len(pairs), order + 1)), np.empty((len(pairs), order + 1))
    own_t = np.empty((n_el, n_ang, n_ang))
    for i in range(n_atoms):
        _moments_along(
            i, first, index, vectors, channels, n_rad, n_ang, cutoff, gaussians, power, q, displacement,
            M, M_t, own_t, out[i, : n_el * n_rad],
        )  # fmt: skip
        _contract(M, M_t, pairs, degree, weight, T)
        _contract(M_t, M, pairs, degree, weight, T2)
        _finish(T + T2, own_t, pairs, n_ang, angular_map, out[i, n_el * n_rad :])
    return out


@_jit
def _own_along(own, s, g, n_rad, n_ang):
    """Return the first and second radial derivative of the terms j = k of one neighbour."""
    first, second = 0.0, 0.0
    for k in range(n_ang):
        for l in range(n_ang):
            a, b = n_rad + k, n_rad + l
            first += own[s, k, l] * (g[1, a] * g[0, b] + g[0, a] * g[1, b])
            second += own[s, k, l] * (g[2, a] * g[0, b] + 2.0 * g[1, a] * g[1, b] + g[0, a] * g[2, b])
    return first, second


@_jit
def _pair_along(s, r, r_t, u, u_t, g, p, p1, p2, W, W_t, n_rad, n_ang, radial, radial_t, out):
    """Fill out with the change of one neighbour's force; `radial` is the slope already gathered, `radial_t` its change."""
    beta, beta_t = np.zeros(3), np.zeros(3)
    for m in range(len(p)):
        v, v1, v_t, v1_t = 0.0, 0.0, 0.0, 0.0
        for k in range(n_ang):
            w, w_t = W[s * n_ang + k, m], W_t[s * n_ang + k, m]
            g0, g1, g2 = g[0, n_rad + k], g[1, n_rad + k], g[2, n_rad + k]
            v += w * g0
            v1 += w * g1
            v_t += w_t * g0 + w * g1 * r_t
            v1_t += w_t * g1 + w * g2 * r_t
        radial += v1 * p[m]
        radial_t += v1_t * p[m] + v1 * (p1[m, 0] * u_t[0] + p1[m, 1] * u_t[1] + p1[m, 2] * u_t[2])
        for c in range(3):
            beta[c] += v * p1[m, c]
            beta_t[c] += v_t * p1[m, c] + v * p2[m, c]
    ub = u[0] * beta[0] + u[1] * beta[1] + u[2] * beta[2]
    ub_t = u_t[0] * beta[0] + u_t[1] * beta[1] + u_t[2] * beta[2] + u[0] * beta_t[0] + u[1] * beta_t[1] + u[2] * beta_t[2]
    radial -= ub / r
    radial_t += ub * r_t / (r * r) - ub_t / r
    for c in range(3):
        out[c] = u_t[c] * radial + u[c] * radial_t + beta_t[c] / r - beta[c] * r_t / (r * r)


@_jit
def pull_along(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, cotangent, displacement):
    """Return the derivative of `pull(cotangent)` along a displacement, (N, 3)."""
    n_el, n_rad, n_ang, order = sizes
    power, degree, weight = monomials(order)
    n_atoms, n_mono = len(first) - 1, len(degree)
    out = np.zeros((n_atoms, 3))
    g, u, q = np.empty((3, n_rad + n_ang)), np.empty(3), np.empty((order + 1, 3))
    d_t, u_t, x = np.empty(3), np.empty(3), np.empty(3)
    p, p1, p2 = np.empty(n_mono), np.empty((n_mono, 3)), np.empty((n_mono, 3))
    M, M_t = np.empty((n_el * n_ang, n_mono)), np.empty((n_el * n_ang, n_mono))
    W, W_t = np.empty_like(M), np.empty_like(M)
    t, own, own_t = np.empty((len(pairs), order + 1)), np.empty((n_el, n_ang, n_ang)), np.empty((n_el, n_ang, n_ang))
    unused = np.empty(n_el * n_rad)
    for i in range(n_atoms):
        _moments_along(
            i, first, index, vectors, channels, n_rad, n_ang, cutoff, gaussians, power, q, displacement,
            M, M_t, own_t, unused,
        )  # fmt: skip
        _to_products(cotangent[i, n_el * n_rad :], angular_map, t)
        _expand(t, M, pairs, degree, weight, W)
        _expand(t, M_t, pairs, degree, weight, W_t)
        _self_weight(t, pairs, n_ang, own)
        for e in range(first[i], first[i + 1]):
            j = index[e]
            s = channels[j]
            r = _unit(vectors[e], u)
            for c in range(3):
                d_t[c] = displacement[j, c] - displacement[i, c]
            r_t = _turn(d_t, u, r, u_t)
            _radial(r, cutoff, gaussians, g, 2)
            _angles(u, power, q, p, p1)
            _bend(power, q, u_t, p2)
            slope, bend = _own_along(own, s, g, n_rad, n_ang)
            for k in range(n_rad):
                slope += cotangent[i, s * n_rad + k] * g[1, k]
                bend += cotangent[i, s * n_rad + k] * g[2, k]
            _pair_along(s, r, r_t, u, u_t, g, p, p1, p2, W, W_t, n_rad, n_ang, slope, bend * r_t, x)
            for c in range(3):
                out[j, c] += x[c]
                out[i, c] -= x[c]
    return out

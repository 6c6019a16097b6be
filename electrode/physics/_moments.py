"""Numba kernels of the symmetry functions: moments of the neighbours, their products, and the derivatives of both.

Names inside: d vector and r distance to a neighbour, u = d/r; g, g1, g2 a radial function and its derivatives; p, p1, p2
the monomials of u, their gradient, and their second derivative along a direction; M[row, monomial] the moments of an atom,
W the derivative of the contracted features with respect to M.  A dot over a symbol is written `_t` (tangent).
"""

import math

import numpy as np

from electrode.physics._compiled import compiled

_jit = compiled(fastmath=True, error_model="numpy")


def listed_monomials(order):
    """Return exponents (n, 3), degree (n,) and multinomial weight (n,) of all monomials up to `order`."""
    n = (order + 1) * (order + 2) * (order + 3) // 6
    power = np.zeros((n, 3), np.int64)
    degree = np.zeros(n, np.int64)
    weight = np.ones(n)
    m = 0
    for l in range(order + 1):
        for a in range(l, -1, -1):
            for b in range(l - a, -1, -1):
                power[m, 0], power[m, 1], power[m, 2], degree[m] = a, b, l - a - b, l
                weight[m] = math.gamma(l + 1.0) / (math.gamma(a + 1.0) * math.gamma(b + 1.0) * math.gamma(l - a - b + 1.0))
                m += 1
    return power, degree, weight


monomials = _jit(listed_monomials)


@_jit
def _radial(r, cutoff, gaussians, g, derivatives):
    """Fill g[0] = exp(-eta (r-c)^2) fc(r) and, as asked, its first and second derivative g[1], g[2]."""
    w = math.pi / cutoff
    c, s = math.cos(w * r), math.sin(w * r)
    f = 0.25 * (1.0 + c) ** 2
    f1 = -0.5 * w * s * (1.0 + c)
    f2 = 0.5 * w * w * (s * s - c * (1.0 + c))
    for k in range(len(gaussians)):
        x = r - gaussians[k, 0]
        a = gaussians[k, 1]
        e = math.exp(-a * x * x)
        g[0, k] = e * f
        if derivatives > 0:
            g[1, k] = e * (f1 - 2.0 * a * x * f)
        if derivatives > 1:
            g[2, k] = e * (f2 - 4.0 * a * x * f1 + (4.0 * a * a * x * x - 2.0 * a) * f)


@_jit
def _angles(u, power, q, p, p1):
    """Fill the monomials p of u and their gradient p1, given work space q (order+1, 3) for powers."""
    for c in range(3):
        q[0, c] = 1.0
        for l in range(1, len(q)):
            q[l, c] = q[l - 1, c] * u[c]
    for m in range(len(power)):
        a, b, c = power[m]
        p[m] = q[a, 0] * q[b, 1] * q[c, 2]
        p1[m, 0] = a * q[a - 1, 0] * q[b, 1] * q[c, 2] if a > 0 else 0.0
        p1[m, 1] = b * q[a, 0] * q[b - 1, 1] * q[c, 2] if b > 0 else 0.0
        p1[m, 2] = c * q[a, 0] * q[b, 1] * q[c - 1, 2] if c > 0 else 0.0


@_jit
def _bend(power, q, v, p2):
    """Fill p2 = (second derivative of the monomials) v, with the powers q left by `_angles`."""
    for m in range(len(power)):
        a, b, c = power[m]
        x, y, z = q[a, 0], q[b, 1], q[c, 2]
        x1 = a * q[a - 1, 0] if a > 0 else 0.0
        y1 = b * q[b - 1, 1] if b > 0 else 0.0
        z1 = c * q[c - 1, 2] if c > 0 else 0.0
        xx = a * (a - 1) * q[a - 2, 0] * y * z if a > 1 else 0.0
        yy = b * (b - 1) * q[b - 2, 1] * x * z if b > 1 else 0.0
        zz = c * (c - 1) * q[c - 2, 2] * x * y if c > 1 else 0.0
        p2[m, 0] = xx * v[0] + x1 * y1 * z * v[1] + x1 * y * z1 * v[2]
        p2[m, 1] = x1 * y1 * z * v[0] + yy * v[1] + x * y1 * z1 * v[2]
        p2[m, 2] = x1 * y * z1 * v[0] + x * y1 * z1 * v[1] + zz * v[2]


@_jit
def _unit(d, u):
    r = math.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
    for c in range(3):
        u[c] = d[c] / r
    return r


@_jit
def _contract(x, y, pairs, degree, weight, out):
    """Fill out[pair, l] = sum over monomials m of degree l of weight_m x[first, m] y[second, m]."""
    for k in range(len(pairs)):
        a, b = pairs[k]
        out[k, :] = 0.0
        for m in range(len(degree)):
            out[k, degree[m]] += weight[m] * x[a, m] * y[b, m]


@_jit
def _expand(t, x, pairs, degree, weight, out):
    """Fill out = d/dM of sum t[pair, l] (M[first] . M[second])_l at M = x, which is linear in x."""
    out[:] = 0.0
    for k in range(len(pairs)):
        a, b = pairs[k]
        for m in range(len(degree)):
            c = t[k, degree[m]] * weight[m]
            out[a, m] += c * x[b, m]
            out[b, m] += c * x[a, m]


@_jit
def _self_weight(t, pairs, n_angular, out):
    """Fill out[element, m, m'] with minus the weight of the terms j = k, where cos theta is one."""
    out[:] = 0.0
    for k in range(len(pairs)):
        a, b = pairs[k]
        if a // n_angular == b // n_angular:
            for l in range(t.shape[1]):
                out[a // n_angular, a % n_angular, b % n_angular] -= t[k, l]


@_jit
def _finish(T, own, pairs, n_ang, angular_map, out):
    """Turn moment products into G5, the terms j = k taken off."""
    n_g5, n_l = angular_map.shape
    for k in range(len(pairs)):
        a, b = pairs[k]
        same = own[a // n_ang, a % n_ang, b % n_ang] if a // n_ang == b // n_ang else 0.0
        for z in range(n_g5):
            x = 0.0
            for l in range(n_l):
                x += angular_map[z, l] * (T[k, l] - same)
            out[k * n_g5 + z] = x


@_jit
def _moments_of(i, first, index, vectors, channels, n_rad, n_ang, cutoff, gaussians, power, q, M):
    """Fill the moments M of atom i."""
    g, u = np.empty((3, len(gaussians))), np.empty(3)
    p, p1 = np.empty(len(power)), np.empty((len(power), 3))
    M[:] = 0.0
    for e in range(first[i], first[i + 1]):
        s = channels[index[e]]
        r = _unit(vectors[e], u)
        _radial(r, cutoff, gaussians, g, 0)
        _angles(u, power, q, p, p1)
        for k in range(n_ang):
            for m in range(len(power)):
                M[s * n_ang + k, m] += g[0, n_rad + k] * p[m]


@_jit
def _to_products(cotangent, angular_map, t):
    """Fill t[pair, l], the weight of each moment product, from the weights of G5."""
    n_g5, n_l = angular_map.shape
    for k in range(len(t)):
        for l in range(n_l):
            x = 0.0
            for z in range(n_g5):
                x += angular_map[z, l] * cotangent[k * n_g5 + z]
            t[k, l] = x

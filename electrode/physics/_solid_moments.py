"""Numba kernels of the power spectrum: moments in solid harmonics, their products, and the derivatives of both.

A neighbour at d = (x, y, z) adds h_nl(s) S_lm(d) to the moments M of its atom, with s = d.d, so that no square root is
needed.  The solid harmonics S are r^l P_l^m(cos theta) [cos, sin](m phi)/(l + m)!, whose gradients are sums of two of degree l-1:

    2 dS_l^m/dx = S_{l-1}^{m-1} - S_{l-1}^{m+1},   2 dS_l^m/dy = i (S_{l-1}^{m-1} + S_{l-1}^{m+1}),   dS_l^m/dz = S_{l-1}^m

(complex S; real and imaginary parts are stored).  A dot over a symbol is written `_t` (tangent); W is the derivative of the
contracted features with respect to M; `table` holds h, column n (L+1) + l, as polynomials on equal steps of s.
"""

import numpy as np

from electrode.physics._moments import _contract, _expand, _jit


@_jit
def _radial(s, start, step, table, h, derivatives):
    """Fill h[0] with the radial functions and, as asked, h[1] and h[2] with their derivatives in s."""
    k = min(max(int((s - start) / step), 0), len(table) - 1)
    t = s - start - k * step
    c = table[k]
    for a in range(h.shape[1]):
        h[0, a] = c[0, a] + t * (c[1, a] + t * (c[2, a] + t * (c[3, a] + t * (c[4, a] + t * c[5, a]))))
    if derivatives > 0:
        for a in range(h.shape[1]):
            h[1, a] = c[1, a] + t * (2.0 * c[2, a] + t * (3.0 * c[3, a] + t * (4.0 * c[4, a] + t * 5.0 * c[5, a])))
    if derivatives > 1:
        for a in range(h.shape[1]):
            h[2, a] = 2.0 * c[2, a] + t * (6.0 * c[3, a] + t * (12.0 * c[4, a] + t * 20.0 * c[5, a]))


@_jit
def _harmonics(x, y, z, order, S):
    """Fill S[l^2] for m = 0, S[l^2 + 2m - 1] and S[l^2 + 2m] for the real and imaginary part of m > 0; return d.d."""
    s = x * x + y * y + z * z
    S[0] = 1.0
    for l in range(1, order + 1):
        o, p, q = l * l, (l - 1) * (l - 1), (l - 2) * (l - 2)
        for a in range(2 * l - 1):
            m = (a + 1) // 2
            S[o + a] = (2 * l - 1) * z * S[p + a]
            if m < l - 1:
                S[o + a] -= s * S[q + a]
            S[o + a] /= (l - m) * (l + m)
        re, im = S[p + 2 * l - 3] if l > 1 else 1.0, S[p + 2 * l - 2] if l > 1 else 0.0
        S[o + 2 * l - 1] = 0.5 * (x * re - y * im) / l
        S[o + 2 * l] = 0.5 * (x * im + y * re) / l
    return s


@_jit
def _gradient(S, order, out):
    """Fill out (3, (L+1)^2) with the gradients of the harmonics S, of which it is a linear function."""
    out[:, 0] = 0.0
    for l in range(1, order + 1):
        o, p = l * l, (l - 1) * (l - 1)
        for m in range(l + 1):
            low_re = 0.0 if m == 0 else S[p] if m == 1 else S[p + 2 * m - 3]
            low_im = S[p + 2 * m - 2] if m > 1 else 0.0
            high_re, high_im = (S[p + 2 * m + 1], S[p + 2 * m + 2]) if m < l - 1 else (0.0, 0.0)
            if m == 0:
                out[0, o], out[1, o], out[2, o] = -high_re, -high_im, S[p]
                continue
            a, b = o + 2 * m - 1, o + 2 * m
            out[0, a], out[0, b] = 0.5 * (low_re - high_re), 0.5 * (low_im - high_im)
            out[1, a], out[1, b] = -0.5 * (low_im + high_im), 0.5 * (low_re + high_re)
            out[2, a], out[2, b] = (S[p + 2 * m - 1], S[p + 2 * m]) if m < l else (0.0, 0.0)


@_jit
def _moments_of(i, first, index, vectors, channels, radial, table, order, n_radial, M):
    """Fill the moments M (element * n_radial + n, lm) of atom i."""
    h, S = np.empty((1, table.shape[2])), np.empty((order + 1) ** 2)
    M[:] = 0.0
    for e in range(first[i], first[i + 1]):
        row = channels[index[e]] * n_radial
        s = _harmonics(vectors[e, 0], vectors[e, 1], vectors[e, 2], order, S)
        _radial(s, radial[0], radial[1], table, h, 0)
        for n in range(n_radial):
            for l in range(order + 1):
                value = h[0, n * (order + 1) + l]
                for a in range(l * l, (l + 1) * (l + 1)):
                    M[row + n, a] += value * S[a]


@_jit
def values(first, index, vectors, channels, n_elements, radial, table, pairs, degree, weight):
    """Return the power spectrum, (N, pairs * (L+1))."""
    order, n_atoms = degree[-1], len(first) - 1
    n_radial = table.shape[2] // (order + 1)
    out = np.empty((n_atoms, len(pairs), order + 1))
    M = np.empty((n_elements * n_radial, len(degree)))
    for i in range(n_atoms):
        _moments_of(i, first, index, vectors, channels, radial, table, order, n_radial, M)
        _contract(M, M, pairs, degree, weight, out[i])
    return out.reshape(n_atoms, -1)


@_jit
def _weighted(W, row, h, order, V):
    """Fill V[lm] = sum_n W[row + n, lm] h[n, l]."""
    for l in range(order + 1):
        for a in range(l * l, (l + 1) * (l + 1)):
            V[a] = 0.0
    for n in range(len(h) // (order + 1)):
        for l in range(order + 1):
            value = h[n * (order + 1) + l]
            for a in range(l * l, (l + 1) * (l + 1)):
                V[a] += W[row + n, a] * value


@_jit
def pull(first, index, vectors, channels, n_elements, radial, table, pairs, degree, weight, cotangent):
    """Return sum_if cotangent_if dp_if/dR, (N, 3)."""
    order, n_atoms, size = degree[-1], len(first) - 1, len(degree)
    n_radial = table.shape[2] // (order + 1)
    t = cotangent.reshape(n_atoms, len(pairs), order + 1)
    out, h, S, dS = np.zeros((n_atoms, 3)), np.empty((2, table.shape[2])), np.empty(size), np.empty((3, size))
    M, W = np.empty((n_elements * n_radial, size)), np.empty((n_elements * n_radial, size))
    V, V1 = np.empty(size), np.empty(size)
    for i in range(n_atoms):
        _moments_of(i, first, index, vectors, channels, radial, table, order, n_radial, M)
        _expand(t[i], M, pairs, degree, weight, W)
        for e in range(first[i], first[i + 1]):
            j, d = index[e], vectors[e]
            s = _harmonics(d[0], d[1], d[2], order, S)
            _gradient(S, order, dS)
            _radial(s, radial[0], radial[1], table, h, 1)
            _weighted(W, channels[j] * n_radial, h[0], order, V)
            _weighted(W, channels[j] * n_radial, h[1], order, V1)
            along = 2.0 * _dot(S, V1)
            for c in range(3):
                x = d[c] * along + _dot(dS[c], V)
                out[j, c] += x
                out[i, c] -= x
    return out


@_jit
def _dot(a, b):
    x = 0.0
    for k in range(len(a)):
        x += a[k] * b[k]
    return x

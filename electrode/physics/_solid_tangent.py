"""Numba kernels of the power spectrum, continued: changes along a displacement of the atoms (see `_solid_moments`)."""

import numpy as np

from electrode.physics._moments import _contract, _expand, _jit
from electrode.physics._solid_moments import _gradient, _harmonics, _radial


@_jit
def _harmonics_along(d, d_t, order, S, dS, S_t):
    """Fill the harmonics, their gradients and their changes; return s = d.d and its change."""
    s = _harmonics(d[0], d[1], d[2], order, S)
    _gradient(S, order, dS)
    for a in range(len(S)):
        S_t[a] = dS[0, a] * d_t[0] + dS[1, a] * d_t[1] + dS[2, a] * d_t[2]
    return s, 2.0 * (d[0] * d_t[0] + d[1] * d_t[1] + d[2] * d_t[2])


@_jit
def _moments_along(i, first, index, vectors, channels, radial, table, order, n_radial, displacement, M, M_t):
    """Fill the moments M of atom i and their changes."""
    size = M.shape[1]
    h, S, S_t, dS, d_t = np.empty((2, table.shape[2])), np.empty(size), np.empty(size), np.empty((3, size)), np.empty(3)
    M[:], M_t[:] = 0.0, 0.0
    for e in range(first[i], first[i + 1]):
        j = index[e]
        row = channels[j] * n_radial
        for c in range(3):
            d_t[c] = displacement[j, c] - displacement[i, c]
        s, s_t = _harmonics_along(vectors[e], d_t, order, S, dS, S_t)
        _radial(s, radial[0], radial[1], table, h, 1)
        for n in range(n_radial):
            for l in range(order + 1):
                value = h[0, n * (order + 1) + l]
                value_t = h[1, n * (order + 1) + l] * s_t
                for a in range(l * l, (l + 1) * (l + 1)):
                    M[row + n, a] += value * S[a]
                    M_t[row + n, a] += value * S_t[a] + value_t * S[a]


@_jit
def push(first, index, vectors, channels, n_elements, radial, table, pairs, degree, weight, displacement):
    """Return the change of the power spectrum along a displacement, (N, pairs * (L+1))."""
    order, n_atoms = degree[-1], len(first) - 1
    n_radial = table.shape[2] // (order + 1)
    out, other = np.empty((n_atoms, len(pairs), order + 1)), np.empty((len(pairs), order + 1))
    M, M_t = np.empty((n_elements * n_radial, len(degree))), np.empty((n_elements * n_radial, len(degree)))
    for i in range(n_atoms):
        _moments_along(i, first, index, vectors, channels, radial, table, order, n_radial, displacement, M, M_t)
        _contract(M, M_t, pairs, degree, weight, out[i])
        _contract(M_t, M, pairs, degree, weight, other)
        out[i] += other
    return out.reshape(n_atoms, -1)


@_jit
def _weighted_along(W, W_t, row, h, s_t, order, work):
    """Fill work (4, (L+1)^2) with V = sum_n W h, its change, V1 = sum_n W dh/ds and its change."""
    work[:] = 0.0
    for n in range(h.shape[1] // (order + 1)):
        for l in range(order + 1):
            k = n * (order + 1) + l
            h0, h1, h1_t, h2_t = h[0, k], h[1, k], h[1, k] * s_t, h[2, k] * s_t
            for a in range(l * l, (l + 1) * (l + 1)):
                w, w_t = W[row + n, a], W_t[row + n, a]
                work[0, a] += w * h0
                work[1, a] += w_t * h0 + w * h1_t
                work[2, a] += w * h1
                work[3, a] += w_t * h1 + w * h2_t


@_jit
def _pair_along(d, d_t, order, S, S_t, dS, dS_t, work, out):
    """Fill out with the change of one neighbour's force, d 2 S.V1 + dS.V, given `work` of `_weighted_along`."""
    _gradient(S_t, order, dS_t)
    along, along_t = 0.0, 0.0
    out[:] = 0.0
    for a in range(len(S)):
        v, v_t, v1, v1_t = work[0, a], work[1, a], work[2, a], work[3, a]
        along += S[a] * v1
        along_t += S_t[a] * v1 + S[a] * v1_t
        out[0] += dS_t[0, a] * v + dS[0, a] * v_t
        out[1] += dS_t[1, a] * v + dS[1, a] * v_t
        out[2] += dS_t[2, a] * v + dS[2, a] * v_t
    for c in range(3):
        out[c] += 2.0 * (d_t[c] * along + d[c] * along_t)


@_jit
def pull_along(first, index, vectors, channels, n_elements, radial, table, pairs, degree, weight, cotangent, displacement):
    """Return the derivative of `pull(cotangent)` along a displacement, (N, 3)."""
    order, n_atoms, size = degree[-1], len(first) - 1, len(degree)
    n_radial = table.shape[2] // (order + 1)
    t = cotangent.reshape(n_atoms, len(pairs), order + 1)
    out, h, S, S_t, dS = np.zeros((n_atoms, 3)), np.empty((3, table.shape[2])), np.empty(size), np.empty(size), np.empty((3, size))
    M, M_t = np.empty((n_elements * n_radial, size)), np.empty((n_elements * n_radial, size))
    W, W_t, dS_t, work, d_t, x = np.empty_like(M), np.empty_like(M), np.empty_like(dS), np.empty((4, size)), np.empty(3), np.empty(3)
    for i in range(n_atoms):
        _moments_along(i, first, index, vectors, channels, radial, table, order, n_radial, displacement, M, M_t)
        _expand(t[i], M, pairs, degree, weight, W)
        _expand(t[i], M_t, pairs, degree, weight, W_t)
        for e in range(first[i], first[i + 1]):
            j = index[e]
            for c in range(3):
                d_t[c] = displacement[j, c] - displacement[i, c]
            s, s_t = _harmonics_along(vectors[e], d_t, order, S, dS, S_t)
            _radial(s, radial[0], radial[1], table, h, 2)
            _weighted_along(W, W_t, channels[j] * n_radial, h, s_t, order, work)
            _pair_along(vectors[e], d_t, order, S, S_t, dS, dS_t, work, x)
            for c in range(3):
                out[j, c] += x[c]
                out[i, c] -= x[c]
    return out

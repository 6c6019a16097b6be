"""Numba kernel of the power spectrum, continued: its whole Jacobian, neighbour by neighbour (see `_solid_moments`).

A displacement of neighbour j changes the moments of its element's rows alone, so that a Jacobian costs as much as some products
with it, and not one product for each coordinate.
"""

import numpy as np

from electrode.physics._moments import _jit
from electrode.physics._solid_moments import _gradient, _harmonics, _moments_of, _radial


@_jit
def _slopes_of_moments(d, h, S, dS, order, weight, D):
    """Fill D[n, c, lm], the slope of one neighbour's share of the moments in its place, times the weights of their products."""
    for n in range(len(D)):
        for l in range(order + 1):
            h0, h1 = h[0, n * (order + 1) + l], 2.0 * h[1, n * (order + 1) + l]
            for c in range(3):
                for a in range(l * l, (l + 1) * (l + 1)):
                    D[n, c, a] = weight[a] * (h0 * dS[c, a] + h1 * d[c] * S[a])


@_jit
def _add(D, M, order, out, row, own, other):
    """Add the slopes of the products D . M of each degree to the columns of the neighbour and of the atom itself."""
    for l in range(order + 1):
        for c in range(3):
            x = 0.0
            for a in range(l * l, (l + 1) * (l + 1)):
                x += D[c, a] * M[a]
            out[row + l, other + c] += x
            out[row + l, own + c] -= x


@_jit
def jacobian(first, index, vectors, channels, n_elements, radial, table, pairs, degree, weight, n):
    """Return dp_if/dR of atoms in systems of n, (N, F, 3n), the columns those of each atom's own system."""
    order, n_atoms, size = degree[-1], len(first) - 1, len(degree)
    n_radial = table.shape[2] // (order + 1)
    out = np.zeros((n_atoms, len(pairs) * (order + 1), 3 * n))
    h, S, dS = np.empty((2, table.shape[2])), np.empty(size), np.empty((3, size))
    M, D = np.empty((n_elements * n_radial, size)), np.empty((n_radial, 3, size))
    for i in range(n_atoms):
        own = 3 * (i % n)
        _moments_of(i, first, index, vectors, channels, radial, table, order, n_radial, M)
        for e in range(first[i], first[i + 1]):
            s, other, d = channels[index[e]], 3 * (index[e] % n), vectors[e]
            square = _harmonics(d[0], d[1], d[2], order, S)
            _gradient(S, order, dS)
            _radial(square, radial[0], radial[1], table, h, 1)
            _slopes_of_moments(d, h, S, dS, order, weight, D)
            for k in range(len(pairs)):
                a, b = pairs[k]
                if a // n_radial == s:
                    _add(D[a % n_radial], M[b], order, out[i], k * (order + 1), own, other)
                if b // n_radial == s:
                    _add(D[b % n_radial], M[a], order, out[i], k * (order + 1), own, other)
    return out

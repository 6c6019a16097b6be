"""Numba kernel of the symmetry functions, continued: their whole Jacobian, neighbour by neighbour (see `_moments`).

A displacement of neighbour j changes the moments M of its element's rows alone, so that a Jacobian costs about as much as a few
products with it, and not one product for each coordinate.
"""

import numpy as np

from electrode.physics._moments import _angles, _jit, _moments_of, _radial, _unit, monomials


@_jit
def _slopes_of_moments(r, u, g, n_rad, n_ang, p, p1, out):
    """Fill out[k, m, c], the slope of one neighbour's share of the moments in its place."""
    for m in range(len(p)):
        along = u[0] * p1[m, 0] + u[1] * p1[m, 1] + u[2] * p1[m, 2]
        for c in range(3):
            turn = (p1[m, c] - u[c] * along) / r
            for k in range(n_ang):
                out[k, m, c] = g[1, n_rad + k] * p[m] * u[c] + g[0, n_rad + k] * turn


@_jit
def _slopes_of_pair(a, b, s, n_ang, M, D, degree, weight, out):
    """Fill out[l, c], the slope of the product of moment rows a and b, one or both of element s."""
    out[:] = 0.0
    for m in range(len(degree)):
        for c in range(3):
            x = 0.0
            if a // n_ang == s:
                x += D[a % n_ang, m, c] * M[b, m]
            if b // n_ang == s:
                x += D[b % n_ang, m, c] * M[a, m]
            out[degree[m], c] += weight[m] * x


@_jit
def _add_pair(first, angular_map, T, same, u, out, own, other):
    """Add the slopes of the angular functions from `first` on to the columns of the neighbour and of the atom itself."""
    for z in range(len(angular_map)):
        for c in range(3):
            x = 0.0
            for l in range(angular_map.shape[1]):
                x += angular_map[z, l] * (T[l, c] - same * u[c])
            out[first + z, other + c] += x
            out[first + z, own + c] -= x


@_jit
def jacobian(first, index, vectors, channels, sizes, cutoff, gaussians, pairs, angular_map, n):
    """Return dG_if/dR of atoms in systems of n, (N, F, 3n), the columns those of each atom's own system."""
    n_el, n_rad, n_ang, order = sizes
    power, degree, weight = monomials(order)
    n_atoms, n_mono, n_g5 = len(first) - 1, len(degree), len(angular_map)
    out = np.zeros((n_atoms, n_el * n_rad + len(pairs) * n_g5, 3 * n))
    g, u, q, p, p1 = np.empty((3, n_rad + n_ang)), np.empty(3), np.empty((order + 1, 3)), np.empty(n_mono), np.empty((n_mono, 3))
    M, D, T = np.empty((n_el * n_ang, n_mono)), np.empty((n_ang, n_mono, 3)), np.empty((order + 1, 3))
    for i in range(n_atoms):
        own = 3 * (i % n)
        _moments_of(i, first, index, vectors, channels, n_rad, n_ang, cutoff, gaussians, power, q, M)
        for e in range(first[i], first[i + 1]):
            s, other = channels[index[e]], 3 * (index[e] % n)
            r = _unit(vectors[e], u)
            _radial(r, cutoff, gaussians, g, 1)
            _angles(u, power, q, p, p1)
            for k in range(n_rad):
                for c in range(3):
                    out[i, s * n_rad + k, other + c] += g[1, k] * u[c]
                    out[i, s * n_rad + k, own + c] -= g[1, k] * u[c]
            _slopes_of_moments(r, u, g, n_rad, n_ang, p, p1, D)
            for k in range(len(pairs)):
                a, b = pairs[k]
                if a // n_ang != s != b // n_ang:
                    continue
                _slopes_of_pair(a, b, s, n_ang, M, D, degree, weight, T)
                x, y = n_rad + a % n_ang, n_rad + b % n_ang
                same = g[1, x] * g[0, y] + g[0, x] * g[1, y] if a // n_ang == b // n_ang else 0.0
                _add_pair(n_el * n_rad + k * n_g5, angular_map, T, same, u, out[i], own, other)
    return out

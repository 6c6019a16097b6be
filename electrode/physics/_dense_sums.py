"""Kernels of dense sums over pairs: Gaussians in open space, the near part and the waves of an Ewald sum.

Only numbers that differ from their limits are computed: erf(x) is 1 beyond x = 5.9 to the last digit.  Matrices are
filled in tiles, so that both triangles are written within the cache.
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled

_SQRT_PI = math.sqrt(math.pi)
_SERIES = 4e-4  # x^2 below which erf(x)/x is summed as a series
_ONE = 35.0  # x^2 beyond which erf(x) is 1
_TILE = 64


@compiled()
def smeared(square, spread):
    """Return erf(x)/r and its slope over r for r^2 and spread = 2 (sigma_i^2 + sigma_j^2), x = r/sqrt(spread); inf for points that meet."""
    if square == 0.0 and spread == 0.0:
        return np.inf, 0.0
    if square > _ONE * spread:
        f = 1.0 / math.sqrt(square)
        return f, -f / square
    x2, gamma = square / spread, 1.0 / math.sqrt(spread)
    if x2 < _SERIES:
        f = 2.0 * gamma / _SQRT_PI * (1.0 - x2 / 3.0 + x2 * x2 / 10.0)
        return f, 2.0 * gamma / (_SQRT_PI * spread) * (-2.0 / 3.0 + 0.4 * x2 - x2 * x2 / 7.0)
    f = math.erf(math.sqrt(x2)) / math.sqrt(square)
    return f, (2.0 * gamma / _SQRT_PI * math.exp(-x2) - f) / square


@compiled()
def open_matrix(positions, sigma, matrix):
    """Write erf(gamma r)/r, and the own interaction of Gaussians on the diagonal."""
    n = len(positions)
    for a in range(0, n, _TILE):
        for b in range(0, a + 1, _TILE):
            for i in range(a, min(a + _TILE, n)):
                x, y, z, own = positions[i, 0], positions[i, 1], positions[i, 2], 2.0 * sigma[i] * sigma[i]
                for j in range(b, min(b + _TILE, i)):
                    d0, d1, d2 = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
                    square, spread = d0 * d0 + d1 * d1 + d2 * d2, own + 2.0 * sigma[j] * sigma[j]
                    if square > _ONE * spread:
                        f = 1.0 / math.sqrt(square)
                    elif square > _SERIES * spread:
                        f = math.erf(math.sqrt(square / spread)) / math.sqrt(square)
                    else:
                        f, _ = smeared(square, spread)
                    matrix[i, j] = f
                    matrix[j, i] = f
    for i in range(n):
        matrix[i, i] = 1.0 / (_SQRT_PI * sigma[i]) if sigma[i] > 0.0 else 0.0


@compiled()
def open_slopes(positions, sigma, charges, slopes):
    """Add the gradient of q.A.q/2."""
    n = len(positions)
    for i in range(n):
        x, y, z, own = positions[i, 0], positions[i, 1], positions[i, 2], 2.0 * sigma[i] * sigma[i]
        g0, g1, g2 = 0.0, 0.0, 0.0
        for j in range(i):
            d0, d1, d2 = positions[j, 0] - x, positions[j, 1] - y, positions[j, 2] - z
            square, spread = d0 * d0 + d1 * d1 + d2 * d2, own + 2.0 * sigma[j] * sigma[j]
            if square > _ONE * spread:
                slope = -1.0 / (square * math.sqrt(square))
            else:
                _, slope = smeared(square, spread)
            s = charges[i] * charges[j] * slope
            g0 += s * d0
            g1 += s * d1
            g2 += s * d2
            slopes[j, 0] += s * d0
            slopes[j, 1] += s * d1
            slopes[j, 2] += s * d2
        slopes[i, 0] -= g0
        slopes[i, 1] -= g1
        slopes[i, 2] -= g2


@compiled()
def _screened(square, alpha, spread):
    """Return f = [erf(gamma r) - erf(alpha r)]/r and f'/r."""
    r, x2 = math.sqrt(square), alpha * alpha * square
    f, bells = math.erfc(alpha * r) / r, -alpha * math.exp(-x2)
    if square < _ONE * spread:
        gamma = 1.0 / math.sqrt(spread)
        f -= math.erfc(gamma * r) / r
        bells += gamma * math.exp(-square / spread)
    return f, (2.0 / _SQRT_PI * bells - f) / square


@compiled()
def _nearest(fractional, cell, i, j):
    """Return the vector from i to an image of j within half of each cell vector."""
    d0, d1, d2 = 0.0, 0.0, 0.0
    for k in range(3):
        part = fractional[j, k] - fractional[i, k]
        part -= np.rint(part)
        d0 += part * cell[k, 0]
        d1 += part * cell[k, 1]
        d2 += part * cell[k, 2]
    return d0, d1, d2


@compiled()
def near_matrix(fractional, cell, images, lengths, sigma, alpha, reach, matrix):
    """Add the near part to the lower triangle; images sorted by their lengths, reach (x where erfc is cut) over alpha or gamma."""
    n = len(fractional)
    for a in range(0, n, _TILE):
        for b in range(0, a + 1, _TILE):
            for i in range(a, min(a + _TILE, n)):
                for j in range(b, min(b + _TILE, i + 1)):
                    d0, d1, d2 = _nearest(fractional, cell, i, j)
                    spread = 2.0 * (sigma[i] * sigma[i] + sigma[j] * sigma[j])
                    cutoff = reach * max(1.0 / alpha, math.sqrt(spread))
                    far, v = cutoff + math.sqrt(d0 * d0 + d1 * d1 + d2 * d2), 0.0
                    for m in range(len(images)):
                        if lengths[m] > far:
                            break
                        x, y, z = d0 + images[m, 0], d1 + images[m, 1], d2 + images[m, 2]
                        square = x * x + y * y + z * z
                        if 1e-18 < square < cutoff * cutoff:
                            r = math.sqrt(square)
                            v += math.erfc(alpha * r) / r
                            if square < _ONE * spread:
                                v -= math.erfc(r / math.sqrt(spread)) / r
                        elif square <= 1e-18:
                            own = 1.0 / math.sqrt(spread) if spread > 0.0 else 0.0 if i == j else np.inf
                            v += 2.0 / _SQRT_PI * (own - alpha)
                    matrix[i, j] += v


@compiled()
def near_slopes(fractional, cell, images, lengths, sigma, alpha, reach, charges, slopes):
    """Add the gradient of q.A.q/2 of the near part."""
    n = len(fractional)
    for i in range(n):
        g0, g1, g2 = 0.0, 0.0, 0.0
        for j in range(i):
            d0, d1, d2 = _nearest(fractional, cell, i, j)
            spread = 2.0 * (sigma[i] * sigma[i] + sigma[j] * sigma[j])
            cutoff = reach * max(1.0 / alpha, math.sqrt(spread))
            far = cutoff + math.sqrt(d0 * d0 + d1 * d1 + d2 * d2)
            s0, s1, s2 = 0.0, 0.0, 0.0
            for m in range(len(images)):
                if lengths[m] > far:
                    break
                x, y, z = d0 + images[m, 0], d1 + images[m, 1], d2 + images[m, 2]
                square = x * x + y * y + z * z
                if square < cutoff * cutoff:
                    _, slope = _screened(square, alpha, spread)
                    s0 += slope * x
                    s1 += slope * y
                    s2 += slope * z
            pair = charges[i] * charges[j]
            g0 += pair * s0
            g1 += pair * s1
            g2 += pair * s2
            slopes[j, 0] += pair * s0
            slopes[j, 1] += pair * s1
            slopes[j, 2] += pair * s2
        slopes[i, 0] -= g0
        slopes[i, 1] -= g1
        slopes[i, 2] -= g2


@compiled()
def mirror(matrix):
    """Copy the lower triangle to the upper one."""
    n = len(matrix)
    for a in range(0, n, _TILE):
        for b in range(0, a + 1, _TILE):
            for i in range(a, min(a + _TILE, n)):
                for j in range(b, min(b + _TILE, i)):
                    matrix[j, i] = matrix[i, j]


@compiled()
def wave_phases(fractional, steps, weights, out):
    """Write weights cos(k.R) and weights sin(k.R) of all charges to the rows 2m and 2m + 1, for k of integer steps (K, 3)."""
    n = len(fractional)
    most = np.array([max(1, np.abs(steps[:, axis]).max()) for axis in range(3)])
    cosine, sine = np.empty((3, most.max() + 1, n)), np.empty((3, most.max() + 1, n))
    for axis in range(3):
        for m in range(most[axis] + 1):
            for i in range(n):
                turn = 2.0 * math.pi * (m * (fractional[i, axis] - np.rint(fractional[i, axis])))
                cosine[axis, m, i], sine[axis, m, i] = math.cos(turn), math.sin(turn)
    for m in range(len(steps)):
        a, b, c = steps[m]
        w, sa, sb, sc = weights[m], np.sign(a), np.sign(b), np.sign(c)
        c0, c1, c2 = cosine[0, abs(a)], cosine[1, abs(b)], cosine[2, abs(c)]
        s0, s1, s2 = sine[0, abs(a)], sine[1, abs(b)], sine[2, abs(c)]
        re, im = out[2 * m], out[2 * m + 1]
        for i in range(n):
            real = c0[i] * c1[i] - sa * sb * s0[i] * s1[i]
            imaginary = sb * c0[i] * s1[i] + sa * s0[i] * c1[i]
            re[i] = w * (real * c2[i] - sc * imaginary * s2[i])
            im[i] = w * (imaginary * c2[i] + sc * real * s2[i])

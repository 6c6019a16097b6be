"""The near part of the particle mesh for many evaluations: kernels without erfc, over the lists of `_pairs`.

A pair at distance r, with gamma = (2 sigma_i^2 + 2 sigma_j^2)^(-1/2), has the potential

    [erf(gamma r) - erf(alpha r)]/r = gamma h(gamma^2 r^2) - alpha h(alpha^2 r^2),    h(y) = erf(sqrt(y))/sqrt(y)

where gamma h = 1/r for gamma r > 6.  h is entire.  Its second use runs over one range for all pairs of a cell and is a polynomial,
of the lowest of three degrees whose error is below a thousandth of what the cutoff leaves out, k_e erfc(alpha r_c)/r_c, or of
the highest (1e-13 alpha k_e for alpha r_c < 5).  Its first use concerns the pairs whose Gaussians overlap and reads a table with
cubic Hermite interpolation in y, step 1/128: errors below 2e-12 of h and 1e-9 of dh/dy.  Forces are the exact derivatives of both.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import erf

from electrode.physics._compiled import compiled

_LENGTHS = (18, 24, 36)  # coefficients, in three tuples: loops short enough for the compiler to unroll
OVERLAP = 36.0  # gamma^2 r^2 beyond which erfc(gamma r) < 2e-17
STEPS = 128  # of the table, for each 1 in y


def _h(y):
    """Return erf(sqrt(y))/sqrt(y)."""
    x = np.sqrt(np.maximum(y, 1e-8))
    return np.where(y < 1e-8, 2.0 / math.sqrt(math.pi) * (1.0 - y / 3.0), erf(x) / x)


def _table() -> np.ndarray:
    """Return h and its derivative times the step, (M, 2)."""
    y = np.arange(int(OVERLAP) * STEPS + 2) / STEPS
    far = np.maximum(y, 0.25)
    slope = (2.0 / math.sqrt(math.pi) * np.exp(-far) - _h(far)) / (2.0 * far)
    series = sum((-1) ** n * n * y ** (n - 1) / (math.factorial(n) * (2 * n + 1)) for n in range(1, 16))
    return np.stack([_h(y), np.where(y < 0.25, 2.0 / math.sqrt(math.pi) * series, slope) / STEPS], axis=1)


TABLE = _table()


def splitting_polynomial(alpha: float, cutoff: float) -> tuple[tuple[float, ...], ...]:
    """Return the coefficients of alpha h(alpha^2 r^2) in t = 2 r^2/r_c^2 - 1, highest first, in three tuples."""
    for length in _LENGTHS:
        found = chebyshev.chebinterpolate(lambda t: alpha * _h(0.5 * (t + 1.0) * (alpha * cutoff) ** 2), length - 1)
        if np.abs(found[-3:]).sum() < 1e-3 * math.erfc(alpha * cutoff) / cutoff:
            break
    falling = tuple(chebyshev.cheb2poly(found)[::-1].tolist())
    third = length // 3
    return falling[:third], falling[third : 2 * third], falling[2 * third :]


@compiled(fastmath=True, error_model="numpy")
def _row(positions, shifts, index, code, i, cutoff, near, d0, d1, d2, square):
    """Write the neighbours of an atom within the cutoff with their vectors and r^2; return their number."""
    x, y, z = positions[i, 0], positions[i, 1], positions[i, 2]
    count, limit = np.uint32(0), cutoff * cutoff
    for k in range(len(index)):
        j, c = np.uint32(index[k]), np.uint32(code[k])  # without a sign there is no check for counting from the end
        u, v, w = positions[j, 0] + shifts[c, 0] - x, positions[j, 1] + shifts[c, 1] - y, positions[j, 2] + shifts[c, 2] - z
        r2 = u * u + v * v + w * w
        d0[count], d1[count], d2[count], square[count] = u, v, w, r2
        near[count] = j
        count += np.uint32(r2 <= limit)
    return int(count)


@compiled(fastmath=True, error_model="numpy")
def _split(square, count, cutoff, terms, f, slope):
    """Write 1/r - alpha h and its derivative over r."""
    rate = 2.0 / (cutoff * cutoff)
    for k in range(count):
        t = square[k] * rate - 1.0
        p, dp = 0.0, 0.0
        for v in terms[0]:
            dp = dp * t + p
            p = p * t + v
        for v in terms[1]:
            dp = dp * t + p
            p = p * t + v
        for v in terms[2]:
            dp = dp * t + p
            p = p * t + v
        inverse = 1.0 / math.sqrt(square[k])
        f[k] = inverse - p
        slope[k] = -inverse * inverse * inverse - 2.0 * rate * dp


@compiled(fastmath=True, error_model="numpy")
def overlap(square, both, table):
    """Return gamma h - 1/r and its derivative over r for r^2 and both = 1/gamma^2."""
    u = square / both * STEPS
    k = int(u)
    u -= k
    a, da, b, db = table[k, 0], table[k, 1], table[k + 1, 0], table[k + 1, 1]
    c2, c3 = 3.0 * (b - a) - 2.0 * da - db, 2.0 * (a - b) + da + db
    value, bend = a + u * (da + u * (c2 + u * c3)), (da + u * (2.0 * c2 + 3.0 * u * c3)) * STEPS
    gamma, inverse = 1.0 / math.sqrt(both), 1.0 / math.sqrt(square)
    return gamma * value - inverse, 2.0 * gamma * bend / both + inverse * inverse * inverse


@compiled(fastmath=True, error_model="numpy")
def near_potentials(positions, shifts, first, index, code, charges, wide, cutoff, terms, table, potentials):
    """Add sum_j q_j [erf(gamma r) - erf(alpha r)]/r; wide = 2 sigma^2."""
    width = np.max(first[1:] - first[:-1]) + 1
    near, d0, d1, d2 = np.empty(width, np.int32), np.empty(width), np.empty(width), np.empty(width)
    square, f, slope = np.empty(width), np.empty(width), np.empty(width)
    for i in range(len(first) - 1):
        count, v = _row(positions, shifts, index[first[i] : first[i + 1]], code[first[i] : first[i + 1]], i, cutoff, near, d0, d1, d2, square), 0.0
        _split(square, count, cutoff, terms, f, slope)
        for k in range(count):
            j = near[k]
            both = wide[i] + wide[j]
            if square[k] < OVERLAP * both:
                f[k] += overlap(square[k], both, table)[0]
            v += charges[j] * f[k]
            potentials[j] += charges[i] * f[k]
        potentials[i] += v


@compiled(fastmath=True, error_model="numpy")
def near_gradients(positions, shifts, first, index, code, charges, wide, cutoff, terms, table, out):
    """Add the gradient of q.phi/2 in the positions to out (N, :3), and the near potentials to out (N, 3)."""
    width = np.max(first[1:] - first[:-1]) + 1
    near, d0, d1, d2 = np.empty(width, np.int32), np.empty(width), np.empty(width), np.empty(width)
    square, f, slope = np.empty(width), np.empty(width), np.empty(width)
    for i in range(len(first) - 1):
        count, v = _row(positions, shifts, index[first[i] : first[i + 1]], code[first[i] : first[i + 1]], i, cutoff, near, d0, d1, d2, square), 0.0
        _split(square, count, cutoff, terms, f, slope)
        g0, g1, g2, own = 0.0, 0.0, 0.0, charges[i]
        for k in range(count):
            j = near[k]
            both = wide[i] + wide[j]
            if square[k] < OVERLAP * both:
                value, bend = overlap(square[k], both, table)
                f[k] += value
                slope[k] += bend
            s = own * charges[j] * slope[k]
            u0, u1, u2 = s * d0[k], s * d1[k], s * d2[k]
            v += charges[j] * f[k]
            g0 += u0
            g1 += u1
            g2 += u2
            row = out[j]
            row[0] += u0
            row[1] += u1
            row[2] += u2
            row[3] += own * f[k]
        out[i, 0] -= g0
        out[i, 1] -= g1
        out[i, 2] -= g2
        out[i, 3] += v

"""Numba kernels of the decaying functions: the plane of each system, and the functions of the height above it (see `decay_functions`)."""

import math

import numpy as np

from electrode.physics._compiled import compiled

_jit = compiled(error_model="numpy")


@_jit
def planes(heights, system, electrode, sharpness, n_systems):
    """Return softmax(beta z) over each system's electrode atoms, (N,), and the mean height that it gives, (S,)."""
    top, total, mean, weights = np.empty(n_systems), np.zeros(n_systems), np.zeros(n_systems), np.zeros(len(heights))
    for s in range(n_systems):
        top[s] = -np.inf
    for i in range(len(heights)):
        if electrode[i]:
            top[system[i]] = max(top[system[i]], heights[i])
    for i in range(len(heights)):
        if electrode[i]:
            weights[i] = math.exp(sharpness * (heights[i] - top[system[i]]))
            total[system[i]] += weights[i]
    for i in range(len(heights)):
        weights[i] /= total[system[i]]
        mean[system[i]] += weights[i] * heights[i]
    return weights, mean


@_jit
def functions_of_height(height, kappa, width):
    """Return the functions and two derivatives, (N, K) each, at heights above the plane (N,).

    The exponent is a ramp m that follows max(h, 0) and bends smoothly within half the width, m'' the slope of the switch; so m has three
    continuous derivatives.
    """
    d, d1, d2 = np.empty((len(height), len(kappa))), np.empty((len(height), len(kappa))), np.empty((len(height), len(kappa)))
    for i in range(len(height)):
        h = height[i]
        x = min(max(h / width + 0.5, 0.0), 1.0)
        s, s1, s2 = x**3 * (10.0 - 15.0 * x + 6.0 * x * x), 30.0 * (x * (1.0 - x)) ** 2 / width, 60.0 * x * (1.0 - x) * (1.0 - 2.0 * x) / width**2
        m = width * x**4 * (2.5 - 3.0 * x + x * x) if h < 0.5 * width else h
        for k in range(len(kappa)):
            e = math.exp(-kappa[k] * m)
            e1, e2 = -kappa[k] * s * e, (kappa[k] ** 2 * s**2 - kappa[k] * s1) * e
            d[i, k], d1[i, k], d2[i, k] = s * e, s1 * e + s * e1, s2 * e + 2.0 * s1 * e1 + s * e2
    return d, d1, d2


@_jit
def pulled(cotangent, slopes, weights, sharpness, heights, mean, normal, system):
    """Return the gradient (N, 3) of the functions' sum with the cotangent (N, K), whose slopes in the height are given; the plane rises with dz_s/dz_j = w_j [1 + beta (z_j - mean)]."""
    out, slope, total = np.empty((len(heights), 3)), np.zeros(len(heights)), np.zeros(len(mean))
    for i in range(len(heights)):
        for k in range(cotangent.shape[1]):
            slope[i] += cotangent[i, k] * slopes[i, k]
        total[system[i]] += slope[i]
    for i in range(len(heights)):
        s = system[i]
        rise = slope[i] - weights[i] * (1.0 + sharpness * (heights[i] - mean[s])) * total[s]
        for c in range(3):
            out[i, c] = rise * normal[s, c]
    return out

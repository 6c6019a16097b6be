"""Small networks of scalar output with their derivatives written out, for inference without an autograd graph.

Per layer a' = tanh(z), z = a W + b, along a direction in which z moves with one variable x

    da'/dx = (1 - a'^2) dz/dx,      d2a'/dx2 = (1 - a'^2) d2z/dx2 - 2 a' da'/dx dz/dx,

and back from a weight of the output, the weight of z is that of a' times (1 - a'^2).  The loops below take one atom through one
network; a network's layers after the first lie one after another in one array, the weights (a, b) of each before its biases (b).
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics._exponential import falling

fast = compiled(fastmath=True, error_model="numpy")
inlined = compiled(fastmath=True, error_model="numpy", inline="always")


def packed(networks: tuple[int, ...], weights: list[np.ndarray], biases: list[np.ndarray]) -> np.ndarray:
    """Return the layers after the first of networks, (*networks, P), from each layer's weights (*networks, a, b) and biases (*networks, 1, b)."""
    layers = [array.reshape(*networks, -1) for layer in zip(weights, biases) for array in layer]
    return np.ascontiguousarray(np.concatenate([np.zeros((*networks, 0)), *layers], axis=-1))


@inlined
def _tanh(x):
    e = falling(2.0 * abs(x))
    return math.copysign((1.0 - e) / (1.0 + e), x)


@fast
def times(x, weights, out):
    """Add x W to the first of out, for weights W one row (n,) after another; four rows at a time, which spares the traffic of out."""
    n = len(weights) // max(len(x), 1)
    whole = len(x) - len(x) % 4
    for i in range(0, whole, 4):
        a, b, c, d = x[i], x[i + 1], x[i + 2], x[i + 3]
        rows = weights[i * n : (i + 4) * n]
        for j in range(n):
            out[j] += (a * rows[j] + b * rows[n + j]) + (c * rows[2 * n + j] + d * rows[3 * n + j])
    for i in range(whole, len(x)):
        for j in range(n):
            out[j] += x[i] * weights[i * n + j]


@fast
def _layer(a, weights, bias, out):
    """Fill out = a W + b; without biases for their length 0."""
    for j in range(len(weights) // len(a)):
        out[j] = bias[j] if len(bias) > 0 else 0.0
    times(a, weights, out)


@fast
def forward(z, layers, sizes, given):
    """Return the output of a network, and fill what each layer after the first is given.

    Parameters
    ----------
    z : what the first layer gives, with room for the widest layer; overwritten
    layers : (P,) see `packed`;  sizes : widths from what the first layer gives to the output's 1
    given : sum of the widths but the last
    """
    start, place = 0, 0
    for k in range(len(sizes) - 1):
        a, b = sizes[k], sizes[k + 1]
        for i in range(a):
            given[start + i] = _tanh(z[i])
        _layer(given[start : start + a], layers[place : place + a * b], layers[place + a * b : place + (a + 1) * b], z)
        start, place = start + a, place + (a + 1) * b
    return z[0]


@fast
def along(z, first, second, layers, sizes, given):
    """Return the output and its first and second derivative in the variable that z moves with; for parameters see `forward`.

    Parameters
    ----------
    first, second : derivatives of z, with as much room; overwritten
    """
    start, place, none = 0, 0, layers[:0]
    for k in range(len(sizes) - 1):
        a, b = sizes[k], sizes[k + 1]
        for i in range(a):
            t = _tanh(z[i])
            slope = (1.0 - t * t) * first[i]
            given[start + i], first[i], second[i] = t, slope, (1.0 - t * t) * second[i] - 2.0 * t * slope * first[i]
        weights = layers[place : place + a * b]
        _layer(given[start : start + a], weights, layers[place + a * b : place + (a + 1) * b], z)
        for moved in (first, second):
            _layer(moved[:a].copy(), weights, none, moved)
        start, place = start + a, place + (a + 1) * b
    return z[0], first[0], second[0]


@fast
def back(weight, layers, sizes, given, bar):
    """Fill the weight of what the first layer gives, from that of the output; `bar` has room for the widest layer."""
    start, place = len(given), len(layers)
    bar[0] = weight
    for k in range(len(sizes) - 2, -1, -1):
        a, b = sizes[k], sizes[k + 1]
        start, place, later = start - a, place - (a + 1) * b, bar[:b].copy()
        for i in range(a):
            total, row = 0.0, layers[place + i * b : place + (i + 1) * b]
            for j in range(b):
                total += row[j] * later[j]
            bar[i] = total * (1.0 - given[start + i] ** 2)

"""Coulomb interaction of two spherical Slater charges, and its sum over pairs.

A charge of shell n has the density proportional to r^(2n-2) exp(-a r), and with x = a r the potential and its integral

    s V(s) = 1 - exp(-x) P(x),    P = sum_{k < 2n} (1 - k/2n) x^k/k!,    int s V ds = s + exp(-x) Q(x)/a,    Q - Q' = P

so that the interaction at a distance r is an integral over the second charge's shells of radius t, of weight g:

    r J(r) = 1 - exp(-b r) P_b(b r) + 1/(2a) int_0^inf g(t) [e^(-a(r+t)) Q(a(r+t)) - e^(-a|r-t|) Q(a|r-t|)] dt,
    g(t) = b^(2n+1)/(2n)! t^(2n-1) exp(-b t)

It is taken over [0, r] by Gauss and Legendre's rule and over what is left by Gauss and Laguerre's, which is exact there; nothing
divides by a - b.  The charges enter with one rms width along an axis, sigma: a = sqrt((2n+1)(2n+2)/3)/sigma.
"""

from __future__ import annotations

import math

import numpy as np

from electrode.physics._compiled import compiled
from electrode.physics._dense_sums import smeared

MOST = 7  # shells
_TERMS = 2 * MOST
_LEGENDRE, _LEGENDRE_WEIGHTS = np.polynomial.legendre.leggauss(40)
_LAGUERRE, _LAGUERRE_WEIGHTS = np.polynomial.laguerre.laggauss(_TERMS)


def _polynomials() -> tuple[np.ndarray, np.ndarray]:
    """Return the coefficients of P and of Q (shell, power)."""
    p, q = np.zeros((MOST + 1, _TERMS + 1)), np.zeros((MOST + 1, _TERMS + 1))
    for n in range(1, MOST + 1):
        for k in range(2 * n - 1, -1, -1):
            p[n, k] = (1.0 - k / (2.0 * n)) / math.factorial(k)
            q[n, k] = p[n, k] + (k + 1) * q[n, k + 1]
    return p, q


def own_factor(n: int) -> float:
    """Return J(0)/a of a Slater charge with itself, 5/16 in the first shell."""
    beyond = sum((1.0 - k / (2.0 * n)) / math.factorial(k) * math.factorial(2 * n - 1 + k) / 2.0 ** (2 * n + k) for k in range(2 * n))
    return (math.factorial(2 * n - 1) - beyond) / math.factorial(2 * n)


_P, _Q = _polynomials()
_FACTORIAL = np.array([float(math.factorial(2 * n)) for n in range(MOST + 1)])


@compiled()
def _sum(coefficients, x, terms):
    value = 0.0
    for k in range(terms - 1, -1, -1):
        value = value * x + coefficients[k]
    return value


@compiled()
def point_slater(r, b, n):
    """Return r J(r) and its derivative of a point and a Slater charge."""
    x, terms = b * r, 2 * n
    p, bell = _sum(_P[n], x, terms), math.exp(-x)
    slope = 0.0
    for k in range(terms - 1, 0, -1):
        slope = slope * x + k * _P[n, k]
    return 1.0 - bell * p, b * bell * (p - slope)


@compiled()
def two_slater(r, a, na, b, nb):
    """Return r J(r) and its derivative of two Slater charges."""
    value, slope = point_slater(r, b, nb)
    terms, power = 2 * na, 2 * nb - 1
    front = 0.5 * b ** (2 * nb + 1) / _FACTORIAL[nb]
    far, rise, both = 0.0, 0.0, a + b
    ea, eb = math.exp(-a * r), math.exp(-b * r)
    for m in range(len(_LAGUERRE)):
        t = _LAGUERRE[m] / both
        inner, outer = _LAGUERRE_WEIGHTS[m] * ea * t**power, _LAGUERRE_WEIGHTS[m] * eb * (r + t) ** power
        far += inner * _sum(_Q[na], a * (r + t), terms) - outer * _sum(_Q[na], a * t, terms)
        rise -= inner * _sum(_P[na], a * (r + t), terms) + outer * _sum(_P[na], a * t, terms)
    near, fall = 0.0, 0.0
    for m in range(len(_LEGENDRE)):
        t = 0.5 * r * (1.0 + _LEGENDRE[m])
        w = _LEGENDRE_WEIGHTS[m] * math.exp(-b * t - a * (r - t)) * t**power
        near -= w * _sum(_Q[na], a * (r - t), terms)
        fall += w * _sum(_P[na], a * (r - t), terms)
    value += front / a * (far / both + 0.5 * r * near)
    slope += front * (rise / both + 0.5 * r * fall)
    return value, slope


@compiled()
def differences(squares, i, j, exponent, shell, sigma, reach, values, slopes):
    """Write J(r) - erf(gamma r)/r of the pairs (M,), and its slope over r; 0 beyond the reach of both."""
    for m in range(len(squares)):
        a, b, square = exponent[i[m]], exponent[j[m]], squares[m]
        far = max(reach[i[m]], reach[j[m]])
        if square > far * far or (a == np.inf and b == np.inf):
            continue
        r = math.sqrt(square)
        if a == np.inf:
            value, slope = point_slater(r, b, shell[j[m]])
        elif b == np.inf:
            value, slope = point_slater(r, a, shell[i[m]])
        else:
            value, slope = two_slater(r, a, shell[i[m]], b, shell[j[m]])
        smooth, smooth_slope = smeared(square, 2.0 * (sigma[i[m]] ** 2 + sigma[j[m]] ** 2))
        values[m] = value / r - smooth
        slopes[m] = (slope - value / r) / square - smooth_slope

"""Counter-charges of a charged slab, uniform along the surface, stated explicitly: none, a sheet, a smeared sheet, a slab.

Each is spread along the normal z with the distribution of a height u, whose mean is m.  With the area A of the cell its
potential per e of the slab's charge Q, without field and zero beyond it (on the side of the electrolyte), and with the
field 1/(eps0 A) before it, is

    phi(z) = <max(u - z, 0)>/(eps0 A)

The slab sum of `electrostatics` takes a sheet's potential to be -(charge per area) |z|/(2 eps0); in this zero the
counter-charge has the potential Q g(z) with  g(z) = phi(z) + (z - m)/(2 eps0 A).  `charged_slab` has the energy of the
slab and its counter-charge; `continuum_countercharge` has the counter-charge that ions of an electrolyte form.
Heights are coordinates along the unit normal of a and b on the side of c, from the electrode to the electrolyte.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from electrode.units import EPSILON_0


@dataclass(frozen=True)
class NoCountercharge:
    """No counter-charge: the zero of potential is that of the slab sum, and a net charge leaves a field on both sides."""

    def require_above(self, height: np.ndarray) -> None:
        """Accept any heights."""

    def attraction(self, height, area: float, smear=0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return zeros."""
        none = np.zeros_like(np.asarray(height, float))
        return none, none

    def self_energy(self, area: float) -> float:
        """Return 0."""
        return 0.0

    def response(self, charge: float, area: float) -> tuple[float, float]:
        """Return zeros, as a rigid counter-charge does."""
        return 0.0, 0.0

    def profile(self, height, charge: float, area: float) -> np.ndarray:
        """Return zeros, as a rigid counter-charge does."""
        return np.zeros_like(np.asarray(height, float))


class _Planar:
    """What the counter-charges share; each has `mean` m, `bottom`, which atoms must be below, and `spread` <|u - u'|> [A].

    `_ahead` gives <max(u - z, 0)> [A] and the part of the counter-charge above z.
    """

    def potential(self, height, area: float, smear=0.0) -> np.ndarray:
        """Return phi(z) [V per e of Q], (...), at heights (...) [A] for charges of widths `smear` [A], and an area [A^2]."""
        return self._ahead(height, smear)[0] / (EPSILON_0 * area)

    def attraction(self, height, area: float, smear=0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return g(z) [V per e of Q] and dg/dz [V/A per e of Q], (...)."""
        height = np.asarray(height, float)
        ahead, above = self._ahead(height, smear)
        return (ahead + 0.5 * (height - self.mean)) / (EPSILON_0 * area), (0.5 - above) / (EPSILON_0 * area)

    def self_energy(self, area: float) -> float:
        """Return -<|u - u'|>/(4 eps0 A) [eV per e^2 of Q^2], the counter-charge in its own field in the zero of the slab sum."""
        return -self.spread / (4.0 * EPSILON_0 * area)

    def response(self, charge: float, area: float) -> tuple[float, float]:
        """Return the energy [eV] that the counter-charge takes beside that of a rigid one, and its slope in Q [V]: none."""
        return 0.0, 0.0

    def profile(self, height, charge: float, area: float) -> np.ndarray:
        """Return the potential (...) [V] that goes with `response`, at heights (...) [A]: none."""
        return np.zeros_like(np.asarray(height, float))

    def require_above(self, height: np.ndarray) -> None:
        """Raise ValueError unless the counter-charge lies above heights (N,) [A]."""
        top = float(np.max(height))
        if not self.bottom > top:
            raise ValueError(f"{self}: expected a counter-charge above every atom, the highest is at {top:.6g} A; got {self.bottom:.6g} A. Raise it")


@dataclass(frozen=True)
class Sheet(_Planar):
    """A charged plane, phi = max(h - z, 0)/(eps0 A).

    Parameters
    ----------
    height : h [A]

    Raises
    ------
    ValueError
        for a height that is not finite.
    """

    height: float

    def __post_init__(self):
        _require(self, math.isfinite(self.height), "a finite height [A]")

    mean = bottom = property(lambda self: self.height)
    spread = property(lambda self: 0.0)

    def _ahead(self, height, smear):
        return positive_part(self.height - np.asarray(height, float), smear)[:2]


@dataclass(frozen=True)
class GaussianSheet(_Planar):
    """A plane smeared by a Gaussian, phi = [x N(x/w) + w N'(x/w)]/(eps0 A) with x = h - z and the normal distribution N.

    Parameters
    ----------
    height : h, of the middle [A]
    width : w, standard deviation [A]; 0 for a `Sheet`

    Raises
    ------
    ValueError
        for a height that is not finite or a negative width.
    """

    height: float
    width: float

    def __post_init__(self):
        _require(self, math.isfinite(self.height) and 0.0 <= self.width < math.inf, "a finite height and a width of at least 0 [A]")

    mean = bottom = property(lambda self: self.height)
    spread = property(lambda self: 2.0 * self.width / math.sqrt(math.pi))

    def _ahead(self, height, smear):
        return positive_part(self.height - np.asarray(height, float), np.hypot(self.width, smear))[:2]


@dataclass(frozen=True)
class JelliumSlab(_Planar):
    """A uniform slab of charge; inside it phi = (upper - z)^2/(2 (upper - lower) eps0 A).

    Parameters
    ----------
    lower, upper : its faces [A]

    Raises
    ------
    ValueError
        unless lower is below upper and both are finite.
    """

    lower: float
    upper: float

    def __post_init__(self):
        _require(self, -math.inf < self.lower < self.upper < math.inf, "finite faces [A], lower below upper")

    mean = property(lambda self: 0.5 * (self.lower + self.upper))
    bottom = property(lambda self: self.lower)
    spread = property(lambda self: (self.upper - self.lower) / 3.0)

    def _ahead(self, height, smear):
        far, near = (positive_part(face - np.asarray(height, float), smear) for face in (self.upper, self.lower))
        thickness = self.upper - self.lower
        return (far[2] - near[2]) / thickness, (far[0] - near[0]) / thickness


def positive_part(x, smear) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return <max(x + s y, 0)> over normal y, its derivative in x, and its integral over x from -infinity."""
    x, s = np.broadcast_arrays(np.asarray(x, float), np.asarray(smear, float))
    u = x / np.where(s > 0.0, s, 1.0)
    below = np.where(s > 0.0, ndtr(u), np.heaviside(x, 0.5))
    bell = s * np.exp(-0.5 * np.minimum(u * u, 1400.0)) / math.sqrt(2.0 * math.pi)
    value = x * below + bell
    return value, below, 0.5 * (x * value + s * s * below)


def _require(countercharge, valid: bool, expected: str) -> None:
    if not valid:
        raise ValueError(f"{type(countercharge).__name__}: expected {expected}, got {countercharge}")

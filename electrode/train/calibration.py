"""What a committee's spread is worth as an error bar, and whether its intervals hold what they promise.

    |error| <= z_p s sigma   in a share p of all cases,   z_p the quantile of |x| for a normal x

The factor s is the geometric mean of those that make this exact at p = 0.5 and at p = 0.9: the bulk and the tail.
"""

from __future__ import annotations

import math

import numpy as np

QUANTILES = {50: 0.6744897501960817, 90: 1.6448536269514722}  # share in percent: z_p
FEWEST = 10  # errors that a factor is fitted to


def scale_factor(error: np.ndarray, spread: np.ndarray) -> float:
    """Return s for errors and spreads (n,) of one unit; 1 where there are fewer than `FEWEST`, or no spread."""
    known = spread > 0
    if known.sum() < FEWEST:
        return 1.0
    ratio = np.abs(error[known]) / spread[known]
    factors = [float(np.quantile(ratio, share / 100)) / z for share, z in QUANTILES.items()]
    return math.sqrt(math.prod(factors)) if min(factors) > 0 else 1.0


def coverage(error: np.ndarray, spread: np.ndarray) -> dict[int, float]:
    """Return the share of errors that lie inside the 50 % and the 90 % interval, each between 0 and 1."""
    return {share: float(np.mean(np.abs(error) <= z * spread)) for share, z in QUANTILES.items()}

"""exp(-y) in loops that the compiler turns into vector instructions, which the library's function prevents."""

import math

import numpy as np

from electrode.physics._compiled import compiled

_PARTS = 32  # of a factor of two, in the table
_END = 64.0 * _PARTS
_TABLE = np.append(np.exp2(-np.arange(_END) / _PARTS), 0.0)  # what is less than exp(-44) counts as nothing
_RATE = _PARTS / math.log(2.0)


@compiled(fastmath=True, error_model="numpy", inline="always")
def falling(y):
    """Return exp(-y) for y >= 0: the nearest of a table times a polynomial, right to the last digits."""
    scaled = min(y * _RATE, _END)
    place = np.int32(scaled + 0.5)
    t = (place - scaled) / _RATE
    return _TABLE[place] * (1.0 + t * (1.0 + t * (0.5 + t * (1.0 / 6.0 + t * (1.0 / 24.0 + t * (1.0 / 120.0 + t / 720.0))))))

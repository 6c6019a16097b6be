"""Slater charges of the elements for charge equilibration: shells and exponents.

    zeta = 0.4913 (2n + 1)/(2 R)   in atomic units, n the period;   hydrogen: 1.0698, its value without charge

Radii R [A] of Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070; elements that it has not, from the universal force
field, Rappe et al. 1992, https://doi.org/10.1021/ja00051a040.  Departure: the publication lets the exponent and
hardness of hydrogen grow with its charge, which makes the energy cubic in the charges; here they do not.
"""

import numpy as np

from electrode.units import BOHR

_RADII = """
0.371 1.3
1.557 1.24 0.822 0.759 0.715 0.669 0.706 1.768
2.085 1.5 1.201 1.176 1.102 1.047 0.994 2.108
2.586 2.0 1.75 1.607 1.47 1.402 1.533 1.393 1.406 1.398 1.434 1.4 1.211 1.189 1.204 1.224 1.141 2.27
2.77 2.415 1.998 1.758 1.603 1.53 1.5 1.5 1.509 1.544 1.622 1.6 1.404 1.354 1.404 1.38 1.333 2.459
2.984 2.442 2.071 1.925 2.007 2.007 2.0 1.978 2.227 1.968 1.954 1.934 1.925 1.915 2.0 2.158 1.896 1.759 1.605 1.538 1.6 1.7 1.866 1.557 1.618 1.6 1.53 1.444 1.514
"""  # hydrogen to bismuth, one row a period
_LAMBDA, _HYDROGEN = 0.4913, 1.0698

_PERIODS = [[float(r) for r in row.split()] for row in _RADII.strip().splitlines()]
SHELL = np.array([n for n, row in enumerate(_PERIODS, 1) for _ in row])  # (83,), hydrogen first
ZETA = _LAMBDA * (2 * SHELL + 1) / (2.0 * np.concatenate(_PERIODS))  # [1/A]: lengths cancel but for the radius's unit
ZETA[0] = _HYDROGEN / BOHR

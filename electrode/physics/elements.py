"""Published parameters of the elements: bond radius, effective charge, electronegativity, hardness, metallic bonding.

Single-bond radius r [A]; effective charge Z* [e], electronegativity chi [V] and half the hardness J/2 [V/e] of the
universal force field (UFF), the last two generalised Mulliken values, equal to charge equilibration's own (1991) where
that has the element.  Metals: A [eV], xi [eV], p, q and the neighbour distance [A] of the second-moment potential.
Sources: Pyykko and Atsumi 2009, https://doi.org/10.1002/chem.200800987 (radii); Rappe et al. 1992,
https://doi.org/10.1021/ja00051a040 (UFF); Rappe and Goddard 1991, https://doi.org/10.1021/j100161a070;
Cleri and Rosato 1993, https://doi.org/10.1103/PhysRevB.48.22 (metals)
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from electrode.metals import ELECTRODE_ELEMENTS

_TABLE = """
H 0.32 0.712 4.528 6.9452|He 0.46 0.098 9.66 14.92|Li 1.33 1.026 3.006 2.386|Be 1.02 1.565 4.877 4.443
B 0.85 1.755 5.11 4.75|C 0.75 1.912 5.343 5.063|N 0.71 2.544 6.899 5.88|O 0.63 2.3 8.741 6.682
F 0.64 1.735 10.874 7.474|Ne 0.67 0.194 11.04 10.55|Na 1.55 1.081 2.843 2.296|Mg 1.39 1.787 3.951 3.693
Al 1.26 1.792 4.06 3.59|Si 1.16 2.323 4.168 3.487|P 1.11 2.863 5.463 4.0|S 1.03 2.703 6.928 4.486
Cl 0.99 2.348 8.564 4.946|Ar 0.96 0.3 9.465 6.355|K 1.96 1.165 2.421 1.92|Ca 1.71 2.141 3.231 2.88
Sc 1.48 2.592 3.395 3.08|Ti 1.36 2.659 3.47 3.38|V 1.34 2.679 3.65 3.41|Cr 1.22 2.463 3.415 3.865
Mn 1.19 2.43 3.325 4.105|Fe 1.16 2.43 3.76 4.14|Co 1.11 2.43 4.105 4.175|Ni 1.10 2.43 4.465 4.205
Cu 1.12 1.756 4.2 4.22|Zn 1.18 1.308 5.106 4.285|Ga 1.24 1.821 3.641 3.16|Ge 1.21 2.789 4.051 3.438
As 1.21 2.864 5.188 3.809|Se 1.16 2.764 6.428 4.131|Br 1.14 2.519 7.79 4.425|Kr 1.17 0.452 8.505 5.715
Rb 2.10 1.592 2.331 1.846|Sr 1.85 2.449 3.024 2.44|Y 1.63 3.257 3.83 2.81|Zr 1.54 3.667 3.4 3.55
Nb 1.47 3.618 3.55 3.38|Mo 1.38 3.4 3.465 3.755|Tc 1.28 3.4 3.29 3.99|Ru 1.25 3.4 3.575 4.015
Rh 1.25 3.5 3.975 4.005|Pd 1.20 3.21 4.32 4.0|Ag 1.28 1.956 4.436 3.134|Cd 1.36 1.65 5.034 3.957
In 1.42 2.07 3.506 2.896|Sn 1.40 2.961 3.987 3.124|Sb 1.40 2.704 4.899 3.342|Te 1.36 2.882 5.816 3.526
I 1.33 2.65 6.822 3.762|Xe 1.31 0.556 7.595 4.975|Cs 2.32 1.573 2.183 1.711|Ba 1.96 2.727 2.814 2.396
La 1.80 3.3 2.8355 2.7415|Ce 1.63 3.3 2.774 2.692|Pr 1.76 3.3 2.858 2.564|Nd 1.74 3.3 2.8685 2.6205
Pm 1.73 3.3 2.881 2.673|Sm 1.72 3.3 2.9115 2.7195|Eu 1.68 3.3 2.8785 2.7875|Gd 1.69 3.3 3.1665 2.9745
Tb 1.68 3.3 3.018 2.834|Dy 1.67 3.3 3.0555 2.8715|Ho 1.66 3.416 3.127 2.891|Er 1.65 3.3 3.1865 2.9145
Tm 1.64 3.3 3.2514 2.9329|Yb 1.70 2.618 3.2889 2.965|Lu 1.62 3.271 2.9629 2.4629|Hf 1.52 3.921 3.7 3.4
Ta 1.46 4.075 5.1 2.85|W 1.37 3.7 4.63 3.31|Re 1.31 3.7 3.96 3.92|Os 1.29 3.7 5.14 3.63
Ir 1.22 3.731 5.0 4.0|Pt 1.23 3.382 4.79 4.43|Au 1.24 2.625 4.894 2.586|Hg 1.33 1.75 6.27 4.16
Tl 1.44 2.068 3.2 2.9|Pb 1.44 2.846 3.9 3.53|Bi 1.51 2.47 4.69 3.74
"""
_ROWS = [row.split() for line in _TABLE.strip().splitlines() for row in line.split("|")]
_VALUES = np.array([[np.nan] * 4] + [[float(x) for x in row[1:]] for row in _ROWS])

SYMBOLS = ("X", *(row[0] for row in _ROWS))  # by atomic number
BOND_RADIUS = _VALUES[:, 0]  # [A]
EFFECTIVE_CHARGE = _VALUES[:, 1]  # [e]
ELECTRONEGATIVITY = _VALUES[:, 2]  # [V]
HARDNESS = 2.0 * _VALUES[:, 3]  # [V/e]

METAL = np.isin(np.arange(len(SYMBOLS)), sorted(ELECTRODE_ELEMENTS))

_COHESION = {
    "Ni": (0.0376, 1.070, 16.999, 1.189, 3.523),
    "Cu": (0.0855, 1.224, 10.960, 2.278, 3.615),
    "Rh": (0.0629, 1.660, 18.450, 1.867, 3.803),
    "Pd": (0.1746, 1.718, 10.867, 3.742, 3.887),
    "Ag": (0.1028, 1.178, 10.928, 3.139, 4.085),
    "Ir": (0.1156, 2.289, 16.980, 2.691, 3.839),
    "Pt": (0.2975, 2.695, 10.612, 4.004, 3.924),
    "Au": (0.2061, 1.790, 10.229, 4.036, 4.079),
    "Al": (0.1221, 1.316, 8.612, 2.516, 4.050),
    "Pb": (0.0980, 0.914, 9.576, 3.648, 4.951),
}  # the last column is the lattice constant
COHESION = np.full((len(SYMBOLS), 5), np.nan)  # A, xi, p, q, neighbour distance; nan where not published
for _symbol, _row in _COHESION.items():
    COHESION[SYMBOLS.index(_symbol)] = (*_row[:4], _row[4] / 2.0**0.5)


def check_elements(numbers: np.ndarray) -> None:
    """Raise ValueError unless there are parameters for every atomic number in `numbers` (N,)."""
    missing = sorted({int(z) for z in numbers if not 0 < z < len(SYMBOLS)})
    if missing:
        raise ValueError(
            f"the baseline has parameters for Z = 1 to {len(SYMBOLS) - 1}; got Z = {missing}. "
            "Use a model that was trained for these elements."
        )


def element_places(numbers: np.ndarray, elements: tuple[int, ...]) -> np.ndarray:
    """Return the place of each atom's element among those described, (N,).

    Raises
    ------
    ValueError
        for an element that is not among them.
    """
    table, numbers = _places(elements), np.asarray(numbers)
    places = table[np.minimum(numbers, len(table) - 1)]
    if len(places) and places.min() < 0:
        unknown = sorted(set(numbers.tolist()) - set(elements))
        raise ValueError(f"elements {unknown} (atomic numbers) are not among those described, {sorted(elements)}")
    return places


@lru_cache(maxsize=64)
def _places(elements: tuple[int, ...]) -> np.ndarray:
    """Return the place of each atomic number, -1 for those that are not among the elements and for all beyond."""
    table = np.full(max(elements) + 2, -1, dtype=np.int64)
    table[list(elements)] = np.arange(len(elements))
    return table

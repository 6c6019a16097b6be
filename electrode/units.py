"""Constants and conversions.  Inside the package: eV, angstrom, e, V, amu, K.

With these units e*V = eV, so the constants below are the only ones a formula needs.
Values: CODATA 2018, https://doi.org/10.1103/RevModPhys.93.025010
"""

import math

COULOMB = 14.399645478425668  # e^2 / (4 pi eps0)  [eV A]
EPSILON_0 = 1.0 / (4.0 * math.pi * COULOMB)  # vacuum permittivity  [e / (V A)]
BOLTZMANN = 8.617333262e-5  # [eV / K]
HBAR = 0.6582119569  # [eV fs]
HARTREE = 27.211386245988  # [eV]
RYDBERG = HARTREE / 2.0  # [eV]
BOHR = 0.529177210903  # [A]
DEBYE = 0.20819434  # [e A]
ATOMIC_FIELD = HARTREE / BOHR  # one atomic unit of electric field  [V / A]
UC_PER_CM2 = 1602.176634  # 1 e/A^2 in microcoulomb/cm^2; also 1 e/(V A^2) in microfarad/cm^2
ROOM_TEMPERATURE = 298.15  # [K]


def nernst_slope(temperature: float = ROOM_TEMPERATURE) -> float:
    """Return kT ln(10) / e, the shift of a potential by one pH unit.

    Parameters
    ----------
    temperature : float [K]

    Returns
    -------
    float [V per pH unit], 0.05916 at 298.15 K
    """
    return BOLTZMANN * temperature * math.log(10.0)


def capacitance_per_cell(microfarad_per_cm2: float, area: float) -> float:
    """Return the capacitance [e/V] of an interface of `area` [A^2] from its value per area [uF/cm^2]."""
    return microfarad_per_cm2 * area / UC_PER_CM2

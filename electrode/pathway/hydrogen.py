"""Protons and electrons from the bulk: the computational hydrogen electrode, for states with fractional charge.

    mu(H+) + mu(e-) = G(H2)/2 - e U_RHE        U_RHE = Phi - Phi_abs(SHE) + (kT ln10 / e) pH

For A + n (H+ + e-) -> A H_n with each Omega = E - Phi Q, electrons counted from the state's own neutral,

    dOmega = Omega(AH_n) - Omega(A) - n [G(H2)/2 - e U_RHE] + dG(thermal),      d/dU = n - (Q_AHn - Q_A)

The integer n is the hydrogen electrode's, the rest is the charge that the double layer moves.  With all electrons counted, Omega =
E + Phi N_e, protons alone are taken off: n mu(H+) = n [G(H2)/2 + e Phi_abs(SHE) - kT ln10 pH].  Both are one number; mixing them is off by
e Phi for each proton.  Norskov et al., J. Phys. Chem. B 108, 17886 (2004), https://doi.org/10.1021/jp047349j
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.references import IUPAC_SHE, RHE
from electrode.units import ROOM_TEMPERATURE, nernst_slope


@dataclass(frozen=True)
class HydrogenElectrode:
    """The reservoir of proton-electron pairs, and the state without them.

    Parameters
    ----------
    bare : the interface without the pairs, in the cell of the end states
    pairs : number of pairs that the end states hold beside it
    g_h2 : G(H2) [eV], on the zero of the model's energies
    ph, temperature : of the electrolyte;  temperature in [K]
    thermal : what zero point, heat and entropy add to the bare, initial, saddle and final state [eV]

    Raises
    ------
    ValueError
        for values that are not plausible.
    """

    bare: Atoms
    pairs: int
    g_h2: float
    ph: float = 0.0
    temperature: float = ROOM_TEMPERATURE
    thermal: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)

    def __post_init__(self):
        if isinstance(self.pairs, bool) or not isinstance(self.pairs, (int, np.integer)) or self.pairs < 1:
            raise ValueError(f"hydrogen electrode: expected a whole number of proton-electron pairs, at least 1; got {self.pairs!r}")
        if not math.isfinite(self.g_h2):
            raise ValueError(f"hydrogen electrode: expected G(H2) in eV, got {self.g_h2!r}")
        if len(self.thermal) != 4 or not all(map(math.isfinite, self.thermal)):
            raise ValueError(f"hydrogen electrode: expected 4 thermal terms [eV], of bare, initial, saddle and final state; got {self.thermal!r}")
        RHE(self.ph, self.temperature)

    def check(self, state: Atoms) -> None:
        """Raise ValueError unless an end state is the bare state with `pairs` hydrogen atoms more, in one cell."""
        more = Counter(state.get_chemical_symbols())
        more.subtract(Counter(self.bare.get_chemical_symbols()))
        if {s: n for s, n in more.items() if n} != {"H": self.pairs}:
            raise ValueError(
                f"hydrogen electrode: expected the bare state to lack {self.pairs} H of {state.get_chemical_formula('metal')}, got {self.bare.get_chemical_formula('metal')}"
            )
        if not np.allclose(self.bare.cell.array, state.cell.array, atol=1e-6) or (self.bare.pbc != state.pbc).any():
            raise ValueError("hydrogen electrode: expected the bare state in the cell of the end states")

    def potential_rhe(self, potential: float, she_absolute: float = IUPAC_SHE) -> float:
        """Return U_RHE [V] of an absolute potential [V]."""
        return RHE(self.ph, self.temperature, she_absolute).from_absolute(potential)

    def pair(self, potential: float, she_absolute: float = IUPAC_SHE) -> float:
        """Return mu(H+) + mu(e-) [eV] at an absolute potential [V], for energies E - Phi Q."""
        return 0.5 * self.g_h2 - self.potential_rhe(potential, she_absolute)

    def proton(self, she_absolute: float = IUPAC_SHE) -> float:
        """Return mu(H+) [eV], for energies E + Phi N_e that count every electron."""
        return 0.5 * self.g_h2 + she_absolute - nernst_slope(self.temperature) * self.ph


@dataclass(frozen=True)
class HydrogenRow:
    """Energies over the bare state and its pairs in the bulk [eV], thermal terms included.

    `integer_electrons` is the hydrogen electrode's share of the slope d barrier / dU, `fractional_electrons` the double
    layer's, -(Q_saddle - Q_bare); `slope_e` is their sum. Barrier and slopes are None without a saddle.
    """

    potential_rhe_V: float
    pair_energy_eV: float
    initial_energy_eV: float
    barrier_eV: float | None
    final_energy_eV: float
    integer_electrons: int
    fractional_electrons: float | None
    slope_e: float | None


def hydrogen_row(electrode: HydrogenElectrode, potential: float, she_absolute: float, bare: tuple[float, float], path: tuple, top: int | None) -> HydrogenRow:
    """Return what a band costs from the bare state.

    Parameters
    ----------
    electrode : the reservoir
    potential : that is held [V, absolute];  she_absolute : of SHE [V]
    bare : Omega [eV] and charge [e] of the bare state
    path : Omega [eV] and charge [e] of the images, two sequences
    top : index of the saddle, None without one
    """
    (omega, charge), (energies, charges) = bare, path
    pair, t = electrode.pair(potential, she_absolute), electrode.thermal
    over = lambda k, thermal: float(energies[k] - omega - electrode.pairs * pair + thermal - t[0])
    fractional = None if top is None else float(charge - charges[top])
    return HydrogenRow(
        potential_rhe_V=electrode.potential_rhe(potential, she_absolute),
        pair_energy_eV=pair,
        initial_energy_eV=over(0, t[1]),
        barrier_eV=None if top is None else over(top, t[2]),
        final_energy_eV=over(-1, t[3]),
        integer_electrons=electrode.pairs,
        fractional_electrons=fractional,
        slope_e=None if fractional is None else electrode.pairs + fractional,
    )

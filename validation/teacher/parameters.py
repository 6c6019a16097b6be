"""The numbers of the exact interface.  They are of the size of gold, water and alkali halides; nothing was fitted to anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

KINDS = {79: 0, 8: 1, 1: 2, 11: 3, 17: 4}  # atomic number: metal, oxygen, hydrogen, cation, anion
METAL, OXYGEN, HYDROGEN, CATION, ANION = range(5)


@dataclass(frozen=True)
class Charges:
    """What the charges obey, by kind: metal, oxygen, hydrogen, cation, anion.

    Parameters
    ----------
    electronegativity [V], hardness J [V/e], cubic t [V/e^2] and quartic u [V/e^3] of h(d) = J d^2/2 + t d^3/6 + u d^4/24, convex as t^2 < 2 J u
    width : of the Gaussians [A];  formal : charge of an atom apart from all others [e]; a proton's is +1 beside oxygen, 0 elsewhere
    back : electrons that an O-H bond gives back to its proton [e]
    flow_oh, flow_hm, flow_om : conductance of a bond [e/V]
    contacts : distances of O and H from the metal up to which they touch it [A]
    metal_shift, contact_shift : of the electronegativity of the metal and of what touches it, for each oxygen or contact [V]
    oxygen_shift, proton_shift : of the electronegativity for each bond of an oxygen beyond two, and of a proton [V]
    """

    electronegativity: tuple[float, ...] = (4.9, 6.0, 4.6, 3.0, 7.0)
    hardness: tuple[float, ...] = (1.5, 9.0, 10.0, 9.0, 8.0)
    cubic: tuple[float, ...] = (0.8, 6.0, -8.0, 0.0, 0.0)
    quartic: tuple[float, ...] = (2.0, 30.0, 40.0, 10.0, 10.0)
    width: tuple[float, ...] = (1.15, 0.85, 0.65, 1.1, 1.1)
    formal: tuple[float, ...] = (0.0, -2.0, 1.0, 1.0, -1.0)
    back: float = 0.58
    flow_oh: float = 0.05
    flow_hm: float = 0.3
    flow_om: float = 0.02
    contacts: tuple[float, float] = (2.7, 1.9)
    metal_shift: float = -0.15
    contact_shift: float = 0.1
    oxygen_shift: float = 0.8
    proton_shift: float = 0.6

    def of(self, name: str, kinds: np.ndarray) -> np.ndarray:
        """Return a property of atoms of these kinds, (N,)."""
        return np.array(getattr(self, name))[kinds]


@dataclass(frozen=True)
class DoubleLayer:
    """The electrolyte beyond the water: dU/dQ = Q/(c A) + (2 kT/e) arsinh(s/s0) + a s^2 + b s^3 with s = Q/A.

    Parameters
    ----------
    capacitance c [uF/cm^2] and permittivity of the layer beside the atoms, see `electrode.physics.countercharge`
    thermal : 2 kT/e [V];  diffuse : s0 [e/A^2]
    cubic : a [V A^4/e^2];  quartic : b [V A^6/e^3]; the slope is positive as a^2/3b < A/c
    """

    capacitance: float = 60.0
    permittivity: float = 9.0
    thermal: float = 0.0514
    diffuse: float = 1.5e-3
    cubic: float = 900.0
    quartic: float = 1e5


@dataclass(frozen=True)
class Bonding:
    """Short-range energies [eV], lengths [A] and rates [1/A].

    Parameters
    ----------
    metal : energy, c, n, m and lattice constant of Sutton and Chen's form, sum eps [(a/r)^n/2 - c sqrt(sum (a/r)^m)]
    proton : depth, rate and length of a proton's bond to one oxygen;  hydride : the same to a hollow of three metal atoms
    mixing : energy with which a hydrogen's bonds mix
    oxygen_slope, oxygen_curvature : of an oxygen's energy in the number of its protons beyond two
    angle, cosine : stiffness and cosine of a pair of O-H bonds
    switch, sharpness : distance at which an O-H bond counts half, and over which that changes
    dispersion : energy and length of Lennard-Jones terms of O-O, cation-O, anion-O, of ions among themselves
    walls : energy at a length, and rate, of exponential walls of H-H, H-metal, H-cation, H-anion
    wetting : depth, rate and length of the O-metal bond;  ion_wall : energy at a length, and rate, of ions against the metal
    cutoff : of everything short-ranged
    """

    metal: tuple[float, ...] = (0.012793, 34.408, 10.0, 8.0, 4.08)
    proton: tuple[float, float, float] = (5.2, 2.2, 0.96)
    hydride: tuple[float, float, float] = (3.6, 1.5, 1.85)
    mixing: float = 0.25
    oxygen_slope: float = 0.5
    oxygen_curvature: float = 2.0
    angle: float = 4.0
    cosine: float = -0.25
    switch: float = 1.38
    sharpness: float = 0.09
    dispersion: tuple[tuple[float, float], ...] = ((0.0067, 3.17), (0.004, 2.9), (0.006, 3.6), (0.005, 3.4))
    walls: tuple[tuple[float, float, float], ...] = ((0.06, 1.6, 4.0), (0.12, 2.2, 3.5), (0.05, 2.4, 3.5), (0.03, 2.1, 3.5))
    wetting: tuple[float, float, float] = (0.1, 2.2, 2.75)
    ion_wall: tuple[float, float, float] = (0.2, 2.6, 3.0)
    cutoff: float = 5.0


@dataclass(frozen=True)
class Parameters:
    """All numbers of the interface."""

    charges: Charges = Charges()
    layer: DoubleLayer = DoubleLayer()
    bonding: Bonding = Bonding()

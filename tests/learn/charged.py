"""A charged surface of two wells: its grand energy, minima and saddle are known in closed form."""

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

CAPACITANCE, LEVEL, DIPOLE = 0.3, 4.4, 0.3  # [e/V], [V], [V/A]
HEIGHT, HALF, STIFF = 0.4, 1.0, 4.0  # [eV], [A], [eV/A^2]


def level(x):
    """Return the potential without charge at x, and its slope: it falls as the atom crosses."""
    return LEVEL + DIPOLE * np.tanh(x), DIPOLE / np.cosh(x) ** 2


def neutral(place):
    """Return E(R, 0) and its gradient."""
    x, y, z = place
    energy = HEIGHT * (x**2 / HALF**2 - 1.0) ** 2 + 0.5 * STIFF * ((y - 0.2 * x**2) ** 2 + z**2)
    return energy, np.array([4.0 * HEIGHT * x * (x**2 / HALF**2 - 1.0) / HALF**2 - 0.4 * STIFF * x * (y - 0.2 * x**2), STIFF * (y - 0.2 * x**2), STIFF * z])


def grand(x, potential):
    """Return Omega along the valley, where y = x^2/5."""
    return HEIGHT * (x**2 / HALF**2 - 1.0) ** 2 - 0.5 * CAPACITANCE * (potential - level(x)[0]) ** 2


def _stationary(potential):
    """Return x of minimum, saddle, minimum: sign changes of the slope of Omega, on a fine grid."""
    x = np.linspace(-1.5, 1.5, 300001)
    slope = np.gradient(grand(x, potential), x)
    return x[np.flatnonzero(np.sign(slope[1:]) != np.sign(slope[:-1]))]


def grand_saddle(potential):
    """Return the barrier from the left [eV], and where the saddle is."""
    left, top, _ = _stationary(potential)
    return grand(top, potential) - grand(left, potential), [top, 0.2 * top**2, 0.0]


def charged_ends(potential):
    """Return the two minima at a potential."""
    left, _, right = _stationary(potential)
    return [Atoms("H", positions=[[x, 0.2 * x**2, 0.0]], cell=[5.0, 5.0, 20.0]) for x in (left, right)]


class Charged(Calculator):
    """E(R, Q) at a held charge."""

    implemented_properties = ["energy", "forces"]

    def __init__(self, charge):
        super().__init__()
        self.charge = charge

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        energy, gradient = neutral(atoms.positions[0])
        height, slope = level(atoms.positions[0, 0])
        gradient[0] += slope * self.charge
        energy += height * self.charge + self.charge**2 / (2.0 * CAPACITANCE)
        self.results = {"energy": energy, "forces": -gradient[None], "charge": self.charge, "potential": height + self.charge / CAPACITANCE}


class Held(Charged):
    """Omega(R, Phi) at a held potential; it names neither E nor Omega beside `energy`."""

    def __init__(self, potential):
        super().__init__(None)
        self.potential = potential

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        self.charge = CAPACITANCE * (self.potential - level(atoms.positions[0, 0])[0])
        super().calculate(atoms, properties, system_changes)
        self.results["energy"] -= self.potential * self.charge

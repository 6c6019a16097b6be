"""The grand energy from labels at fixed charge: one self-consistent calculation each, instead of a search for the charge.

    Omega(R, Phi) = E(R, Q) - Phi Q   at the charge where dE/dQ = Phi

A surrogate of E(R, Q) chooses the charge; where the calculator then finds another potential than wanted, by d = Phi_wanted - Phi, its label
is carried over to second order, Omega(Phi_wanted) = E - Phi Q - Q d - C d^2 / 2, with the surrogate's capacitance C.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from electrode.learn.calls import largest_force
from electrode.learn.labels import Label
from electrode.learn.surrogate import Surrogate

STEP = 1e-3  # of differences in the charge [e]
EXACT = 1e-8  # to which the potential is met [V]
ITERATIONS = 50
LARGEST = 0.5  # change of a charge in one iteration [e]
SOFTEST = 0.3  # least stiffness that is believed, of the one expected before the first call


class NoCharge(ValueError):
    """The surrogate has no stable charge at the potential."""


class GrandSurface:
    """Omega of a surrogate of E(R, Q) at a potential.

    Parameters
    ----------
    surrogate : of a space with an area, see `electrode.learn.surrogate`
    potential : [V absolute]
    """

    def __init__(self, surrogate: Surrogate, potential: float):
        self.surrogate, self.potential = surrogate, potential
        self._start = {}  # charge and capacitance of the last structures, for each number of them

    def charges(self, positions: np.ndarray) -> np.ndarray:
        """Return the charges at which the surrogate has the potential, (m,) [e].

        Raises
        ------
        NoCharge
            where the iteration finds none.
        """
        charge, capacitance = self._start.get(len(positions), (np.zeros(len(positions)), None))
        last = np.inf
        for _ in range(ITERATIONS):
            off = self.surrogate(positions, charge)[2] - self.potential
            worst = np.abs(off).max()
            if worst < EXACT:
                self._start[len(positions)] = charge, capacitance
                return charge
            if capacitance is None or worst > 0.1 * last:  # a kept capacitance serves as long as the steps shrink fast
                capacitance = self.capacitances(positions, charge)
            charge, last = charge - np.clip(off * capacitance, -LARGEST, LARGEST), worst
        raise NoCharge(f"no charge found at {self.potential:.3f} V, {worst:.1e} V off; label more charges near this potential")

    def capacitances(self, positions: np.ndarray, charge: np.ndarray) -> np.ndarray:
        """Return the capacitances dQ/dPhi at fixed positions, (m,) [e/V], none larger than is believed."""
        above, below = (self.surrogate(positions, charge + sign * STEP)[2] for sign in (1.0, -1.0))
        stiffness = (above - below) / (2.0 * STEP)
        return 1.0 / np.maximum(stiffness, SOFTEST * self.surrogate.space.stiffness)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return Omega (m,) [eV] and the forces at fixed potential (m, N, 3) [eV/A]."""
        charge = self.charges(positions)
        energy, forces, _ = self.surrogate(positions, charge)
        return energy - self.potential * charge, forces

    def std(self, positions: np.ndarray) -> np.ndarray:
        """Return the standard deviation of E at the charges of the potential, (m,) [eV]."""
        return self.surrogate.std(positions, self.charges(positions))

    def grand_energy(self, label: Label) -> float:
        """Return Omega at this potential of a label at a nearby one [eV]."""
        capacitance = float(self.capacitances(label.positions[None], np.array([label.charge]))[0])
        d = self.potential - label.potential
        return label.energy - label.potential * label.charge - label.charge * d - 0.5 * capacitance * d**2

    def carried(self, label: Label, atoms) -> Label:
        """Return a label as it would be at this potential: `energy` is Omega, the forces are moved by the surrogate's change of them.

        Parameters
        ----------
        label : at a nearby potential
        atoms : with the constraints that `fmax` counts with
        """
        place = label.positions[None]
        charge = self.charges(place)
        forces = label.forces + self.surrogate(place, charge)[1][0] - self.surrogate(place, np.array([label.charge]))[1][0]
        return replace(label, energy=self.grand_energy(label), forces=forces, fmax=largest_force(atoms, forces), charge=float(charge[0]), potential=self.potential)


class PlainSurface:
    """A surrogate of E(R) with the methods of `GrandSurface`: nothing is carried, and the charge is the one held.

    Parameters
    ----------
    surrogate : of a space without an area
    charge : [e] that every label has, or None
    """

    def __init__(self, surrogate: Surrogate, charge: float | None = None):
        self.surrogate, self.charge = surrogate, charge

    def charges(self, positions: np.ndarray) -> list[float | None]:
        """Return the charge held, once for each structure."""
        return [self.charge] * len(positions)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (m,) [eV] and forces (m, N, 3) [eV/A]."""
        return self.surrogate(positions)[:2]

    def std(self, positions: np.ndarray) -> np.ndarray:
        """Return the standard deviation of the energies, (m,) [eV]."""
        return self.surrogate.std(positions)

    def carried(self, label: Label, atoms) -> Label:
        """Return the label as it is."""
        return label

"""The grand energy from labels at fixed charge: one self-consistent calculation each, instead of a search for the charge.

    Omega(R, Phi) = E(R, Q) - Phi Q   at the charge where dE/dQ = Phi

A surrogate of E(R, Q) chooses the charge; where the calculator then finds another potential than wanted, by d = Phi_wanted - Phi, its label
is carried over to second order, Omega(Phi_wanted) = E - Phi Q - Q d - C d^2 / 2, with the surrogate's capacitance C.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.learn.labels import Label
from electrode.learn.surrogate import Surrogate

STEP = 1e-3  # of differences in the charge [e]
EXACT = 1e-8  # to which the potential is met [V]
ITERATIONS = 50
LARGEST = 0.5  # change of a charge in one iteration [e]


@dataclass(frozen=True)
class GrandSurface:
    """Omega of a surrogate of E(R, Q) at a potential.

    Parameters
    ----------
    surrogate : of a space with an area, see `electrode.learn.surrogate`
    potential : [V absolute]
    """

    surrogate: Surrogate
    potential: float

    def charges(self, positions: np.ndarray) -> np.ndarray:
        """Return the charges at which the surrogate has the potential, (m,) [e].

        Raises
        ------
        ValueError
            where Newton's method finds none, or the capacitance is not positive.
        """
        charge = np.zeros(len(positions))
        for _ in range(ITERATIONS):
            off = self.surrogate(positions, charge)[2] - self.potential
            if np.abs(off).max() < EXACT:
                return charge
            charge = charge - np.clip(off * self.capacitances(positions, charge), -LARGEST, LARGEST)
        raise ValueError(f"no charge found at {self.potential:.3f} V, {np.abs(off).max():.1e} V off; label more charges near this potential")

    def capacitances(self, positions: np.ndarray, charge: np.ndarray) -> np.ndarray:
        """Return the capacitances dQ/dPhi at fixed positions, (m,) [e/V]; raises ValueError where one is not positive."""
        above, below = (self.surrogate(positions, charge + sign * STEP)[2] for sign in (1.0, -1.0))
        stiffness = (above - below) / (2.0 * STEP)
        if not (stiffness > 0.0).all():
            raise ValueError(f"the surrogate's capacitance is not positive at {charge[np.argmin(stiffness)]:.3f} e; label more charges there")
        return 1.0 / stiffness

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

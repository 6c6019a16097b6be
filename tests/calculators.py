"""Helpers of the tests of the calculator: a toy that counts, and forces by differences."""

import numpy as np
from toys import ChargeToy, one_atom

from electrode.calculator import ElectrodeCalculator


class Counted(ChargeToy):
    """A toy that counts evaluations and reads tags through the electrode."""

    calls = 0

    def describe(self, structure):
        self.calls += 1
        return super().describe(structure)

    def forward(self, structure, control, description):
        out = super().forward(structure, control, description)
        return {"natural_energy": out["natural_energy"] + 0.1 * structure.total(structure.electrode.double())}


def with_calculator(model=None, atoms=None, **control):
    """One atom with a calculator."""
    atoms = one_atom() if atoms is None else atoms
    atoms.calc = ElectrodeCalculator(Counted() if model is None else model, **(control or {"charge": 0.1}))
    return atoms


def numerical_forces(atoms, step=1e-3):
    """Forces by fourth-order differences of ASE's energy."""
    forces = np.zeros((len(atoms), 3))
    for index in np.ndindex(*forces.shape):
        energies = []
        for k in (-2, -1, 1, 2):
            image = atoms.copy()
            image.positions[index] += k * step
            image.calc = atoms.calc
            energies.append(image.get_potential_energy())
        forces[index] = -(energies[0] - 8 * energies[1] + 8 * energies[2] - energies[3]) / (12 * step)
    return forces

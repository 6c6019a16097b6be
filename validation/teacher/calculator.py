"""The exact interface as an ASE calculator at a held charge or a held potential."""

from __future__ import annotations

from ase.calculators.calculator import Calculator, all_changes

from validation.teacher.interface import Interface
from validation.teacher.parameters import Parameters


class TeacherCalculator(Calculator):
    """Energy and forces of the exact interface; `energy` is E at a held charge and Omega at a held potential.

    Parameters
    ----------
    charge : Q [e], or
    potential : absolute [V]; exactly one of the two
    parameters : the numbers of the interface

    Raises
    ------
    ValueError
        for both or none.
    """

    implemented_properties = ["energy", "free_energy", "forces", "charges"]

    def __init__(self, *, charge: float | None = None, potential: float | None = None, parameters: Parameters = Parameters()):
        super().__init__()
        if (charge is None) == (potential is None):
            raise ValueError(f"TeacherCalculator: expected a charge [e] or a potential [V], got charge={charge}, potential={potential}")
        self.charge, self.potential, self.numbers_of_interface = charge, potential, parameters
        self.state, self._interface = None, None

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        """Solve for the charges at the atoms' positions."""
        super().calculate(atoms, properties, system_changes)
        if self._interface is None or {"numbers", "cell", "pbc"} & set(system_changes):
            self._interface = Interface(atoms, self.numbers_of_interface)
        if self.charge is not None:
            self.state = self._interface.at_charge(atoms.positions, self.charge)
        else:
            guess = 0.0 if self.state is None else self.state.charge
            self.state = self._interface.at_potential(atoms.positions, self.potential, guess)
        state = self.state
        energy = state.energy if self.charge is not None else state.grand_energy
        self.results = {
            "energy": energy, "free_energy": energy, "forces": state.forces, "charges": state.charges, "canonical_energy": state.energy,
            "grand_energy": state.grand_energy, "charge": state.charge, "potential": state.potential, "capacitance": state.capacitance,
        }  # fmt: skip

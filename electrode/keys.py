"""Every output of `thermo.evaluate`: its name, symbol, unit, shape and meaning, once.

N is the number of atoms and S the number of systems in the batch.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Key:
    """One named quantity."""

    name: str
    symbol: str
    unit: str
    shape: str
    definition: str


_ROWS = (
    ("natural_energy", "A", "eV", "(S,)", "the model's own scalar: E at natural charge, Omega at natural potential, H with a field"),
    ("canonical_energy", "E", "eV", "(S,)", "energy at fixed charge, dE/dQ = Phi"),
    ("grand_energy", "Omega", "eV", "(S,)", "E - Phi Q, energy at fixed potential, dOmega/dPhi = -Q"),
    ("forces", "F", "eV/A", "(N, 3)", "-dE/dR at fixed Q = -dOmega/dR at fixed Phi"),
    ("charge", "Q", "e", "(S,)", "net charge of the explicit cell, minus the excess electrons"),
    ("excess_electrons", "n", "e", "(S,)", "-Q"),
    ("potential", "Phi", "V", "(S,)", "absolute electrode potential, -mu_e/e on the model's zero"),
    ("electrode_potential", "U", "V", "(S,)", "potential on the reference scale the user named"),
    ("capacitance", "C", "e/V", "(S,)", "dQ/dPhi at fixed nuclei"),
    ("dipole", "P", "e A", "(S, 3)", "-dH/dF"),
    ("enthalpy", "H", "eV", "(S,)", "energy at fixed charge in a field, dH/dF = -P"),
    ("atomic_charges", "q", "e", "(N,)", "latent charges of a scheme; their sum need not be Q"),
    ("member_energies", "", "eV", "(S, M)", "natural_energy of each of a committee's M members"),
    ("energy_std", "", "eV", "(S,)", "spread of a committee's energy"),
    ("forces_std", "", "eV/A", "(N, 3)", "spread of a committee's forces"),
)

KEYS = {row[0]: Key(*row) for row in _ROWS}

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
    ("potential_slope", "dE/dQ", "V", "(S,)", "of a scheme whose potential is a head of its own; what parts them is the scheme's inconsistency"),
    ("electrode_potential", "U", "V", "(S,)", "potential on the reference scale the user named"),
    ("capacitance", "C", "e/V", "(S,)", "dQ/dPhi at fixed nuclei"),
    ("dipole", "P", "e A", "(S, 3)", "-dH/dF"),
    ("born_charges", "Z", "e", "(N, 3, 3)", "dP_a/dR_b at fixed charge, [atom, polarisation a, displacement b]; of `thermo.response`, or a head of the scheme"),
    ("polarizability", "alpha", "e A^2/V", "(S, 3, 3)", "dP/dF at fixed charge; of `thermo.response`"),
    ("enthalpy", "H", "eV", "(S,)", "energy at fixed charge in a field, dH/dF = -P"),
    ("atomic_charges", "q", "e", "(N,)", "latent charges of a scheme; their sum need not be Q"),
    ("member_energies", "", "eV", "(S, M)", "natural_energy of each of a committee's M members"),
    ("energy_std", "", "eV", "(S,)", "spread of a committee's energy"),
    ("forces_std", "", "eV/A", "(N, 3)", "spread of a committee's forces"),
)

KEYS = {row[0]: Key(*row) for row in _ROWS}

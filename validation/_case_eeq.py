"""Cases of electronegativity equilibration with published parameters; energies in Hartree, lengths in Bohr."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers

from electrode.physics.eeq import eeq
from electrode.units import BOHR, HARTREE
from validation._case_checks import Checks


def eeq_case(case: dict, checks: Checks) -> None:
    """Compare charges, energy and gradient."""
    system, parameters = case["system"], case.get("parameters") or {}
    cell, pbc = np.asarray(system.get("cell_A", np.zeros((3, 3))), float), system.get("pbc", [False] * 3)
    charge = float(system.get("charge", parameters.get("total_charge", 0.0)))
    found = eeq([atomic_numbers[s] for s in system["symbols"]], system["positions_A"], cell, pbc, charge)
    computed = {
        "charges_e": ("charges", found.charges),
        "energy_Eh": ("energy", found.energy / HARTREE),
        "gradient_Eh_Bohr": ("gradient", -found.forces * BOHR / HARTREE),
    }
    checks.compare_known(computed, case["expected"])

"""Other programs that move the atoms: what they must be able to carry, and what they are told beside energy and forces.

A program that sends positions alone has no place for an electrode potential, a charge or a field: these are held on this side, by the
calculator, named before the program starts and the same for every call.  What such a program cannot do is refused at the start.
"""

from __future__ import annotations

import re

import numpy as np
from ase import Atoms

from electrode.calculator import ElectrodeCalculator

_TOLD = ("charge", "excess_electrons", "potential", "electrode_potential", "capacitance", "canonical_energy", "grand_energy", "energy_std")
_CONTROLS = ("potential", "electrode_potential", "charge", "excess_electrons", "field", "mu", "fermi_level", "n_electrons")


class CannotCarry(ValueError):
    """A program that moves atoms cannot carry the electronic control that was asked for."""


def require_carried(atoms: Atoms, engine: str, *, charge: str = "held") -> None:
    """Refuse, before a run, atoms and modes that an engine would run with another control than the one meant.

    The model is evaluated once, so that an error of the structure or the control comes before the engine's first step.

    Parameters
    ----------
    atoms : with an ElectrodeCalculator, which holds the potential (Born-Oppenheimer: solved in every call) or the charge, perhaps a field
    engine : name for the messages
    charge : "held", or "fluctuating" for a charge that moves beside the nuclei

    Raises
    ------
    CannotCarry
        for atoms whose calculator names no control, or a fluctuating charge: the engine moves and thermostats nuclei alone.
    """
    if charge not in ("held", "fluctuating"):
        raise ValueError(f"require_carried: expected charge 'held' or 'fluctuating', got {charge!r}")
    if not isinstance(atoms.calc, ElectrodeCalculator):
        raise CannotCarry(f"{engine}: expected atoms with an ElectrodeCalculator, which names potential or charge; got {type(atoms.calc).__name__}. Set atoms.calc")
    if charge == "fluctuating":
        raise CannotCarry(
            f"{engine} moves and thermostats nuclei alone, so a fluctuating charge has no place in its state, restarts or conserved quantity. "
            "Hold the potential or the charge here, or run electrode's own dynamics or hybrid Monte Carlo (electrode md, electrode sample)"
        )
    atoms.get_potential_energy()
    atoms.get_forces()


def require_agreed(parameters: str, atoms: Atoms, engine: str) -> None:
    """Refuse a control in an engine's parameter string, "name: value, name: value", that is not the one held here.

    Raises
    ------
    CannotCarry
        for another value, or a control that is not held at all.
    """
    held = {k: v for k, v in atoms.calc.parameters.items() if k in _CONTROLS and v is not None}
    for name, value in re.findall(r"\"?([A-Za-z_]+)\"?\s*[:=]\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)", parameters):
        key = "potential" if name.lower() == "electrode_potential" else name.lower()
        if key in _CONTROLS and (key not in held or not np.allclose(held[key], float(value), rtol=0, atol=1e-9)):
            raise CannotCarry(f"{engine} asks for {name} = {value}, but held here is {held}. Name the control here alone, or the same in both")


def extras(atoms: Atoms) -> dict:
    """Return what an engine is told beside energy and forces, plain numbers of the last evaluation, for JSON.

    `dE_dN` is dE/dn = -Phi [eV] by the excess electrons n; `energy_kind` names the scalar whose gradient the forces are.
    """
    results, control = atoms.calc.results, atoms.calc.control
    kind = "Omega" if control.held == "potential" else ("E" if control.field is None else "enthalpy")
    return {name: results[name] for name in _TOLD if name in results} | {"dE_dN": -results["potential"], "energy_kind": kind}


def require_same_cell(cell: np.ndarray, wanted: np.ndarray, engine: str) -> None:
    """Refuse a cell (3, 3) [A] other than the one that the run started with.

    Raises
    ------
    CannotCarry
        where a vector differs by more than 1e-6 A: the models give no stress, and the charge per area would change.
    """
    if np.abs(cell - wanted).max() > 1e-6:
        raise CannotCarry(
            f"{engine}: expected the cell {np.array2string(wanted, precision=4, separator=', ')} A of the structure, got {np.array2string(cell, precision=4, separator=', ')} A. "
            "The models give no stress: run at constant cell, with the vectors as they stand here"
        )

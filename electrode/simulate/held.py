"""Modes in which the calculator holds what does not change: the charge, the potential, or the charge in a field."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.simulate.charge_state import require_positive
from electrode.state import Control


@dataclass(frozen=True)
class ConstantCharge:
    """The net charge stays: F = -dE/dR."""

    moves = False

    def require(self, control: Control) -> None:
        """Refuse a calculator that holds the potential, or applies a field."""
        require_held(self, control, "charge")
        _require_no_field(self, control)


@dataclass(frozen=True)
class BornOppenheimer:
    """The charge has the potential at every step: F = -dOmega/dR.

    Its variance is that of Q*(R) alone, kT d<Q>/dPhi without the electronic part kT <C(R)>, and structures weigh exp(-Omega/kT):
    where the charge fluctuates they weigh sqrt[C(R)] exp(-Omega/kT).
    """

    moves = False

    def require(self, control: Control) -> None:
        """Refuse a calculator that holds the charge, or applies a field."""
        require_held(self, control, "potential")
        _require_no_field(self, control)


@dataclass(frozen=True)
class ConstantField:
    """The field of the calculator stays, beside its charge or potential: F = -dH/dR.

    A cell of length L along the field is at the voltage F L, see `field_of_voltage`.  Zhang and Sprik, Phys. Rev. B 93, 144201
    (2016), https://doi.org/10.1103/PhysRevB.93.144201
    """

    moves = False

    def require(self, control: Control) -> None:
        """Refuse a calculator without a field."""
        if control.field is None:
            raise ValueError("ConstantField: expected a calculator with a field, got none. Give field=(x, y, z) [V/A] to ElectrodeCalculator")


def field_of_voltage(atoms: Atoms, voltage: float) -> tuple[float, float, float]:
    """Return the field [V/A] along the normal, from the electrode outwards, whose voltage over the cell's height L is V = F L.

    Parameters
    ----------
    atoms : with a cell;  voltage : [V], what a positive charge loses in potential energy on its way from bottom to top

    Raises
    ------
    ValueError
        for a cell without volume.
    """
    a, b, c = atoms.cell.array
    normal = np.cross(a, b)
    height = 0.0 if not normal.any() else float(c @ normal / np.linalg.norm(normal))
    require_positive("field_of_voltage", height_of_the_cell=abs(height))
    return tuple((voltage / height * normal / np.linalg.norm(normal)).tolist())


def require_held(mode, control: Control, held: str) -> None:
    """Raise ValueError unless the control holds "charge" or "potential", as the mode needs."""
    if control.held != held:
        raise ValueError(f"{type(mode).__name__}: expected a calculator that holds the {held}, got one that holds the {control.held}. Set atoms.calc = ElectrodeCalculator(model, {held}=...)")


def _require_no_field(mode, control: Control) -> None:
    if control.field is not None:
        raise ValueError(f"{type(mode).__name__}: the calculator applies a field of {control.field[0].tolist()} V/A; name the mode ConstantField, or drop the field")

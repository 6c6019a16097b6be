"""One structure at many electrode potentials: grand energy, charge and capacitance, nuclei fixed.

    Omega(Phi) = E - Phi Q        dOmega/dPhi = -Q        C = dQ/dPhi
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from ase import Atoms

from electrode.models.base import Model
from electrode.models.domain import check_domain, check_elements
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.units import UC_PER_CM2


@dataclass(frozen=True)
class ScanRow:
    """The interface at one potential; energies in eV, charges in e, `capacitance_uF_per_cm2` None without a surface."""

    potential_V: float
    reference: str
    potential_absolute_V: float
    grand_energy_eV: float
    canonical_energy_eV: float
    charge_e: float
    excess_electrons_e: float
    capacitance_e_per_V: float
    capacitance_uF_per_cm2: float | None


@dataclass(frozen=True)
class ScanTable:
    """Rows of a scan, in the order of the potentials that were asked for.

    Parameters
    ----------
    rows : one for each potential
    reference : the scale of `potential_V`, an object of `electrode.references`
    """

    rows: tuple[ScanRow, ...]
    reference: object

    def to_json(self) -> list[dict]:
        """Return the rows as plain dictionaries."""
        return [asdict(row) for row in self.rows]


def scan(model: Model, atoms: Atoms, potentials: Sequence[float], reference, *, strict: bool = False) -> ScanTable:
    """Return Omega, E, Q and C of one structure at each potential, from a single batched evaluation.

    Parameters
    ----------
    model : of either natural variable
    atoms : N atoms, not moved
    potentials : [V] on the scale `reference`
    reference : scale of the potentials, an object of `electrode.references`
    strict : raise, rather than warn, outside the range that the model was trained in

    Raises
    ------
    ValueError
        without potentials, for elements that the model does not know, or where it has no state at one of the potentials
        (`thermo.NoStableState`).

    Warns
    -----
    UserWarning
        outside the trained range, and where a capacitance is not positive.
    """
    if not len(potentials):
        raise ValueError("scan: expected at least one potential [V], got none")
    absolute = torch.tensor([reference.to_absolute(float(u)) for u in potentials], dtype=torch.float64)
    structure = Structure.from_atoms(atoms).repeat(len(potentials))
    check_elements(model, structure)
    out = evaluate(model, structure, Control(potential=absolute))
    check_domain(model, structure, out, strict=strict)
    area = float(structure.area[0]) if atoms.pbc[:2].all() else None
    rows = tuple(_row(float(u), reference, out, k, area) for k, u in enumerate(potentials))
    return ScanTable(rows, reference)


def _row(potential: float, reference, out: dict, k: int, area: float | None) -> ScanRow:
    capacitance = float(out["capacitance"][k])
    return ScanRow(
        potential_V=potential,
        reference=str(reference),
        potential_absolute_V=float(out["potential"][k]),
        grand_energy_eV=float(out["grand_energy"][k]),
        canonical_energy_eV=float(out["canonical_energy"][k]),
        charge_e=float(out["charge"][k]),
        excess_electrons_e=float(out["excess_electrons"][k]),
        capacitance_e_per_V=capacitance,
        capacitance_uF_per_cm2=None if area is None else capacitance * UC_PER_CM2 / area,
    )

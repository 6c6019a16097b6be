"""Electrodes at constant potential as the examples of LAMMPS ELECTRODE have them: two planes with charges between, and a capacitor of gold.

`python -m validation lammps_electrode` prints charges and energy beside LAMMPS's own (exact two-dimensional sums, ewald/electrode) and their differences.

planes : per square angstrom an electrode of Gaussian charges (eta 2/A) at z = -2 and one at 2 A, 1 V apart, point charges of +0.5 and -0.5 e at -1 and 1 A
capacitor : two slabs of two layers of Au(100), 288 atoms in all, eta 1.979/A, in vacuum, read from ELECTRODE_DATA (default ../shared/data)

Ahrens-Iwers, Janssen, Tee and Meissner, J. Chem. Phys. 157, 084801 (2022), https://doi.org/10.1063/5.0099239.
"""

from __future__ import annotations

import ase.io
import numpy as np
from ase import units

from electrode.physics import ChargeModel, Constraints, Electrode, Frozen, Planar, equilibrate_charges
from validation import _outside_data

FILE = "lammps_electrode_madelung/planar_au_vacuum_288.extxyz"
PLANES = {"charge": 0.279214126709814, "energy": 139.946125020193}  # [e], [kcal/mol]: a run of 1 Dec 2022, ewald/electrode with ew2d


def planes() -> dict[str, float]:
    """Return charge [e] and energy [kcal/mol] of the two planes with charges between them."""
    positions, held = np.array([[0.0, 0.0, z] for z in (-2.0, -1.0, 1.0, 2.0)]), np.array([True, False, False, True])
    model = ChargeModel(np.zeros(4), np.zeros(4), np.where(held, _width(2.0), 0.0), Planar(np.diag([1.0, 1.0, 30.0]), (True, True, False)))
    electrodes = [Electrode(np.array([0]), -0.5), Electrode(np.array([3]), 0.5)]
    found = equilibrate_charges(model, positions, Constraints(electrodes=electrodes, frozen=Frozen(~held, np.array([0.5, -0.5])), total=0.0))
    return {"charge": float(found.charges[3]), "energy": float(found.energy) / (units.kcal / units.mol)}


def capacitor(atoms) -> float:
    """Return the charge [e] of the electrode at the higher potential, 1 V apart."""
    group = atoms.arrays["electrode"]
    model = ChargeModel.metal(len(atoms), _width(atoms.info["eta_inv_A"]), Planar(atoms.cell.array, tuple(map(bool, atoms.pbc))))
    electrodes = [Electrode(np.flatnonzero(group == k), v * atoms.info["dV_V"]) for k, v in ((1, -0.5), (2, 0.5))]
    return float(equilibrate_charges(model, atoms.positions, Constraints(electrodes=electrodes, total=0.0)).charges[group == 2].sum())


def main(argv: list[str]) -> int:
    """Print a row for each number."""
    if argv:
        raise ValueError(f"lammps_electrode takes no arguments, got {' '.join(argv)}")
    found = planes()
    for name, unit in (("charge", "e"), ("energy", "kcal/mol")):
        print(f"planes, {name} {found[name]:.8f} {unit}; LAMMPS {PLANES[name]:.8f}, difference {found[name] - PLANES[name]:.1e}")
    path = _outside_data.found("capacitor", FILE)
    if path is None:
        return 0
    atoms = ase.io.read(path)
    charge, theirs = capacitor(atoms), atoms.info["Q_top_lammps_ew2d"]
    print(f"capacitor, charge {charge:.8f} e; LAMMPS {theirs:.8f}, difference {charge - theirs:.1e}")
    return 0


def _width(eta: float) -> float:
    """Return the standard deviation [A] of (eta^2/pi)^1.5 exp(-eta^2 r^2)."""
    return 1.0 / (np.sqrt(2.0) * eta)

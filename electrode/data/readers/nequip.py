"""Extended XYZ as NequIP and Allegro train on it.

NequIP knows no units and takes those of the file, so the caller states them.  `charge` is the total net charge (n = -Q),
`charges` those of the atoms, `dipole` a charge times a length.  `polarization` is a dipole per volume, known up to a quantum;
it stays as it is.  Neither a Fermi level nor the kind of the energy is in the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import read as ase_read

from electrode.data.files import parse_frames
from electrode.data.problems import fault
from electrode.data.record import ElectrifiedFrame
from electrode.units import BOHR, HARTREE

KCAL_PER_MOL = 4184.0 / 96485.33212331001  # J/mol over the Faraday constant [eV]
UNITS = {"eV_A": (1.0, 1.0), "hartree_bohr": (HARTREE, BOHR), "kcal_A": (KCAL_PER_MOL, 1.0)}  # energy [eV], length [A]


def recognises(path: Path) -> bool:
    """Always false: the file is extended XYZ, and the caller says that it is NequIP's."""
    return False


def read(path: Path, *, assume: Mapping | None = None, units: str | None = None) -> list[ElectrifiedFrame]:
    """Read all frames.

    Parameters
    ----------
    path : extended XYZ file
    assume : key or word of the record -> value where a frame lacks it, such as energy_kind
    units : of energy and length: "eV_A", "hartree_bohr" or "kcal_A" (kcal/mol)

    Raises
    ------
    DataError
        if the units are not stated, or a value cannot be read.
    """
    if units not in UNITS:
        raise fault(path.name, f"units = {units!r}: the file does not say its units", f"pass units= one of {', '.join(UNITS)}")
    frames = parse_frames(path, assume)
    images = ase_read(path, index=":", format="extxyz")
    return [_converted(frame, image, *UNITS[units]) for frame, image in zip(frames, images, strict=True)]


def _converted(frame: ElectrifiedFrame, image: Atoms, energy: float, length: float) -> ElectrifiedFrame:
    results = getattr(image.calc, "results", {})
    born = image.arrays.get("born_effective_charges", results.get("born_effective_charges"))
    if born is not None and np.size(born) != 9 * len(image):
        raise fault(frame.where, f"born_effective_charges: expected (N, 3, 3), got {np.shape(born)}", "write nine numbers for each atom")
    info = dict(frame.info)
    if "polarization" in results:
        info["polarization"] = np.array(results["polarization"], dtype=float)
    geometry = frame.geometry.copy()
    geometry.set_cell(geometry.cell.array * length)
    geometry.positions *= length
    if "born_effective_charges" in geometry.arrays:
        del geometry.arrays["born_effective_charges"]
    return replace(
        frame, geometry=geometry, info=info, version=1, energy=_times(frame.energy, energy), forces=_times(frame.forces, energy / length),
        dipole=_times(frame.dipole, length), born_charges=frame.born_charges if born is None else np.array(born, dtype=float).reshape(-1, 9),
    )  # fmt: skip


def _times(value, factor: float):
    return None if value is None else value * factor

"""Extended XYZ as MACE trains on it, and as CP-MACE does.

MACE's trainer reads REF_energy, REF_forces and `total_charge` (Q, so n = -Q) by default and fills what is missing with zero;
here a missing charge is refused.  CP-MACE adds `electron`, a net charge in some sets and a number of electrons in others, and
`potential`, the Fermi level (mu), not an electrode potential.  Neither says the kind of its energy: the caller states it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from ase import Atoms

from electrode.data.files import parse_frames
from electrode.data.problems import Problem, fault, warn
from electrode.data.record import ElectrifiedFrame
from electrode.units import DEBYE

DIPOLE_UNITS = {"eA": 1.0, "debye": DEBYE}
_WEIGHTS = {"config_energy_weight": "energy", "config_forces_weight": "forces"}


def recognises(path: Path) -> bool:
    """Always false: the file is extended XYZ, and the caller says that it is MACE's."""
    return False


def read(
    path: Path, *, assume: Mapping | None = None, electron: str | None = None, energy_key: str = "REF_energy", forces_key: str = "REF_forces",
    charge_key: str = "total_charge", dipole_unit: str | None = None,
) -> list[ElectrifiedFrame]:  # fmt: skip
    """Read all frames, without MACE's isolated atoms.

    Parameters
    ----------
    path : extended XYZ file
    assume : key or word of the record -> value where a frame lacks it, such as energy_kind
    electron : what CP-MACE's `electron` is: "excess_electrons", "net_charge" or "electron_count"
    energy_key, forces_key, charge_key : keys of the labels, `--energy_key` and so on of MACE; the charge is net
    dipole_unit : "eA" or "debye", needed where there is a dipole

    Raises
    ------
    DataError
        if `electron` occurs and is not declared, a dipole has no unit, or a value cannot be read.
    """
    given = {**(assume or {}), **({"electron": electron} if electron else {})}
    frames = parse_frames(path, given)
    alone = [f for f in frames if f.info.get("config_type") == "IsolatedAtom"]
    if alone:
        warn([Problem("warning", path.name, f"{len(alone)} isolated atoms are left out", "give their energies to MACE again")])
    renamed = {energy_key: "energy", forces_key: "forces", charge_key: "n_excess"}
    return [_labelled(frame, renamed, dipole_unit) for frame in frames if frame.info.get("config_type") != "IsolatedAtom"]


def _labelled(frame: ElectrifiedFrame, renamed: dict, dipole_unit: str | None) -> ElectrifiedFrame:
    info, arrays = dict(frame.info), frame.geometry.arrays
    found = {}
    for key, name in renamed.items():
        if key in info or key in arrays:
            value = info.pop(key) if key in info else arrays[key]
            found[name] = np.array(value, dtype=float) if name == "forces" else float(value) * (-1.0 if name == "n_excess" else 1.0)
    if frame.dipole is not None and frame.version is None:  # a file of the record has its units
        found["dipole"] = frame.dipole * _unit(dipole_unit, frame.where)
    for key, name in _WEIGHTS.items():
        if info.get(key) == 0:
            found[name] = None
            found |= {"energy_kind": "none"} if name == "energy" else {}
    return replace(frame, geometry=_without(frame.geometry, renamed), info=info, version=1, **found)


def _without(atoms: Atoms, keys) -> Atoms:
    atoms = atoms.copy()
    for key in set(atoms.arrays) & set(keys):
        del atoms.arrays[key]
    return atoms


def _unit(word: str | None, where: str) -> float:
    if word not in DIPOLE_UNITS:
        raise fault(where, f"dipole_unit = {word!r}: the unit of the dipole is not in the file", "pass dipole_unit='eA' or dipole_unit='debye'")
    return DIPOLE_UNITS[word]

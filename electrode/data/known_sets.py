"""Published sets of data whose keys are not the record's: what each key means, and what the files do not say.

A row is recognised by the keys and columns that its files carry.  What a row states (method, counter-charge, zero of
mu) stands in the descriptions of the sets, not in their files, so every use of it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import numpy as np
from ase import Atoms

from electrode.data.problems import fault

SHE = 4.44  # [V]
SJM_TOLERANCE = 0.01  # of the potential in the solvated jellium method [eV]
_SAME_ENERGY = 1e-5  # [eV]
_COLUMNS = ("REF_forces", "REF_charges", "REF_bec", "eir_region")


@dataclass(frozen=True)
class Read:
    """How one key is read: value of the record = factor * value + shift."""

    key: str
    factor: float = 1.0
    shift: float = 0.0


@dataclass(frozen=True)
class KnownSet:
    """One set of data.

    Parameters
    ----------
    name : what it is called in messages
    source : where it was published
    needs : names of entries, columns or results that mark its frames;  lacks : names that they do not carry
    keys : their name -> how it is read
    given : key of the record -> value that the files do not state
    more : entries of one frame -> further keys of the record, the trajectory among them
    notes : what a user of the set should know
    """

    name: str
    source: str
    needs: tuple[str, ...]
    keys: Mapping[str, Read]
    given: Mapping[str, object]
    lacks: tuple[str, ...] = ()
    more: Callable[[Mapping], dict] = lambda found: {}
    notes: tuple[str, ...] = field(default=())

    def fits(self, found: Mapping) -> bool:
        """Say whether the entries of a frame are those of this set."""
        return "eir_version" not in found and all(k in found for k in self.needs) and not any(k in found for k in self.lacks)


def translate(atoms: Atoms, where: str) -> tuple[Atoms, list[str]]:
    """Return the atoms with keys of the record if they belong to a known set, and a note for each thing assumed.

    Parameters
    ----------
    atoms : as ASE reads them;  where : file and frame, for messages

    Raises
    ------
    DataError
        if the frame contradicts what its set states.
    """
    from electrode.data.known_rows import KNOWN_SETS

    found = entries(atoms)
    row = next((k for k in KNOWN_SETS if k.fits(found)), None)
    if row is None:
        return atoms, []
    values = {read.key: _value(found[k], read, k, where) for k, read in row.keys.items() if found.get(k) is not None}
    values = {**row.given, **values, **row.more(found)}
    _check_grand_energy(found, values, where)
    return _rebuilt(atoms, row, values), _notes(row, found)


def entries(atoms: Atoms) -> dict:
    """Return all that a file says of a frame under its own names: entries, columns and results."""
    columns = {k: v for k, v in atoms.arrays.items() if k not in ("numbers", "positions")}
    return {**getattr(atoms.calc, "results", {}), **columns, **atoms.info}


def folder_of(source: str) -> str:
    """Return the folder of a path in the source, which names a band of images or a series."""
    return str(PurePosixPath(source).parent)


def _value(value, read: Read, name: str, where: str):
    array = np.asarray(value)
    if array.dtype.kind not in "if":
        raise fault(where, f"{name!r}: expected a number, got {value!r}", "write a number, or rename the key")
    array = array.astype(float)
    if array.shape == (1, 3):  # nested lists of one row
        array = array[0]
    out = read.factor * array + read.shift
    return out if out.ndim else float(out)


def _check_grand_energy(found: Mapping, values: Mapping, where: str) -> None:
    """Where a file states both E and Omega, see that Omega = E - mu n."""
    if "REF_omega" in found and values.get("eir_energy_kind") == "E":
        expected = values["REF_energy"] - values["eir_mu"] * values["eir_n_excess"]
        if not abs(expected - found["REF_omega"]) <= _SAME_ENERGY:
            raise fault(where, f"REF_omega = {found['REF_omega']:.6f} eV, but energy, charge and potential give {expected:.6f}", "find which of them is wrong")


def _rebuilt(atoms: Atoms, row: KnownSet, values: Mapping) -> Atoms:
    """Return the atoms with the record's keys instead of the set's; None drops what the file has under a key."""
    new = atoms.copy()
    for name in {*row.keys, *values, "REF_omega", "point"}:
        new.info.pop(name, None)
        if name in new.arrays:
            del new.arrays[name]
    for key, value in values.items():
        if key == "pbc":
            new.pbc = value
        elif key in _COLUMNS and value is not None:
            new.set_array(key, np.array(value))
        elif value is not None:
            new.info[key] = value
    return new


def _notes(row: KnownSet, found: Mapping) -> list[str]:
    said = [f"recognised as {row.name} ({row.source})"]
    for name, read in row.keys.items():
        if found.get(name) is not None:
            factor = "" if read.factor == 1.0 else f"{read.factor:g} * "
            shift = f" {read.shift:+g}" if read.shift else ""
            said.append(f"{name!r} read as {read.key}" + (f" = {factor}{name}{shift}" if factor or shift else ""))
    said.append("taken from the description of the set: " + ", ".join(f"{k} = {v}" for k, v in row.given.items()))
    return [*said, *row.notes]

"""The formats that can be read into frames of the record, and the one door to them.

A reader is a module with `recognises(path) -> bool`, which looks at the name and the first bytes and never raises, and
`read(path, **options) -> list[ElectrifiedFrame]`, which leaves None what its files do not say and checks no rule of the
record.  A reader whose files may hold aliases takes `assume` itself; for the others it is applied here.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

from electrode.data.aliases import SPECIAL
from electrode.data.checks import accept
from electrode.data.problems import DataError, did_you_mean, fault, raise_on_errors
from electrode.data.record import ElectrifiedFrame, build


@dataclass(frozen=True)
class Format:
    """One format of data files.

    Parameters
    ----------
    name : what the user calls it
    module : dotted name of its reader, imported when it is needed
    describes : what is read, in one line
    example : a call that reads such a file
    """

    name: str
    module: str
    describes: str
    example: str

    @property
    def reader(self) -> ModuleType:
        """The module that reads this format."""
        return import_module(self.module)

    @property
    def options(self) -> tuple[str, ...]:
        """The options that the reader takes beside the path."""
        return tuple(name for name in list(inspect.signature(self.reader.read).parameters)[1:] if name != "assume")


_ROWS = (
    Format("extxyz", "electrode.data.readers.extxyz", "extended XYZ with the keys of the record or their aliases", 'read("frames.xyz")'),
    Format("ase-db", "electrode.data.carriers_db", "ASE database of the record, .db", 'read("frames.db")'),
    Format("npz", "electrode.data.carriers_npz", "numpy archive of the record, .npz, for large sets", 'read("frames.npz")'),
    Format("dataset", "electrode.data.readers.dataset", "folder of a data set of plain arrays", 'read("folder")'),
    Format("gpaw-sjm", "electrode.data.readers.gpaw_sjm", "GPAW's solvated jellium method: text log, or .traj with its log", 'read("sjm.txt")'),
    Format("vasp", "electrode.data.readers.vasp", "VASP, VASPsol and VASPsol++: OUTCAR or vasprun.xml, and the standard output", 'read("OUTCAR", stdout="vasp.out")'),
    Format("cp-vasp", "electrode.data.readers.cp_vasp", "CP-VASP: the CPM-ion lines of OSZICAR or the standard output, with the OUTCAR", 'read("OSZICAR", format="cp-vasp")'),
    Format("jdftx", "electrode.data.readers.jdftx", "output of JDFTx, at fixed charge or with target-mu", 'read("slab.out", assume={"sides": 1})'),
    Format("quantum-espresso", "electrode.data.readers.quantum_espresso", "output of pw.x: fixed charge, GC-SCF and FCP", 'read("pw.out", assume={"mu_zero": "vacuum_top"})'),
    Format("cp2k", "electrode.data.readers.cp2k", "output of CP2K: fixed charge, &GCE, slabs in a field", 'read("slab.out", positions="slab-pos-1.xyz")'),
    Format("mace", "electrode.data.readers.mace", "extended XYZ of MACE and CP-MACE", 'read("train.xyz", format="mace", electron="net_charge", assume={"energy_kind": "E"})'),
    Format("nequip", "electrode.data.readers.nequip", "extended XYZ of NequIP and Allegro", 'read("train.xyz", format="nequip", units="eV_A", assume={"energy_kind": "E"})'),
    Format("deepmd", "electrode.data.readers.deepmd", "systems of DeePMD-kit with frame parameters", 'read("system", columns="n_excess", assume={"energy_kind": "E"})'),
)  # fmt: skip
FORMATS = {row.name: row for row in _ROWS}


def recognise(path: str | Path) -> Format:
    """Return the format of a file or folder by its name and first bytes.

    Raises
    ------
    FileNotFoundError
        if there is no such file or folder.
    DataError
        if no format or several formats fit.
    """
    path = _existing(path)
    fitting = [row for row in FORMATS.values() if row.reader.recognises(path)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise fault(path.name, f"several formats fit: {', '.join(row.name for row in fitting)}", "name one of them (format=, on the command line --format)")
    raise fault(path.name, f"no known format fits; known are {', '.join(FORMATS)}", "name the format (format=, on the command line --format), or see whether the file is empty or another one was meant")


def read(path: str | Path, format: str | None = None, *, strict: bool = True, assume: Mapping | None = None, **options) -> list[ElectrifiedFrame]:
    """Read a file or folder of any known format into checked frames of the record.

    Parameters
    ----------
    path : file or folder
    format : a name of `FORMATS`; None recognises it
    strict : raise on every broken rule; otherwise warn, which also lets frames pass that are not converged
    assume : key or word of the record -> value where the file does not say it, see `aliases.resolve`
    options : of the reader, see `Format.options`

    Raises
    ------
    FileNotFoundError
        if there is no such file.
    DataError
        if the format is unknown or does not fit, an option is unknown, the file cannot be read, or, when strict, a rule
        is broken.
    """
    return accept(parse(path, format, assume=assume, **options), strict)


def parse(path: str | Path, format: str | None = None, *, assume: Mapping | None = None, **options) -> list[ElectrifiedFrame]:
    """Read a file or folder of any known format without checking the rules of the record; see `read`."""
    path = _existing(path)
    row = recognise(path) if format is None else _named(format, path)
    for word in options:
        if word not in row.options:
            raise fault(path.name, f"the format {row.name} has no option {word!r}{did_you_mean(word, row.options)}", f"its options are: {', '.join(row.options) or 'none'}")
    if "assume" in inspect.signature(row.reader.read).parameters:
        frames = row.reader.read(path, assume=assume, **options)
    else:
        frames = _completed(row.reader.read(path, **options), assume, row)
    if not frames:
        raise fault(path.name, f"no frame found in the format {row.name}", "see whether the run was finished")
    return frames


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file. Check the name and the folder.")
    return path


def _named(name: str, path: Path) -> Format:
    if name not in FORMATS:
        raise fault(path.name, f"unknown format {name!r}{did_you_mean(name, FORMATS)}", f"use one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _completed(frames: list[ElectrifiedFrame], assume: Mapping | None, row: Format) -> list[ElectrifiedFrame]:
    """Fill what the reader left open, and give every value the type and shape of the record."""
    for word in set(assume or {}) & set(SPECIAL):
        raise fault(f"format {row.name}", f"assume: {word!r} is a word for aliases, and this format has none", "use keys of the record")
    out, unread = [], []
    for frame in frames:
        try:
            out.append(build(frame.to_atoms(), frame.where, assume)[0])
        except DataError as error:
            unread.extend(error.problems)
    raise_on_errors(unread)
    return out

"""What a VASP run says, whichever file says it: settings, electrons, and one step for each set of positions."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

METHOD_TAGS = ("PREC", "ENCUT", "ISPIN", "ISMEAR", "SIGMA", "GGA", "METAGGA", "IVDW", "LHFCALC", "LDAU", "NKPTS")
SOLVATION_TAGS = ("LSOL", "ISOL", "EFERMI_REF", "EFERMI_TOL", "LNLDIEL", "LNLION", "NC_K", "TAU", "SIGMA_K", "R_SOLV", "R_CAV", "R_DIEL", "R_ION", "R_B", "EB_K", "C_MOLAR", "LAMBDA_D_K", "D_ION")
RUN_TAGS = ("NELM", "EDIFF", "NSW", "IDIPOL", "NELECT", "NESCHEME", "FERMICONVERGE")


@dataclass(frozen=True, eq=False)
class Step:
    """One converged (or given up) electronic ground state.

    Parameters
    ----------
    atoms : the structure, periodic in all directions
    forces : (N, 3) [eV/A] or None
    free, sigma0 : float [eV], TOTEN and energy(sigma->0) as printed
    fermi : float [eV], E-fermi as printed, or None
    electrons : float [e], electrons of this step, or None where only NELECT is known
    converged : whether the electronic loop reached EDIFF
    """

    atoms: Atoms
    forces: np.ndarray | None
    free: float
    sigma0: float
    fermi: float | None
    electrons: float | None
    converged: bool


@dataclass(frozen=True, eq=False)
class Run:
    """A VASP run.

    Parameters
    ----------
    version : of VASP
    potentials : titles of the POTCARs
    neutral : float [e], sum of ZVAL over all atoms
    tags : settings by name in capitals, as text
    solvation : settings of VASPsol by name in capitals, as text; empty without VASPsol
    steps : the finished steps
    finished : whether the run came to its end
    """

    version: str
    potentials: tuple[str, ...]
    neutral: float
    tags: Mapping[str, str]
    solvation: Mapping[str, str]
    steps: tuple[Step, ...]
    finished: bool = True

    @property
    def method(self) -> str:
        """Name of the method: version, functional, solvation and a digest of settings and potentials, not of the charge."""
        settings = [f"{k}={_plain(self.tags.get(k))}" for k in METHOD_TAGS] + sorted(self.potentials)
        settings += [f"{k}={_plain(self.solvation.get(k))}" for k in SOLVATION_TAGS if not k.startswith("EFERMI")]
        digest = hashlib.sha256("\n".join(settings).encode()).hexdigest()[:8]
        functional = re.sub(r"\W+", "", self.tags.get("GGA", "")) or re.sub(r"\W+", "", self.potentials[0].split()[0].split("_")[-1])
        return f"vasp_{self.version}_{functional}_{self.model or 'vacuum'}_d{digest}"

    @property
    def model(self) -> str | None:
        """The solvation model: vaspsol (no ISOL in its output), vaspsolpp_isol1, vaspsolpp_isol2, or None."""
        if not truth(self.solvation.get("LSOL")):
            return None
        return f"vaspsolpp_isol{self.solvation['ISOL']}" if "ISOL" in self.solvation else "vaspsol"


def version(text: str) -> str:
    """Return the numbers behind `vasp.`, without the date of the release."""
    match = re.search(r"vasp\.(\d+(?:\.\d+){0,2})(?!\d)", text)
    return match.group(1) if match else "unknown"


def truth(word: str | None) -> bool:
    """Return whether a Fortran logical is true; None is false."""
    return bool(word) and word.strip(". ").upper().startswith("T")


def number(word: str | None, default: float = 0.0) -> float:
    """Return a Fortran real, or the default where there is none or its field was too narrow (`*****`)."""
    try:
        return default if word is None else float(re.sub("[dD]", "e", word))
    except ValueError:
        return default


def _plain(word: str | None) -> str:
    """Write a setting the same way whatever file it comes from."""
    try:
        return f"{float(word):g}" if word else "-"
    except ValueError:
        return word.strip(".").lower()[:1] if word.strip(".").lower() in ("t", "true", "f", "false") else word.lower()

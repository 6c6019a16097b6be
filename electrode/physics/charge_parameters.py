"""Published parameters of charge equilibration, with the citation that travels with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from electrode.physics.charges import ChargeModel
from electrode.physics.eeq_parameters import CHI, ETA, KAPPA, WIDTH
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS
from electrode.physics.elements import SYMBOLS as UFF_SYMBOLS
from electrode.units import BOHR, COULOMB, HARTREE


@dataclass(frozen=True)
class ParameterSet:
    """Electronegativity, hardness and width of the elements, in the convention of `ChargeModel`.

    Parameters
    ----------
    name, citation, doi : of the publication
    electronegativity : (Z+1,) [V] by atomic number, NaN where not published
    hardness : (Z+1,) [V/e], beside the own interaction of the Gaussian
    width : (Z+1,) [A], of the Gaussian
    coordination : (Z+1,) kappa [V], subtracted from the electronegativity as kappa sqrt(coordination number); or None
    """

    name: str
    citation: str
    doi: str
    electronegativity: np.ndarray
    hardness: np.ndarray
    width: np.ndarray
    coordination: np.ndarray | None = None

    def replace(self, **changes) -> ParameterSet:
        """Return a copy with other values; change the name with them."""
        return replace(self, **changes)

    def model(self, numbers: np.ndarray, interaction, *, coordination: np.ndarray | None = None) -> ChargeModel:
        """Return the model of atoms with atomic numbers (N,).

        Forces of that model are taken at fixed coordination numbers; `eeq.eeq` differentiates them too.

        Parameters
        ----------
        numbers : (N,) int
        interaction : see `charge_interactions`
        coordination : (N,) coordination numbers, where the set depends on them (`eeq.eeq(...).coordination`)

        Raises
        ------
        ValueError
            for elements without parameters, and coordination numbers missing or not used.
        """
        numbers = np.asarray(numbers, int)
        missing = sorted({int(z) for z in numbers if not 0 < z < len(self.width) or np.isnan(self.width[z] + self.electronegativity[z])})
        if missing:
            raise ValueError(f"{self.name}: no parameters for Z = {missing}. Use another set, or add them with replace")
        if (coordination is None) != (self.coordination is None):
            expected = "no coordination numbers" if self.coordination is None else "the coordination numbers of the atoms"
            raise ValueError(f"{self.name}: expected {expected}, got {'none' if coordination is None else 'some'}. See ParameterSet.model")
        chi = self.electronegativity[numbers]
        if coordination is not None:
            chi = chi - self.coordination[numbers] * np.sqrt(_below_eight(np.asarray(coordination, float)))
        return ChargeModel(chi, self.hardness[numbers], self.width[numbers], interaction)


def _below_eight(counted: np.ndarray) -> np.ndarray:
    """Return the coordination numbers of `eeq`, smoothly kept below 8."""
    return np.logaddexp(0.0, 8.0) - np.logaddexp(0.0, 8.0 - counted)


def _by_number(values: np.ndarray) -> np.ndarray:
    out = np.append(np.nan, values)
    out.setflags(write=False)
    return out


# the Gaussians are as wide as their hardness says: k_e / (sqrt(pi) width) = J, and nothing is added to it
QEQ = ParameterSet(
    name="QEq",
    citation="Rappe and Goddard, J. Phys. Chem. 95, 3358 (1991); metals and others from Rappe et al., J. Am. Chem. Soc. 114, 10024 (1992)",
    doi="10.1021/j100161a070",
    electronegativity=_by_number(ELECTRONEGATIVITY[1:]),
    hardness=_by_number(np.zeros(len(UFF_SYMBOLS) - 1)),
    width=_by_number(COULOMB / (np.sqrt(np.pi) * HARDNESS[1:])),
)
EEQ = ParameterSet(
    name="EEQ",
    citation="Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019)",
    doi="10.1063/1.5090222",
    electronegativity=_by_number(HARTREE * CHI),
    hardness=_by_number(HARTREE * ETA),
    width=_by_number(BOHR * WIDTH / np.sqrt(2.0)),
    coordination=_by_number(HARTREE * KAPPA),
)

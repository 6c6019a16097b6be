"""Published parameters of charge equilibration, with the citation that travels with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from electrode.physics.charge_model import ChargeModel
from electrode.physics.coordination import Coordination, below_eight
from electrode.physics.eeq_parameters import CHI, ETA, KAPPA, RADIUS, WIDTH
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS
from electrode.physics.elements import SYMBOLS as UFF_SYMBOLS
from electrode.physics.slater import Slater, slater_own, slater_width
from electrode.physics.slater_parameters import SHELL, ZETA
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
    radius : (Z+1,) [A], with which atoms are counted; or None
    shell : (Z+1,) principal quantum number of Slater charges, whose rms extent along an axis the width is; None for Gaussians
    """

    name: str
    citation: str
    doi: str
    electronegativity: np.ndarray
    hardness: np.ndarray
    width: np.ndarray
    coordination: np.ndarray | None = None
    radius: np.ndarray | None = None
    shell: np.ndarray | None = None

    def replace(self, **changes) -> ParameterSet:
        """Return a copy with other values; change the name with them."""
        return replace(self, **changes)

    def model(self, numbers: np.ndarray, interaction, *, coordination: np.ndarray | None = None) -> ChargeModel:
        """Return the model of atoms with atomic numbers (N,).

        Parameters
        ----------
        numbers : (N,) int
        interaction : see `charge_interactions`; its `cell` and `pbc` say where neighbours are
        coordination : (N,) coordination numbers to hold, where the set depends on them; None to count them at each set of
            positions, and to differentiate them

        Raises
        ------
        ValueError
            for elements without parameters, and coordination numbers that are not used.
        """
        numbers = np.asarray(numbers, int)
        known = np.flatnonzero(~np.isnan(self.width + self.electronegativity))
        if not np.isin(numbers, known).all():
            missing = np.setdiff1d(numbers, known).tolist()
            raise ValueError(f"{self.name}: no parameters for Z = {missing}. Use another set, or add them with replace")
        if self.shell is not None:
            interaction = Slater(interaction, self.shell[numbers])
        model = ChargeModel(self.electronegativity[numbers], self.hardness[numbers], self.width[numbers], interaction)
        if self.coordination is None:
            if coordination is not None:
                raise ValueError(f"{self.name}: expected no coordination numbers, got some. Leave them out")
            return model
        kappa = self.coordination[numbers]
        if coordination is None:
            return model.replace(environment=Coordination(kappa, self.radius[numbers], interaction.cell, interaction.pbc))
        return model.replace(electronegativity=model.electronegativity - kappa * np.sqrt(below_eight(np.asarray(coordination, float))))


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
# the same with Slater's charges, as published; their own interaction is taken off the hardness, which is J - 5 k_e zeta/8 in the first shell
_SLATER_WIDTH = slater_width(ZETA, SHELL)
QEQ_SLATER = QEQ.replace(
    name="QEq with Slater charges",
    hardness=_by_number(HARDNESS[1:] - slater_own(_SLATER_WIDTH, SHELL)),
    width=_by_number(_SLATER_WIDTH),
    shell=_by_number(SHELL),
)
EEQ = ParameterSet(
    name="EEQ",
    citation="Caldeweyher et al., J. Chem. Phys. 150, 154122 (2019)",
    doi="10.1063/1.5090222",
    electronegativity=_by_number(HARTREE * CHI),
    hardness=_by_number(HARTREE * ETA),
    width=_by_number(BOHR * WIDTH / np.sqrt(2.0)),
    coordination=_by_number(HARTREE * KAPPA),
    radius=_by_number(RADIUS),
)

"""What the charges of atoms obey, whatever their positions: electronegativities, hardnesses, widths and the interaction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from electrode.units import COULOMB


@dataclass(frozen=True)
class ChargeModel:
    """What the charges of N atoms obey, whatever their positions.

    Parameters
    ----------
    electronegativity : chi (N,) [V], 0 for an ideal metal
    hardness : (N,) [V/e], added to the own interaction k_e/(sqrt(pi) width) of the Gaussians
    width : (N,) [A], 0 for a point
    interaction : `charge_interactions.Planar` (slab, open), `Bulk`, or `slater.Slater` around one of them
    environment : what the positions add to the electronegativities (`coordination.Coordination`), or None

    Raises
    ------
    ValueError
        for arrays of different lengths, values that are not finite, an unknown interaction or environment.
    """

    electronegativity: np.ndarray
    hardness: np.ndarray
    width: np.ndarray
    interaction: object
    environment: object | None = None

    def __post_init__(self):
        n = np.size(self.electronegativity)
        for name in ("electronegativity", "hardness", "width"):
            value = np.array(getattr(self, name), float)
            if value.shape != (n,) or not np.isfinite(value).all():
                raise ValueError(f"ChargeModel.{name}: expected {n} finite numbers, one for each atom, got {getattr(self, name)}")
            if name == "width" and value.min(initial=0.0) < 0.0:
                raise ValueError(f"ChargeModel.width: expected lengths [A], 0 for a point, got {value.min():g}")
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        if not (hasattr(self.interaction, "at") and hasattr(self.interaction, "normal")):
            raise ValueError(f"ChargeModel: unknown kernel {self.interaction!r}; expected charge_interactions.Planar, Bulk, or an object with `at` and `normal`")

        if not (self.environment is None or hasattr(self.environment, "at")):
            raise ValueError(f"ChargeModel.environment: expected coordination.Coordination, an object with `at`, or None, got {self.environment!r}")

    @classmethod
    def metal(cls, n: int, width: float, interaction) -> ChargeModel:
        """Return the ideal metal of n Gaussians of one width [A]: no electronegativity and no hardness."""
        return cls(np.zeros(n), np.zeros(n), np.full(n, float(width)), interaction)

    @property
    def diagonal(self) -> np.ndarray:
        """Hardness and own interaction of the Gaussians (N,) [V/e], 1 where that is not positive: what iterations scale with."""
        own = self.hardness + np.divide(COULOMB / math.sqrt(math.pi), self.width, out=np.zeros(len(self.width)), where=self.width > 0.0)
        return np.where(own > 0.0, own, 1.0)

    def replace(self, **changes) -> ChargeModel:
        """Return a copy with other values."""
        return replace(self, **changes)

    def with_thomas_fermi(self, atoms: np.ndarray, length: float, density: float) -> ChargeModel:
        """Return a copy in which a metal screens over a length: hardness + 4 pi k_e l^2 d.

        Parameters
        ----------
        atoms : indices or mask of the metal
        length : l_TF [A];  density : d, atoms per volume [1/A^3]
        """
        hardness = self.hardness.copy()
        hardness[atoms] += 4.0 * math.pi * COULOMB * length**2 * density
        return self.replace(hardness=hardness)

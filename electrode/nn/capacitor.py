"""The mean capacitor of the training data, beside which a network learns the rest.

    Phi = Phi_0 + Q/(c A):      E = Phi_0 Q + Q^2/(2 c A)   or   Omega = -c A (Phi - Phi_0)^2/2
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.units import capacitance_per_cell

TYPICAL = 20.0  # capacitance before any data [uF/cm^2]
LEVEL = 4.44  # potential of the neutral cell before any data [V]


def capacitor_energy(natural: str, value: Tensor, area: Tensor, level: Tensor, per_area: Tensor) -> Tensor:
    """Return E(Q) or Omega(Phi), whichever is natural, (S,) [eV].

    Parameters
    ----------
    natural : "charge" or "potential";  value : of it, (S,) [e] or [V];  area : (S,) [A^2]
    level : Phi_0 [V];  per_area : c [e/V/A^2]
    """
    if natural == "charge":
        return level * value + value**2 / (2.0 * per_area * area)
    return -0.5 * per_area * area * (value - level) ** 2


def mean_capacitor(natural: str, value: Tensor, conjugate: Tensor, area: Tensor) -> tuple[Tensor, Tensor]:
    """Return Phi_0 [V] and c [e/V/A^2] that fit labels of both variables, each (F,), NaN where a label is missing.

    c stays the typical one where the labels give no positive one, Phi_0 the level of SHE where there are none.
    """
    charge, potential = (value, conjugate) if natural == "charge" else (conjugate, value)
    kept = ~torch.isnan(conjugate)
    x, y = (charge / area)[kept], potential[kept]
    level, per_area = torch.tensor(LEVEL, dtype=torch.float64), torch.tensor(capacitance_per_cell(TYPICAL, 1.0), dtype=torch.float64)
    if len(y) > 1 and (covariance := ((x - x.mean()) * (y - y.mean())).mean()) > 1e-12:
        per_area = x.var(unbiased=False) / covariance
    return (y.mean() - x.mean() / per_area if len(y) else level), per_area


class Capacitor(nn.Module):
    """The mean capacitor as a part of a model; its two numbers are fitted, not trained.

    Parameters
    ----------
    natural : "charge" or "potential"
    """

    def __init__(self, natural: str):
        super().__init__()
        self.natural = natural
        for name, value in (("level", LEVEL), ("per_area", capacitance_per_cell(TYPICAL, 1.0))):
            self.register_buffer(name, torch.tensor(value, dtype=torch.float64))

    def adapt(self, value: Tensor, conjugate: Tensor, area: Tensor) -> None:
        """Fit both numbers, see `mean_capacitor`."""
        for mine, found in zip((self.level, self.per_area), mean_capacitor(self.natural, value, conjugate, area)):
            mine.copy_(found)

    def potential(self, charge: Tensor, area: Tensor) -> Tensor:
        """Return Phi_0 + Q/(c A), (S,) [V]."""
        return self.level + charge / (self.per_area * area)

    def forward(self, value: Tensor, area: Tensor) -> Tensor:
        """Return E or Omega, (S,) [eV]."""
        return capacitor_energy(self.natural, value, area, self.level, self.per_area)

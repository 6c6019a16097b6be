"""The continuum double layer as a term of a model: what the electrolyte adds to the energy of a charged interface.

    E(Q) = a e(Q/a),    dE/dQ = phi(Q/a),    d2E/dQ2 = 1/(a c(phi))

with the energy e, potential phi and differential capacitance c per area of `physics.double_layer`, and a = A times the
number of sides.  `Sum(model, DoubleLayerTerm())` puts it in series with the model: 1/C = 1/C_model + 1/(a c), so that C
depends on the potential even where the model's does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model, ModelCard, held_charge
from electrode.physics.double_layer import Bikerman, DiffuseLayer, DoubleLayer, Electrolyte, GouyChapman, Helmholtz, Ion, Stern
from electrode.state import Control, Structure
from electrode.units import ROOM_TEMPERATURE

_DIFFUSE = {
    "helmholtz": None,
    "gouy-chapman": GouyChapman,
    "gouy-chapman-stern": GouyChapman,
    "bikerman": Bikerman,
    "modified-poisson-boltzmann": DiffuseLayer,
}
_NEEDS_STERN = ("helmholtz", "gouy-chapman-stern")


@dataclass(frozen=True)
class DoubleLayerTermConfig:
    """Everything the term can be told.

    Parameters
    ----------
    model : "helmholtz", "gouy-chapman", "gouy-chapman-stern", "bikerman" or "modified-poisson-boltzmann"
    concentrations : (M,) of each kind of ion in the bulk [mol/L]
    valences : (M,) [e], neutral together
    diameters : (M,) [A], 0 for a point; only those of the last two models count
    stern_thickness : of the layer without ions [A]; None for 3 in "helmholtz" and "gouy-chapman-stern", for no layer in others
    stern_permittivity : of that layer
    temperature : [K]
    sides : of the slab that touch the electrolyte and share the charge, 1 or 2

    Raises
    ------
    ValueError
        for an unknown model, ions that do not suit it, or lists of different lengths.
    """

    model: str = "gouy-chapman-stern"
    concentrations: tuple[float, ...] = (0.1, 0.1)
    valences: tuple[float, ...] = (1.0, -1.0)
    diameters: tuple[float, ...] = (0.0, 0.0)
    stern_thickness: float | None = None
    stern_permittivity: float = 6.0
    temperature: float = ROOM_TEMPERATURE
    sides: int = 1

    def __post_init__(self):
        for name in ("concentrations", "valences", "diameters"):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        if self.model not in _DIFFUSE:
            raise ValueError(f"DoubleLayerTermConfig.model: expected one of {', '.join(_DIFFUSE)}, got {self.model!r}")
        if self.sides not in (1, 2):
            raise ValueError(f"DoubleLayerTermConfig.sides: expected 1 or 2, got {self.sides}")
        if not len(self.concentrations) == len(self.valences) == len(self.diameters):
            lengths = len(self.concentrations), len(self.valences), len(self.diameters)
            raise ValueError(f"DoubleLayerTermConfig: expected a concentration, valence and diameter for each kind of ion, got {lengths}")
        if self.model == "gouy-chapman" and self.stern_thickness is not None:
            raise ValueError("DoubleLayerTermConfig.stern_thickness: gouy-chapman has no such layer; drop it, or use gouy-chapman-stern")
        self.layer()

    def layer(self) -> DoubleLayer:
        """Return the double layer of `electrode.physics` that this describes."""
        thickness = 3.0 if self.stern_thickness is None and self.model in _NEEDS_STERN else self.stern_thickness
        inner = None if thickness is None else Helmholtz(thickness, self.stern_permittivity)
        if _DIFFUSE[self.model] is None:
            return inner
        ions = [Ion(z, c, d) for z, c, d in zip(self.valences, self.concentrations, self.diameters)]
        outer = _DIFFUSE[self.model](Electrolyte(ions, self.temperature))
        return outer if inner is None else Stern(inner, outer)


class DoubleLayerTerm(Model):
    """The energy of the double layer at the charge of the electrode; it depends on no position and exerts no force.

    Its potential is measured from the bulk electrolyte and from the potential of zero charge of what it is added to, so
    that it belongs beside a model which has that potential and, if any, the capacitance of what lies between the
    electrode and the electrolyte alone.  `Baseline` has a double layer of its own.

    Parameters
    ----------
    config : DoubleLayerTermConfig
    """

    natural = "charge"
    card = ModelCard(method_ids=("continuum_double_layer",), potential_zero="electrolyte", countercharge="double_layer")

    def __init__(self, config: DoubleLayerTermConfig = DoubleLayerTermConfig()):
        super().__init__()
        self.config, self.layer = config, config.layer()

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        charge = held_charge(self, structure, control)
        area = self.config.sides * structure.area.detach().double().cpu().numpy()
        return {"natural_energy": _Energy.apply(charge, self.layer, area)}


class _Energy(torch.autograd.Function):
    """a e(Q/a)."""

    @staticmethod
    def forward(ctx, charge, layer, area):
        ctx.save_for_backward(charge)
        ctx.layer, ctx.area = layer, area
        return torch.from_numpy(area * layer.energy(_density(charge, area))).to(charge)

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent * _Potential.apply(*ctx.saved_tensors, ctx.layer, ctx.area), None, None


class _Potential(torch.autograd.Function):
    """phi(Q/a)."""

    @staticmethod
    def forward(ctx, charge, layer, area):
        ctx.save_for_backward(charge)
        ctx.layer, ctx.area = layer, area
        return torch.from_numpy(layer.potential(_density(charge, area))).to(charge)

    @staticmethod
    def backward(ctx, cotangent):
        return cotangent * _Stiffness.apply(*ctx.saved_tensors, ctx.layer, ctx.area), None, None


class _Stiffness(torch.autograd.Function):
    """1/(a c(phi)).

    Not marked `once_differentiable`: torch leaves that mark's error out of `autograd.grad(..., inputs)` and returns zeros.
    """

    @staticmethod
    def forward(ctx, charge, layer, area):
        capacitance = layer.differential_capacitance(layer.potential(_density(charge, area)))
        return torch.from_numpy(1.0 / (area * capacitance)).to(charge)

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError("the double layer has two derivatives in the charge; a third was asked for. Use finite differences of the second")


def _density(charge: Tensor, area: np.ndarray) -> np.ndarray:
    """Return Q/a, (S,) [e/A^2]."""
    return charge.detach().double().cpu().numpy() / area

"""The answer of the electron density to a field, point by point, without the orbitals.

    dn(r; F) = s sum_m g_m(rho(r; F)) a_m(r; F)

with the features rho and a of `nn.point_densities`, of which a vanishes with the field, and a network g.  Without a field nothing answers, whatever the weights, and turned atoms, points and
fields have the same dn.  On a grid over the cell the sum is made zero (`physics.grids.neutralised`): a field moves charge and makes none.
dn counts electrons: the charge density is -dn.

    model.on_grid(structure, field, shape) -> (k, l, m)     then physics.grids.planar_average, physics.electrode_charge

It has no energy and no forces; it stands beside a model that has, as the density that the capacitance is read from.
Feng and Jiang, JACS Au 5, 5939 (2025) and J. Chem. Theory Comput. 21, 691 (2025), arXiv:2410.04977.  Departs from them in the features (no
recursion; a is made explicit) and in that the answer to the field alone is learned, not the difference from the separate parts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.nn.atomic import check_elements
from electrode.nn.dense import perceptron
from electrode.nn.point_densities import PointDensities
from electrode.physics.grids import grid_points, neutralised
from electrode.state import Control, Structure

_CHUNK = 16384  # points in one pass


@dataclass(frozen=True)
class MledrConfig:
    """Choices of the scheme.

    Parameters
    ----------
    elements : atomic numbers
    cutoff : [A];  radial_functions, channels : of the features, see `PointDensities`
    hidden : widths of the network
    seed : of the initial weights
    """

    elements: tuple[int, ...]
    cutoff: float = 6.0
    radial_functions: int = 10
    channels: int = 16
    hidden: tuple[int, ...] = (48, 48)
    seed: int = 0

    def __post_init__(self):
        check_elements(self.elements)
        if self.channels < 1 or not self.hidden or min(self.hidden) < 1:
            raise ValueError(f"MledrConfig: expected at least one channel and widths of at least 1, got {self.channels} and {self.hidden}")

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> MledrConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(tuple(sorted(elements)))


class Mledr(Model):
    """A density response; trained by `train.density`."""

    uses_field = True
    conservative = False
    symmetry = "E(3)"

    def __init__(self, config: MledrConfig):
        super().__init__()
        self.config, draw = config, torch.Generator().manual_seed(config.seed)
        self.features = PointDensities(config.elements, config.cutoff, config.radial_functions, config.channels, draw)
        inputs, answers = self.features.sizes
        self.network = perceptron((inputs, *config.hidden, answers), draw, last_gain=0.1)
        self.register_buffer("mean", torch.zeros(inputs, dtype=torch.float64))
        self.register_buffer("spread", torch.ones(inputs, dtype=torch.float64))
        self.register_buffer("scale", torch.ones((), dtype=torch.float64))

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Refuse: a density has no energy."""
        raise ValueError("Mledr: expected a request for a density (density or on_grid), got one for an energy, which it has not; use another scheme for energy and forces")

    def response(self, moments: Tensor, field: Tensor) -> Tensor:
        """Return dn (P,) [1/A^3] from the moments (P, 10, F) of points and the field (P, 3) [V/A] at each."""
        rho, answers = self.features(moments, field)
        return self.scale * (self.network((rho - self.mean) / self.spread) * answers).sum(1)

    @torch.no_grad()
    def density(self, structure: Structure, field: np.ndarray, points: np.ndarray) -> np.ndarray:
        """Return dn (P,) [1/A^3] of one system in a field (3,) [V/A] at points (P, 3) [A], as it is."""
        field, points = np.asarray(field, float), np.asarray(points, float)
        if field.shape != (3,) or not np.isfinite(field).all():
            raise ValueError(f"Mledr.density: expected a field of 3 finite components [V/A], got {field}")
        parts = []
        for k in range(0, len(points), _CHUNK):
            moments = self.features.moments(structure, points[k : k + _CHUNK])
            parts.append(self.response(moments, torch.from_numpy(field).expand(len(moments), 3)).numpy())
        return np.concatenate(parts) if parts else np.zeros(0)

    def on_grid(self, structure: Structure, field: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
        """Return dn (k, l, m) [1/A^3] on a grid of this shape over the cell, with no net charge."""
        cell = structure.cell[0].double().numpy()
        return neutralised(self.density(structure, field, grid_points(cell, shape)).reshape(shape))

    @torch.no_grad()
    def adapt_points(self, moments: Tensor, field: Tensor, density: Tensor) -> None:
        """Fit scales to training points: moments (P, 10, F), fields (P, 3) [V/A] and densities (P,) [1/A^3]."""
        self.features.adapt(moments, field)
        rho = self.features(moments, field)[0]
        self.mean.copy_(rho.mean(0))
        self.spread.copy_(rho.std(0).clamp(min=1e-6))
        self.scale.copy_(density.square().mean().sqrt().clamp(min=1e-12))

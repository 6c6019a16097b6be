"""What a point of space, at which no atom need be, sees of the atoms around it and of a uniform field.

    A^L_m(r) = sum_Z,k D^L_mZk sum_j in Z f_k(|d|) u^(x)L + b^L_m (F/F0)^(x)L,      d = r_j - r,  u = d/sqrt(d^2 + 1 A^2)
    rho^L_m = |A^L_m|^2,      L = 0, 1, 2
    a_m = A^1_m.F/F0,  A^2_m:FF/F0^2,  |F|^2/F0^2           what vanishes with the field, A without its orbital

The square over the components of A turns with nothing: rho and a are the same when atoms, point and field are turned or mirrored together.
rho is the embedded density of an atom with a field orbital, centred on the point.  The sums over atoms hold no weight, so that they are
worked out once.
Zhang and Jiang, Nat. Commun. 14, 6424 (2023) (field orbital), with Bessel functions for Gaussians and without recursion.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial import cKDTree
from torch import Tensor, nn

from electrode.nn.radial import RadialBasis
from electrode.nn.scaling import element_rows
from electrode.state import Structure

COMPONENTS = (1, 3, 6)  # of L = 0, 1, 2, symmetric tensors once
_ROW, _COLUMN = (0, 0, 0, 1, 1, 2), (0, 1, 2, 1, 2, 2)
_TIMES = (1.0, 2.0, 2.0, 1.0, 2.0, 1.0)  # how often a component stands in the tensor
_SHORTEST = 1e-6  # [A], where sin(x)/x is taken instead of its limit
_CHUNK = 4096  # points


class PointDensities(nn.Module):
    """The features of points.

    Parameters
    ----------
    elements : atomic numbers
    cutoff : [A];  n_functions : radial functions;  channels : M, features of each L
    draw : source of the initial weights
    """

    def __init__(self, elements: tuple[int, ...], cutoff: float, n_functions: int, channels: int, draw: torch.Generator):
        super().__init__()
        self.elements, self.basis = tuple(elements), RadialBasis(n_functions, cutoff)
        size = len(elements) * n_functions
        weight = lambda *shape: nn.Parameter(torch.randn(*shape, generator=draw, dtype=torch.float64) / math.sqrt(shape[-2] if len(shape) > 2 else 1))
        self.mix, self.orbital = weight(len(COMPONENTS), size, channels), weight(len(COMPONENTS), channels)
        self.register_buffer("size", torch.ones(len(COMPONENTS), size, dtype=torch.float64))
        self.register_buffer("field_scale", torch.ones((), dtype=torch.float64))

    @property
    def sizes(self) -> tuple[int, int]:
        """Numbers of rho and of a."""
        m = self.orbital.shape[1]
        return len(COMPONENTS) * m, 2 * m + 1

    def forward(self, moments: Tensor, field: Tensor) -> tuple[Tensor, Tensor]:
        """Return rho (P, 3 M) and a (P, 2 M + 1), from `moments` (P, 10, elements * functions) and the field (P, 3) [V/A] at each point."""
        unit = field / self.field_scale
        outer = (torch.ones_like(unit[:, :1]), unit, unit[:, _ROW] * unit[:, _COLUMN])
        squares, answers, first = [], [], 0
        for order, number in enumerate(COMPONENTS):
            own = (moments[:, first : first + number] / self.size[order]) @ self.mix[order]
            times = own.new_tensor(_TIMES)[:, None] if order == 2 else 1.0
            orbital = outer[order][:, :, None]
            squares.append((times * (own + orbital * self.orbital[order]).square()).sum(1))
            answers += [(times * own * orbital).sum(1)] if order else []
            first += number
        return torch.cat(squares, dim=1), torch.cat([*answers, unit.square().sum(1, keepdim=True)], dim=1)

    @torch.no_grad()
    def moments(self, structure: Structure, points: np.ndarray) -> Tensor:
        """Return the sums over the atoms of one system around points (P, 3) [A], (P, 10, elements * functions).

        Raises
        ------
        ValueError
            for several systems, an element that is not known, or points that are not (P, 3).
        """
        points = np.asarray(points, float)
        if structure.n_systems != 1 or points.ndim != 2 or points.shape[1] != 3:
            raise ValueError(f"PointDensities: expected one system and points (P, 3) [A], got {structure.n_systems} systems and points of shape {points.shape}")
        rows, (places, atom) = element_rows(structure.numbers, self.elements), _images(structure, self.basis.cutoff)
        tree, inside = cKDTree(places), _wrapped(points, structure)
        parts = [self._sums(inside[k : k + _CHUNK], tree, places, rows[atom]) for k in range(0, len(points), _CHUNK)]
        return torch.cat(parts) if parts else torch.zeros(0, sum(COMPONENTS), self.size.shape[1], dtype=torch.float64)

    def _sums(self, points: np.ndarray, tree: cKDTree, places: np.ndarray, rows: Tensor) -> Tensor:
        found = cKDTree(points).sparse_distance_matrix(tree, self.basis.cutoff, output_type="ndarray")
        point, image = torch.from_numpy(found["i"].astype(np.int64)), torch.from_numpy(found["j"].astype(np.int64))
        d, r = torch.from_numpy(places[found["j"]] - points[found["i"]]), torch.from_numpy(found["v"].copy()).clamp(min=_SHORTEST)
        u = d / (r.square() + 1.0).sqrt()[:, None]
        angular = torch.cat([torch.ones_like(u[:, :1]), u, u[:, _ROW] * u[:, _COLUMN]], dim=1)
        pairs = (angular[:, :, None] * self.basis(r)[:, None, :]).flatten(1)
        sums = pairs.new_zeros(len(points) * len(self.elements), pairs.shape[1]).index_add(0, point * len(self.elements) + rows[image], pairs)
        sums = sums.reshape(len(points), len(self.elements), sum(COMPONENTS), -1)
        return sums.transpose(1, 2).flatten(2)

    @torch.no_grad()
    def adapt(self, moments: Tensor, field: Tensor) -> None:
        """Scale the moments of training points to a root mean square of 1/n for the n-th function, which prefers smooth answers, and the field to 1."""
        first, order_of_function = 0, torch.arange(1, self.basis.n_functions + 1, dtype=torch.float64).repeat(len(self.elements))
        for order, number in enumerate(COMPONENTS):
            rms = moments[:, first : first + number].square().mean((0, 1)).sqrt()
            self.size[order] = rms.clamp(min=1e-6) * order_of_function
            first += number
        self.field_scale.copy_(field.square().sum(1).mean().sqrt().clamp(min=1e-6))


def _wrapped(points: np.ndarray, structure: Structure) -> np.ndarray:
    """Return points with their images inside the cell along periodic directions."""
    pbc, cell = structure.pbc[0].numpy(), structure.cell[0].double().numpy()
    if not pbc.any():
        return points
    whole = np.where(pbc[:, None], cell, np.eye(3))
    fractions = points @ np.linalg.inv(whole)
    return points - np.where(pbc, np.floor(fractions), 0.0) @ whole


def _images(structure: Structure, cutoff: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (I, 3) [A] of all images that points inside the cell can see, and the atom of each (I,)."""
    pbc, cell = structure.pbc[0].numpy(), structure.cell[0].double().numpy()
    own = _wrapped(structure.positions.detach().double().numpy(), structure)
    if not pbc.any():
        return own, np.arange(len(own))
    whole = np.where(pbc[:, None], cell, np.eye(3))
    heights = 1.0 / np.linalg.norm(np.linalg.inv(whole), axis=0)
    reach = np.where(pbc, np.ceil(cutoff / heights), 0).astype(int)
    shifts = np.stack(np.meshgrid(*(np.arange(-k, k + 1) for k in reach), indexing="ij"), axis=-1).reshape(-1, 3) @ whole
    return (own + shifts[:, None]).reshape(-1, 3), np.tile(np.arange(len(own)), len(shifts))

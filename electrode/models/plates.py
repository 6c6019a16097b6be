"""What a charge on the electrode does to a charge outside it, to first order: the field of plane charges in vacuum.

    psi_i = A dPhi/dq_i = -u(h_i)/eps0,    u = h  |  h/2  |  h (g - h)/(2 L)

for a charge at the height h above the electrode's outer layer: the electrode's charge Q on one face before a sheet of -Q ("sheet"), Q/2 on
either face before a sheet each ("two_sheets"), or Q/2 on either face in a uniform background over the whole cell of height L, with
the gap g between the faces ("uniform"); A is the area.  Electrode atoms have h = 0.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from electrode.physics.one_face import require_one_face
from electrode.state import Structure
from electrode.units import EPSILON_0

COUNTERCHARGES = {"sheet": 1, "two_sheets": 2, "uniform": 2}  # with the number of faces that carry charge
SHARPNESS = 4.0  # how strongly the outermost electrode atoms set the height of the outer layer [1/A]


def outer_layer(structure: Structure, z: Tensor) -> Tensor:
    """Return the height of the electrode's outer layer, a mean of z (N,) that favours the highest electrode atoms, (S,) [A], differentiable.

    Raises
    ------
    ValueError
        for a system without electrode atoms.
    """
    metal, system = structure.electrode, structure.system
    without = torch.bincount(system[metal], minlength=structure.n_systems) == 0
    if without.any():
        raise ValueError(f"systems {torch.nonzero(without)[:, 0].tolist()} have no electrode atoms; mark them with positive tags or eir_region = 0")
    of, inside = system[metal], z[metal]
    highest = torch.full_like(structure.area, -torch.inf).scatter_reduce(0, of, inside.detach(), "amax")
    weight = torch.exp(SHARPNESS * (inside - highest[of]))
    sums = torch.zeros_like(structure.area)
    return sums.index_add(0, of, weight * inside) / sums.index_add(0, of, weight)


def require_whole(structure: Structure, countercharge: str = "sheet") -> None:
    """Refuse structures whose heights mean nothing beside a counter-charge on one side, see `physics.one_face`; beside others the nearest images count.

    Raises
    ------
    ValueError
    """
    if countercharge == "sheet":
        require_one_face(*(x.detach().numpy() for x in (_height(structure), structure.system, structure.electrode, structure.pbc[:, 2])))


def plate_potential(structure: Structure, countercharge: str) -> Tensor:
    """Return psi of each atom, (N,) [V A^2/e], differentiable.

    Raises
    ------
    ValueError
        for a system without electrode atoms, or a uniform background in a cell that is not periodic along the normal.
    """
    system = structure.system
    z = _height(structure)
    if countercharge == "sheet":
        height = z - outer_layer(structure, z)[system]
        return _outside(structure, height)
    length = _length(structure)
    if countercharge == "uniform" and not structure.pbc[:, 2].all():
        raise ValueError("plate_potential: expected cells periodic along the normal beside a uniform background; set pbc, or another countercharge")
    z = _around(structure, z, length)
    top, bottom = outer_layer(structure, z), -outer_layer(structure, -z)
    if countercharge == "two_sheets":
        return _outside(structure, 0.5 * torch.maximum(z - top[system], bottom[system] - z))
    height, gap = torch.remainder(z - top[system], length[system]), length - (top - bottom)
    return _outside(structure, height * (gap[system] - height) / (2.0 * length[system]))


def _outside(structure: Structure, u: Tensor) -> Tensor:
    return torch.where(structure.electrode, 0.0, -u / EPSILON_0)


def _height(structure: Structure) -> Tensor:
    """Return the coordinate of each atom along the normal, (N,) [A]."""
    return (structure.positions * structure.normal[structure.system]).sum(1)


def _length(structure: Structure) -> Tensor:
    """Return the height of each cell along the normal, (S,) [A]."""
    return (structure.cell[:, 2] * structure.normal).sum(1).abs()


def _around(structure: Structure, z: Tensor, length: Tensor) -> Tensor:
    """Return heights of the images nearest the middle of the electrode, where the cell repeats along the normal, so that a slab cut by the cell is whole."""
    metal, turn = structure.electrode, 2.0 * math.pi / length
    angle = turn[structure.system] * z.detach()
    totals = [torch.zeros_like(length).index_add(0, structure.system[metal], f(angle)[metal]) for f in (torch.sin, torch.cos)]
    middle, of = torch.atan2(*totals) / turn, length[structure.system]
    nearest = z - of * torch.round((z.detach() - middle[structure.system]) / of)
    return torch.where(structure.pbc[structure.system, 2], nearest, z)

"""What the atoms' distances decide, in torch: short-range energy, formal charges, electronegativities and conductances of bonds.

    E_short = metal (Sutton and Chen, Philos. Mag. Lett. 61, 139 (1990)) + sum_H e_H + sum_O e_O + walls, dispersion, wetting
    e_H = -T ln[1 + sum_O exp(v_OH/T) + exp(v_M/T)]        bonds of a hydrogen to oxygens or the metal, mixed: the proton goes over
    e_O = a (n - 2) + b (n - 2)^2/2 + sum of pairs of bonds (k/2) (cos - cos_0)^2,    n = sum_H b_OH
    b_OH = 1/(1 + exp((r - r_b)/w)),    s_H = 1 - prod_O (1 - b_OH)         how much of a proton a hydrogen is
    z_H = s_H - d sum_O b_OH,    z_O = -2 + d sum_H b_OH,    the metal's atoms share the opposite of all others' charges
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from electrode.physics.neighbours import neighbour_list
from validation.teacher.parameters import ANION, CATION, HYDROGEN, METAL, OXYGEN, Parameters


@dataclass(frozen=True)
class Environment:
    """What follows from the distances, differentiable in the positions.

    Parameters
    ----------
    energy : E_short [eV];  formal : z (N,) [e];  electronegativity : chi (N,) [V]
    first, second : (B,) the atoms of the bonds along which charge flows, each bond twice;  conductance : (B,) [e/V]
    """

    energy: Tensor
    formal: Tensor
    electronegativity: Tensor
    first: Tensor
    second: Tensor
    conductance: Tensor


def environment(positions: Tensor, kinds: np.ndarray, cell: np.ndarray, pbc: np.ndarray, p: Parameters) -> Environment:
    """Return what the positions (N, 3) [A] of atoms of these kinds (N,) decide."""
    pairs = _Pairs(positions, kinds, cell, pbc, p.bonding.cutoff)
    oh = _Bonds(pairs, p)
    n, z = len(kinds), torch.from_numpy(p.charges.of("formal", kinds))
    own = z * torch.from_numpy(kinds != HYDROGEN) + oh.protons + p.charges.back * oh.transferred
    metal = torch.from_numpy(kinds == METAL)
    formal = own - torch.where(metal, own.sum() / metal.sum(), 0.0)
    hm, om = pairs.between(HYDROGEN, METAL), pairs.between(OXYGEN, METAL)
    at_om, at_hm = (_contact(pairs.r[which], length) for which, length in zip((om, hm), p.charges.contacts))
    counted = torch.zeros(n, dtype=torch.float64).index_add(0, pairs.j[om], at_om)
    shift = p.charges.metal_shift * counted + p.charges.oxygen_shift * (oh.number - 2.0) * torch.from_numpy(kinds == OXYGEN)
    shift = shift + p.charges.proton_shift * oh.protons + p.charges.contact_shift * (pairs.total(om, at_om) + pairs.total(hm, at_hm))
    chi = torch.from_numpy(p.charges.of("electronegativity", kinds)) + shift
    flows = [p.charges.flow_oh * oh.order, p.charges.flow_hm * at_hm, p.charges.flow_om * at_om]
    bonds = torch.cat([oh.bonds, hm, om])
    i, j, g = pairs.i[bonds], pairs.j[bonds], torch.cat(flows)
    energy = _metal(pairs, p) + _hydrogen(pairs, oh, hm, p) + _oxygen(pairs, oh, p) + _others(pairs, p)
    return Environment(energy, formal, chi, torch.cat([i, j]), torch.cat([j, i]), torch.cat([g, g]))


class _Pairs:
    """All pairs within the cutoff, each in both directions."""

    def __init__(self, positions: Tensor, kinds: np.ndarray, cell, pbc, cutoff: float):
        where = positions.detach().numpy()
        found = neighbour_list(where, cell, pbc, cutoff)
        i = np.repeat(np.arange(len(where)), np.diff(found.first))
        self.kinds, self.cutoff = (kinds[i], kinds[found.index]), cutoff
        self.i, self.j, self.offset = torch.from_numpy(i), torch.from_numpy(found.index), torch.from_numpy(found.offset)
        self.vector = positions[self.j] + self.offset - positions[self.i]
        self.r = self.vector.square().sum(1).sqrt()
        self.n = len(where)

    def between(self, first: int, second: int) -> Tensor:
        """Return the pairs that go from one kind to another."""
        return torch.from_numpy(np.flatnonzero((self.kinds[0] == first) & (self.kinds[1] == second)))

    def total(self, pairs: Tensor, values: Tensor) -> Tensor:
        """Sum a quantity of pairs over the first atom, (N,)."""
        return torch.zeros(self.n, dtype=torch.float64).index_add(0, self.i[pairs], values)

    def faded(self, pairs: Tensor) -> Tensor:
        """Return a factor that falls from 1 to 0 over the last fifth of the cutoff, with two continuous derivatives."""
        t = ((self.r[pairs] / self.cutoff - 0.8) / 0.2).clamp(0.0, 1.0)
        return 1.0 - t**3 * (10.0 - 15.0 * t + 6.0 * t**2)


class _Bonds:
    """The O-H bonds: pairs from H to O, their order, and what it adds up to on each atom."""

    def __init__(self, pairs: _Pairs, p: Parameters):
        b, all_ = p.bonding, pairs.between(HYDROGEN, OXYGEN)
        self.bonds = all_
        self.order = torch.sigmoid((b.switch - pairs.r[all_]) / b.sharpness) * pairs.faded(all_)
        away = pairs.total(all_, torch.log1p(-self.order))
        self.protons = 1.0 - torch.exp(away)
        at_oxygen = torch.zeros(pairs.n, dtype=torch.float64).index_add(0, pairs.j[all_], self.order)
        self.number = at_oxygen
        self.transferred = at_oxygen - pairs.total(all_, self.order)


def _contact(r: Tensor, length: float) -> Tensor:
    """Return a number of contacts that falls from 1 to 0 around 1.2 times a length; 1e-9 where pairs end."""
    return torch.sigmoid((1.2 * length - r) / (0.06 * length)) * torch.exp(-((r / 4.4) ** 24))


def _metal(pairs: _Pairs, p: Parameters) -> Tensor:
    energy, c, n, m, a = p.bonding.metal
    mm = pairs.between(METAL, METAL)
    x, w = a / pairs.r[mm], pairs.faded(mm)
    density = pairs.total(mm, x**m * w)
    return energy * (0.5 * (x**n * w).sum() - c * torch.sqrt(density[density > 0.0]).sum())


def _hydrogen(pairs: _Pairs, oh: _Bonds, hm: Tensor, p: Parameters) -> Tensor:
    depth, rate, length = p.bonding.proton
    e = torch.exp(-rate * (pairs.r[oh.bonds] - length))
    bound = depth * (2.0 * e - e**2) * pairs.faded(oh.bonds)
    depth, rate, length = p.bonding.hydride
    density = pairs.total(hm, torch.exp(-2.0 * rate * (pairs.r[hm] - length)) * pairs.faded(hm)) / 3.0
    hydrides = torch.from_numpy(np.flatnonzero(np.bincount(pairs.i[hm].numpy(), minlength=pairs.n)))
    rho = density[hydrides] + 1e-6
    on_metal = depth * (2.0 * torch.sqrt(rho) - rho)
    t = p.bonding.mixing
    # sums of exponentials, each less 1, so that a bond that fades away adds nothing
    total = torch.ones(pairs.n, dtype=torch.float64) + pairs.total(oh.bonds, torch.expm1(bound / t))
    total = total.index_add(0, hydrides, torch.expm1(on_metal / t) - float(np.expm1(2e-3 * p.bonding.hydride[0] / t)))
    return -t * torch.log(total.clamp(min=1e-2)).sum()


def _oxygen(pairs: _Pairs, oh: _Bonds, p: Parameters) -> Tensor:
    b = p.bonding
    oxygens = torch.from_numpy(np.unique(pairs.j[oh.bonds].numpy()))
    beyond = oh.number[oxygens] - 2.0
    near = oh.bonds[oh.order.detach() > 1e-9]
    order = oh.order[oh.order.detach() > 1e-9]
    unit = pairs.vector[near] / pairs.r[near, None]
    first, second = torch.triu_indices(len(near), len(near), 1)
    same = pairs.j[near][first] == pairs.j[near][second]
    first, second = first[same], second[same]
    cosine = (unit[first] * unit[second]).sum(1)
    bend = 0.5 * b.angle * (order[first] * order[second] * (cosine - b.cosine) ** 2).sum()
    return (b.oxygen_slope * beyond + 0.5 * b.oxygen_curvature * beyond**2).sum() + bend


def _others(pairs: _Pairs, p: Parameters) -> Tensor:
    b, total = p.bonding, torch.zeros((), dtype=torch.float64)
    among = [((OXYGEN, OXYGEN),), ((CATION, OXYGEN),), ((ANION, OXYGEN),), ((CATION, CATION), (CATION, ANION), (ANION, ANION))]
    for (energy, length), kinds in zip(b.dispersion, among):
        for first, second in kinds:
            which = pairs.between(first, second)
            x = (length / pairs.r[which]) ** 6
            total = total + _share(first, second) * 4.0 * energy * ((x**2 - x) * pairs.faded(which)).sum()
    walls = zip((*b.walls, b.ion_wall, b.ion_wall), (HYDROGEN, METAL, CATION, ANION, CATION, ANION), (HYDROGEN,) * 4 + (METAL,) * 2)
    for (energy, length, rate), first, second in walls:
        which = pairs.between(first, second)
        total = total + _share(first, second) * energy * (torch.exp(-rate * (pairs.r[which] - length)) * pairs.faded(which)).sum()
    depth, rate, length = b.wetting
    which = pairs.between(OXYGEN, METAL)
    e = torch.exp(-rate * (pairs.r[which] - length))
    return total + depth * ((e**2 - 2.0 * e) * pairs.faded(which)).sum()


def _share(first: int, second: int) -> float:
    """Return 1/2 for pairs of one kind, which stand in the list twice."""
    return 0.5 if first == second else 1.0

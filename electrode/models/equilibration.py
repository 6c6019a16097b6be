"""A charge-equilibrated network of a slab electrode: learned electronegativities and hardnesses in Gaussian electrostatics.

    E(R, Q) = sum_i e_i + S(R) + min_q { chi.q + q.(A + B + diag J).q/2 + Q f.q } + U(Q),    sum_i q_i = Q
    e_i, chi_i, ln J_i, b_i = heads of Gaussian kernels over the symmetry functions G_i of each atom

A is the Coulomb matrix of Gaussian charges in the slab geometry (`physics.electrostatics`), B and f what the electrolyte
with its counter-charge -Q changes (`physics.countercharge`), S a classical short-range energy, and U the double layer in
series, whose capacitance C_d changes with the charge in K steps over the trained charges,

    d2U/dQ2 = 1/C_dl + [1 + (1/K) sum_k b_k t_k/sqrt(1 + t_k^2)]/C_d + (d - d_0)/(eps eps0 area),
    t_k = (Q/area - sigma_k)/sigma_0,    b_k = tanh(a_0 sum_i b_ki/area)

with d the distance of the counter-charge, d_0 the shortest that was trained and eps what lies between.
dE/dQ = Phi, the Legendre pair, 1/C > 0 at every structure and a parabola at large charge of either sign hold by construction.  With `fragments` charge flows along bonds alone (`physics.equilibration`),

    min over p of the same energy + sum_bonds p^2/(2 g),    q = q_ref + Q u + sum_bonds p (e_i - e_j)

so that a molecule or ion apart from the electrode keeps its own charge q_ref.
Ours; the energy is that of Ko et al. 2021, https://doi.org/10.1038/s41467-020-20427-2, in two dimensions beside a counter-charge.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from electrode.models.base import Model, held_charge
from electrode.models.closed_form import Prepared
from electrode.models.equilibration_closed_form import STIFF, EquilibrationMembers, member_weights, members_at
from electrode.models.equilibration_config import SURFACE_ATOM_AREA, EquilibrationConfig
from electrode.models.gap import excess_gap
from electrode.nn.kernel_heads import KernelHeads, Part
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS, SYMBOLS
from electrode.physics.joined_functions import bind_sets
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.pair import Bonds, NoShortRange, ShortRange, ShortRangeKernel
from electrode.state import Control, Structure
from electrode.units import EPSILON_0, capacitance_per_cell

BULK_WATER = 78.36  # eps to begin with, of the implicit water that counter-charges stand in
WIDTH_SPREAD = 0.2  # prior standard deviation of the logarithm of a width


class Equilibration(Model):
    """The charge-equilibrated network; "atomic_charges" (N,) add up to Q."""

    natural = "charge"
    fails = {"single": "its linear equations are solved in double precision"}
    several_gaps = True

    def __init__(self, config: EquilibrationConfig):
        super().__init__()
        self.config = config
        self.offset_spreads = (1e3, 3.0, 0.3, *(0.5,) * (len(config.amplitudes) - 3))  # prior standard deviations of the heads' constants
        functions = config.symmetry_functions
        parts = (Part(functions.n_features, config.length, config.first_weight), *(Part(f.n_features, config.other_length) for f in config.others))
        size = len(functions.elements), sum(p.n_features for p in parts)
        self.heads = KernelHeads(*size, len(config.amplitudes), config.landmarks, config.length, parts)
        self._prepared = Prepared(partial(member_weights, self.heads.parts, self.heads.shares))
        elements = torch.tensor(functions.elements)
        known = lambda table: torch.as_tensor(table, dtype=torch.float64)[elements]
        with torch.no_grad():
            self.heads.offsets[:, 1], self.heads.offsets[:, 2] = known(ELECTRONEGATIVITY), known(HARDNESS).log()
        first, widths = (1.0, math.log(BULK_WATER))[: 1 + config.several_gaps], size[0] if config.learned_widths else 0
        self.scalar_spread = (*(0.5,) * len(first), *(WIDTH_SPREAD,) * widths)
        if widths:
            self.fails = {**self.fails, "committee": "since learned widths give each a description of its own; leave learned_widths out, or train single models"}
        # ln(C_dl/C_d), ln eps where the gap matters, and ln(sigma/covalent radius) of each element where that is learned
        self.log_series = nn.Parameter(torch.tensor((*first, *(0.0,) * widths), dtype=torch.float64))
        formal = torch.zeros(len(SYMBOLS), dtype=torch.float64)
        for z, charge in config.formal_charges:
            formal[z] = charge
        self.register_buffer("formal", formal, persistent=False)

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F), the electrostatics (flat) and the short-range energy (S,)."""
        array = lambda tensor: tensor.detach().cpu().numpy()
        numbers, positions, system = array(structure.numbers), array(structure.positions.double()), array(structure.system)
        cell, pbc, functions = array(structure.cell.double()), array(structure.pbc), self.config.symmetry_functions
        neighbours = lambda cutoff: batch_neighbours(positions, cell, pbc, array(structure.counts), cutoff)
        described, pairs = bind_sets((functions, *self.config.others), numbers, positions, neighbours)
        if self.config.short_range:
            short = ShortRangeKernel(ShortRange(numbers, Bonds.of(positions, pairs), functions.cutoff), system)
        else:
            short = NoShortRange(len(numbers), structure.n_systems)
        return {
            "symmetry": described,
            "coulomb": self.config.coulomb.bind(numbers, positions, cell, pbc, system, array(structure.electrode), self._wider(numbers, array(self.scalars()))),
            "short_range": short,
        }

    def members_of(self, structure: Structure, owner: nn.Module, weights, kernels: dict | None = None) -> EquilibrationMembers | None:
        """Return models of this configuration at the atoms, written out; None in single precision."""
        if structure.positions.dtype != torch.float64 or owner.log_series.dtype != torch.float64:
            return None
        return members_at(self, self._prepared.of(owner, weights), structure)

    def adapt(self, data) -> None:
        """Choose the landmarks from the training data (`train.blocks.Block`) and fit the elements' energies to it."""
        self.heads.start(data, [self.channel(b.structure) for b in data])

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def scalars(self) -> nn.Parameter:
        """Return the parameters that no atom owns: (1,), one more with several gaps, and one for each element with learned widths."""
        return self.log_series

    def _wider(self, numbers: np.ndarray, scalars: np.ndarray) -> np.ndarray | None:
        """Return what multiplies the width of each atom, (N,), or None."""
        functions = self.config.symmetry_functions
        return np.exp(scalars[-len(functions.elements) :])[functions.channels(numbers)] if self.config.learned_widths else None

    def turned_electrostatics(self, structure: Structure, scalars: np.ndarray, second: bool) -> tuple:
        """Return the electrostatic features (D,) of one system at given scalars (K,) with learned widths, their Jacobian (D, 3n), and with `second` the derivatives of both in the scalars, (D, K) and (D, 3n, K)."""
        array = lambda tensor: tensor.detach().cpu().numpy()
        numbers, systems = array(structure.numbers), (array(structure.cell.double()), array(structure.pbc), array(structure.system))
        kernel = self.config.coulomb.bind(numbers, array(structure.positions.double()), *systems, array(structure.electrode), self._wider(numbers, scalars))
        steps = np.eye(3 * len(numbers)).reshape(-1, len(numbers), 3)
        value, jacobian = kernel.values(), np.stack([kernel.push(v) for v in steps], axis=1)
        if not second:
            return value, jacobian, None, None
        belongs = np.eye(len(self.heads.offsets))[self.config.symmetry_functions.channels(numbers)]
        idle = len(scalars) - belongs.shape[1]  # scalars before the widths
        change, turn = np.zeros((len(value), len(scalars))), np.zeros((*jacobian.shape, len(scalars)))
        for k, along in enumerate(belongs.T):
            change[:, idle + k], turn[:, :, idle + k] = kernel.widened(along, steps)
        return value, jacobian, change, turn

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E (S,) [eV] and the charges that minimise it (N,) [e].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        outputs = self.heads(description["symmetry"], self.channel(structure))
        energy, charges = outputs.new_zeros(structure.n_systems), outputs.new_zeros(len(outputs))
        charge = held_charge(self, structure, control)
        places = _flat_places(structure.counts, self.config.fragments)
        for n in torch.unique(structure.counts).tolist():
            which = torch.nonzero(structure.counts == n)[:, 0]
            atoms = torch.nonzero(torch.isin(structure.system, which))[:, 0]
            fixed = self.fixed(structure, which, atoms)
            flat = description["coulomb"][torch.cat([places[k] for k in which.tolist()])].reshape(len(which), -1)
            e, q = self.energy(outputs[atoms].reshape(len(which), n, -1), self.scalars(), flat, charge[which], *fixed)
            energy, charges = energy.index_put((which,), e), charges.index_put((atoms,), q.reshape(-1))
        return {"natural_energy": energy + description["short_range"], "atomic_charges": charges}

    def fixed(self, structure: Structure, which: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Return what the energy of systems `which` of one size needs beside the description.

        These are 1/C_dl (s,), area (s,), formal charges and shares u (s, n), and (d - d_0)/(eps0 area) (s,).

        Raises
        ------
        ValueError
            where the counter-charge of a system stands at none of the trained distances, or it is not known at which.
        """
        shape = (len(which), -1)
        metal = structure.electrode[atoms].reshape(shape)
        holders = torch.where(metal.any(1, keepdim=True), metal, torch.ones_like(metal)).double()
        share = holders / holders.sum(1, keepdim=True)
        formal = self.formal[structure.numbers[atoms]].reshape(shape)
        slab = structure.pbc[which, 0]
        area = torch.where(slab, structure.area[which].double(), 1.0)
        series = slab / capacitance_per_cell(self.config.coulomb.double_layer_capacitance, area)
        return series, area, formal - formal.sum(1, keepdim=True) * share, share, slab * excess_gap(structure, which, self.config.gaps) / (EPSILON_0 * area)

    def energy(self, outputs, scalars, flat, charge, series, area, formal, share, beyond) -> tuple[Tensor, Tensor]:
        """Return the energy (...,) [eV] and the charges (..., n) [e] of systems of n atoms; every argument may carry batch dimensions.

        Parameters
        ----------
        outputs : (..., n, 3 + K) of the heads;  scalars : ln(C_dl/C_d), ln eps, and others that are not used here
        flat : (..., n^2 + n or 2 n^2 + n), see `physics.screened_coulomb`;  charge : (...,) [e]
        series, area, formal, share, beyond : see `fixed`
        """
        n, chi = outputs.shape[-2], outputs[..., 1]
        matrix = flat[..., : n * n].unflatten(-1, (n, n)) + torch.diag_embed(outputs[..., 2].exp())
        drive = chi + charge[..., None] * flat[..., n * n : n * n + n]
        if self.config.fragments:
            conductance = flat[..., n * n + n :].unflatten(-1, (n, n))
            held = formal + charge[..., None] * share
            start = drive + (matrix @ held[..., None])[..., 0]
            level = torch.linalg.solve(torch.eye(n, dtype=chi.dtype) + matrix @ conductance, start)
            flow = (conductance @ level[..., None])[..., 0]
            q, bonds = held - flow, 0.5 * (level * flow).sum(-1)
        else:
            q, bonds = _equilibrated(matrix, drive, charge), 0.0
        inner = (drive * q).sum(-1) + 0.5 * (q * (matrix @ q[..., None])[..., 0]).sum(-1) + bonds
        bends = torch.tanh(SURFACE_ATOM_AREA * outputs[..., 3:].sum(-2) / area[..., None])
        layer = series * (0.5 * charge**2 + scalars[0].exp() * _capacitor(charge, area, bends, *self.config.steps))
        if self.config.several_gaps:
            layer = layer + 0.5 * charge**2 * beyond * torch.exp(-scalars[1])
        return outputs[..., 0].sum(-1) + inner + layer, q


def _equilibrated(matrix: Tensor, drive: Tensor, charge: Tensor) -> Tensor:
    """Return argmin_q drive.q + q.matrix.q/2 at the sum `charge`: matrix q + drive = level.

    A constant added to the matrix adds to the level alone; a large one makes it positive definite, as the slab's is on neutral charges only.
    """
    ones = torch.ones_like(drive)
    both = torch.linalg.solve(matrix + STIFF, torch.stack([drive, ones], dim=-1))
    level = (charge + both[..., 0].sum(-1)) / both[..., 1].sum(-1)
    return level[..., None] * both[..., 1] - both[..., 0]


def _capacitor(charge: Tensor, area: Tensor, bends: Tensor, centres: tuple[float, ...], width: float) -> Tensor:
    """Return C_d U(Q) [e^2], zero with its slope in the middle of the steps, for bends b_k (..., K).

    Twice integrated, t/sqrt(1 + t^2) is [t sqrt(1 + t^2) + arsinh t]/2, less its tangent in the middle.
    """
    twice = lambda t: 0.5 * (t * torch.sqrt(1.0 + t * t) + torch.asinh(t))
    places = torch.tensor(centres, dtype=charge.dtype)
    middle = places.mean()
    start = (middle - places) / width
    t = ((charge / area)[..., None] - places) / width
    steps = twice(t) - twice(start) - torch.sqrt(1.0 + start * start) * (t - start)
    return 0.5 * (charge - middle * area) ** 2 + (area * width) ** 2 * (bends * steps).mean(-1)


def _flat_places(counts: Tensor, bonds: bool) -> list[Tensor]:
    """Return where each system's electrostatic features stand in the flat array."""
    sizes = counts * (counts + 1 + (counts if bonds else 0))
    ends = torch.cumsum(sizes, 0)
    return [torch.arange(int(b - s), int(b)) for s, b in zip(sizes, ends)]

"""A charge-equilibrated network of a slab electrode: learned electronegativities and hardnesses in Gaussian electrostatics.

    E(R, Q) = sum_i e_i + S(R) + min_q { chi.q + q.(A + B + diag J).q/2 + Q f.q } + U(Q),    sum_i q_i = Q
    e_i, chi_i, ln J_i, b_i = heads of Gaussian kernels over the symmetry functions G_i of each atom

A is the Coulomb matrix of Gaussian charges in the slab geometry (`physics.electrostatics`), B and f what the electrolyte
with its counter-charge -Q changes (`physics.countercharge`), S a classical short-range energy, and U the double layer in
series, whose capacitance C_d differs on the two sides of the neutral surface,

    d2U/dQ2 = 1/C_dl + [1 + b t/sqrt(1 + t^2)]/C_d,    t = Q/(area sigma_0),    b = tanh(a_0 sum_i b_i/area)

dE/dQ = Phi, the Legendre pair, 1/C > 0 at every structure and a parabola at large charge of either sign hold by construction.  With `fragments` charge flows along bonds alone (`physics.equilibration`),

    min over p of the same energy + sum_bonds p^2/(2 g),    q = q_ref + Q u + sum_bonds p (e_i - e_j)

so that a molecule or ion apart from the electrode keeps its own charge q_ref.
Ours; the energy is that of Ko et al. 2021, https://doi.org/10.1038/s41467-020-20427-2, in two dimensions beside a counter-charge.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from electrode.models.base import Model, held_charge
from electrode.nn.kernel_heads import KernelHeads
from electrode.physics.elements import ELECTRONEGATIVITY, HARDNESS, SYMBOLS, check_elements
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.pair import Bonds, ShortRange, ShortRangeKernel
from electrode.physics.screened_coulomb import ScreenedCoulomb
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.units import capacitance_per_cell

HEADS = ("energy", "electronegativity", "log_hardness", "asymmetry")
SURFACE_CHARGE = 0.01  # sigma_0 [e/A^2]
SURFACE_ATOM_AREA = 7.0  # a_0 [A^2]
_STIFF = 100.0  # [V/e]


@dataclass(frozen=True)
class EquilibrationConfig:
    """Choices of the scheme.

    Parameters
    ----------
    symmetry_functions : the descriptor;  coulomb : the electrostatics
    landmarks : environments kept for each element;  length : of the kernels, see `nn.kernel_heads`
    amplitudes : prior standard deviations of the heads: energy [eV], electronegativity [V], logarithm of the hardness, b_i
    fragments : let charge flow along bonds alone
    formal_charges : (atomic number, charge [e]) of atoms that are ions when apart from the electrode
    """

    symmetry_functions: SymmetryFunctions
    coulomb: ScreenedCoulomb = field(default_factory=ScreenedCoulomb)
    landmarks: int = 300
    length: float = 3.0
    amplitudes: tuple[float, float, float, float] = (3.0, 1.0, 0.5, 0.5)
    fragments: bool = False
    formal_charges: tuple[tuple[int, float], ...] = ()
    seed: int = 0

    def __post_init__(self):
        if len(self.amplitudes) != len(HEADS) or not all(a > 0 for a in self.amplitudes):
            raise ValueError(f"EquilibrationConfig.amplitudes: expected {len(HEADS)} positive numbers, for {', '.join(HEADS)}; got {self.amplitudes}")
        if self.fragments != self.coulomb.bonds:
            raise ValueError("EquilibrationConfig: fragments needs coulomb.bonds, and only then; set both")
        check_elements(self.symmetry_functions.elements)

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> EquilibrationConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(SymmetryFunctions(tuple(sorted(elements))))


class Equilibration(Model):
    """The charge-equilibrated network; "atomic_charges" (N,) add up to Q."""

    natural = "charge"
    offset_spreads = (1e3, 3.0, 0.3, 0.5)  # prior standard deviations of the heads' constants
    scalar_spread = 0.5

    def __init__(self, config: EquilibrationConfig):
        super().__init__()
        self.config = config
        functions = config.symmetry_functions
        self.heads = KernelHeads(len(functions.elements), functions.n_features, len(HEADS), config.landmarks, config.length)
        elements = torch.tensor(functions.elements)
        known = lambda table: torch.as_tensor(table, dtype=torch.float64)[elements]
        with torch.no_grad():
            self.heads.offsets[:, 1], self.heads.offsets[:, 2] = known(ELECTRONEGATIVITY), known(HARDNESS).log()
        self.log_series = nn.Parameter(torch.ones(1, dtype=torch.float64))  # ln(C_dl/C_d)
        formal = torch.zeros(len(SYMBOLS), dtype=torch.float64)
        for z, charge in config.formal_charges:
            formal[z] = charge
        self.register_buffer("formal", formal, persistent=False)

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F), the electrostatics (flat) and the short-range energy (S,)."""
        array = lambda tensor: tensor.detach().cpu().numpy()
        numbers, positions, system = array(structure.numbers), array(structure.positions.double()), array(structure.system)
        cell, pbc, functions = array(structure.cell.double()), array(structure.pbc), self.config.symmetry_functions
        pairs = batch_neighbours(positions, cell, pbc, array(structure.counts), functions.cutoff)
        short = ShortRange(numbers, Bonds.of(positions, pairs), functions.cutoff)
        return {
            "symmetry": functions.bind(numbers, positions, pairs),
            "coulomb": self.config.coulomb.bind(numbers, positions, cell, pbc, system, array(structure.electrode)),
            "short_range": ShortRangeKernel(short, system),
        }

    def adapt(self, data) -> None:
        """Choose the landmarks from the training data (`train.blocks.Block`) and fit the elements' energies to it."""
        self.heads.start(data, [self.channel(b.structure) for b in data])

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def scalars(self) -> nn.Parameter:
        """Return the parameters that no atom owns, (1,)."""
        return self.log_series

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

    def fixed(self, structure: Structure, which: Tensor, atoms: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return what the energy of systems `which` of one size needs beside the description: 1/C_dl, area (s,), formal charges and shares u (s, n)."""
        shape = (len(which), -1)
        metal = structure.electrode[atoms].reshape(shape)
        holders = torch.where(metal.any(1, keepdim=True), metal, torch.ones_like(metal)).double()
        share = holders / holders.sum(1, keepdim=True)
        formal = self.formal[structure.numbers[atoms]].reshape(shape)
        slab = structure.pbc[which, 0]
        area = torch.where(slab, structure.area[which].double(), 1.0)
        series = slab / capacitance_per_cell(self.config.coulomb.double_layer_capacitance, area)
        return series, area, formal - formal.sum(1, keepdim=True) * share, share

    def energy(self, outputs, scalars, flat, charge, series, area, formal, share) -> tuple[Tensor, Tensor]:
        """Return the energy (...,) [eV] and the charges (..., n) [e] of systems of n atoms; every argument may carry batch dimensions.

        Parameters
        ----------
        outputs : (..., n, 4) of the heads;  scalars : (1,), ln(C_dl/C_d)
        flat : (..., n^2 + n or 2 n^2 + n), see `physics.screened_coulomb`;  charge : (...,) [e]
        series, area, formal, share : see `fixed`
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
        asymmetry = torch.tanh(SURFACE_ATOM_AREA * outputs[..., 3].sum(-1) / area)
        return outputs[..., 0].sum(-1) + inner + series * (0.5 * charge**2 + scalars[0].exp() * _capacitor(charge, area, asymmetry)), q


def _equilibrated(matrix: Tensor, drive: Tensor, charge: Tensor) -> Tensor:
    """Return argmin_q drive.q + q.matrix.q/2 at the sum `charge`: matrix q + drive = level.

    A constant added to the matrix adds to the level alone; a large one makes it positive definite, as the slab's is on neutral charges only.
    """
    ones = torch.ones_like(drive)
    both = torch.linalg.solve(matrix + _STIFF, torch.stack([drive, ones], dim=-1))
    level = (charge + both[..., 0].sum(-1)) / both[..., 1].sum(-1)
    return level[..., None] * both[..., 1] - both[..., 0]


def _capacitor(charge: Tensor, area: Tensor, asymmetry: Tensor) -> Tensor:
    """Return C_d U(Q) [e^2]: twice integrated, t/sqrt(1 + t^2) is [t sqrt(1 + t^2) + arsinh t]/2 - t."""
    full = area * SURFACE_CHARGE
    t = charge / full
    return 0.5 * charge**2 + asymmetry * full**2 * (0.5 * (t * torch.sqrt(1.0 + t * t) + torch.asinh(t)) - t)


def _flat_places(counts: Tensor, bonds: bool) -> list[Tensor]:
    """Return where each system's electrostatic features stand in the flat array."""
    sizes = counts * (counts + 1 + (counts if bonds else 0))
    ends = torch.cumsum(sizes, 0)
    return [torch.arange(int(b - s), int(b)) for s, b in zip(sizes, ends)]

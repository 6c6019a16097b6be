"""The energy expanded in the charge per surface atom, each coefficient a sum over atoms: the plainest model that is right in cell size.

    E(R, Q) = S(R) + sum_i [ a_0i + a_1i s + a_2i s^2/2 + a_3i s^3/6 + ... ],    s = Q a_0/area
    a_ki = heads of Gaussian kernels over the symmetry functions G_i of each atom

with a classical short-range energy S.  sum_i a_1i is the potential of zero charge times the number of surface atoms, and
sum_i a_2i an inverse capacitance.  Everything is linear in the weights, so that one least-squares step trains it.  Nothing here keeps
the capacitance positive or knows of electrostatics: trust it inside the trained charges, and `equilibration` beyond.
The form is that of Bergmann et al., Phys. Rev. Lett. 135, 146201 (2025), https://arxiv.org/abs/2505.19745, with the area
normalisation of its work function and with terms beyond the second order; the heads are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from electrode.models.base import Model, held_charge
from electrode.models.closed_form import Prepared
from electrode.models.equilibration_config import separate_functions
from electrode.models.taylor_closed_form import TaylorMembers
from electrode.nn.kernel_heads import KernelHeads, Part
from electrode.nn.kernel_heads_written_out import ElementHeads
from electrode.physics.joined_functions import bind_sets
from electrode.physics.neighbours import batch_neighbours
from electrode.physics.one_face import require_one_slab
from electrode.physics.pair import Bonds, NoShortRange, ShortRange, ShortRangeKernel
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure

SURFACE_ATOM_AREA = 7.0  # a_0 [A^2], of an atom of a close-packed metal face
GROWTH = 6.0  # of the prior of a_k/k! from one order to the next: charges of a tenth of an electron per surface atom are large


@dataclass(frozen=True)
class TaylorConfig:
    """Choices of the scheme.

    Parameters
    ----------
    symmetry_functions : the descriptor
    order : highest power of the charge
    landmarks : environments kept for each element;  length : of the kernels, see `nn.kernel_heads`
    others : further functions, each set a part of the kernel of its own, of `other_length` and the weight 1 beside `first_weight`
    energy_amplitude, potential_amplitude : prior standard deviations of a_0 [eV] and of a_1 [V e], the higher ones follow
    short_range : stand beside the classical short-range energy, see `EquilibrationConfig`
    """

    symmetry_functions: SymmetryFunctions
    order: int = 3
    landmarks: int = 300
    length: float = 3.0
    energy_amplitude: float = 3.0
    potential_amplitude: float = 15.0
    seed: int = 0
    others: tuple[SymmetryFunctions, ...] = ()
    other_length: float = 6.0
    first_weight: float = 0.1
    short_range: bool = True

    def __post_init__(self):
        if self.order < 2 or not (self.energy_amplitude > 0 and self.potential_amplitude > 0):
            raise ValueError(f"TaylorConfig: expected order >= 2 and positive amplitudes, got {self.order}, {self.energy_amplitude}, {self.potential_amplitude}")

    @property
    def amplitudes(self) -> tuple[float, ...]:
        """Prior standard deviations of the heads."""
        return (self.energy_amplitude, *(self.potential_amplitude * GROWTH ** (k - 1) * math.factorial(k) for k in range(1, self.order + 1)))

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> TaylorConfig:
        """Return the default choices for atoms of these atomic numbers."""
        elements = tuple(sorted(elements))
        return cls(SymmetryFunctions(elements), length=2.0, others=separate_functions(elements))


class Taylor(Model):
    """The expansion in charge."""

    natural = "charge"
    scalar_spread = 1.0

    def __init__(self, config: TaylorConfig):
        super().__init__()
        self.config = config
        functions = config.symmetry_functions
        parts = (Part(functions.n_features, config.length, config.first_weight), *(Part(f.n_features, config.other_length) for f in config.others))
        self.heads = KernelHeads(len(functions.elements), sum(p.n_features for p in parts), config.order + 1, config.landmarks, config.length, parts)
        self._prepared = Prepared(partial(ElementHeads.of_members, self.heads.parts, self.heads.shares))
        with torch.no_grad():
            self.heads.offsets[:, 2] = 1.0
        self.offset_spreads = (1e3, *(10.0 * a for a in config.amplitudes[1:]))

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F) and the short-range energy (S,)."""
        array = lambda tensor: tensor.detach().cpu().numpy()
        numbers, positions, functions = array(structure.numbers), array(structure.positions.double()), self.config.symmetry_functions
        space = array(structure.cell.double()), array(structure.pbc), array(structure.counts)
        require_one_slab(positions, *space[:2], array(structure.system), array(structure.electrode))
        described, pairs = bind_sets((functions, *self.config.others), numbers, positions, lambda cutoff: batch_neighbours(positions, *space, cutoff))
        if self.config.short_range:
            short = ShortRangeKernel(ShortRange(numbers, Bonds.of(positions, pairs), functions.cutoff), array(structure.system))
        else:
            short = NoShortRange(len(numbers), structure.n_systems)
        return {"symmetry": described, "short_range": short}

    def members_of(self, structure: Structure, owner: nn.Module, weights, kernels: dict | None = None) -> TaylorMembers | None:
        """Return models of this configuration at the atoms, written out; None in single precision."""
        if structure.positions.dtype != torch.float64 or next(owner.parameters()).dtype != torch.float64:
            return None
        place = self.channel(structure).numpy(), structure.system.numpy(), _per_charge(structure).numpy()
        return TaylorMembers(self._prepared.of(owner, weights), *place, self.kernels(structure))

    def adapt(self, data) -> None:
        """Choose the landmarks from the training data (`train.blocks.Block`) and fit the elements' energies to it."""
        self.heads.start(data, [self.channel(b.structure) for b in data])

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def scalars(self) -> Tensor:
        """Return the parameters that no atom owns: none."""
        return torch.zeros(0, dtype=torch.float64)

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E (S,) [eV]; in open space s is the charge itself.

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        totals = structure.total(self.heads(description["symmetry"], self.channel(structure)))
        charge = held_charge(self, structure, control)
        energy = _series(totals, charge * _per_charge(structure))
        return {"natural_energy": energy + description["short_range"]}

    def fixed(self, structure: Structure, which: Tensor, atoms: Tensor) -> tuple[Tensor]:
        """Return what the energy of systems `which` needs beside the outputs: a_0/area (s,)."""
        return (_per_charge(structure)[which],)

    def energy(self, outputs: Tensor, scalars: Tensor, flat: Tensor, charge: Tensor, per_charge: Tensor) -> tuple[Tensor]:
        """Return the energy (...,) [eV] of outputs (..., n, order + 1) at a charge (...,) [e]."""
        return (_series(outputs.sum(-2), charge * per_charge),)


def _per_charge(structure: Structure) -> Tensor:
    slab = structure.pbc[:, 0]
    return torch.where(slab, SURFACE_ATOM_AREA / torch.where(slab, structure.area.double(), 1.0), 1.0)


def _series(coefficients: Tensor, s: Tensor) -> Tensor:
    """Return sum_k a_k s^k/k! of coefficients (..., K)."""
    total = coefficients[..., -1]
    for k in range(coefficients.shape[-1] - 2, -1, -1):
        total = coefficients[..., k] + s / (k + 1) * total
    return total

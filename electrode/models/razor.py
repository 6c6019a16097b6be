"""RAZOR: the energy to second order in the charge, with a learned work function whose gradient the Born charges are.

    E(R, Q) = E0(R) + Phi0(R) Q + Q^2/(2C),    F = F0 + Q Z,    Z = -dPhi0/dR
    E0   = S(R) + sum_i e_i
    Phi0 = Phi_ref + sum_i (p_i + q_i psi_i + sum_k b_ik beta_ik)/A
    1/C  = (s + sum_i r_i/A)/A

and at fixed potential Q = C (Phi - Phi0), Omega = E0 - C (Phi - Phi0)^2/2.  e, p, q (and b with `bonds`, r with `local_capacitance`) are heads
of Gaussian kernels over the symmetry functions of each atom, S a classical short-range energy or a neutral model, psi_i what a unit charge in the
place of the atom adds to A Phi0 by the electrode's field (`models.plates`), so that q_i is an effective charge, and beta_ik what charge that
moves along its bonds adds (`models.bond_charges`), so that a water's charges may change while it stays neutral; A is the area.  Phi0 is
intensive, as a dipole layer's potential is.  Everything is linear in the weights: least squares train it, on forces and on how
they change with charge (`force_slope`) together.
Bergmann, Bonnet, Marzari, Reuter and Hoermann, Phys. Rev. Lett. 135, 146201 (2025), https://arxiv.org/abs/2505.19745.  The heads, q psi
and b beta are ours, and r departs from the source, where C depends on no position.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from electrode.bridge import TorchKernel
from electrode.models.base import Model, held_charge
from electrode.models.bond_charges import bond_potential
from electrode.models.double_layer import DoubleLayerTermConfig
from electrode.models.neutral_base import Calculated, NeutralBaseConfig, NeutralKernel
from electrode.models.plates import COUNTERCHARGES, plate_potential, require_whole
from electrode.nn.kernel_heads import KernelHeads
from electrode.physics.neighbours import NeighbourList, batch_neighbours
from electrode.physics.pair import Bonds, ShortRange, ShortRangeKernel
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.units import UC_PER_CM2

LEVEL = (4.5, 5.0)  # Phi_ref: first value and prior standard deviation [V]
CAPACITANCE = 20.0  # first value where it is learned [uF/cm^2]; the prior of s is half as wide as its first value


@dataclass(frozen=True)
class RazorConfig:
    """Choices of the scheme.

    Parameters
    ----------
    symmetry_functions : the descriptor
    base : the neutral model beside which e is learned, or its description, see `models.neutral_calculators`; None for pair terms
    capacitance : of a face [uF/cm^2];  double_layer : the continuum whose capacitance at its potential of zero charge counts; neither: learned
    countercharge : "sheet", "two_sheets" or "uniform", see `models.plates`
    local_capacitance : let 1/C depend on the neighbourhood
    bonds : lengths c_k of the bonds along which charge moves [A], () for none; (1.0, 1.5, 2.0) suits water between electrodes
    landmarks : environments kept for each element;  length : of the kernels, see `nn.kernel_heads`
    energy_amplitude, dipole_amplitude, charge_amplitude, bond_amplitude, stiffness_amplitude : prior standard deviations of e [eV], 0 to leave
        the base as it is but for constants of the elements, p [V A^2], q [e], b [e] and r [V A^4/e]
    """

    symmetry_functions: SymmetryFunctions
    base: NeutralBaseConfig | str | None = None
    capacitance: float | None = None
    double_layer: DoubleLayerTermConfig | None = None
    countercharge: str = "sheet"
    local_capacitance: bool = False
    bonds: tuple[float, ...] = ()
    landmarks: int = 300
    length: float = 3.0
    energy_amplitude: float = 3.0
    dipole_amplitude: float = 100.0
    charge_amplitude: float = 0.1
    bond_amplitude: float = 0.1
    stiffness_amplitude: float = 500.0
    seed: int = 0

    def __post_init__(self):
        if isinstance(self.base, str):
            object.__setattr__(self, "base", NeutralBaseConfig.of(self.base))
        if self.countercharge not in COUNTERCHARGES:
            raise ValueError(f"RazorConfig.countercharge: expected one of {', '.join(COUNTERCHARGES)}, got {self.countercharge!r}")
        if self.capacitance is not None and (self.double_layer is not None or not self.capacitance > 0.0):
            raise ValueError(f"RazorConfig.capacitance: expected a positive number [uF/cm^2], and no double_layer beside it; got {self.capacitance}")
        if self.local_capacitance and self.given_stiffness is not None:
            raise ValueError("RazorConfig.local_capacitance: a given capacitance depends on no neighbourhood; leave one of them out")
        if not all(0.0 < c < self.symmetry_functions.cutoff for c in self.bonds):
            raise ValueError(f"RazorConfig.bonds: expected lengths between 0 and the cutoff, {self.symmetry_functions.cutoff} A, got {self.bonds}")
        amplitudes = (self.energy_amplitude, *self.amplitudes[1:], self.bond_amplitude)
        if not (min(amplitudes[1:]) > 0.0 and amplitudes[0] >= 0.0):
            raise ValueError(f"RazorConfig: expected positive amplitudes, or 0 of the energy, got {amplitudes}")

    @property
    def amplitudes(self) -> tuple[float, ...]:
        """Prior standard deviations of the heads."""
        bonds = (self.bond_amplitude,) * len(self.bonds)
        last = (self.stiffness_amplitude,) if self.local_capacitance else ()
        return (max(self.energy_amplitude, 1e-9), self.dipole_amplitude, self.charge_amplitude, *bonds, *last)

    @property
    def given_stiffness(self) -> float | None:
        """A/C [V A^2/e] where the capacitance is given, else None."""
        faces = COUNTERCHARGES[self.countercharge]
        if self.capacitance is not None:
            return UC_PER_CM2 / (faces * self.capacitance)
        if self.double_layer is not None:
            return 1.0 / (faces * float(self.double_layer.layer().differential_capacitance(np.zeros(1))[0]))
        return None

    @classmethod
    def for_elements(cls, elements: tuple[int, ...]) -> RazorConfig:
        """Return the default choices for atoms of these atomic numbers."""
        return cls(SymmetryFunctions(tuple(sorted(elements))))


class Razor(Model):
    """The expansion to second order."""

    natural = "charge"
    fails = {"single": "its linear equations are solved in double precision"}

    def __init__(self, config: RazorConfig):
        super().__init__()
        self.config = config
        functions, heads = config.symmetry_functions, len(config.amplitudes)
        self.heads = KernelHeads(len(functions.elements), functions.n_features, heads, config.landmarks, config.length)
        learned = config.given_stiffness is None
        first = [LEVEL[0], UC_PER_CM2 / (COUNTERCHARGES[config.countercharge] * CAPACITANCE)][: 1 + learned]
        self.constants = nn.Parameter(torch.tensor(first, dtype=torch.float64))
        self.scalar_spread = np.array([LEVEL[1], 0.5 * first[-1]][: 1 + learned])
        self.offset_spreads = (1e3, *config.amplitudes[1:])
        self.calculated = None if config.base is None else Calculated(config.base)

    def kernels(self, structure: Structure) -> dict:
        """Return the symmetry functions (N, F), psi and beta as "coulomb" (N (1 + K),) and the energy beside the heads (S,) as "short_range"."""
        array = lambda tensor: tensor.detach().cpu().numpy()
        numbers, positions, functions = array(structure.numbers), array(structure.positions.double()), self.config.symmetry_functions
        pairs = batch_neighbours(positions, array(structure.cell.double()), array(structure.pbc), array(structure.counts), functions.cutoff)
        if self.calculated is None:
            short = ShortRangeKernel(ShortRange(numbers, Bonds.of(positions, pairs), functions.cutoff), array(structure.system))
        else:
            short = NeutralKernel(structure, self.calculated)
        require_whole(structure, self.config.countercharge)
        field = TorchKernel(lambda x: self._field(structure.at(x), pairs), structure.positions)
        return {"symmetry": functions.bind(numbers, positions, pairs), "coulomb": field, "short_range": short}

    def _field(self, structure: Structure, pairs: NeighbourList) -> Tensor:
        psi, config = plate_potential(structure, self.config.countercharge), self.config
        beta = bond_potential(structure, psi, pairs, config.symmetry_functions.cutoff, config.bonds)
        return torch.cat([psi[:, None], beta], dim=1).flatten()

    def adapt(self, data) -> None:
        """Choose the landmarks from the training data (`train.blocks.Block`) and fit the elements' energies to it."""
        self.heads.start(data, [self.channel(b.structure) for b in data])

    def channel(self, structure: Structure) -> Tensor:
        """Return the index of each atom's element, (N,)."""
        return torch.from_numpy(self.config.symmetry_functions.channels(structure.numbers.numpy()))

    def scalars(self) -> nn.Parameter:
        """Return the parameters that no atom owns: Phi_ref [V] and, where it is learned, s [V A^2/e]."""
        return self.constants

    def expansion(self, structure: Structure, description: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Return E0 [eV], Phi0 [V] and C [e/V] of each system, (S,)."""
        outputs = self.heads(description["symmetry"], self.channel(structure))
        parts = structure.total(_weighed(outputs, description["coulomb"]))
        energy, potential, stiffness = self._coefficients(parts, self.scalars(), structure.area)
        return energy + description["short_range"], potential, 1.0 / stiffness

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return E (S,) [eV].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        charge = held_charge(self, structure, control)
        energy, potential, capacitance = self.expansion(structure, description)
        return {"natural_energy": energy + potential * charge + 0.5 * charge**2 / capacitance}

    def fixed(self, structure: Structure, which: Tensor, atoms: Tensor) -> tuple[Tensor]:
        """Return what the energy of systems `which` needs beside the outputs: the area (s,)."""
        return (structure.area[which],)

    def energy(self, outputs: Tensor, scalars: Tensor, flat: Tensor, charge: Tensor, area: Tensor) -> tuple[Tensor]:
        """Return the energy (...,) [eV] of outputs (..., n, heads) with psi and beta (..., n (1 + K)) at a charge (...,) [e]."""
        energy, potential, stiffness = self._coefficients(_weighed(outputs, flat).sum(-2), scalars, area)
        return (energy + potential * charge + 0.5 * stiffness * charge**2,)

    def _coefficients(self, parts: Tensor, scalars: Tensor, area: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return E0 without what stands beside the heads, Phi0 and 1/C from sums over the atoms (..., 2 or 3)."""
        given = self.config.given_stiffness
        stiffness = scalars[..., 1] if given is None else torch.full_like(area, given)
        if self.config.local_capacitance:
            stiffness = stiffness + parts[..., 2] / area
        return parts[..., 0], scalars[..., 0] + parts[..., 1] / area, stiffness / area


def _weighed(outputs: Tensor, flat: Tensor) -> Tensor:
    """Return e_i, p_i + q_i psi_i + sum_k b_ik beta_ik and r_i where there is one, (..., n, 2 or 3)."""
    field = flat.unflatten(-1, (outputs.shape[-2], -1))
    last = 2 + field.shape[-1]
    dipole = outputs[..., 1] + (outputs[..., 2:last] * field).sum(-1)
    return torch.cat([outputs[..., :1], dipole[..., None], outputs[..., last:]], dim=-1)

"""The classical baseline: published element parameters, charge equilibration and a double layer, no training.

    E(R, Q) = E_short(R) + E0(R) + sum_i o(Z_i) + (Phi0(R) + c) Q + Q^2 / (2 C(R))

E_short from `physics.pair`; E0, Phi0 and C from `physics.equilibration`.  The element energies o and the shift c of the
potential's zero are 0 until `fit_offsets` sets them; nothing else is ever fitted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from electrode.bridge import Kernel, differentiable
from electrode.models.base import Model, ModelCard, held_charge
from electrode.physics.elements import SYMBOLS
from electrode.physics.equilibration import Equilibration, equilibrate
from electrode.physics.neighbours import neighbour_list
from electrode.physics.one_face import require_one_slab
from electrode.physics.pair import Bonds, ShortRange
from electrode.state import Control, Structure

IONS = (*((z, 1.0) for z in (3, 11, 19, 37, 55)), *((z, 2.0) for z in (12, 20, 38, 56)))


@dataclass(frozen=True)
class BaselineConfig:
    """Everything the baseline can be told.

    Parameters
    ----------
    double_layer_capacitance : [uF/cm^2], of the bare electrode
    permittivity : of the double layer, for the laterally averaged field
    cutoff : [A], of bonds; electrostatics has none
    formal_charges : (atomic number, charge [e]) of elements that keep a charge away from the electrode
    offsets : (atomic number, energy [eV]) of elements
    potential_shift : c [V]
    """

    double_layer_capacitance: float = 20.0
    permittivity: float = 6.0
    cutoff: float = 6.0
    formal_charges: tuple[tuple[int, float], ...] = IONS
    offsets: tuple[tuple[int, float], ...] = ()
    potential_shift: float = 0.0

    def __post_init__(self):
        if not self.cutoff > 0.0:
            raise ValueError(f"BaselineConfig.cutoff: expected a positive length [A], got {self.cutoff}")
        for name in ("formal_charges", "offsets"):
            pairs = tuple((int(z), float(value)) for z, value in getattr(self, name))
            if not all(0 < z < len(SYMBOLS) for z, _ in pairs):
                raise ValueError(f"BaselineConfig.{name}: expected atomic numbers 1 to {len(SYMBOLS) - 1}, got {pairs}")
            object.__setattr__(self, name, pairs)


class InterfaceKernel:
    """E_short + E0 [eV], Phi0 [V] and 1/C [V/e] of each system, (S, 3), with first and second derivatives.

    Parameters
    ----------
    structure : the batch
    config : of the model
    """

    def __init__(self, structure: Structure, config: BaselineConfig):
        array = lambda tensor: tensor.detach().cpu().numpy()
        ends = np.cumsum(array(structure.counts))
        self.atoms = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends)]
        self.config = config
        self.numbers, self.electrode = array(structure.numbers), array(structure.electrode)
        self.positions = array(structure.positions).astype(np.float64)
        self.cell, self.pbc = array(structure.cell).astype(np.float64), array(structure.pbc)
        require_one_slab(self.positions, self.cell, self.pbc, array(structure.system), self.electrode)
        self.bonds = [
            Bonds.of(self.positions[at], neighbour_list(self.positions[at], self.cell[k], self.pbc[k], config.cutoff))
            for k, at in enumerate(self.atoms)
        ]
        self.short = [ShortRange(self.numbers[at], b, config.cutoff) for at, b in zip(self.atoms, self.bonds)]
        self.solved = [self._solve(k) for k in range(len(self.atoms))]

    def _solve(self, k: int, second: bool = False) -> Equilibration:
        at, config = self.atoms[k], self.config
        return equilibrate(
            self.numbers[at],
            self.positions[at],
            self.cell[k],
            self.pbc[k],
            self.electrode[at],
            bonds=self.bonds[k],
            cutoff=config.cutoff,
            double_layer_capacitance=config.double_layer_capacitance,
            permittivity=config.permittivity,
            formal_charges=_by_element(config.formal_charges)[self.numbers[at]],
            second=second,
        )

    def values(self) -> np.ndarray:
        """Return the coefficients, (S, 3)."""
        return np.array([s.coefficients + [e.energy(), 0.0, 0.0] for s, e in zip(self.solved, self.short)])

    def charges(self) -> np.ndarray:
        """Return q0 [e] and q1 of each atom, (N, 2): its charge at Q is q0 + Q q1."""
        return np.concatenate([s.charges.T for s in self.solved])

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3)."""
        return np.concatenate([self._pull(k, g) for k, g in enumerate(cotangent)])

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return J v, (S, 3)."""
        rows = [[np.vdot(self._pull(k, g), displacement[at]) for g in np.eye(3)] for k, at in enumerate(self.atoms)]
        return np.array(rows)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along a displacement, (N, 3)."""
        return np.concatenate(
            [
                self._solve(k, second=True).pull_along(cotangent[k], displacement[at])
                + cotangent[k, 0] * self.short[k].gradient_along(displacement[at])
                for k, at in enumerate(self.atoms)
            ]
        )

    def _pull(self, k: int, g: np.ndarray) -> np.ndarray:
        return self.solved[k].pull(g) + g[0] * self.short[k].gradient()


class Baseline(Model):
    """The classical baseline; works for every element up to bismuth, on slabs and in open space.

    Its charges minimise the energy; "atomic_charges" (N,) [e] add up to Q and carry no gradient.  Trust its forces at a
    given charge and its capacitance, not how a reaction's energy changes with potential: an electronegativity that
    does not know the bonds of an atom cannot tell H3O+ from H2O and H, and misses most of its potential of zero charge.

    Parameters
    ----------
    config : BaselineConfig, the default needs no data
    """

    natural = "charge"
    card = ModelCard(
        method_ids=("classical_baseline",),
        potential_zero="electrolyte",
        countercharge="unknown",
        elements=tuple(range(1, len(SYMBOLS))),
    )

    def __init__(self, config: BaselineConfig = BaselineConfig()):
        super().__init__()
        self.config = config

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernel of the coefficients, named "interface"."""
        return {"interface": InterfaceKernel(structure, self.config)}

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return "interface" (S, 3), differentiable, and "charges" (N, 2), without gradient."""
        kernel = self.kernels(structure)["interface"]
        return {
            "interface": differentiable(kernel, structure.positions),
            "charges": torch.from_numpy(kernel.charges()).to(structure.positions),
        }

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV] and "atomic_charges" (N,) [e].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        charge = held_charge(self, structure, control)
        energy, potential, stiffness = description["interface"].unbind(-1)
        offset = torch.as_tensor(_by_element(self.config.offsets)).to(energy)[structure.numbers]
        energy = energy + structure.total(offset)
        fixed, share = description["charges"].unbind(-1)
        return {
            "natural_energy": energy + (potential + self.config.potential_shift) * charge + 0.5 * stiffness * charge**2,
            "atomic_charges": (fixed + share * charge[structure.system]).detach(),
        }

    def fit_offsets(self, structure: Structure, charge, energy, potential=None) -> Baseline:
        """Return a baseline with element energies and the shift of the potential's zero fitted by least squares.

        The shift is the mean difference of the potentials where they are given, else it is fitted with the energies.

        Parameters
        ----------
        structure : S reference systems
        charge : (S,) [e];  energy : (S,) canonical energies [eV];  potential : (S,) absolute potentials [V], optional

        Raises
        ------
        ValueError
            where lengths differ or a value is not finite.
        """
        given = {"charge": charge, "energy": energy} | ({} if potential is None else {"potential": potential})
        rows = {name: np.asarray(value, float).reshape(-1) for name, value in given.items()}
        for name, row in rows.items():
            if len(row) != structure.n_systems or not np.isfinite(row).all():
                raise ValueError(f"fit_offsets: expected {structure.n_systems} finite values of {name}, got {len(row)}, or NaN")
        values = InterfaceKernel(structure, self.config).values()
        q, own = rows["charge"], values[:, 1] + values[:, 2] * rows["charge"]
        residual = rows["energy"] - values[:, 0] - values[:, 1] * q - 0.5 * values[:, 2] * q**2
        elements, counts = _composition(structure)
        if potential is None:
            *offsets, shift = np.linalg.lstsq(np.column_stack([counts, q]), residual, rcond=None)[0]
        else:
            shift = float(np.mean(rows["potential"] - own))
            offsets = np.linalg.lstsq(counts, residual - shift * q, rcond=None)[0]
        pairs = tuple((int(z), float(o)) for z, o in zip(elements, offsets))
        return Baseline(replace(self.config, offsets=pairs, potential_shift=float(shift)))


def _by_element(pairs: tuple[tuple[int, float], ...]) -> np.ndarray:
    """Return a value for each atomic number, 0 where the pairs name none."""
    out = np.zeros(len(SYMBOLS))
    for z, value in pairs:
        out[z] = value
    return out


def _composition(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    """Return the elements (E,) of a batch and how many of each every system holds, (S, E)."""
    numbers, system = structure.numbers.cpu().numpy(), structure.system.cpu().numpy()
    elements, column = np.unique(numbers, return_inverse=True)
    counts = np.zeros((structure.n_systems, len(elements)))
    np.add.at(counts, (system, column), 1.0)
    return elements, counts

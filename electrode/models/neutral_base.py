"""Any ASE calculator of neutral atoms as the energy at zero charge.

    E(R, Q) = E0(R),    dE/dQ = 0:  a term for a `Sum`, beside one that knows the charge

Energies and forces are the calculator's, one call for each geometry.  Calculators give no second derivatives; products of
the Hessian with a displacement are central differences of forces,

    H v = -[F(R + h v/|v|) - F(R - h v/|v|)] |v|/(2h),   |v| the longest displacement of an atom

with an error of h^2 and of the forces' rounding over h.
"""

from __future__ import annotations

import warnings
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import torch
from ase import Atoms
from torch import Tensor

from electrode.bridge import Kernel
from electrode.models.base import Model, held_charge
from electrode.models.neutral_calculators import distribution, distribution_version, make_calculator, weights_digest
from electrode.physics.elements import SYMBOLS
from electrode.state import Control, Structure

KEPT = 1024  # geometries whose energy and forces are kept


@dataclass(frozen=True)
class NeutralBaseConfig:
    """Which calculator, and what it was when the model was made.

    Parameters
    ----------
    calculator : its description, see `neutral_calculators`
    package, version : the distribution that it came from, empty where it came from none
    digest : SHA-256 of its weights, empty where it has none
    hessian_step : h [A], of products with the Hessian
    """

    calculator: str
    package: str = ""
    version: str = ""
    digest: str = ""
    hessian_step: float = 0.005

    def __post_init__(self):
        if not self.hessian_step > 0.0:
            raise ValueError(f"NeutralBaseConfig.hessian_step: expected a positive length [A], got {self.hessian_step}")

    @classmethod
    def of(cls, calculator: str) -> NeutralBaseConfig:
        """Return the configuration of a description with the package, version and weights found here."""
        digest, package = weights_digest(make_calculator(calculator)), distribution(calculator)
        return cls(calculator, package, distribution_version(package), digest)


@dataclass
class Calculated:
    """A calculator that is made when it is first needed, and the energies and forces that it gave."""

    config: NeutralBaseConfig
    calculator: object = None
    kept: OrderedDict = field(default_factory=OrderedDict)

    def __call__(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        """Return energy [eV] and forces (N, 3) [eV/A] of a system, the free energy where the calculator knows one.

        Raises
        ------
        ValueError
            where the calculator fails, for instance at an element that it does not know, or gives NaN.
        """
        key = (atoms.numbers.tobytes(), atoms.positions.tobytes(), atoms.cell.array.tobytes(), atoms.pbc.tobytes())
        if key not in self.kept:
            self.kept[key] = self._calculate(atoms)
            if len(self.kept) > KEPT:
                self.kept.popitem(last=False)
        self.kept.move_to_end(key)
        return self.kept[key]

    def _calculate(self, atoms: Atoms) -> tuple[float, np.ndarray]:
        calculator = self._made()
        where = f"neutral base {self.config.calculator!r}: {atoms.get_chemical_formula()}"
        try:
            with torch.enable_grad():  # torch's own functions switch it off, and a network's forces need it
                energy, forces = calculator.get_property("energy", atoms), calculator.get_property("forces", atoms)
        except Exception as error:  # calculators raise anything, for instance at an element that they do not know
            known = ", ".join(SYMBOLS[z] for z in sorted(set(atoms.numbers)))
            raise ValueError(f"{where} gave no energy and forces ({type(error).__name__}: {error}); expected a calculator that knows {known}") from error
        energy, forces = float(calculator.results.get("free_energy", energy)), np.array(forces, dtype=np.float64)
        if not np.isfinite(energy) or forces.shape != (len(atoms), 3) or not np.isfinite(forces).all():
            raise ValueError(f"{where}: expected a finite energy and {len(atoms)} forces, got NaN or shape {forces.shape}; check the structure")
        return energy, forces

    def _made(self):
        if self.calculator is None:
            made = make_calculator(self.config.calculator)
            self._require_same(weights_digest(made))
            self.calculator = made
        return self.calculator

    def _require_same(self, digest: str) -> None:
        config, here = self.config, distribution_version(self.config.package)
        if config.digest and digest != config.digest:
            raise ValueError(
                f"neutral base {config.calculator!r}: expected the weights that the model was made with (SHA-256 {config.digest[:12]}, {config.package} "
                f"{config.version}), got others ({digest[:12]}, {config.package} {here}); install that version, or electrify again"
            )
        if not config.digest and here != config.version:
            warnings.warn(f"neutral base {config.calculator!r}: made with {config.package} {config.version}, here is {here}; energies may differ", stacklevel=4)


class NeutralKernel:
    """E0 [eV] of each system, (S,), with forces, and with products of its Hessian by central differences."""

    def __init__(self, structure: Structure, calculated: Calculated):
        array = lambda tensor: tensor.detach().cpu().numpy()
        ends = np.cumsum(array(structure.counts))
        self.atoms = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends)]
        self.numbers, self.positions = array(structure.numbers), array(structure.positions).astype(np.float64)
        self.cell, self.pbc = array(structure.cell).astype(np.float64), array(structure.pbc)
        self.region = np.where(array(structure.electrode), 0, 1)
        self.calculated = calculated

    def _at(self, k: int, shift=0.0) -> tuple[float, np.ndarray]:
        rows = self.atoms[k]
        atoms = Atoms(self.numbers[rows], self.positions[rows] + shift, cell=self.cell[k], pbc=self.pbc[k])
        atoms.set_array("eir_region", self.region[rows])
        return self.calculated(atoms)

    def values(self) -> np.ndarray:
        """Return the energies, (S,)."""
        return np.array([self._at(k)[0] for k in range(len(self.atoms))])

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3)."""
        return np.concatenate([-g * self._at(k)[1] for k, g in enumerate(cotangent)])

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return J v, (S,)."""
        return np.array([-np.vdot(self._at(k)[1], displacement[rows]) for k, rows in enumerate(self.atoms)])

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along the displacement, (N, 3)."""
        return np.concatenate([g * self._hessian_product(k, displacement[rows]) for k, (g, rows) in enumerate(zip(cotangent, self.atoms))])

    def _hessian_product(self, k: int, v: np.ndarray) -> np.ndarray:
        longest = np.linalg.norm(v, axis=1).max()
        if longest == 0.0:
            return np.zeros_like(v)
        step = self.calculated.config.hessian_step * v / longest
        change = self._at(k, step)[1] - self._at(k, -step)[1]
        return -change * longest / (2.0 * self.calculated.config.hessian_step)


class NeutralBase(Model):
    """The energy of a neutral model, whatever the charge; it has no potential and no capacitance of its own.

    Parameters
    ----------
    config : which calculator; it is made when the first energy is asked for
    """

    natural = "charge"

    def __init__(self, config: NeutralBaseConfig):
        super().__init__()
        self.config = config
        self.calculated = Calculated(config)

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernel of the energies, named "neutral"."""
        return {"neutral": NeutralKernel(structure, self.calculated)}

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV].

        Raises
        ------
        ValueError
            where the control does not hold the charge.
        """
        charge = held_charge(self, structure, control)
        return {"natural_energy": description["neutral"] + torch.zeros_like(charge) * charge}  # with a slope of 0 in Q

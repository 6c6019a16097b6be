"""What a charge-equilibrated network must know of the positions: the screened Coulomb matrix, its field and the bonds.

For each system, with the Coulomb matrix A of Gaussians (`electrostatics`), the screening B and the potentials Q f of the
counter-charge (`countercharge`) and the Laplacian L of the bonds' conductances (`equilibration`), the features are

    (A + B) (n x n),    f (n),    and, with `bonds`, L (n x n)

one after the other, flat, system after system.  They follow the atoms alone, so that a description serves every charge.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase.data import covalent_radii

from electrode.physics.charge_widths import widened
from electrode.physics.countercharge import Layer, layer_of
from electrode.physics.electrostatics import Coulomb, coulomb
from electrode.physics.equilibration import Conductance
from electrode.physics.neighbours import neighbour_list
from electrode.physics.one_face import require_one_slab
from electrode.physics.pair import Bonds


@dataclass(frozen=True)
class ScreenedCoulomb:
    """The choices of the matrix.

    Parameters
    ----------
    double_layer_capacitance : [uF/cm^2], which sets the thickness of the layer;  permittivity : of the layer
    width_factor : widths of the Gaussians in covalent radii;  least_width : that they have at least [A].  A charge q repels itself by
        k_e q^2/(2 sqrt(pi) sigma), which no hardness above zero can soften
    bonds : also give the conductances along bonds
    cutoff : [A], of bonds

    Raises
    ------
    ValueError
        for values out of range.
    """

    double_layer_capacitance: float = 100.0
    permittivity: float = 6.0
    width_factor: float = 1.0
    bonds: bool = False
    cutoff: float = 6.0
    least_width: float = 0.0

    def __post_init__(self):
        if not (self.double_layer_capacitance > 0 and self.permittivity >= 1 and self.width_factor > 0 and self.least_width >= 0 and self.cutoff > 0):
            raise ValueError(f"ScreenedCoulomb: expected positive numbers and a permittivity of at least 1, got {self}")

    def bind(self, numbers, positions, cell, pbc, system, electrode, wider=None) -> ScreenedCoulombKernel:
        """Return the kernel of a batch: numbers, system, electrode (N,), positions (N, 3), cell (S, 3, 3), pbc (S, 3).

        `wider` (N,) multiplies the widths; None for 1.
        """
        require_one_slab(positions, cell, pbc, system, electrode)
        sigma = self.width(numbers) * (1.0 if wider is None else wider)
        ends = np.searchsorted(system, np.arange(len(cell) + 1))
        atoms = [slice(a, b) for a, b in zip(ends, ends[1:])]
        return ScreenedCoulombKernel(self, atoms, [(numbers[at], positions[at], cell[k], pbc[k], sigma[at], electrode[at]) for k, at in enumerate(atoms)])

    def width(self, numbers: np.ndarray) -> np.ndarray:
        """Return the widths of the Gaussians, (N,) [A]."""
        return np.maximum(self.width_factor * covalent_radii[numbers], self.least_width)


class ScreenedCoulombKernel:
    """The features of one batch with derivative products, see `electrode.bridge.Kernel`."""

    def __init__(self, choices: ScreenedCoulomb, atoms: list[slice], systems: list[tuple]):
        self.atoms = atoms
        self.parts = [_Part(choices, *system) for system in systems]
        self.ends = np.cumsum([0, *(p.size for p in self.parts)])

    def values(self) -> np.ndarray:
        """Return the features, flat [V/e], the conductances [e/V]."""
        return np.concatenate([p.values() for p in self.parts])

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        """Return J^T g, (N, 3)."""
        return np.concatenate([p.pull(g) for p, g in self._share(cotangent)])

    def push(self, displacement: np.ndarray) -> np.ndarray:
        """Return J v, flat."""
        return np.concatenate([p.push(displacement[at]) for p, at in zip(self.parts, self.atoms)])

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        """Return the derivative of `pull(cotangent)` along a displacement, (N, 3)."""
        shares = zip(self._share(cotangent), self.atoms)
        return np.concatenate([p.pull_along(g, displacement[at]) for (p, g), at in shares])

    def widened(self, along: np.ndarray, displacements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivative of the features along a direction (N,) of the logarithms of the widths, flat, and how it changes along displacements (X, N, 3), (flat, X)."""
        both = [p.widened(along[at], displacements[:, at]) for p, at in zip(self.parts, self.atoms)]
        return np.concatenate([value for value, _ in both]), np.concatenate([change for _, change in both])

    def _share(self, flat: np.ndarray):
        return [(p, flat[a:b]) for p, a, b in zip(self.parts, self.ends, self.ends[1:])]


class _Part:
    """The features of one system."""

    def __init__(self, choices: ScreenedCoulomb, numbers, positions, cell, pbc, sigma, electrode):
        holders = electrode if electrode.any() else np.ones(len(numbers), bool)
        self.n = len(numbers)
        self._place = positions, cell, pbc, sigma
        self.matrix = coulomb(*self._place)
        self.layer: Layer = layer_of(positions, cell, pbc, sigma, holders, choices.double_layer_capacitance, choices.permittivity)
        self.conductance = None
        if choices.bonds:
            bonds = Bonds.of(positions, neighbour_list(positions, cell, pbc, choices.cutoff))
            self.conductance = Conductance(numbers, bonds, electrode, choices.cutoff)

    @property
    def size(self) -> int:
        return self.n * (self.n + 1 + (self.n if self.conductance is not None else 0))

    def values(self) -> np.ndarray:
        return self._join(self.matrix.value + self.layer.matrix, self.layer.field, self.conductance and self.conductance.value)

    def push(self, displacement: np.ndarray) -> np.ndarray:
        field, screening = self.layer.push(displacement)
        flow = self.conductance and self.conductance.push(displacement)
        return self._join(self.matrix.push(displacement) + screening, field, flow)

    def pull(self, cotangent: np.ndarray) -> np.ndarray:
        weight, field, flow = self._split(cotangent)
        out = self.matrix.pull(weight) + self.layer.pull(field, weight)
        return out if self.conductance is None else out + self.conductance.pull(flow)

    def pull_along(self, cotangent: np.ndarray, displacement: np.ndarray) -> np.ndarray:
        weight, field, flow = self._split(cotangent)
        curved: Coulomb = coulomb(*self._place, second=True)
        out = curved.pull_along(weight, displacement) + self.layer.pull_along(field, weight, displacement)
        return out if self.conductance is None else out + self.conductance.pull_along(flow, displacement)

    def widened(self, along: np.ndarray, displacements: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        matrix, flow = widened(*self._place, along), None if self.conductance is None else np.zeros((self.n, self.n))
        joined = lambda interaction, layer: self._join(interaction + layer[1], layer[0], flow)
        value = joined(matrix.value, self.layer.widened(along))
        return value, np.stack([joined(matrix.push(v), self.layer.push_widened(along, v)) for v in displacements], axis=1)

    def _join(self, matrix, field, flow) -> np.ndarray:
        return np.concatenate([matrix.ravel(), field, *([] if flow is None else [flow.ravel()])])

    def _split(self, flat: np.ndarray):
        """Return the cotangents of the matrices as the symmetric W of sum_ij W_ij M_ij / 2, and that of the field."""
        n = self.n
        square = lambda part: part.reshape(n, n) + part.reshape(n, n).T
        flow = None if self.conductance is None else square(flat[n * n + n :])
        return square(flat[: n * n]), flat[n * n : n * n + n], flow

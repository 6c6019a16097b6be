"""What a model is given: the atoms (`Structure`) and the electronic control (`Control`).

Both are frozen, both are batches: committee members, NEB images and the potentials of a sweep are systems of one batch.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from electrode.data.cells import check_cells
from electrode.metals import electrode_atoms

GAP_KEY = "eir_countercharge_gap"  # of atoms.info [A]


@dataclass(frozen=True)
class Share:
    """What counts of a structure that is a piece of a larger one: what all pieces count adds up to the whole.

    Parameters
    ----------
    own : (N,) bool, the atoms that count; the others are their surroundings
    cell : whether what belongs to the cell, and to no atom, counts here
    """

    own: Tensor
    cell: bool


@dataclass(frozen=True)
class Structure:
    """A batch of S systems with N atoms in all.

    Parameters
    ----------
    numbers : (N,) int64, atomic numbers
    positions : (N, 3) float [A]
    cell : (S, 3, 3) float [A], rows are the lattice vectors
    pbc : (S, 3) bool
    system : (N,) int64, the system of each atom, ascending
    electrode : (N,) bool, atoms that belong to the electrode
    countercharge_gap : (S,) [A], distance of the counter-charge from the top metal layer where it stands at a fixed place, NaN where
        not known; None where no system says
    share : what counts, of a piece of a larger structure (`models.pieces`); None where everything does

    Raises
    ------
    ValueError
        on wrong shapes, values that are not finite, a periodic direction without a lattice vector, or two that are not the first two.
    """

    numbers: Tensor
    positions: Tensor
    cell: Tensor
    pbc: Tensor
    system: Tensor
    electrode: Tensor
    countercharge_gap: Tensor | None = None
    share: Share | None = None

    def __post_init__(self):
        n, s = len(self.numbers), len(self.cell)
        shapes = {"positions": (n, 3), "cell": (s, 3, 3), "pbc": (s, 3), "system": (n,), "electrode": (n,)}
        for name, shape in shapes.items():
            if tuple(getattr(self, name).shape) != shape:
                raise ValueError(f"Structure.{name}: expected shape {shape}, got {tuple(getattr(self, name).shape)}")
        for name in ("positions", "cell"):
            if not torch.isfinite(getattr(self, name)).all():
                raise ValueError(f"Structure.{name} holds NaN or infinity; check the structure that was read")
        check_cells(self.cell.detach().double().numpy(), self.pbc.numpy())
        gap = self.countercharge_gap
        if gap is not None and (tuple(gap.shape) != (s,) or (gap <= 0).any() or torch.isinf(gap).any()):
            raise ValueError(f"Structure.countercharge_gap: expected {s} positive distances [A], one for each system, NaN where not known; got {gap.tolist()}")

    @property
    def n_systems(self) -> int:
        """Number of systems S."""
        return len(self.cell)

    @cached_property
    def counts(self) -> Tensor:
        """Number of atoms of each system, (S,)."""
        return torch.bincount(self.system, minlength=self.n_systems)

    @cached_property  # of the cell alone, which `at` keeps
    def area(self) -> Tensor:
        """Area spanned by the first two lattice vectors, (S,) [A^2]."""
        return torch.linalg.norm(torch.linalg.cross(self.cell[:, 0], self.cell[:, 1]), dim=-1)

    @cached_property
    def normal(self) -> Tensor:
        """Unit vector normal to a and b on the side of c, from the electrode to the electrolyte, (S, 3)."""
        cross = torch.linalg.cross(self.cell[:, 0], self.cell[:, 1])
        side = torch.where((cross * self.cell[:, 2]).sum(1, keepdim=True) < 0, -1.0, 1.0).to(cross)
        return side * cross / self.area[:, None]

    def total(self, per_atom: Tensor) -> Tensor:
        """Sum a per-atom quantity (N, ...) over the atoms of each system that count, (S, ...)."""
        if self.share is not None:
            per_atom = per_atom.masked_fill(~self.share.own.reshape(-1, *[1] * (per_atom.ndim - 1)), 0.0)
        out = per_atom.new_zeros((self.n_systems, *per_atom.shape[1:]))
        return out.index_add(0, self.system, per_atom)

    def of_cell(self, value: Tensor) -> Tensor:
        """Return what belongs to the cell and to no atom, (S,), or zeros in a piece that does not count it."""
        return value if self.share is None or self.share.cell else torch.zeros_like(value)

    def at(self, positions: Tensor) -> Structure:
        """Return the same systems with other positions (N, 3) [A]; the rest was checked when they were made."""
        if positions.shape != self.positions.shape or not torch.isfinite(positions.detach().sum()):
            raise ValueError(f"Structure.at: expected {tuple(self.positions.shape)} finite positions, got shape {tuple(positions.shape)}, or NaN")
        moved = copy.copy(self)
        object.__setattr__(moved, "positions", positions)
        return moved

    def repeat(self, times: int) -> Structure:
        """Return the batch `times` over, for instance one copy for each potential of a sweep."""
        shift = torch.arange(times).repeat_interleave(len(self.system)) * self.n_systems
        tile = {k: torch.cat([getattr(self, k)] * times) for k in ("numbers", "positions", "cell", "pbc", "electrode")}
        gap, share = self.countercharge_gap, self.share
        return Structure(
            **tile, system=self.system.repeat(times) + shift, countercharge_gap=gap if gap is None else gap.repeat(times),
            share=share if share is None else Share(share.own.repeat(times), share.cell),
        )  # fmt: skip

    @classmethod
    def from_atoms(cls, atoms, dtype=torch.float64) -> Structure:
        """Build a batch from one ASE Atoms object or a sequence of them; see `electrode_atoms` for the electrode.

        The distance of the counter-charge is `atoms.info["eir_countercharge_gap"]` [A].
        """
        images = list(atoms) if isinstance(atoms, Sequence) else [atoms]
        if not images or not all(len(a) for a in images):
            raise ValueError("Structure.from_atoms: expected at least one system with at least one atom")
        stack = lambda rows: torch.as_tensor(np.concatenate(rows))
        return cls(
            numbers=stack([a.numbers for a in images]).long(),
            positions=stack([a.positions for a in images]).to(dtype),
            cell=torch.as_tensor(np.array([a.cell.array for a in images])).to(dtype),
            pbc=torch.as_tensor(np.array([a.pbc for a in images])),
            system=torch.repeat_interleave(torch.arange(len(images)), torch.tensor([len(a) for a in images])),
            electrode=stack([electrode_atoms(a) for a in images]),
            countercharge_gap=_gaps(images),
        )


@dataclass(frozen=True)
class Control:
    """The electronic variable that is held: the charge or the potential, and perhaps a uniform field.

    Parameters
    ----------
    charge : (S,) [e], net charge of the explicit cell
    potential : (S,) [V], absolute electrode potential; `references` converts from SHE, RHE or PZC
    field : (S, 3) [V/A], a charge q feels the force +qF

    Raises
    ------
    ValueError
        unless exactly one of charge and potential is given, and all values are finite.
    """

    charge: Tensor | None = None
    potential: Tensor | None = None
    field: Tensor | None = None

    def __post_init__(self):
        given = [k for k in ("charge", "potential") if getattr(self, k) is not None]
        if len(given) != 1:
            got = "both" if given else "neither"
            raise ValueError(f"Control needs exactly one of charge [e] or potential [V, absolute]; got {got}")
        for name, shape in (("charge", (-1,)), ("potential", (-1,)), ("field", (-1, 3))):
            value = getattr(self, name)
            if value is None:
                continue
            tensor = _as_float(value, name)
            if name == "field" and (tensor.ndim == 0 or tensor.shape[-1] != 3):
                raise ValueError(f"Control.field: expected 3 components [V/A], got shape {tuple(tensor.shape)}")
            object.__setattr__(self, name, tensor.reshape(shape))

    @property
    def held(self) -> str:
        """Name of the variable that is held, "charge" or "potential"."""
        return "charge" if self.charge is not None else "potential"

    @property
    def value(self) -> Tensor:
        """Value of the variable that is held, (S,)."""
        return getattr(self, self.held)

    def expand(self, n_systems: int) -> Control:
        """Return the control for a batch of `n_systems`: one value serves all, else the lengths must agree."""
        if all(len(v) == n_systems for v in (self.charge, self.potential, self.field) if v is not None):
            return self  # also under torch's vmap, where values cannot be checked once more
        values = {}
        for name in ("charge", "potential", "field"):
            value = getattr(self, name)
            if value is not None and len(value) not in (1, n_systems):
                raise ValueError(f"Control.{name}: expected 1 or {n_systems} values, one for each system; got {len(value)}")
            values[name] = None if value is None else value.expand(n_systems, *value.shape[1:])
        return Control(**values)


def _gaps(images) -> Tensor | None:
    """Return the distance of each system's counter-charge, NaN where its `info` has none, or None where none has."""
    found = [np.asarray(np.nan if (gap := a.info.get(GAP_KEY)) is None else gap) for a in images]
    if wrong := [gap for gap in found if gap.dtype.kind not in "if" or gap.size != 1]:
        raise ValueError(f"atoms.info[{GAP_KEY!r}]: expected a positive distance [A], got {wrong[0].tolist()!r}; correct or remove it")
    gaps = torch.tensor([gap.item() for gap in found], dtype=torch.float64)
    return None if gaps.isnan().all() else gaps


def _as_float(value, name: str) -> Tensor:
    # by way of numpy: torch would read a Python float in single precision
    tensor = value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    if tensor.dtype in (torch.bool, torch.complex64, torch.complex128):
        raise ValueError(f"Control.{name}: expected real numbers, got {tensor.dtype}")
    tensor = tensor if tensor.is_floating_point() else tensor.double()
    if not torch.isfinite(tensor.detach()).all():
        raise ValueError(f"Control.{name} holds NaN or infinity")
    return tensor

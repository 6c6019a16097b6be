"""What every model is, and what a stored model says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from electrode.bridge import Kernel, differentiable
from electrode.data.zeros import EnergyZeros
from electrode.models.closed_form import ClosedForm, Members
from electrode.physics.one_face import require_one_slab
from electrode.state import Control, Structure


@dataclass(frozen=True)
class Calibration:
    """Factors that turn the spread of a committee's members into a standard error, fitted on validation frames.

    Parameters
    ----------
    energy, forces, conjugate : dimensionless
    """

    energy: float = 1.0
    forces: float = 1.0
    conjugate: float = 1.0


@dataclass(frozen=True)
class ModelCard:
    """Where a model comes from and where it may be trusted.

    Parameters
    ----------
    method_ids : names of the reference methods that the training data came from
    potential_zero : the level that potentials are measured from ("electrolyte", "vacuum_top", ...)
    countercharge : the scheme of the counter-charge ("jellium_slab", ...)
    countercharge_gap : distance of the counter-charge from the top metal layer [A], None where not known or not one
    countercharge_gaps : the shortest and the longest of several distances that were trained [A]
    she_absolute : absolute potential of the standard hydrogen electrode in this method [V]
    elements : atomic numbers that were trained
    surface_charge_range : trained window of the net charge per area [e/A^2]
    potential_range : trained window of the potential [V, absolute]
    calibration : of a committee's spread, None where it was not fitted
    pbc : directions along which the training structures go on without a gap, see `domain.periodicity`; None where not recorded or not one
    energy_zeros : what was taken off the labels of each method before training, see `data.zeros`; None where nothing was
    """

    method_ids: tuple[str, ...] = ()
    potential_zero: str = "unknown"
    countercharge: str = "unknown"
    countercharge_gap: float | None = None
    she_absolute: float | None = None
    elements: tuple[int, ...] = ()
    surface_charge_range: tuple[float, float] | None = None
    potential_range: tuple[float, float] | None = None
    calibration: Calibration | None = None
    energy_zeros: EnergyZeros | None = None
    pbc: tuple[bool, bool, bool] | None = None
    countercharge_gaps: tuple[float, float] | None = None


def middle_of_range(card: ModelCard, variable: str, structure: Structure) -> Tensor:
    """Return the middle of the trained range of "charge" [e] or "potential" [V] for each system, (S,); 0 e or 4.44 V without one."""
    if variable == "charge":
        return 0.5 * sum(card.surface_charge_range or (0.0, 0.0)) * structure.area
    middle = 0.5 * sum(card.potential_range or (4.44, 4.44))
    return torch.full((structure.n_systems,), middle, dtype=structure.positions.dtype)


def held_charge(model: Model, structure: Structure, control: Control) -> Tensor:
    """Return the charge that the control holds for each system, (S,) [e], in the precision of the positions.

    Raises
    ------
    ValueError
        where the control does not hold the charge.
    """
    if control.charge is None:
        raise ValueError(f"{type(model).__name__}: expected a control that holds the charge [e], got a potential; use evaluate, or Grand beside others")
    return control.expand(structure.n_systems).charge.to(structure.positions)


class Model(nn.Module):
    """A scalar function of the atoms and one electronic variable.

    Class attributes state what a scheme is: `natural` is the variable its scalar depends on ("charge": E, "potential":
    Omega), `uses_field` whether it reads `control.field`, `conjugate` whether the other variable is the "derivative" of
    the scalar or a "head" of its own, `conservative` whether forces are its gradient, `variational` whether its internal
    variables minimise it, `stacks` whether a committee's members, their weights stacked, are evaluated in one pass or in turn, `symmetry`
    whether the atoms may be turned about the surface's normal alone, "E(2)", or any way, mirrored too, "E(3)".  `fails` says what of
    `testing.ModelContract` the scheme cannot keep, and why: "conjugate" (the scalar does not answer to charge and potential),
    "derivative" (the potential is a head), "gradient" (forces are a head), "rotation", "size", "single" (precision); and "committee", why it has none.  `several_gaps` says whether it tells the
    distances of the counter-charge apart (`Structure.countercharge_gap`), so that frames of several may be trained together.  `branch_safe` says whether
    its energy in a field along a periodic direction has one value, see `models.enthalpy`; of others the calculator gives forces alone there.
    `one_slab` says that a second electrode is refused, see `require_placement`: for networks that take the charge or potential of one surface but no heights.

    `reach` is how far an atom's share of the scalar sees [A], where the scalar is a sum of such shares, taken by `Structure.total`, and of what
    belongs to the cell, given to `Structure.of_cell`: such a scheme is strictly local and can be evaluated in pieces, see `models.pieces`.  It is None
    for all others.

    `kernels` names the numba kernels of the atoms alone; `describe` evaluates them, differentiably; `forward` must use
    positions only through the description it is given, so that the electronic variable can be solved for without
    describing the atoms again.
    """

    natural: str = "charge"
    uses_field: bool = False
    conjugate: str = "derivative"
    conservative: bool = True
    variational: bool = True
    stacks: bool = True
    symmetry: str = "E(2)"
    fails: Mapping[str, str] = MappingProxyType({})
    several_gaps: bool = False
    branch_safe: bool = False
    one_slab: bool = False
    card: ModelCard = ModelCard()

    @property
    def reach(self) -> float | None:
        """How far an atom's share of the scalar sees [A], None for a scheme that is not strictly local."""
        return None

    def kernels(self, structure: Structure) -> dict[str, Kernel]:
        """Return the kernels of this structure; none for a model written in torch alone."""
        return {}

    def near(self, structure: Structure) -> dict[str, Kernel]:
        """Return those kernels that see no further than `reach`."""
        return self.kernels(structure)

    def wide(self, structure: Structure) -> dict[str, Kernel]:
        """Return those kernels that see the whole structure: a row for each atom, of which a piece is given its own."""
        return {}

    def require_placement(self, structure: Structure) -> None:
        """Refuse a second electrode where the model has one slab in mind, for use and training alike.

        Raises
        ------
        ValueError
        """
        if self.one_slab:
            require_one_slab(*(x.detach().cpu().numpy() for x in (structure.positions, structure.cell, structure.pbc, structure.system, structure.electrode)))

    def describe(self, structure: Structure) -> dict[str, Tensor]:
        """Return what the model needs to know of the positions, differentiable in them."""
        self.require_placement(structure)
        kernels = self.kernels(structure)
        if not kernels:
            return {"positions": structure.positions}
        return {name: differentiable(kernel, structure.positions) for name, kernel in kernels.items()}

    def closed_form(self, structure: Structure) -> ClosedForm | None:
        """Return the scalar with its derivatives written out, or None: then autograd takes them from `forward`."""
        members = self.written_out(structure)
        return None if members is None else ClosedForm(members)

    def written_out(self, structure: Structure, kernels: dict[str, Kernel] | None = None) -> Members | None:
        """Return this model, or a committee's members, with derivatives written out, see `members_of`."""
        return self.members_of(structure, self, lambda: {name: value[None] for name, value in self.state_dict().items()}, kernels)

    def members_of(self, structure: Structure, owner: nn.Module, weights: Callable[[], dict[str, Tensor]], kernels: dict[str, Kernel] | None = None) -> Members | None:
        """Return models of this configuration at the atoms, written out; None where the scheme does not write them out.

        Parameters
        ----------
        structure : S systems
        owner : the module whose weights they are, this model or a committee
        weights : returns the models' states stacked, the models first
        kernels : of a piece's own atoms, which are all that such a structure holds
        """
        return None

    def adapt(self, data) -> None:
        """Fit scales and offsets to training data, a list of `train.blocks.Block`; a model without any does nothing."""

    def forward(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return "natural_energy" (S,) [eV] and the scheme's declared extras."""
        raise NotImplementedError

    def sums(self, structure: Structure, control: Control, description: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return the sums over atoms that a strictly local scheme's scalar is made of, see `joined`.

        Returns
        -------
        (S,) [eV] the one that depends on the electronic variable, and (S, K) others, at one value of it
        """
        natural = self(structure, control, description)["natural_energy"]
        return natural, natural.new_zeros(len(natural), 0)

    def joined(self, natural: Tensor, others: Tensor, structure: Structure) -> dict[str, Tensor]:
        """Return "natural_energy" and extras of the whole structure from the `sums` of all its pieces."""
        return {"natural_energy": natural}

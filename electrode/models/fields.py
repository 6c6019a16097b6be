"""What the schemes in a field share: the energy of a net charge, the refusal of what has no meaning, and the start of a training.

    H(R, Q, F) = H_net(R, F) - Q F.r_c,      r_c the centre of mass,      dH/dF = -P,      Z_i = dP/dR_i,      alpha = dP/dF

H_net depends on differences of positions alone, so that its forces and its Born charges sum to zero; the second term lets the forces
of a charged system sum to Q F and its Born charges to Q 1, about the origin of the coordinates.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from ase.data import atomic_masses
from torch import Tensor

from electrode.models.adapting import element_energies, force_scale
from electrode.models.base import Model
from electrode.nn.field import FieldNetwork
from electrode.state import Control, Structure

NO_CONJUGATE = "the scalar depends on the charge only as a charge in the field has energy: it names no potential and no capacitance"
OF_BRANCH = ("energy", "free_energy", "canonical_energy", "grand_energy", "dipole", "energy_std")  # results that depend on the branch of the polarisation
SAMPLE = 16  # frames of each size from which scales are taken
_NEGLIGIBLE = 1e-9  # field times lattice vector [V], charge [e]


def field_of(structure: Structure, control: Control) -> Tensor:
    """Return the field of each system, (S, 3) [V/A], zero where the control has none."""
    shape = structure.n_systems, 3
    return structure.cell.new_zeros(shape) if control.field is None else control.field.to(structure.cell.dtype).expand(shape)


def enthalpy(network: FieldNetwork, structure: Structure, control: Control, positions: Tensor) -> Tensor:
    """Return H(R, Q, F) of each system, (S,) [eV].

    Raises
    ------
    ValueError
        where the control does not hold the charge.
    """
    if control.charge is None:
        raise ValueError("a scheme in a field: expected a control that holds the charge [e], got a potential; hold the charge")
    field = field_of(structure, control)
    of_charge = control.charge * (field * centre_of_mass(structure, positions)).sum(1)
    return network(structure, positions, field) - of_charge


def centre_of_mass(structure: Structure, positions: Tensor) -> Tensor:
    """Return the centre of mass of each system, (S, 3) [A], about the origin of the coordinates."""
    mass = torch.from_numpy(atomic_masses[structure.numbers.numpy()]).to(structure.cell)[:, None]
    return structure.total(mass * positions) / structure.total(mass)


def along_periods(structure: Structure, field: Tensor) -> Tensor:
    """Return which systems (S,) have a field (S, 3) [V/A] with a component along a lattice vector that is periodic."""
    across = (structure.cell * field.detach().to(structure.cell)[:, None, :]).sum(2)
    return ((across.abs() > _NEGLIGIBLE) & structure.pbc).any(1)


def refuse_charge_along_periods(structure: Structure, control: Control) -> None:
    """Refuse a net charge in a field along a periodic direction, where its energy would depend on the cell it is counted in.

    Raises
    ------
    ValueError
    """
    if control.field is None or control.charge is None:
        return
    control = control.expand(structure.n_systems)
    wrong = along_periods(structure, control.field) & (control.charge.detach().abs() > _NEGLIGIBLE)
    if wrong.any():
        k = int(torch.nonzero(wrong)[0])
        raise ValueError(
            f"system {k}: a net charge of {float(control.charge[k]):.6g} e in a field of {control.field[k].tolist()} V/A along a periodic direction has no "
            "energy and no polarisation. Expected a neutral system, or a field along open directions"
        )


def refuse_branch(model: Model, structure: Structure, field: Tensor | None, asked: Sequence[str]) -> tuple[str, ...]:
    """Return the results for ASE that have no value in a field (3,) [V/A] along a periodic direction, where P lies on any branch; none for a model with one.

    Raises
    ------
    ValueError
        where one of them is asked for.
    """
    if field is None or model.branch_safe or not along_periods(structure, field).any():
        return ()
    if wrong := [name for name in asked if name in OF_BRANCH]:
        raise ValueError(
            f"{', '.join(wrong)} in a field of {field.tolist()} V/A along a periodic direction: the polarisation of a periodic cell has many values, and "
            f"{type(model).__name__} does not say which. Ask for forces alone, a field along open directions, or a model of the scheme enthalpy"
        )
    return OF_BRANCH


@torch.no_grad()
def adapt_field_network(model: Model, data: Sequence) -> None:
    """Fit the scales and the elements' energies of `model.network` to blocks of training frames."""
    network, samples = model.network, []
    for block in data:
        rows = torch.linspace(0, len(block) - 1, min(len(block), SAMPLE)).long()
        part = block.take(rows)
        samples.append(network.inputs(part.structure, part.structure.positions, part.held["field"]))
    network.adapt(samples)
    if (scale := force_scale(data)) is not None:
        network.energy_scale.copy_(scale)
    network.element_energy.zero_()
    network.element_energy.copy_(element_energies(model, data, network.one_hot))

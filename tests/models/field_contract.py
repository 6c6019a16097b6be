"""What every model in a uniform field must pass: bind the fixture `in_field` and inherit the tests.

    class TestMine(FieldContract):
        @pytest.fixture
        def in_field(self):
            return InField(model, [atoms, other_atoms], charges=[0.0, -1.0], field=(0.1, -0.2, 0.15))
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from ase import Atoms

from electrode.models.base import Model
from electrode.state import Control, Structure
from electrode.testing import turned
from electrode.thermo import evaluate, response

STEP = 1e-3  # [A] and [V/A], of fourth-order central differences


@dataclass(frozen=True)
class InField:
    """A model with systems, the net charge of each [e], and a field [V/A]; charged systems must be open."""

    model: Model
    atoms: list[Atoms]
    charges: list[float]
    field: tuple[float, float, float]

    def __iter__(self):
        """One case for each system."""
        return (replace(self, atoms=[a], charges=[q]) for a, q in zip(self.atoms, self.charges))

    def control(self, field=None) -> Control:
        return Control(charge=np.array(self.charges), field=np.array(self.field if field is None else field))

    def at(self, field=None, atoms=None) -> dict:
        """Return what `evaluate` gives, in another field or for moved atoms."""
        return evaluate(self.model, Structure.from_atoms(self.atoms if atoms is None else atoms), self.control(field))

    def responses(self) -> dict:
        return response(self.model, Structure.from_atoms(self.atoms), self.control())


def slope(values):
    """Return the derivative at 0 of a function of the number of steps."""
    return (values(-2) - 8 * values(-1) + 8 * values(1) - values(2)) / (12 * STEP)


def shifted(field, axis, steps):
    return np.array(field) + STEP * steps * np.eye(3)[axis]


def moved(atoms, atom, axis, steps):
    image = atoms.copy()
    image.positions[atom, axis] += steps * STEP
    return image


class FieldContract:
    """Tests that a model in a field inherits."""

    def test_polarisation_is_minus_the_slope_of_the_enthalpy_in_the_field(self, in_field):
        found = torch.stack([-slope(lambda k: in_field.at(shifted(in_field.field, a, k))["enthalpy"]) for a in range(3)], dim=1)
        assert (found - in_field.at()["dipole"]).abs().max() < 1e-7 and found.abs().max() > 1e-3

    def test_polarizability_is_the_slope_of_the_polarisation_and_symmetric(self, in_field):
        alpha = in_field.responses()["polarizability"]
        found = torch.stack([slope(lambda k: in_field.at(shifted(in_field.field, b, k))["dipole"]) for b in range(3)], dim=2)
        assert (alpha - found).abs().max() < 1e-6 and (alpha - alpha.mT).abs().max() < 1e-10 and alpha.abs().max() > 1e-4

    def test_born_charges_are_the_slopes_of_polarisation_in_positions_and_of_forces_in_the_field(self, in_field):
        born = in_field.responses()["born_charges"]
        by_field = torch.stack([slope(lambda k: in_field.at(shifted(in_field.field, a, k))["forces"]) for a in range(3)], dim=1)
        assert (born - by_field).abs().max() < 1e-6 and born.abs().max() > 1e-3
        for case in in_field:
            (atoms,), own = case.atoms, case.responses()["born_charges"]
            for atom, axis in ((0, 0), (len(atoms) - 1, 2)):
                by_position = slope(lambda k: case.at(atoms=[moved(atoms, atom, axis, k)])["dipole"])[0]
                assert (own[atom, :, axis] - by_position).abs().max() < 1e-7

    def test_sums_over_the_atoms_are_those_of_a_net_charge(self, in_field):
        charge = torch.tensor(in_field.charges, dtype=torch.float64)
        structure = Structure.from_atoms(in_field.atoms)
        force = structure.total(in_field.at()["forces"])
        assert (force - charge[:, None] * torch.tensor(in_field.field, dtype=torch.float64)).abs().max() < 1e-10
        born = structure.total(in_field.responses()["born_charges"])
        assert (born - charge[:, None, None] * torch.eye(3, dtype=torch.float64)).abs().max() < 1e-10

    def test_forces_are_the_gradient_of_the_enthalpy(self, in_field):
        for case in in_field:
            (atoms,), forces = case.atoms, case.at()["forces"]
            for atom, axis in ((0, 1), (len(atoms) - 1, 2)):
                found = -slope(lambda k: case.at(atoms=[moved(atoms, atom, axis, k)])["enthalpy"])
                assert abs(found.item() - forces[atom, axis].item()) < 1e-7

    def test_atoms_and_field_turn_together(self, in_field):
        turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
        for mirror in (1.0, -1.0):
            matrix = mirror * turn
            a, b = in_field.at(), in_field.at(matrix @ in_field.field, [turned(x, matrix) for x in in_field.atoms])
            assert (a["enthalpy"] - b["enthalpy"]).abs().max() < 1e-9
            assert (a["forces"] @ torch.tensor(matrix.T) - b["forces"]).abs().max() < 1e-8
            assert (a["dipole"] @ torch.tensor(matrix.T) - b["dipole"]).abs().max() < 1e-8
        alone = in_field.at(turn @ in_field.field)  # the field by itself may not be turned
        assert (in_field.at()["enthalpy"] - alone["enthalpy"]).abs().max() > 1e-6

    def test_the_work_of_the_field_is_the_change_of_the_enthalpy(self, in_field):
        nodes, weights = np.polynomial.legendre.leggauss(16)
        field = np.array(in_field.field)
        along = lambda x: in_field.at(x * field)["dipole"] @ torch.tensor(field)
        work = sum(0.5 * w * along(0.5 * (x + 1.0)) for x, w in zip(nodes, weights))
        change = in_field.at()["enthalpy"] - in_field.at((0.0, 0.0, 0.0))["enthalpy"]
        assert (change + work).abs().max() < 1e-6 and change.abs().max() > 1e-4

    def test_no_field_is_a_field_of_zero(self, in_field):
        structure, charge = Structure.from_atoms(in_field.atoms), np.array(in_field.charges)
        none, zero = evaluate(in_field.model, structure, Control(charge=charge)), in_field.at((0.0, 0.0, 0.0))
        assert (none["canonical_energy"] - zero["enthalpy"]).abs().max() < 1e-12 and (none["forces"] - zero["forces"]).abs().max() < 1e-12

    def test_a_shift_of_all_atoms_costs_what_the_net_charge_gains(self, in_field):
        by = np.array([0.3, -0.7, 0.4])
        images = [Atoms(a.numbers, a.positions + by, cell=a.cell, pbc=a.pbc) for a in in_field.atoms]
        gained = in_field.at(atoms=images)["enthalpy"] - in_field.at()["enthalpy"]
        assert (gained + torch.tensor(in_field.charges, dtype=torch.float64) * float(by @ in_field.field)).abs().max() < 1e-9

    def test_a_batch_equals_its_systems_one_by_one(self, in_field):
        batch, single = in_field.at(), [case.at() for case in in_field]
        for name in ("enthalpy", "forces", "dipole"):
            assert (batch[name] - torch.cat([s[name] for s in single])).abs().max() < 1e-10

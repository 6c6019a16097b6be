"""What a model is given is checked once, here: shapes, finite numbers, cells, and one control."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111, molecule

from electrode.state import Control, Structure, electrode_atoms


def slab():
    """H on Au(111), in a cell whose second vector leans."""
    atoms = fcc111("Au", (1, 1, 2), vacuum=6.0)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    return atoms


def batch():
    return Structure.from_atoms([slab(), molecule("H2O")])


def test_a_batch_keeps_every_atom_in_its_system():
    structure = batch()
    assert structure.n_systems == 2 and structure.counts.tolist() == [3, 3] and structure.system.tolist() == [0, 0, 0, 1, 1, 1]
    assert structure.numbers.tolist() == [79, 79, 1, 8, 1, 1] and structure.positions.dtype == torch.float64
    assert np.array_equal(structure.positions[:3], slab().positions) and np.array_equal(structure.cell[0], slab().cell.array)
    assert structure.total(torch.arange(6.0)).tolist() == [3.0, 12.0]


def test_area_and_normal_of_a_leaning_cell():
    structure = Structure.from_atoms(slab())
    assert structure.area.item() == pytest.approx(slab().cell.areas()[2], rel=1e-12)
    assert structure.normal[0].tolist() == pytest.approx([0.0, 0.0, 1.0])


def test_repeat_gives_copies_that_are_systems_of_their_own():
    structure = batch().repeat(3)
    assert structure.n_systems == 6 and structure.counts.tolist() == [3] * 6
    assert torch.equal(structure.system, torch.arange(6).repeat_interleave(3))
    assert torch.equal(structure.positions[6:12], batch().positions) and torch.equal(structure.electrode, batch().electrode.repeat(3))


@pytest.mark.parametrize("name, shape", [("positions", (6, 2)), ("cell", (2, 3)), ("pbc", (3,)), ("system", (5,)), ("electrode", (7,))])
def test_wrong_shapes_are_refused_by_name(name, shape):
    wrong = torch.zeros(shape, dtype=getattr(batch(), name).dtype)
    with pytest.raises(ValueError, match=rf"Structure.{name}: expected shape"):
        replace(batch(), **{name: wrong})


@pytest.mark.parametrize("name", ["positions", "cell"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_not_finite_are_refused(name, value):
    changed = getattr(batch(), name).clone()
    changed[0, 0] = value
    with pytest.raises(ValueError, match=f"Structure.{name} holds NaN"):
        replace(batch(), **{name: changed})


@pytest.mark.parametrize("cell", [np.zeros((3, 3)), np.diag([3.0, 0.0, 10.0]), [[3, 0, 0], [6, 0, 0], [0, 0, 10]]], ids=["none", "flat", "parallel"])
def test_a_periodic_direction_needs_its_vector(cell):
    atoms = Atoms("Au", cell=cell, pbc=(True, True, False))
    with pytest.raises(ValueError, match="system 0: periodic along .* span no volume"):
        Structure.from_atoms(atoms)
    atoms.pbc = False
    assert Structure.from_atoms(atoms).n_systems == 1


def test_the_message_names_the_system():
    with pytest.raises(ValueError, match="system 1"):
        Structure.from_atoms([slab(), Atoms("Au", pbc=True)])


@pytest.mark.parametrize("atoms", [Atoms(), [], [slab(), Atoms()]], ids=["empty", "none", "one of two"])
def test_zero_atoms_are_refused(atoms):
    with pytest.raises(ValueError, match="at least one system with at least one atom"):
        Structure.from_atoms(atoms)


def test_structures_and_controls_are_frozen():
    with pytest.raises(FrozenInstanceError):
        batch().positions = None
    with pytest.raises(FrozenInstanceError):
        Control(charge=0.0).charge = None


def test_single_precision_is_asked_for():
    assert Structure.from_atoms(slab(), dtype=torch.float32).positions.dtype == torch.float32


def test_control_keeps_a_python_number_in_double_precision():
    assert Control(charge=0.23).charge.item() == 0.23 and Control(charge=0.23).charge.dtype == torch.float64
    assert Control(potential=[0.1, 0.2]).potential.tolist() == [0.1, 0.2]
    assert Control(charge=1).charge.dtype == torch.float64
    assert Control(charge=torch.tensor(0.5, dtype=torch.float32)).charge.dtype == torch.float32


def test_zero_is_a_value():
    assert Control(charge=0.0).held == "charge" and Control(potential=0.0).held == "potential" and Control(potential=0.0).value.tolist() == [0.0]


@pytest.mark.parametrize("given, word", [({}, "neither"), ({"charge": 0.0, "potential": 0.0}, "both"), ({"field": [0, 0, 0.1]}, "neither")])
def test_exactly_one_of_charge_and_potential(given, word):
    with pytest.raises(ValueError, match=f"exactly one.*got {word}"):
        Control(**given)


@pytest.mark.parametrize("value, message", [(float("nan"), "NaN"), ([0.0, float("inf")], "NaN or infinity"), (1j, "real numbers"), (True, "real numbers"), ([False, True], "real numbers")])
@pytest.mark.parametrize("name", ["charge", "potential"])
def test_values_that_are_no_real_numbers_are_refused(name, value, message):
    with pytest.raises(ValueError, match=f"Control.{name}.*{message}"):
        Control(**{name: value})


@pytest.mark.parametrize("field", [0.1, [0.1, 0.2], [[0.1, 0.2]], [0.0] * 4])
def test_a_field_has_three_components(field):
    with pytest.raises(ValueError, match=r"Control.field: expected 3 components"):
        Control(charge=0.0, field=field)


def test_a_field_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="Control.field holds NaN"):
        Control(charge=0.0, field=[0.0, 0.0, float("nan")])


def test_one_value_serves_all_systems_and_other_numbers_do_not():
    control = Control(charge=0.2, field=[0.0, 0.0, 0.1]).expand(3)
    assert control.charge.tolist() == [0.2] * 3 and control.field.shape == (3, 3)
    with pytest.raises(ValueError, match="expected 1 or 3 values"):
        Control(charge=[0.1, 0.2]).expand(3)
    with pytest.raises(ValueError, match="Control.field: expected 1 or 3"):
        Control(charge=0.1, field=[[0.0, 0.0, 0.1]] * 2).expand(3)


def test_the_electrode_is_the_metal_unless_tags_or_a_region_say_otherwise():
    atoms = slab()
    assert electrode_atoms(atoms).tolist() == [True, True, False]
    atoms.set_tags([1, 0, 0])
    assert electrode_atoms(atoms).tolist() == [True, False, False]
    atoms.set_array("eir_region", np.array([1, 2, 0]))
    assert electrode_atoms(atoms).tolist() == [False, False, True]
    del atoms.arrays["eir_region"]
    atoms.set_tags([0, 0, 0])
    assert electrode_atoms(atoms).tolist() == [True, True, False]


def test_ions_and_molecules_are_no_electrode():
    assert not electrode_atoms(Atoms("NaKCaOH", positions=np.arange(15).reshape(5, 3))).any()
    assert electrode_atoms(Atoms("PtCuAl", positions=np.arange(9).reshape(3, 3))).all()

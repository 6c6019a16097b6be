"""Relaxing: the bottom layer stays, the input stays, and the result is where the forces vanish."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms

from electrode.relax import fixed_bottom_layer, relax


@pytest.fixture
def slab():
    """H above the hollow of Cu(111), three layers."""
    atoms = fcc111("Cu", (1, 1, 3), vacuum=6.0)
    add_adsorbate(atoms, "H", 1.3, "fcc")
    atoms.info = {}
    return atoms


def test_bottom_layer_is_held_and_the_input_is_left_alone(slab):
    before = slab.positions.copy()
    moved, converged, steps = relax(slab, EMT(), fmax=0.03)
    assert converged and steps > 1
    assert slab.calc is None and not slab.constraints and np.array_equal(slab.positions, before)
    assert np.array_equal(moved.positions[0], before[0])
    assert np.linalg.norm(moved.get_forces(), axis=1).max() < 0.03
    assert abs(moved.positions[-1, 2] - before[-1, 2]) > 0.05


def test_free_bottom_moves(slab):
    slab.rattle(0.05, seed=3)
    moved, _, _ = relax(slab, EMT(), fix_bottom=False)
    assert not np.array_equal(moved.positions[0], slab.positions[0])


def test_too_few_steps_are_reported(slab):
    calls = []
    _, converged, steps = relax(slab, EMT(), fmax=1e-4, max_steps=2, observer=lambda: calls.append(1))
    assert not converged and steps == 2 and calls


def test_given_constraints_are_kept(slab):
    slab.set_constraint(FixAtoms([1]))
    held = fixed_bottom_layer(slab)
    assert held.constraints[0].index.tolist() == [1] and held is not slab


def test_bottom_layer_has_the_highest_tag(slab):
    assert fixed_bottom_layer(slab).constraints[0].index.tolist() == [0]
    assert not slab.constraints


def test_tags_counted_from_the_bottom_are_refused(slab):
    slab.set_tags([1, 2, 3, 0])
    with pytest.raises(ValueError, match="counted from the top"):
        fixed_bottom_layer(slab)


def test_an_electrode_without_tags_is_warned_of(slab):
    slab.set_tags(0)
    with pytest.warns(UserWarning, match="no tags"):
        assert not fixed_bottom_layer(slab).constraints


def test_a_molecule_has_no_layer():
    assert not fixed_bottom_layer(Atoms("H2", [[0, 0, 0], [0, 0, 0.8]])).constraints


@pytest.mark.parametrize("settings", [{"fmax": 0.0}, {"fmax": float("nan")}, {"max_steps": 0}])
def test_thresholds_are_checked(slab, settings):
    with pytest.raises(ValueError, match="expected fmax > 0"):
        relax(slab, EMT(), **settings)

"""What every model must pass, for us and for outsiders: bind a model to `ModelContract` and inherit its tests.

What a scheme cannot pass it declares on its class, with the reason, and the test then asserts that it fails: `fails` may name
"conjugate" (the scalar answers to charge and potential), "derivative" (the potential is its slope, not a head), "gradient" (so are the
forces), "rotation" (a turned surface has turned forces) and "size" (twice the cell is twice the energy); `symmetry` is "E(3)" where atoms
may be turned any way.

    class TestMine(ModelContract):
        @pytest.fixture
        def case(self):
            return Case(model, [atoms, other_atoms], charge=0.1, potential=4.2)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import numpy as np
import pytest
import torch
from ase import Atoms

from electrode.models.base import Model
from electrode.models.conjugate import NoStableState, NotConservative
from electrode.models.store import load_model, save_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate

FORCE_TOLERANCE = 1e-6  # [eV/A], float64 central differences
CONJUGATE_TOLERANCE = 1e-7  # [V] or [e]
OTHER_VECTORS = np.array([[-1, 0, 0], [1, 1, 0], [1, 0, 1]])  # of the same lattice


@dataclass(frozen=True)
class Case:
    """A model with systems and values of charge [e] and potential [V, absolute] inside its range."""

    model: Model
    atoms: list[Atoms]
    charge: float
    potential: float

    @property
    def structure(self) -> Structure:
        """The systems as one batch."""
        return Structure.from_atoms(self.atoms)

    @property
    def controls(self) -> tuple[Control, ...]:
        """Fixed charge and fixed potential; a model without a conjugate or a gradient can hold its natural variable alone."""
        both = Control(charge=self.charge), Control(potential=self.potential)
        return tuple(c for c in both if c.held == self.model.natural) if {"conjugate", "gradient"} & set(self.model.fails) else both

    def has_gradient(self, held: str) -> bool:
        """Whether forces are the gradient of the energy held: a model whose potential is a head has it at its natural variable alone."""
        return "gradient" not in self.model.fails and (held == self.model.natural or "derivative" not in self.model.fails)


def held_energy(out: dict, control: Control) -> torch.Tensor:
    """Return the scalar whose gradient the forces are, (S,) [eV]."""
    return out["grand_energy"] if control.held == "potential" else out["canonical_energy"]


def numerical_forces(model: Model, atoms: Atoms, control: Control, pairs, step: float = 1e-4) -> np.ndarray:
    """Return forces on (atom, axis) pairs by fourth-order central differences at the control held, (len(pairs),) [eV/A]."""
    images = []
    for atom, axis in pairs:
        for k in (-2, -1, 1, 2):
            image = atoms.copy()
            image.positions[atom, axis] += k * step
            images.append(image)
    energy = held_energy(evaluate(model, Structure.from_atoms(images), control), control).reshape(-1, 4)
    weights = torch.tensor([1.0, -8.0, 8.0, -1.0], dtype=energy.dtype) / (12.0 * step)
    return -(energy @ weights).numpy()


def turned(atoms: Atoms, turn: np.ndarray) -> Atoms:
    """Return atoms turned with their cell by an orthogonal matrix (3, 3)."""
    image = atoms.copy()
    image.set_cell(atoms.cell.array @ turn.T)
    image.positions = atoms.positions @ turn.T
    return image


def assert_turned(case: Case, atoms: Atoms, image: Atoms, turn: np.ndarray) -> None:
    """Refuse another energy, or forces that are not turned as the image is."""
    a, b = (evaluate(case.model, Structure.from_atoms(x), case.controls[-1]) for x in (atoms, image))
    assert abs(a["grand_energy"] - b["grand_energy"]).item() < 1e-8
    assert (a["forces"] @ torch.tensor(turn.T) - b["forces"]).abs().max() < 1e-7


def assert_gradient(case: Case, control: Control) -> None:
    """Refuse forces that are not the slope of the energy held."""
    for atoms in case.atoms:
        out = evaluate(case.model, Structure.from_atoms(atoms), control)
        pairs = [(k, c) for k in range(0, len(atoms), max(1, len(atoms) // 6)) for c in range(3)] + [(len(atoms) - 1, 2)]
        analytic = np.array([out["forces"][p].item() for p in pairs])
        assert np.abs(analytic - numerical_forces(case.model, atoms, control, pairs)).max() < FORCE_TOLERANCE


def promise(*names: str) -> Callable:
    """Mark a test as one that a model may declare, by one of `names`, to fail: then it must."""

    def marked(test: Callable) -> Callable:
        @wraps(test)
        def checked(self, case, **fixtures):
            if not set(names) & set(case.model.fails):
                return test(self, case, **fixtures)
            with pytest.raises((AssertionError, ValueError)):  # a state that there is not cannot be asked for either
                test(self, case, **fixtures)

        return checked

    return marked


class ModelContract:
    """Tests that a model inherits; the fixture `case` gives what to test."""

    @pytest.mark.parametrize("held", ["charge", "potential"])
    def test_forces_are_the_gradient_of_the_energy_held(self, case, held):
        control = Control(**{held: getattr(case, held)})
        if held not in {c.held for c in case.controls}:
            with pytest.raises((NoStableState, NotConservative)):
                evaluate(case.model, case.structure, control)
        elif case.has_gradient(held):
            assert_gradient(case, control)
        else:
            with pytest.raises(AssertionError):
                assert_gradient(case, control)

    @promise("conjugate", "derivative", "gradient")
    def test_potential_is_the_slope_in_charge_and_charge_minus_that_in_potential(self, case):
        for control, energy, conjugate, sign in (
            (Control(charge=case.charge), "canonical_energy", "potential", 1.0),
            (Control(potential=case.potential), "grand_energy", "charge", -1.0),
        ):
            step = 1e-4
            at = lambda k: evaluate(case.model, case.structure, Control(**{control.held: control.value + k * step}))[energy]
            slope = (at(-2) - 8 * at(-1) + 8 * at(1) - at(2)) / (12 * step)
            found = evaluate(case.model, case.structure, control)[conjugate]
            assert (sign * slope - found).abs().max() < CONJUGATE_TOLERANCE

    @promise("conjugate", "gradient")
    def test_fixed_charge_and_fixed_potential_agree_at_the_matched_state(self, case):
        held = evaluate(case.model, case.structure, Control(charge=case.charge))
        back = evaluate(case.model, case.structure, Control(potential=held["potential"]))
        assert (back["charge"] - case.charge).abs().max() < 1e-7
        assert (back["forces"] - held["forces"]).abs().max() < 1e-6
        assert (held["grand_energy"] - (held["canonical_energy"] - held["potential"] * held["charge"])).abs().max() < 1e-10
        assert (back["grand_energy"] - held["grand_energy"]).abs().max() < 1e-8

    @promise("conjugate")
    def test_capacitance_is_the_slope_of_charge_in_potential(self, case):
        if "potential" not in {c.held for c in case.controls}:
            with pytest.raises(NotConservative):
                evaluate(case.model, case.structure, Control(potential=case.potential))
            return
        at = lambda d: evaluate(case.model, case.structure, Control(potential=case.potential + d))
        slope = (at(1e-3)["charge"] - at(-1e-3)["charge"]) / 2e-3
        assert (slope - at(0.0)["capacitance"]).abs().max() < 1e-5 and slope.all()

    @promise("conjugate", "derivative", "gradient")
    def test_maxwell_forces_in_charge_are_minus_potential_in_positions(self, case):
        atoms, step = case.atoms[0], 1e-3
        charge_step = 2e-3 * evaluate(case.model, Structure.from_atoms(atoms), Control(charge=case.charge))["capacitance"].item()

        def at(k: int, moved: int) -> dict:
            image = atoms.copy()
            image.positions[-1, 2] += moved * step
            return evaluate(case.model, Structure.from_atoms(image), Control(charge=case.charge + k * charge_step))

        slope = lambda values, h: (values(-2) - 8 * values(-1) + 8 * values(1) - values(2)) / (12 * h)
        force_in_charge = slope(lambda k: at(k, 0)["forces"][-1, 2].item(), charge_step)
        potential_in_height = slope(lambda k: at(0, k)["potential"].item(), step)
        assert force_in_charge == pytest.approx(-potential_in_height, abs=2e-5)

    def test_a_batch_equals_its_systems_one_by_one(self, case):
        for control in case.controls:
            batch = evaluate(case.model, case.structure, control)
            single = [evaluate(case.model, Structure.from_atoms(a), control) for a in case.atoms]
            for name in ("canonical_energy", "forces", "charge", "potential", *(() if "conjugate" in case.model.fails else ("capacitance",))):
                assert (batch[name] - torch.cat([s[name] for s in single])).abs().max() < 1e-8

    def test_translation_lattice_shift_other_vectors_and_permutation_change_nothing(self, case):
        rng = np.random.default_rng(0)
        for atoms in case.atoms:
            moved = atoms.copy()
            moved.positions += [0.37, -1.21, 0.83]
            moved.positions[rng.integers(len(atoms))] += atoms.cell[0]
            moved.set_cell(OTHER_VECTORS @ atoms.cell.array)
            order = rng.permutation(len(atoms))
            a, b = (evaluate(case.model, Structure.from_atoms(x), case.controls[-1]) for x in (atoms, moved[order]))
            assert abs(a["grand_energy"] - b["grand_energy"]).item() < 1e-8
            assert (a["forces"][order] - b["forces"]).abs().max() < 1e-7

    @promise("rotation")
    def test_rotation_about_the_normal_turns_the_forces(self, case):
        angle = 0.7
        turn = np.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
        for atoms in case.atoms:
            assert_turned(case, atoms, turned(atoms, turn), turn)

    def test_any_rotation_and_mirror_turn_the_forces_of_a_model_without_a_direction(self, case):
        turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
        for atoms in case.atoms:
            cluster = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=False)
            cluster.set_array("eir_region", (~Structure.from_atoms(atoms).electrode).numpy().astype(int))
            other = cluster.copy()
            other.positions = cluster.positions @ -turn.T  # the cell, and with it the normal, stays
            if case.model.symmetry == "E(3)":
                assert_turned(case, atoms, turned(atoms, turn), turn)
                assert_turned(case, atoms, turned(atoms, -turn), -turn)
                assert_turned(case, cluster, other, -turn)
            else:
                assert case.model.symmetry == "E(2)"

    @promise("size")
    def test_twice_the_cell_is_twice_the_energy(self, case):
        for control in case.controls:
            for atoms in case.atoms:
                double = Control(**{control.held: control.value * (2 if control.held == "charge" else 1)})
                a, b = evaluate(case.model, Structure.from_atoms(atoms), control), evaluate(case.model, Structure.from_atoms(atoms * (2, 1, 1)), double)
                for name in ("canonical_energy", "grand_energy", "charge", "capacitance"):
                    assert torch.allclose(2 * a[name], b[name], rtol=1e-6, atol=1e-6)
                assert (a["potential"] - b["potential"]).abs().max() < 1e-6
                assert (a["forces"] - b["forces"][: len(atoms)]).abs().max() < 1e-6

    def test_the_inputs_are_left_alone(self, case):
        structure = case.structure
        before = structure.positions.clone()
        evaluate(case.model, structure, case.controls[0])
        assert torch.equal(before, structure.positions) and not structure.positions.requires_grad

    def test_a_field_is_refused_unless_the_model_reads_one(self, case):
        if case.model.uses_field:
            pytest.skip("this model reads a field")
        with pytest.raises(ValueError, match="does not read a field"):
            evaluate(case.model, case.structure, Control(charge=0.0, field=[[0.0, 0.0, 0.1]]))

    def test_saved_and_loaded_it_is_the_same(self, case, tmp_path):
        save_model(case.model, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        a, b = (evaluate(m, case.structure, case.controls[-1]) for m in (case.model, loaded))
        assert torch.equal(a["grand_energy"], b["grand_energy"]) and torch.equal(a["forces"], b["forces"])
        assert loaded.card == case.model.card

"""The charge-equilibrated network, fitted to labels of the baseline, keeps every promise of a model."""

import json
from dataclasses import asdict, replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import SMALL, frames, interface

from electrode.models.committee import Committee, CommitteeConfig
from electrode.models.equilibration import Equilibration, EquilibrationConfig, _capacitor
from electrode.models.store import load_model, save_model
from electrode.physics.screened_coulomb import ScreenedCoulomb
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.solve import solve

SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]


def config(**changes):
    functions = SymmetryFunctions((1, 8, 79), **{k: v for k, v in SMALL["symmetry_functions"].items()})
    return replace(EquilibrationConfig(functions, landmarks=20), **changes)


STEPPED = {
    "others": (
        SymmetryFunctions((1, 8, 79), cutoff=6.0, radial=(1.5, 3.5, 5.0), angular=(), exponents=()),
        SymmetryFunctions((1, 8, 79), cutoff=5.0, radial=(), angular=(1.0, 2.8), exponents=(1, 2)),
    ),
    "charges": (-0.01, 0.02), "amplitudes": (3.0, 1.0, 0.5, 0.5, 0.5, 0.5),
}  # fmt: skip


@lru_cache(maxsize=None)
def fitted(fragments=False, stepped=False, widths=False):
    changes = {"fragments": True, "coulomb": ScreenedCoulomb(bonds=True)} if fragments else STEPPED if stepped else {"learned_widths": widths}
    model = Equilibration(config(**changes))
    solve(model, *frames(), TrainConfig(epochs=4))
    return model


class TestEquilibration(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(), SYSTEMS, charge=0.01, potential=5.0)


class TestSeparatePartsAndSteps(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(stepped=True), SYSTEMS[:2], charge=0.01, potential=5.0)


class TestFragments(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(fragments=True), SYSTEMS[:2], charge=0.01, potential=5.0)


class TestLearnedWidths(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(widths=True), SYSTEMS[:2], charge=0.01, potential=5.0)


def test_widths_are_learned_and_stored(tmp_path):
    model = fitted(widths=True)
    assert (model.scalars()[1:].abs() > 1e-4).all() and len(model.scalars()) == 4
    save_model(model, tmp_path / "m")
    energies = [evaluate(m, Structure.from_atoms(SYSTEMS[1]), Control(charge=0.02))["canonical_energy"].item() for m in (model, load_model(tmp_path / "m"))]
    assert energies[0] == energies[1]


def test_members_of_a_committee_share_their_widths():
    with pytest.raises(ValueError, match="one pass"):
        Committee(CommitteeConfig("equilibration", asdict(config(learned_widths=True)), 2))


@pytest.mark.parametrize("fragments", [False, True])
def test_charges_add_up_to_the_charge(fragments):
    model, structure = fitted(fragments), Structure.from_atoms(SYSTEMS)
    charge = torch.tensor([0.03, -0.02, 0.05], dtype=torch.float64)
    out = evaluate(model, structure, Control(charge=charge))
    assert (structure.total(out["atomic_charges"]) - charge).abs().max() < 1e-10


def test_no_other_charges_have_a_lower_energy():
    model, structure = fitted(), Structure.from_atoms(SYSTEMS[2])
    out = evaluate(model, structure, Control(charge=0.05))
    description = model.describe(structure)
    n = len(structure.numbers)
    matrix = description["coulomb"][: n * n].reshape(n, n)
    heads = model.heads(description["symmetry"], model.channel(structure))
    drive = heads[:, 1] + 0.05 * description["coulomb"][n * n :]
    energy = lambda q: drive @ q + 0.5 * q @ (matrix + torch.diag(heads[:, 2].exp())) @ q
    rng = np.random.default_rng(0)
    lowest = energy(out["atomic_charges"])
    for _ in range(20):
        step = torch.tensor(rng.normal(size=n))
        assert energy(out["atomic_charges"] + 1e-3 * (step - step.mean())) > lowest


@pytest.mark.parametrize("changes", [{}, STEPPED])
def test_the_capacitance_is_positive_where_weights_are_arbitrary(changes):
    model = Equilibration(config(**changes))
    data = frames()[0][:1]
    solve(model, data, data, TrainConfig(epochs=1))
    torch.manual_seed(3)
    with torch.no_grad():
        model.heads.weights.copy_(3.0 * torch.randn_like(model.heads.weights))
    for charge in (-2.0, -0.3, 0.0, 0.4, 3.0):
        assert (evaluate(model, Structure.from_atoms(SYSTEMS), Control(charge=charge))["capacitance"] > 0).all()


def test_far_from_the_surface_a_fragment_keeps_its_own_charge():
    """With bonds, a lone ion is its formal charge whatever the electrode holds; without, the electrode takes it up."""
    changes = {"fragments": True, "coulomb": ScreenedCoulomb(bonds=True), "formal_charges": ((1, 0.6),)}
    model = Equilibration(config(**changes))
    far = interface(height=9.0)
    charges = [evaluate(model, Structure.from_atoms(far), Control(charge=q))["atomic_charges"][-1].item() for q in (-0.1, 0.2)]
    assert charges == pytest.approx([0.6, 0.6], abs=1e-12)
    shared = Equilibration(config())
    charges = [evaluate(shared, Structure.from_atoms(far), Control(charge=q))["atomic_charges"][-1].item() for q in (-0.1, 0.2)]
    assert abs(charges[1] - charges[0]) > 1e-3


@pytest.mark.parametrize("stepped", [False, True])
def test_two_cells_side_by_side_hold_twice_the_energy(stepped):
    atoms = SYSTEMS[1]
    once = evaluate(fitted(stepped=stepped), Structure.from_atoms(atoms), Control(charge=0.04))
    twice = evaluate(fitted(stepped=stepped), Structure.from_atoms(atoms.repeat((2, 1, 1))), Control(charge=0.08))
    assert twice["canonical_energy"].item() == pytest.approx(2 * once["canonical_energy"].item(), abs=1e-7)
    assert twice["potential"].item() == pytest.approx(once["potential"].item(), abs=1e-7)
    assert (twice["forces"][: len(atoms)] - once["forces"]).abs().max() < 1e-7


@pytest.mark.parametrize("stepped", [False, True])
def test_large_charge_is_a_parabola(stepped):
    """The double layer's capacitance tends to a constant on either side, so that the third difference vanishes."""
    at = lambda q: evaluate(fitted(stepped=stepped), Structure.from_atoms(SYSTEMS[1]), Control(charge=q))["potential"].item()
    for side in (-1.0, 1.0):
        slopes = [at(side * q + 0.5) - at(side * q - 0.5) for q in (40.0, 80.0)]
        assert slopes[1] == pytest.approx(slopes[0], rel=1e-3)


def test_steps_bend_the_inverse_capacitance():
    area, bends, centres, width = 22.0, (0.9, -0.5, 0.2), (-0.01, 0.01, 0.03), 0.02
    energy = lambda q: _capacitor(torch.tensor(q, dtype=torch.float64), torch.tensor(area, dtype=torch.float64), torch.tensor(bends, dtype=torch.float64), centres, width).item()
    for q in (-1.0, 0.0, 0.3, 2.0):
        curvature = (energy(q + 1e-3) - 2.0 * energy(q) + energy(q - 1e-3)) / 1e-6
        t = [(q / area - c) / width for c in centres]
        assert curvature == pytest.approx(1.0 + np.mean([b * x / np.sqrt(1.0 + x * x) for b, x in zip(bends, t)]), abs=1e-6)
    middle = area * 0.01
    assert energy(middle) == pytest.approx(0.0, abs=1e-14) and energy(middle + 1e-4) == pytest.approx(energy(middle - 1e-4), abs=1e-10)


def test_a_model_stored_before_there_were_parts_steps_and_gaps_still_loads(tmp_path):
    save_model(fitted(), tmp_path / "m")
    head = json.loads((tmp_path / "m" / "model.json").read_text())
    for name in ("others", "other_length", "first_weight", "charges", "gaps", "learned_widths"):
        del head["config"][name]
    del head["card"]["countercharge_gaps"]
    (tmp_path / "m" / "model.json").write_text(json.dumps(head))
    energies = [evaluate(m, Structure.from_atoms(SYSTEMS[1]), Control(charge=0.02))["canonical_energy"].item() for m in (fitted(), load_model(tmp_path / "m"))]
    assert energies[0] == energies[1]


def test_choices_with_parts_and_steps_come_back(tmp_path):
    save_model(fitted(stepped=True), tmp_path / "m")
    assert load_model(tmp_path / "m").config == fitted(stepped=True).config


@pytest.mark.parametrize("changes, message", [({"amplitudes": (1.0, 1.0)}, "4 positive"), ({"amplitudes": (1.0,) * 5}, "need the charges"), ({"fragments": True}, "coulomb.bonds")])
def test_bad_choices_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_a_control_that_holds_the_potential_is_refused():
    model, structure = fitted(), Structure.from_atoms(SYSTEMS[1])
    with pytest.raises(ValueError, match="holds the charge"):
        model(structure, Control(potential=5.0), model.describe(structure))

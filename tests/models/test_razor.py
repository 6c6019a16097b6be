"""The expansion to second order in charge: every promise of a model, Born charges as a gradient, and capacitors that can be written down."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.calculators.emt import EMT
from teacher import SMALL, frames, interface, pupil

from electrode.bridge import TorchKernel, differentiable
from electrode.models.double_layer import DoubleLayerTermConfig
from electrode.models.neutral_calculators import make_calculator
from electrode.models.plates import plate_potential
from electrode.models.razor import Razor, RazorConfig
from electrode.models.store import load_model, save_model
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.config import TrainConfig
from electrode.train.least_squares import problem
from electrode.train.geometries import by_geometry
from electrode.train.loss import Term
from electrode.train.solve import solve
from electrode.train.train import train
from electrode.units import EPSILON_0, UC_PER_CM2

SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]
TERMS = (Term("energy", 1.0, 1e-3), Term("forces", 1.0, 1e-2), Term("conjugate", 1.0, 1e-3), Term("force_slope", 1.0, 1e-2))


def config(**changes):
    return RazorConfig(SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"]), **{"landmarks": 30, **changes})


@lru_cache(maxsize=None)
def fitted(terms=TERMS, **changes):
    model = Razor(config(**changes))
    solve(model, *frames(), TrainConfig(terms, epochs=4))
    return model


class TestRazor(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(), SYSTEMS, charge=0.01, potential=5.0)


class TestRazorOnANeutralModelWithALocalCapacitanceAndBonds(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted(base="emt", local_capacitance=True, bonds=(1.0, 1.6)), SYSTEMS, charge=0.01, potential=5.0)


def born(model, atoms, charge=0.0, step=1e-3):
    """dF/dQ by central differences, (N, 3)."""
    structure = Structure.from_atoms([atoms, atoms])
    low, high = evaluate(model, structure, Control(charge=[charge - step, charge + step]))["forces"].reshape(2, -1, 3)
    return ((high - low) / (2 * step)).detach().numpy()


def work_function(model, atoms):
    return evaluate(model, Structure.from_atoms(atoms), Control(charge=0.0))["potential"].item()


@pytest.mark.parametrize("atoms", SYSTEMS[1:])
def test_born_charges_are_minus_the_gradient_of_the_work_function_at_every_charge(atoms):
    model, step = fitted(), 1e-4
    z = born(model, atoms)
    for atom, axis in ((0, 2), (len(atoms) - 1, 0), (len(atoms) - 1, 2)):
        up, down = atoms.copy(), atoms.copy()
        up.positions[atom, axis] += step
        down.positions[atom, axis] -= step
        assert z[atom, axis] == pytest.approx((work_function(model, down) - work_function(model, up)) / (2 * step), abs=1e-6)
    assert np.allclose(born(model, atoms, 0.05), z, atol=1e-8)
    assert np.abs(z).max() > 0.02


def test_born_charges_add_up_to_nothing():
    for atoms in SYSTEMS:
        assert np.abs(born(fitted(), atoms).sum(0)).max() < 1e-8


def test_at_fixed_potential_the_parabola_has_a_closed_form():
    model, structure = fitted(), Structure.from_atoms(SYSTEMS)
    neutral = evaluate(model, structure, Control(charge=0.0))
    capacitance = 0.02 / (evaluate(model, structure, Control(charge=0.02))["potential"] - neutral["potential"])
    out = evaluate(model, structure, Control(potential=5.3))
    charge = capacitance * (5.3 - neutral["potential"])
    assert torch.allclose(out["charge"], charge, rtol=1e-7)
    assert torch.allclose(out["grand_energy"], neutral["canonical_energy"] - 0.5 * charge**2 / capacitance, atol=1e-8)
    pushed = neutral["forces"].detach().numpy() + np.concatenate([float(q) * born(model, a) for q, a in zip(charge, SYSTEMS)])
    assert np.allclose(out["forces"].detach().numpy(), pushed, atol=1e-7)


def test_twice_the_cell_has_the_same_work_function_and_half_the_born_charges():
    for atoms in SYSTEMS[1:]:
        twice = atoms * (2, 1, 1)
        assert work_function(fitted(), twice) == pytest.approx(work_function(fitted(), atoms), abs=1e-9)
        assert np.allclose(born(fitted(), twice)[: len(atoms)], born(fitted(), atoms) / 2, atol=1e-8)


def test_charge_along_a_bond_is_a_dipole_wherever_the_molecule_is():
    """With constant b alone, a charge b f(r) that goes from hydrogen to oxygen and back: Phi0 falls by its dipole over eps0 A."""
    model = Razor(RazorConfig(SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"]), landmarks=2, bonds=(1.0,)))
    oh = lambda height, tilt: Atoms("Au2OH", [(0, 0, 0), (0, 0, 2), (0, 0, height), (np.sin(tilt), 0, height + np.cos(tilt))], cell=[4, 4, 30], pbc=(True, True, False))
    bare = work_function(model, oh(5.0, 0.0))
    with torch.no_grad():
        model.heads.offsets[0, 3] = 0.3
    shell = (0.5 + 0.5 * np.cos(np.pi / model.config.symmetry_functions.cutoff)) ** 2
    for height, tilt in ((5.0, 0.0), (7.5, 0.0), (5.0, 0.7), (6.0, np.pi / 2)):
        assert work_function(model, oh(height, tilt)) - bare == pytest.approx(0.3 * shell * np.cos(tilt) / (EPSILON_0 * 16.0), abs=1e-9)
    alone = Atoms("Au2H", [(0, 0, 0), (0, 0, 2), (0, 0, 3.0)], cell=[4, 4, 30], pbc=(True, True, False))
    assert work_function(model, alone) == pytest.approx(bare, abs=1e-9)  # none to the electrode
    with pytest.raises(ValueError, match="between 0 and the cutoff"):
        config(bonds=(1.0, 40.0))


@pytest.mark.parametrize("countercharge, faces", [("sheet", 1), ("two_sheets", 2)])
def test_a_given_capacitance_is_the_one_of_every_structure(countercharge, faces):
    layer = DoubleLayerTermConfig(stern_thickness=3.0, stern_permittivity=6.0)
    c = 1 / (3.0 / (6.0 * EPSILON_0) + 1 / _gouy_chapman())
    for choice, per_area in (({"capacitance": 17.0}, 17.0 / UC_PER_CM2), ({"double_layer": layer}, c)):
        model = Razor(config(countercharge=countercharge, **choice))
        out = evaluate(model, Structure.from_atoms(SYSTEMS), Control(charge=0.01))
        assert torch.allclose(out["capacitance"], faces * per_area * Structure.from_atoms(SYSTEMS).area, rtol=1e-3)


def _gouy_chapman():
    """eps eps0/lambda_D of 0.1 mol/L of a one-to-one salt in water at room temperature [e/(V A^2)]."""
    thermal, ions = 8.617333262e-5 * 298.15, 2 * 0.1 * 6.02214076e-4 * 1.0
    permittivity = 78.36 * EPSILON_0
    return permittivity / np.sqrt(permittivity * thermal / ions)


def slab(water=((0.0, 13.0), (0.4, 27.0)), length=30.0, shift=0.0):
    """A slab of two gold layers from 5 to 9 A with hydrogen at chosen heights, periodic along the normal."""
    heights = [5.0, 9.0, *(z for _, z in water)]
    atoms = Atoms(["Au", "Au"] + ["H"] * len(water), [(0.1 * k, 0.0, z) for k, z in enumerate(heights)], cell=[3.0, 3.0, length], pbc=True)
    atoms.positions[:, 2] = (atoms.positions[:, 2] + shift) % length
    return atoms


def test_the_field_of_a_uniform_background_is_that_of_poissons_equation():
    """Two sheets of half an electron at the faces in a background of minus one: the second integral, on a grid."""
    length, top, bottom = 30.0, 9.0, 5.0
    z = np.linspace(top, bottom + length, 200001)
    field = (0.5 - (0.5 - 0.5 * (length - (top - bottom)) / length) - (z - top) / length) / EPSILON_0  # Gauss; inside the metal it is zero on both sides
    field += 0.0 - 0.5 * (field[0] + field[-1])  # by symmetry
    potential = -np.concatenate([[0.0], np.cumsum(0.5 * (field[1:] + field[:-1]) * np.diff(z))])
    for shift in (0.0, -7.0, 12.0):
        psi = plate_potential(Structure.from_atoms(slab(shift=shift)), "uniform").numpy()
        assert psi[:2] == pytest.approx([0.0, 0.0]) and psi[2:] == pytest.approx(np.interp([13.0, 27.0], z, potential), rel=1e-6)


def test_fixed_charges_outside_are_a_dipole_layer():
    """With constant q alone, Phi0 falls by the dipole of the charges over eps0 A; on two faces half of it counts, alike on both."""
    for countercharge, expected in (("sheet", 4.0), ("two_sheets", 2.0)):
        model = Razor(RazorConfig(SymmetryFunctions((1, 79), **SMALL["symmetry_functions"]), landmarks=2, countercharge=countercharge))
        bare = work_function(model, slab())
        with torch.no_grad():
            model.heads.offsets[0, 2] = 0.3
        assert work_function(model, slab(((0.0, 13.0),))) - bare == pytest.approx(-0.3 * expected / (EPSILON_0 * 9.0))
        if countercharge == "two_sheets":
            assert work_function(model, slab(((0.0, 13.0), (0.0, 1.0)))) - bare == pytest.approx(-0.6 * expected / (EPSILON_0 * 9.0))


def test_what_cannot_be_is_refused():
    for wrong, message in (
        ({"countercharge": "shet"}, "expected one of sheet"), ({"capacitance": -1.0}, "positive number"), ({"dipole_amplitude": 0.0}, "positive amplitudes"),
        ({"capacitance": 20.0, "local_capacitance": True}, "depends on no neighbourhood"), ({"capacitance": 20.0, "double_layer": DoubleLayerTermConfig()}, "no double_layer"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            config(**wrong)
    with pytest.raises(ValueError, match="periodic along the normal"):
        plate_potential(Structure.from_atoms(SYSTEMS[0]), "uniform")
    with pytest.raises(ValueError, match="holds the charge"):
        fitted()(Structure.from_atoms(SYSTEMS[0]), Control(potential=5.0), fitted().describe(Structure.from_atoms(SYSTEMS[0])))


def test_a_base_that_is_not_corrected_keeps_its_forces_and_its_differences_of_energy():
    model = fitted(base="emt", energy_amplitude=0.0)
    found = []
    for height in (0.9, 1.4):
        atoms = interface(height=height, seed=4)
        out = evaluate(model, Structure.from_atoms(atoms), Control(charge=0.0))
        atoms.calc = EMT()
        assert np.allclose(out["forces"].detach().numpy(), atoms.get_forces(), atol=1e-6)
        found.append(out["canonical_energy"].item() - atoms.get_potential_energy())
    assert found[0] == pytest.approx(found[1], abs=1e-6)


def test_a_stored_model_at_zero_charge_is_a_base(tmp_path):
    save_model(fitted(), tmp_path / "own")
    model = Razor(config(base=f"electrode:{tmp_path / 'own'}"))
    a, b = (evaluate(m, Structure.from_atoms(SYSTEMS), Control(charge=0.0)) for m in (model, fitted()))
    assert torch.allclose(a["canonical_energy"], b["canonical_energy"], atol=1e-10) and torch.allclose(a["forces"], b["forces"], atol=1e-10)
    assert model.config.base.digest
    save_model(model, tmp_path / "stacked")
    c = evaluate(load_model(tmp_path / "stacked"), Structure.from_atoms(SYSTEMS), Control(charge=0.0))
    assert torch.allclose(c["canonical_energy"], a["canonical_energy"], atol=1e-12)
    save_model(pupil(), tmp_path / "dual")
    with pytest.raises(ValueError, match="natural charge"):
        make_calculator(f"electrode:{tmp_path / 'dual'}")


def test_rows_of_the_force_slope_match_finite_differences():
    data = frames()[0][:6]
    model = Razor(config(landmarks=5, local_capacitance=True))
    described = blocks(model, [data[r[0]] for r in by_geometry(data)])
    model.adapt(described)
    solved = problem(model, described, data, (Term("force_slope", 1.0, 1e-2),), np.ones(len(data)))
    rng = np.random.default_rng(0)
    theta = solved.start + 0.1 * rng.normal(size=len(solved.start))
    step = 1e-5 * rng.normal(size=len(theta))
    for geometry, rows, up, down in zip(solved.data, *(solved.rows(theta + k * step) for k in (0, 1, -1)), strict=True):
        assert len(rows) == 3 * geometry.n_atoms  # of three charges one has neighbours on both sides
        up, down = up[:, -1], down[:, -1]
        assert np.allclose(rows[:, :-1] @ step, (down - up) / 2, rtol=1e-5, atol=1e-6 * np.abs(rows[:, :-1] @ step).max())


def test_labels_of_the_slope_improve_the_born_charges():
    """Against the differences of the frames that it was trained on, end to end."""

    def wrong(model):
        errors, labels = [], []
        for group in by_geometry(frames()[0]):
            low, *_, high = sorted((frames()[0][k] for k in group), key=lambda f: f.charge)
            labels.append((high.forces - low.forces) / (high.charge - low.charge))
            errors.append(born(model, low.atoms) - labels[-1])
        return np.sqrt(np.sum(np.concatenate(errors) ** 2) / np.sum(np.concatenate(labels) ** 2))

    assert wrong(fitted()) < 0.8 * wrong(fitted(TERMS[:3])) and wrong(fitted()) < 0.5


def test_frames_without_energies_train_it():
    training, held = ([replace(f, energy=None, energy_kind="none") for f in some] for some in frames())
    terms = (Term("conjugate", 1.0, 1e-2), Term("force_slope", 1.0, 1e-2))
    choices = {"symmetry_functions": SMALL["symmetry_functions"], "landmarks": 20}
    model = train("razor", training, held, TrainConfig(terms, epochs=2), choices).model
    out = evaluate(model, Structure.from_atoms([f.atoms for f in held]), Control(charge=[f.charge for f in held]))
    wrong = out["potential"].detach().numpy() - [f.potential for f in held]
    assert np.sqrt(np.mean(wrong**2)) < 0.5 * np.std([f.potential for f in held])


def test_a_torch_function_is_a_kernel_with_two_derivatives():
    positions = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    function = lambda x: (x[:, 0] * x[:, 1] ** 2).sin()
    own = lambda x: differentiable(TorchKernel(function, x), x)
    assert torch.autograd.gradcheck(own, positions) and torch.autograd.gradgradcheck(own, positions)


def test_the_scheme_trains_with_the_labels_of_the_born_charges_by_default():
    assert "force_slope" in TrainConfig.for_scheme("razor").quantities and "force_slope" not in TrainConfig.for_scheme("taylor").quantities

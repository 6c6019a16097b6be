"""A neutral calculator with a response: every promise of a model, the scaling of a dipole layer, and the teacher it learns from."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from ase.calculators.emt import EMT
from teacher import frames, interface, labelled

from electrode.models.electrified import Electrified
from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
from electrode.models.neutral_calculators import MissingPackage
from electrode.models.response import Response, ResponseConfig
from electrode.models.store import load_model, save_model
from electrode.models.sum import Sum
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.electrify import draw, electrify, trajectory_of
from electrode.train.metrics import frame_errors
from electrode.train.response_fit import Basis, Widths, differences, stacked

SYSTEMS = [interface((1, 1, 3), height=0.9, seed=21), interface(height=1.3, seed=22), interface((2, 1, 2), height=2.8, water=True, seed=23)]
LEVEL, MOMENT, STIFFNESS = 4.9, -30.0, 70.0  # [V], [V A], [V A^2/e]


@lru_cache(maxsize=None)
def fitted(corrected=True):
    return electrify("emt", frames()[0], corrected)


class TestElectrified(ModelContract):
    """EMT and a response to the baseline's labels, with the neutral energy corrected."""

    @pytest.fixture
    def case(self):
        return Case(fitted().model, SYSTEMS, charge=0.01, potential=5.0)


def capacitor(atoms, charges, where):
    """Frames labelled by EMT and a capacitor whose zero charge follows the height of hydrogen above the top gold atoms."""
    atoms = atoms.copy()
    neutral = atoms.copy()
    neutral.calc = EMT()
    area, top = np.linalg.norm(np.cross(*atoms.cell.array[:2])), atoms.positions[atoms.numbers == 79, 2].max()
    height = atoms.positions[-1, 2] - top
    tilt = np.zeros((len(atoms), 3))
    tilt[-1, 2], tilt[np.argmax(np.where(atoms.numbers == 79, atoms.positions[:, 2], -np.inf)), 2] = 1.0, -1.0
    for k, frame in enumerate(labelled(atoms, np.array(charges), where)):
        q = charges[k] * area
        phi = LEVEL + MOMENT * height / area + STIFFNESS * q / area
        energy = neutral.get_potential_energy() - 31.0 + (LEVEL + MOMENT * height / area) * q + 0.5 * STIFFNESS * q**2 / area
        yield replace(frame, energy=energy, mu=-phi, n_excess=-q, forces=neutral.get_forces() - q * MOMENT / area * tilt)


def images(heights, charges=(-0.002, 0.003)):
    return [f for k, h in enumerate(heights) for f in capacitor(interface(height=h), charges, f"h{k}")]


def test_a_capacitor_with_a_dipole_is_found_from_four_frames():
    found = electrify("emt", images((0.8, 1.4)))
    unseen = images((1.0, 1.25), (0.004, -0.003))
    structure = Structure.from_atoms([f.atoms for f in unseen])
    out = evaluate(found.model, structure, Control(charge=[f.charge for f in unseen]))
    assert np.abs(out["potential"].numpy() - [f.potential for f in unseen]).max() < 0.05
    energy = out["canonical_energy"].numpy() - [f.canonical_energy for f in unseen]
    assert np.abs(energy).max() < 0.004
    assert np.abs(out["forces"].numpy() - np.concatenate([f.forces for f in unseen])).max() < 0.02
    assert found.capacitance[0] == pytest.approx(1602.18 / STIFFNESS, rel=0.05)


def test_the_linear_system_says_what_the_model_says():
    given = sorted(frames()[0][9:30], key=lambda f: len(f.geometry))
    functions, neutral = SymmetryFunctions((1, 8, 79)), NeutralBase(NeutralBaseConfig.of("emt"))
    data = blocks(Response(ResponseConfig(functions, 0)), given)
    symmetry, first = torch.cat([b.description["symmetry"] for b in data]), data[0].structure
    channel = torch.from_numpy(functions.channels(np.concatenate([f.geometry.numbers for f in given])))
    basis = Basis(functions, symmetry[::5], channel[::5], Widths(energy=1.5))
    rows = stacked(basis, data, neutral)
    weights = np.random.default_rng(0).normal(size=rows.matrix.shape[1]) * 0.1
    model = Sum(neutral, basis.filled(weights))
    left = rows.labels - rows.matrix @ weights
    found = [evaluate(model, b.structure, Control(charge=b.natural)) for b in data]
    for kind, label, value in ((0, "energy", "canonical_energy"), (1, "conjugate", "potential"), (2, "forces", "forces")):
        errors = torch.cat([(b.labels[label].ravel() - out[value].ravel()) for b, out in zip(data, found)])
        assert np.abs(left[rows.kind == kind] - errors.numpy()).max() < 1e-7
    assert len(data) == 2 and len(first.numbers) < len(symmetry)


def test_differences_between_charges_hold_nothing_of_the_neutral_energy():
    given = images((0.8, 1.4, 1.1), (-0.002, 0.001, 0.003)) + images((2.0,), (0.001,))
    basis = Basis(SymmetryFunctions((1, 79)), torch.zeros(1, SymmetryFunctions((1, 79)).n_features).double(), torch.zeros(1, dtype=torch.int64), Widths(energy=1.0))
    every = [stacked(basis, blocks(basis.response, given), NeutralBase(NeutralBaseConfig(name))) for name in ("emt", "ase.calculators.lj:LennardJones")]
    geometry = np.array([f.geometry_id for f in given])
    a, b = (differences(rows, geometry) for rows in every)
    assert np.abs(a.labels - b.labels).max() < 1e-9 < np.abs(every[0].labels - every[1].labels).max()
    assert np.abs(a.matrix[:, : basis.neutral]).max() < 1e-9
    # (three geometries keep all their rows; of the last, with one charge, its potential alone is left)
    assert len(a.labels) == 9 * (2 + 12) + 1 and (a.frame == 9).sum() == 1


def test_at_zero_charge_the_uncorrected_model_is_the_base():
    model, structure = fitted(corrected=False).model, Structure.from_atoms(SYSTEMS[:2])
    out = evaluate(model, structure, Control(charge=0.0))
    alone = evaluate(model.base, structure, Control(charge=0.0))
    zero = structure.total(model.response.element_energy[model.response.channel(structure)])
    assert torch.equal(out["forces"], alone["forces"])
    assert (out["canonical_energy"] - alone["canonical_energy"] - zero).abs().max() < 1e-10


def test_two_cells_side_by_side_have_the_potential_of_one():
    atoms = interface(height=1.1, seed=4)
    both = atoms.repeat((2, 1, 1))
    one, two = (evaluate(fitted().model, Structure.from_atoms(x), Control(charge=q)) for x, q in ((atoms, 0.02), (both, 0.04)))
    assert two["potential"].item() == pytest.approx(one["potential"].item(), abs=1e-8)
    assert two["canonical_energy"].item() == pytest.approx(2 * one["canonical_energy"].item(), abs=1e-7)
    assert two["capacitance"].item() == pytest.approx(2 * one["capacitance"].item(), rel=1e-8)


def test_correction_helps_and_the_same_frames_give_the_same_model():
    unseen = frames()[1]
    plain, mended = (frame_errors(fitted(c).model, unseen)["force_rmse_meV_per_A"] for c in (False, True))
    assert mended < 0.6 * plain
    again = electrify("emt", frames()[0], True).model
    assert all(torch.equal(x, y) for x, y in zip(again.response.buffers(), fitted().model.response.buffers()))


def test_left_out_errors_are_those_of_fits_without_the_trajectory():
    """The potential's, whose fit does not depend on the neutral energy."""
    given = images((0.8, 0.95, 1.2))
    found = electrify("emt", given)
    squares = []
    for name in ("h0", "h1", "h2"):
        rest, out = ([f for f in given if (f.trajectory == name) is inside] for inside in (False, True))
        errors = frame_errors(electrify("emt", rest).model, out)
        squares.append(errors["potential_rmse_V"] ** 2)
    # (a fit without a trajectory lacks its environments too, so the two agree only roughly)
    assert found.left_out["potential_V"] == pytest.approx(np.sqrt(np.mean(squares)), rel=0.5)


def test_drawing_frames():
    some = draw(frames()[0], 6, seed=1)
    names = [trajectory_of(f) for f in some]
    assert [names.count(n) for n in dict.fromkeys(names)] == [2, 2, 2] and len({f.charge for f in some}) > 1
    assert [f.where for f in some] == [f.where for f in draw(frames()[0], 6, seed=1)] != [f.where for f in draw(frames()[0], 6, seed=2)]
    assert len(set(map(trajectory_of, draw(frames()[0], 6, 1, per_trajectory=1)))) == 6
    with pytest.raises(ValueError, match="expected 1 to"):
        draw(frames()[0], 1000)


def test_frames_that_say_nothing_of_charge_are_refused():
    with pytest.raises(ValueError, match="two charges or more"):
        electrify("emt", images((0.8, 1.1), (0.002,)))
    with pytest.raises(ValueError, match="one side"):
        electrify("emt", [replace(f, sides=2) for f in images((0.8, 1.1))])
    with pytest.raises(ValueError, match="no electrode atoms"):
        evaluate(Response(ResponseConfig(SymmetryFunctions((1,)), 0)), Structure.from_atoms(interface()[-1:]), Control(charge=0.0))


def test_it_loads_without_its_calculator_and_asks_for_it_when_used(tmp_path):
    save_model(fitted().model, tmp_path / "M")
    text = (tmp_path / "M" / "model.json").read_text()
    (tmp_path / "M" / "model.json").write_text(text.replace('"calculator": "emt"', '"calculator": "none_such:factory"'))
    model = load_model(tmp_path / "M")
    assert isinstance(model, Electrified) and model.card.elements == (1, 8, 79)
    with pytest.raises(MissingPackage, match="pip install none_such"):
        evaluate(model, Structure.from_atoms(SYSTEMS), Control(charge=0.0))

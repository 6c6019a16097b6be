"""The deep potential with electrons, trained for a second on labels of the baseline, keeps every promise of a model."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import frames, interface

from electrode.models.schemes import SCHEMES
from electrode.nn.scaling import element_rows
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import card_of, new_model, train

SMALL = {"cutoff": 4.0, "embedding": (4, 8), "axis": 4, "hidden": (16, 16)}
SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]


@lru_cache(maxsize=None)
def pupil(**choices):
    config = TrainConfig(max_minutes=5.0, epochs=20, batch_size=12, learning_rate=0.01, weight_decay=0.0, validate_every=10)
    return train("dp-ne", *frames(), config, choices={**SMALL, **choices}).model


class TestDpNe(ModelContract):
    """The networks beside the mean capacitor."""

    @pytest.fixture
    def case(self):
        return Case(pupil(), SYSTEMS, charge=0.01, potential=5.0)


def test_as_published_the_networks_alone_answer_to_the_electrons():
    """Without the capacitor the zero of the potential is that of the data, and the slope is for the data to teach."""
    model = pupil(capacitor=False)
    errors = frame_errors(model, frames()[0])
    assert errors["potential_rmse_V"] < 0.3
    at = lambda k: evaluate(model, Structure.from_atoms(SYSTEMS), Control(charge=0.01 + k * 1e-4))
    slope = (at(-2)["canonical_energy"] - 8 * at(-1)["canonical_energy"] + 8 * at(1)["canonical_energy"] - at(2)["canonical_energy"]) / 12e-4
    assert (slope - at(0)["potential"]).abs().max() < 1e-7


def test_on_cells_of_one_area_the_electrons_may_as_well_be_counted():
    """Twice the area and twice the electrons are one input; the energy of each atom is then the same."""
    model, atoms = pupil(), SYSTEMS[0]
    one = evaluate(model, Structure.from_atoms(atoms), Control(charge=0.02))
    four = evaluate(model, Structure.from_atoms(atoms * (2, 2, 1)), Control(charge=0.08))
    assert float(four["canonical_energy"]) == pytest.approx(4 * float(one["canonical_energy"]), abs=1e-9)


def test_the_work_function_follows_the_electrons():
    """Adding electrons, a lower charge, lowers the potential; mixed second derivatives agree (identity 5)."""
    structure = Structure.from_atoms(SYSTEMS)
    low, high = (evaluate(pupil(), structure, Control(charge=q)) for q in (-0.005, 0.005))
    assert (high["potential"] > low["potential"]).all()
    middle = evaluate(pupil(), structure, Control(charge=0.0))
    mean = 0.5 * (low["capacitance"] + high["capacitance"])
    assert torch.allclose((high["potential"] - low["potential"]) / 0.01, 1 / middle["capacitance"], rtol=2e-2) and (mean > 0).all()


def test_it_learns_its_teacher():
    errors = frame_errors(pupil(), frames()[0])
    untrained = new_model("dp-ne", card_of(frames()[0]), SMALL)
    untrained.adapt(blocks(untrained, frames()[0]))
    before = frame_errors(untrained, frames()[0])
    for quantity in ("energy_rmse_meV_per_atom", "force_rmse_meV_per_A"):
        assert errors[quantity] < 0.7 * before[quantity]
    assert errors["potential_rmse_V"] < 0.1


def test_force_training_reaches_every_network():
    model = new_model("dp-ne", card_of(frames()[0]), SMALL)
    (first, *_) = blocks(model, frames()[0])
    model.adapt([first])
    first.predict(model, create_graph=True)["forces"].square().sum().backward()
    gold_and_hydrogen = [0, 2]  # this block holds no oxygen
    for name, p in model.named_parameters():
        seen = p.grad is not None and bool(p.grad.abs().max() > 0)
        assert seen or name == "element_energy" or name == "fitting.biases.2", name
        assert p.grad is None or torch.isfinite(p.grad).all()
    assert (model.fitting.weights[0].grad[gold_and_hydrogen].abs().amax((1, 2)) > 0).all()


def test_a_committee_of_it_is_one_pass_of_the_same_members():
    config = TrainConfig(max_minutes=5.0, epochs=2, batch_size=12, validate_every=1)
    model = train("dp-ne", *frames(), config, choices=SMALL, members=2).model
    structure = Structure.from_atoms(SYSTEMS)
    out = evaluate(model, structure, Control(charge=0.01))
    assert out["energy_std"].shape == (2,) and (out["energy_std"] > 0).all()


def test_the_published_sizes_are_a_choice():
    model = new_model("dp-ne", card_of(frames()[0]), {"embedding": (25, 50, 100), "axis": 16, "hidden": (240, 240, 240)})
    assert model.descriptor.n_features == 1600 and np.isfinite(float(evaluate(model, Structure.from_atoms(SYSTEMS[0]), Control(charge=0.0))["potential"]))


def test_an_element_it_was_not_made_for_is_refused():
    atoms = interface()
    atoms.symbols[-1] = "N"
    with pytest.raises(ValueError, match="7"):
        evaluate(pupil(), Structure.from_atoms(atoms), Control(charge=0.0))


def test_the_order_of_the_elements_is_free_and_each_stands_once():
    kind = SCHEMES["dp-ne"].config()
    assert element_rows(torch.tensor([1, 79, 8, 1]), (79, 1, 8)).tolist() == [1, 0, 2, 1]
    with pytest.raises(ValueError, match="each once"):
        kind((79, 1, 79))

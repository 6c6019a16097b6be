"""A network beside the baseline keeps every promise of a model, is the sum of the two, and learns the difference."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from teacher import SMALL, TERMS, frames, interface

from electrode.models.baseline import Baseline, BaselineConfig
from electrode.models.delta import DeltaConfig
from electrode.models.grand import Grand
from electrode.models.sum import Sum
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.fit import TrainConfig
from electrode.train.metrics import frame_errors
from electrode.train.train import card_of, new_model, train

CHOICES = {"network": SMALL, "baseline": {"permittivity": 9.0, "double_layer_capacitance": 30.0}}  # not the teacher's
SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]


@lru_cache(maxsize=None)
def pupil(members=1):
    config = TrainConfig(TERMS[:-1], max_minutes=5.0, epochs=20, batch_size=12, optimiser="adamw", learning_rate=0.02, validate_every=10)
    return train("delta", *frames(), config, choices=CHOICES, members=members).model


class TestDelta(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(pupil(), SYSTEMS, charge=0.01, potential=5.0)


def test_it_is_the_sum_of_the_baseline_at_fixed_potential_and_its_network():
    model, structure = pupil(), Structure.from_atoms(SYSTEMS)
    terms = Sum(Grand(Baseline(replace(model.config.baseline, potential_shift=float(model.potential_shift)))), model.network)
    for potential in (4.6, 5.2):
        a, b = (evaluate(m, structure, Control(potential=potential)) for m in (model, terms))
        for name in ("grand_energy", "charge", "capacitance", "forces", "atomic_charges"):
            assert (a[name] - b[name]).abs().max() < 1e-7, name


def test_it_learns_what_its_baseline_misses():
    before = new_model("delta", card_of(frames()[0]), CHOICES)
    before.card = card_of(frames()[0])
    errors = [frame_errors(m, frames()[1]) for m in (before, pupil())]
    assert errors[1]["charge_rmse_e"] < 0.2 * errors[0]["charge_rmse_e"] and errors[1]["energy_rmse_meV_per_atom"] < 10


def test_where_the_network_is_silent_the_baseline_is_left():
    model = new_model("delta", card_of(frames()[0]))
    with torch.no_grad():
        for weight in (*model.network.parameters(),):
            weight.zero_()
    structure = Structure.from_atoms(SYSTEMS)
    a, b = (evaluate(m, structure, Control(potential=5.0)) for m in (model, Baseline()))
    assert (a["grand_energy"] - b["grand_energy"]).abs().max() < 1e-8 and (a["forces"] - b["forces"]).abs().max() < 1e-7


def test_a_committee_of_them():
    out = evaluate(pupil(members=2), Structure.from_atoms(SYSTEMS), Control(potential=5.0))
    assert (out["energy_std"] > 0).all()


def test_short_range_energy_twice_is_refused():
    choices = DeltaConfig.for_elements((1, 79))
    with pytest.raises(ValueError, match="short_range = False"):
        DeltaConfig(replace(choices.network, short_range=True))
    with pytest.raises(ValueError, match="without offsets"):
        DeltaConfig(choices.network, BaselineConfig(offsets=((1, 0.5),)))

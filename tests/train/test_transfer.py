"""A network trained on neutral frames under a scheme that sees the charge, and weights that rest while others learn."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from teacher import frames

from electrode.models.cp_mlff import CpMlff
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.fit import fit
from electrode.train.freezing import Freeze, Freezing
from electrode.train.loss import Term
from electrode.train.train import card_of, new_model, train
from electrode.train.transfer import transferred

TINY = {"representation": {"channels": 4, "radial_functions": 4}, "readout_hidden": 4}
SHORT = TrainConfig((Term("energy", 1.0, 0.01), Term("forces", 1.0, 0.2)), max_minutes=5.0, epochs=2, batch_size=12, learning_rate=0.02, validate_every=1)


@lru_cache(maxsize=1)
def neutral():
    """A network that sees no charge, trained on the neutral frames."""
    training, validation = ([f for f in some if f.n_excess == 0.0] for some in frames())
    return train("template-a", training, validation, SHORT, choices={**TINY, "variable": "charge"}).model


def at(model, charge):
    structure = Structure.from_atoms([f.atoms for f in frames()[1]])
    return model(structure, Control(charge=charge).expand(structure.n_systems), {"positions": structure.positions})["natural_energy"].detach()


@pytest.mark.parametrize("scheme, choices", [
    ("template-b", {"variable": "charge"}), ("template-c", {"variable": "charge_per_area"}), ("template-f", {"variable": "charge"}),
    ("correction", {"capacitor": False}), ("cp-mlff-node", {"capacitor": False, "fermi": "derivative"}),
])  # fmt: skip
def test_what_is_new_starts_at_nothing(scheme, choices):
    model, structure = transferred(neutral(), scheme, frames()[0], choices), Structure.from_atoms([f.atoms for f in frames()[1]])
    for charge in (0.0, 0.05):
        a, b = (evaluate(m, structure, Control(charge=charge)) for m in (neutral(), model))
        assert (a["canonical_energy"] - b["canonical_energy"]).abs().max() < 1e-6 and (a["forces"] - b["forces"]).abs().max() < 1e-6


def test_beside_a_capacitor_it_starts_as_the_old_one_where_there_is_no_charge():
    model = transferred(neutral(), "correction", frames()[0])
    assert (at(model, 0.0) - at(neutral(), 0.0)).abs().max() < 1e-9
    area = torch.tensor([f.geometry.cell.areas()[2] for f in frames()[0]], dtype=torch.float64)
    charge = torch.tensor([f.charge for f in frames()[0]], dtype=torch.float64)
    assert float(model.conditioning.spread) == pytest.approx(float((charge / area).std(unbiased=False)))
    assert (at(model, 0.05) - at(neutral(), 0.05)).abs().min() > 1e-3


def test_frames_of_another_method_have_other_energies_of_the_elements():
    shifted = [replace(f, energy=f.energy + 2.0 * len(f.geometry), method_id="other") for f in frames()[0]]
    gained = at(transferred(neutral(), "template-f", shifted, {"variable": "charge"}), 0.0) - at(neutral(), 0.0)
    number = torch.tensor([len(f.geometry) for f in frames()[1]], dtype=torch.float64)
    assert (gained / number - 2.0).abs().max() < 0.2  # what the network leaves goes to the elements too


RULES = (Freeze(r"representation\.embedding"), Freeze("interaction", until=2, rate=0.1))


def test_frozen_weights_stay_bit_for_bit_and_the_others_wait_their_turn():
    course = {}
    for epochs in (2, 3):
        model = transferred(neutral(), "correction", frames()[0], {"form": "product"})
        before = {k: v.clone() for k, v in model.state_dict().items()}
        config = replace(SHORT, epochs=epochs, freeze=RULES, averaging=0.5, weight_decay=0.1, validate_every=epochs)
        fit(model, *frames(), config, warm=True)
        after = model.state_dict()
        course[epochs] = {k for k in before if not torch.equal(before[k], after[k])}
        assert all(p.requires_grad for p in model.parameters())
    moving = {k for k, _ in model.named_parameters() if "embedding" not in k}
    assert course[2] == {k for k in moving if "interaction" not in k} and course[3] == moving


def test_a_rate_slows_what_is_named():
    moved = []
    for rate in (1.0, 1e-3):
        model = transferred(neutral(), "template-f", (), {"variable": "charge"})
        before = model.network.readout.last.weight.detach().clone()
        fit(model, *frames(), replace(SHORT, epochs=1, freeze=(Freeze("network.readout", 0, rate),)), warm=True)
        moved.append(float((model.network.readout.last.weight - before).detach().abs().max()))
    assert 0 < moved[1] < 0.01 * moved[0]


def test_a_committee_freezes_by_the_names_of_its_members():
    found = train("template-c", *frames(), replace(SHORT, epochs=1, freeze=(Freeze("interaction"),)), choices=TINY, members=2).model
    fresh = [new_model("template-c", card_of(frames()[0]), {**TINY, "seed": k}) for k in (0, 1)]
    for a, b in zip(found.members(), fresh):
        pairs = zip(a.network.representation.interaction.parameters(), b.network.representation.interaction.parameters())
        assert all(torch.equal(x, y) for x, y in pairs)


def test_rules_that_cannot_be_are_refused():
    model = neutral()
    with pytest.raises(ValueError, match="which fits none.*network.representation.interaction.number"):
        Freezing(model, (Freeze("intraction"),))
    with pytest.raises(ValueError, match="freeze them all"):
        Freezing(model, (Freeze("network"),))
    with pytest.raises(ValueError, match="expected a regular expression"):
        Freeze("(")
    with pytest.raises(ValueError, match="rate > 0"):
        Freeze("network", 2, 0.0)
    with pytest.raises(ValueError, match="polishing moves all"):
        TrainConfig(freeze=RULES, polish=1)
    with pytest.raises(ValueError, match="fitted by least squares"):
        train("taylor", *frames(), TrainConfig(freeze=RULES))


def test_a_start_that_shares_no_network_is_refused():
    with pytest.raises(ValueError, match="share a network of message passing"):
        transferred(CpMlff(new_model("cp-mlff-global", neutral().card, TINY).config), "cp-mlff-global", ())
    with pytest.raises(ValueError, match="expected a start of the scheme 'dual'"):
        train("dual", *frames(), SHORT, start=neutral())
    with pytest.raises(ValueError, match="got representation"):
        transferred(neutral(), "correction", (), {"representation": {}})


def test_training_takes_a_start_of_another_scheme():
    result = train("template-f", *frames(), replace(SHORT, epochs=1, freeze=(Freeze("interaction"),)), choices={"variable": "charge"}, start=neutral())
    for a, b in zip(result.model.network.representation.interaction.parameters(), neutral().network.representation.interaction.parameters()):
        assert torch.equal(a, b)
    assert result.model.conditioning.weight.weight.abs().max() > 0 and result.model.config.template == "f"

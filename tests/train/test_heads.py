"""Several heads on one trunk: what they share, what one's training leaves alone, and what holds on to what was learned."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import frames, interface

from electrode.models.committee import Committee
from electrode.models.multihead import Head, Multihead, MultiheadConfig
from electrode.models.schemes import scheme_of
from electrode.models.store import load_model, save_model
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.checkpoint import Checkpoint, CheckpointError
from electrode.train.config import TrainConfig
from electrode.train.elastic import Elastic
from electrode.train.freezing import Freeze
from electrode.train.heads import HeadData, fit_heads, own_terms
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.replay import train_with_replay
from electrode.train.train import train

SMALL = RepresentationConfig("invariant", channels=6, layers=2, radial_functions=4, cutoff=4.5)
SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]
TERMS = (Term("energy"), Term("forces"), Term("conjugate"))
SHORT = TrainConfig(TERMS, max_minutes=5.0, epochs=3, batch_size=9, learning_rate=5e-3, weight_decay=0.0, validate_every=1)
PULL = replace(SHORT, terms=(Term("forces"),), learning_rate=1e-3)


def config(**changes):
    return MultiheadConfig((1, 8, 79), **{"representation": SMALL, "readout_hidden": 6, "embedded": 4, **changes})


def few():
    """Frames of six geometries to train on, and of two to validate on."""
    return frames()[0][:18], frames()[1][:6]


@lru_cache(maxsize=1)
def parts():
    """Frames of both heads: neutral ones 50 eV per cell elsewhere, as of another code, and the electrified."""
    neutral = tuple([replace(f, energy=f.energy + 50.0) for f in some if f.n_excess == 0.0] for some in few())
    return {"neutral": HeadData(*neutral), "electrified": HeadData(*few())}


class TestMultihead(ModelContract):
    """The head that serves is the model."""

    @pytest.fixture
    def case(self):
        model, draw = Multihead(config()), torch.Generator().manual_seed(1)
        serving = model.heads["electrified"]
        serving.network.energy_scale.fill_(0.1)
        serving.conditioning.spread.fill_(0.05)
        weight = serving.conditioning.weight.weight.data
        weight.copy_(0.3 * torch.randn(weight.shape, generator=draw, dtype=torch.float64))
        return Case(model.eval(), SYSTEMS, charge=0.01, potential=4.6)


def energies(model, charge=0.0):
    structure = Structure.from_atoms([f.atoms for f in few()[1]])
    return evaluate(model, structure, Control(charge=charge))["canonical_energy"]


def test_both_heads_learn_on_one_trunk_with_energies_of_their_own(tmp_path):
    model = Multihead(config())
    result = fit_heads(model, parts(), replace(SHORT, epochs=16, validate_every=4))
    first, best = result.history[0], min(result.history, key=lambda r: r["validation_loss"])
    assert best["validation_loss"] < 0.8 * first["validation_loss"] and best["neutral_forces"] < first["neutral_forces"]
    assert (energies(model.heads["neutral"]) - energies(model) - 50.0).abs().max() < 5.0  # an element's energy of each method
    trunks = [h.network.representation for h in model.heads.values()]
    assert trunks[0] is trunks[1] and model.natural == "charge"
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert scheme_of(loaded) == "multihead" and torch.equal(energies(loaded), energies(model))
    assert torch.equal(energies(loaded.heads["neutral"]), energies(model.heads["neutral"]))


def test_on_a_frozen_trunk_one_heads_training_leaves_the_other_alone():
    model = Multihead(config())
    model.adapt_all({name: blocks(model.heads[name], d.training) for name, d in parts().items()})
    before = energies(model.heads["neutral"]), energies(model)
    fit_heads(model, {"electrified": HeadData(few()[0], few()[0])}, replace(PULL, epochs=6, freeze=(Freeze("representation"),)), warm=True)
    assert torch.equal(energies(model.heads["neutral"]), before[0])
    assert (energies(model) - before[1]).abs().max() > 1e-3


def test_terms_count_in_the_spread_of_their_labels():
    model = Multihead(config())
    data = {name: blocks(model.heads[name], d.training) for name, d in parts().items()}
    model.adapt_all(data)
    terms = {t.quantity: t for t in own_terms(model.heads["electrified"], data["electrified"], TERMS)}
    assert terms["forces"].scale == pytest.approx(np.sqrt(np.mean(np.concatenate([f.forces.ravel() for f in few()[0]]) ** 2)))
    assert terms["conjugate"].scale == pytest.approx(np.std([f.potential for f in few()[0]]))
    assert [t.quantity for t in own_terms(model.heads["neutral"], data["neutral"], TERMS)] == ["energy", "forces"]  # it answers to no charge
    assert terms["energy"].scale < 0.2  # without 50 eV per cell, and without the gold


def test_replay_keeps_what_training_alone_forgets():
    """From one network trained on the neutral frames: the neutral head's error after the electrified frames, with and without replay."""
    model = Multihead(config())
    fit_heads(model, parts(), replace(PULL, epochs=8))
    state, errors = {k: v.clone() for k, v in model.state_dict().items()}, {}
    shifted = [[replace(f, forces=-f.forces) for f in some] for some in few()]  # what the trunk must unlearn
    for name, data in (("alone", {}), ("replay", {"neutral": parts()["neutral"]})):
        model.load_state_dict(state)
        fit_heads(model, {**data, "electrified": HeadData(*shifted)}, replace(PULL, epochs=8), warm=True)
        errors[name] = frame_errors(model.heads["neutral"], parts()["neutral"].validation)["force_rmse_meV_per_A"]
    assert errors["replay"] < errors["alone"]


def test_springs_hold_by_how_much_the_old_loss_answers():
    model = Multihead(config())
    data = {name: blocks(model.heads[name], d.training) for name, d in parts().items()}
    model.adapt_all(data)
    neutral = model.heads["neutral"]
    terms = own_terms(neutral, data["neutral"], TERMS)
    springs = Elastic.of(neutral, data["neutral"][:1], terms)
    assert float(springs.energy().detach()) == 0.0
    names = [name for name, _ in neutral.named_parameters()]
    k = names.index("network.readout.last.bias")
    squares = []  # dL/db of one frame by hand: energy alone answers, 2 w (error/n/scale^2) (s n/n) for n atoms
    for row in range(len(data["neutral"][0])):
        frame = data["neutral"][0].take(torch.tensor([row]))
        n = len(frame.structure.numbers)
        energy = neutral(frame.structure, Control(**frame.held), frame.description)["natural_energy"].detach()
        error = float((energy - frame.labels["energy"]) / n)
        squares.append((2.0 * error / terms[0].scale**2 * float(neutral.network.energy_scale)) ** 2)
    assert float(springs.fisher[k]) == pytest.approx(np.mean(squares), rel=1e-8)
    with torch.no_grad():
        springs.weights[k].add_(0.1)
    assert float(springs.energy().detach()) == pytest.approx(0.5 * np.mean(squares) * 0.01, rel=1e-8)


def test_stiff_springs_keep_the_trunk():
    moved = []
    for stiffness in (0.0, 1e6):
        model = Multihead(config())
        data = {name: blocks(model.heads[name], d.training) for name, d in parts().items()}
        model.adapt_all(data)
        springs = Elastic.of(model.heads["neutral"], data["neutral"], own_terms(model.heads["neutral"], data["neutral"], TERMS))
        fit_heads(model, {"electrified": parts()["electrified"]}, replace(PULL, epochs=12), warm=True, elastic=springs, stiffness=stiffness)
        moved.append(float(springs.energy().detach()))
    assert 0.0 < moved[1] < 0.05 * moved[0]


def test_a_trained_network_becomes_trunk_and_head():
    model = Multihead(config())
    other = Template(TemplateConfig((1, 8, 79), "a", "charge", representation=SMALL, readout_hidden=6, seed=9))
    model.take("neutral", other)
    assert torch.equal(energies_at(model.heads["neutral"]), energies_at(other))
    with pytest.raises(ValueError, match="expected a model with the network of these heads"):
        model.take("neutral", Template(TemplateConfig((1, 8, 79), "a", "charge", representation=replace(SMALL, channels=5))))


def energies_at(model):
    structure = Structure.from_atoms(SYSTEMS)
    return model(structure, Control(charge=0.0).expand(2), {"positions": structure.positions})["natural_energy"]


def test_heads_that_cannot_be_are_refused():
    with pytest.raises(ValueError, match="of different names"):
        config(heads=(Head("a"), Head("a", "e")))
    with pytest.raises(ValueError, match="serves: expected one of .*did you mean"):
        config(serves="electrifed")
    with pytest.raises(ValueError, match="which serves"):
        fit_heads(Multihead(config()), {"neutral": parts()["neutral"]}, SHORT)
    with pytest.raises(ValueError, match="without polish"):
        fit_heads(Multihead(config()), parts(), replace(SHORT, polish=1))


def test_a_set_is_replayed_beside_the_one_that_serves():
    neutral = HeadData(parts()["neutral"].training, parts()["neutral"].validation, batch_size=2)
    tiny = {"representation": {"kind": "invariant", "channels": 4, "radial_functions": 4}, "readout_hidden": 4, "embedded": 3}
    seen = []
    result = train_with_replay(*few(), neutral, replace(PULL, epochs=2), tiny, seen.append)
    assert [r["epoch"] for r in seen] == [0, 1, 2] and seen[-1]["done"] == 1.0
    assert result.model.card.potential_range is not None and result.model.card.elements == (1, 79)  # few() holds no water
    base = train("template-a", neutral.training, neutral.validation, replace(PULL, epochs=1), {k: tiny[k] for k in ("representation", "readout_hidden")} | {"variable": "charge"}).model
    begun = train_with_replay(*few(), neutral, replace(PULL, epochs=1), start=base)
    assert begun.history[0]["neutral_forces"] == pytest.approx(1e-3 * frame_errors(base, neutral.validation)["force_rmse_meV_per_A"])
    three = [{"name": n, "template": "e", "variable": "charge"} for n in ("neutral", "electrified", "more")]
    with pytest.raises(ValueError, match="one head beside 'electrified', got neutral, more"):
        train_with_replay(*few(), neutral, PULL, {**tiny, "heads": three})


class Breaking:
    """A spring without stiffness that breaks the training at its `number`-th step."""

    def __init__(self, number):
        self.left = number

    def energy(self):
        self.left -= 1
        if not self.left:
            raise InterruptedError
        return torch.tensor(0.0)


@pytest.mark.parametrize("step, every", [(8, 1e-6), (14, 1e-6), (14, 1e6)], ids=["within an epoch", "in the last epoch", "from an epoch's end"])
def test_a_training_that_goes_on_ends_where_one_without_a_break_does(tmp_path, step, every):
    averaged = replace(SHORT, averaging=0.9, batch_size=4)
    kept = lambda **how: Checkpoint(tmp_path / "c", every_seconds=every, every_epochs=2, **how)
    whole = fit_heads(Multihead(config()), parts(), averaged)
    with pytest.raises(InterruptedError):
        fit_heads(Multihead(config()), parts(), averaged, elastic=Breaking(step), checkpoint=kept())
    went_on = fit_heads(Multihead(config()), parts(), averaged, checkpoint=kept(resume=True))
    assert went_on.history == whole.history and went_on.best == whole.best
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, went_on.model.state_dict()[name]), name
    with pytest.raises(CheckpointError, match="learning_rate: 0.005 then, 0.01 now"):
        fit_heads(Multihead(config()), parts(), replace(averaged, learning_rate=0.01), checkpoint=kept(resume=True))


def test_a_committee_is_one_of_the_heads_that_serve(tmp_path):
    tiny = {"representation": {"kind": "invariant", "channels": 4, "radial_functions": 4}, "readout_hidden": 4, "embedded": 3}
    seen, sets = [], (*few(), parts()["neutral"])
    result = train_with_replay(*sets, replace(PULL, epochs=2), tiny, seen.append, members=2)
    assert [(r["member"], r["epoch"]) for r in seen] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)] and seen[2]["done"] == 0.5
    single = train_with_replay(*sets, replace(PULL, epochs=2, seed=1), {**tiny, "seed": 1}).model
    member = result.model.members()[1]
    assert isinstance(result.model, Committee) and result.model.config.scheme == "template-e"
    torch.testing.assert_close(energies(member, 0.1), energies(single, 0.1), rtol=0, atol=1e-12)
    save_model(result.model, tmp_path / "m")
    assert torch.equal(energies(load_model(tmp_path / "m")), energies(result.model))
    with pytest.raises(ValueError, match="no checkpoint of several"):
        train_with_replay(*sets, PULL, tiny, members=2, checkpoint=Checkpoint(tmp_path / "c"))
    with pytest.raises(ValueError, match="--replay"):
        train("multihead", *few(), PULL, tiny, members=2)

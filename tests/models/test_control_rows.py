"""The rows that schemes are compared with: forces from heads of their own, and one model for each potential."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import frames, interface

from electrode.models.direct_forces import DirectForces, DirectForcesConfig
from electrode.models.grand import Grand
from electrode.models.schemes import scheme_of
from electrode.models.separate import Separate, SeparateConfig
from electrode.models.store import load_model, save_model
from electrode.models.sum import Sum
from electrode.models.templates import Template, TemplateConfig
from electrode.neb import barriers
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import NoStableState, NotConservative, evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.train import train

SMALL = RepresentationConfig("equivariant", channels=6, layers=2, radial_functions=4, cutoff=4.5)
SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]


def network(letter="f", **changes):
    return TemplateConfig((1, 8, 79), letter, **{"representation": SMALL, "readout_hidden": 6, "embedded": 4, **changes})


DIRECT = [
    DirectForcesConfig(network(capacitor=True)),
    DirectForcesConfig(network("c", variable="charge_per_area", capacitor=True, representation=replace(SMALL, kind="invariant")), "components"),
]


@lru_cache(maxsize=None)
def direct(settings):
    """A model whose atoms see the variable, as after a training."""
    model, draw = DirectForces(settings), torch.Generator().manual_seed(1)
    for name, parameter in model.named_parameters():
        if "conditioning.weight" in name:
            parameter.data.copy_(0.1 * torch.randn(parameter.shape, generator=draw, dtype=torch.float64))
    model.energy.network.energy_scale.fill_(0.1)
    return model.eval()


@pytest.mark.parametrize("settings", DIRECT, ids=lambda c: c.heads)
class TestDirectForces(ModelContract):
    """Both heads."""

    @pytest.fixture
    def case(self, settings):
        return Case(direct(settings), SYSTEMS, charge=0.01, potential=4.6)


SEPARATE = [SeparateConfig(network("a"), 3, between) for between in ("nearest", "interpolated")]


@pytest.mark.parametrize("settings", SEPARATE, ids=lambda c: c.between)
class TestSeparate(ModelContract):
    """Both ways between two potentials; 4.6 V is between the models at 4.5 and 5.0 V."""

    @pytest.fixture
    def case(self, settings):
        return Case(Separate(settings).eval(), SYSTEMS, charge=0.01, potential=4.6)


def at(model, systems=SYSTEMS, **held):
    return evaluate(model, Structure.from_atoms(systems), Control(**held))


def test_forces_of_a_vector_head_see_the_potential_and_add_up_to_nothing():
    a, b = (at(direct(DIRECT[0]), potential=x)["forces"] for x in (4.2, 4.9))
    assert (a - b).abs().max() > 1e-4
    assert Structure.from_atoms(SYSTEMS).total(a).abs().max() < 1e-12
    alone = at(direct(DIRECT[0]).energy, potential=4.2)
    assert (alone["forces"] - a).abs().max() > 1e-3 and torch.equal(alone["grand_energy"], at(direct(DIRECT[0]), potential=4.2)["grand_energy"])


def test_what_needs_a_gradient_is_refused():
    model = direct(DIRECT[1])
    with pytest.raises(NotConservative, match="potential held: expected a model whose forces are the gradient"):
        at(model, potential=4.5)
    for compose in (Grand, Sum):
        with pytest.raises(NotConservative, match=compose.__name__):
            compose(model)
    for held in ("potentials", "charges"):
        with pytest.raises(NotConservative, match="barriers"):
            barriers(SYSTEMS[0], SYSTEMS[0], model, reference="absolute", **{held: [4.5]})
    with pytest.raises(ValueError, match="expected an equivariant representation"):
        DirectForcesConfig(network(representation=replace(SMALL, kind="invariant")))


SHORT = TrainConfig((Term("forces", 1.0, 0.1),), max_minutes=5.0, epochs=6, batch_size=12, learning_rate=0.02, weight_decay=0.0, validate_every=3)
TINY = {"representation": {"channels": 4, "radial_functions": 4}, "readout_hidden": 4, "embedded": 3}


def test_forces_alone_can_be_trained(tmp_path):
    result = train("direct-forces", *frames(), SHORT, choices={"energy": TINY})
    assert result.best < 0.8 * result.history[0]["validation_loss"]
    save_model(result.model, tmp_path / "m")
    assert scheme_of(load_model(tmp_path / "m")) == "direct-forces"
    label = np.concatenate([f.forces.ravel() for f in frames()[1]])
    assert frame_errors(result.model, frames()[1])["force_rmse_meV_per_A"] < 1e3 * np.sqrt((label**2).mean())


@pytest.mark.parametrize("settings, shares", list(zip(SEPARATE, ([0.0, 1.0, 0.0], [0.0, 0.8, 0.2]))), ids=lambda x: getattr(x, "between", ""))
def test_a_potential_is_answered_by_the_models_about_it(settings, shares):
    model = Separate(settings)
    each = [at(m, potential=4.6) for m in model.models]
    for name in ("grand_energy", "forces"):
        assert (at(model, potential=4.6)[name] - sum(w * e[name] for w, e in zip(shares, each))).abs().max() < 1e-9
    for edge, last in ((1.0, 0), (9.0, 2)):
        assert (at(model, potential=edge)["grand_energy"] - each[last]["grand_energy"]).abs().max() < 1e-9
    both = at(model, potential=torch.tensor([4.1, 4.95], dtype=torch.float64))["grand_energy"]
    apart = [at(model, [s], potential=p)["grand_energy"] for s, p in zip(SYSTEMS, (4.1, 4.95))]
    assert (both - torch.cat(apart)).abs().max() < 1e-9


def test_models_know_only_their_window():
    """Shifting the energies of one window changes the elements' energies of its model and of no other."""
    training = sorted(frames()[0], key=lambda f: f.potential)
    cut = 2 * len(training) // 3
    moved = [replace(f, energy=f.energy + 3.0) if k >= cut else f for k, f in enumerate(training)]
    found = []
    for some in (training, moved):
        model = Separate(SeparateConfig(network("a"), 3))
        model.adapt(blocks(model, some, jacobians=False))
        found.append(model)
    assert torch.equal(found[0].potentials, found[1].potentials) and (found[0].potentials.diff() > 0).all()
    nearest = found[0]._nearest(torch.tensor([f.potential for f in training], dtype=torch.float64))
    assert nearest.unique().tolist() == [0, 1, 2]
    change = [float((a.network.element_energy - b.network.element_energy).abs().max()) for a, b in zip(found[0].models, found[1].models)]
    assert change[0] == 0.0 and change[2] > 0.01
    with pytest.raises(ValueError, match="lower models"):
        Separate(SeparateConfig(network("a"), 3)).adapt(blocks(model, training[:2], jacobians=False))


def test_a_charge_cannot_be_held_by_models_of_one_potential_each():
    with pytest.raises(NoStableState, match="no capacitance; hold the potential"):
        at(Separate(SEPARATE[1]), charge=0.0)
    with pytest.raises(ValueError, match="expected template 'a'"):
        SeparateConfig(network("b"))
    assert scheme_of(Separate(SEPARATE[0])) == "separate" and isinstance(Separate(SEPARATE[0]).models[0], Template)


@pytest.mark.parametrize("scheme, choices", [("direct-forces", {"energy": {"readout_hidden": 5}}), ("separate", {"models": 2, "between": "interpolated"})])
def test_a_committee_is_the_mean_and_the_spread_of_its_members(scheme, choices):
    shape = {"representation": {"channels": 5, "radial_functions": 4, "cutoff": 4.5}}
    own = {**choices, "energy": {**choices["energy"], **shape}} if scheme == "direct-forces" else {**choices, "network": shape}
    config = TrainConfig.for_scheme(scheme, epochs=2, max_minutes=5.0, validate_every=1)
    committee = train(scheme, frames()[0][:24], frames()[1][:9], config, own, members=3).model
    members, held = committee.members(), Control(potential=4.55)
    structure = Structure.from_atoms([f.atoms for f in frames()[1][:6]])
    out, each = evaluate(committee, structure, held), [evaluate(m, structure, held) for m in members]
    for name in ("grand_energy", "forces"):
        torch.testing.assert_close(out[name], torch.stack([e[name] for e in each]).mean(0), rtol=0, atol=1e-9)
    spread = torch.stack([e["forces"] for e in each]).std(0)
    assert spread.max() > 1e-4 and committee.conservative == members[0].conservative
    torch.testing.assert_close(committee.forces_std(structure, held), committee.card.calibration.forces * spread, rtol=0, atol=1e-9)
    single = train(scheme, frames()[0][:24], frames()[1][:9], config, own).model
    for name in ("grand_energy", "forces"):
        torch.testing.assert_close(each[0][name], evaluate(single, structure, held)[name], rtol=0, atol=1e-8)

"""The templates: where the electronic variable enters, what it can change there, and what two letters have in common."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from ase import Atoms
from teacher import frames, interface

from electrode.models.adapting import sample_graphs
from electrode.models.committee import Committee
from electrode.models.correction import Correction, CorrectionConfig
from electrode.models.schemes import SCHEMES, scheme_of
from electrode.models.store import build_model, load_model, save_model
from electrode.models.templates import Template, TemplateConfig
from electrode.nn.conditioning import ConditionConfig, Conditioning, Envelope
from electrode.nn.readout import Readout
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import NoStableState, evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig
from electrode.train.train import card_of, new_model, train

SMALL = {kind: RepresentationConfig(kind, channels=6, layers=2, radial_functions=4, cutoff=4.5) for kind in ("invariant", "equivariant")}
SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]


def config(letter="f", kind="equivariant", **changes):
    return TemplateConfig((1, 8, 79), letter, **{"representation": SMALL[kind], "readout_hidden": 6, "embedded": 4, **changes})


def stirred(model, size=0.3):
    """The model with every weight of the condition drawn, as after a training, so that atoms see it."""
    draw = torch.Generator().manual_seed(1)
    weights = [model.conditioning.weight] if model.conditioning.weight else []
    for layer in weights + ([model.correction.last] if isinstance(model, Correction) else []):
        layer.weight.data.copy_(size * torch.randn(layer.weight.shape, generator=draw, dtype=torch.float64))
    return model.eval()


def gentle(model):
    """The model with a condition that leaves its capacitor stable."""
    model.network.energy_scale.fill_(0.1)
    model.conditioning.spread.fill_({"potential": 1.0, "charge": 0.3, "charge_per_area": 0.05}[model.config.variable])
    return model


@lru_cache(maxsize=None)
def sensitive(settings):
    return gentle(stirred(Template(settings)))


ROWS = [
    config("a"), config("a", "invariant", variable="charge"), config("b", variable="charge", capacitor=True),
    config("c", "invariant", variable="charge_per_area", capacitor=True), config("d", "invariant", capacitor=True),
    config("e", variable="charge_per_area", capacitor=True), config("f", capacitor=True),
    config("f", "invariant", variable="charge_per_area", capacitor=True, envelope=Envelope(2.0, 0.8)),
]  # fmt: skip


@pytest.mark.parametrize("settings", ROWS, ids=lambda c: f"{c.template}-{c.representation.kind}-{c.variable}{'-envelope' if c.envelope else ''}{'-plain' * (not c.capacitor)}")
class TestTemplate(ModelContract):
    """Every letter and each variable, on either representation."""

    @pytest.fixture
    def case(self, settings):
        return Case(sensitive(settings), SYSTEMS, charge=0.01, potential=4.6)


NEUTRAL = [
    CorrectionConfig((1, 8, 79), form, variable, reference, 4, capacitor=True, representation=SMALL[kind], readout_hidden=6)
    for form, variable, reference, kind in (
        ("difference", "charge_per_area", None, "equivariant"), ("product", "charge_per_area", None, "invariant"),
        ("product", "charge", 0.02, "invariant"), ("difference", "potential", 4.4, "equivariant"),
    )
]  # fmt: skip


@pytest.mark.parametrize("settings", NEUTRAL[::3], ids=lambda c: f"{c.form}-{c.variable}")
class TestCorrection(ModelContract):
    """Both forms."""

    @pytest.fixture
    def case(self, settings):
        return Case(gentle(stirred(Correction(settings))), SYSTEMS, charge=0.01, potential=4.6)


def energies(model, **held):
    structure = Structure.from_atoms(SYSTEMS)
    out = evaluate(model, structure, Control(**held))
    return out["natural_energy"], out["forces"]


@pytest.mark.parametrize("kind", SMALL)
def test_every_letter_starts_as_the_one_that_sees_nothing(kind):
    plain = energies(Template(config("a", kind)), potential=4.9)
    for letter in "bcdef":
        for mine, other in zip(energies(Template(config(letter, kind)), potential=4.9), plain):
            assert torch.equal(mine, other)


@pytest.mark.parametrize("kind", SMALL)
def test_at_the_embedding_the_variable_is_a_vector_added_to_every_element(kind):
    """W [one-hot, x] = W_Z + x w: a network without condition whose embedding is moved gives the same energies and forces."""
    model, moved = stirred(Template(config("b", kind))), Template(config("a", kind))
    moved.network.representation.embedding.data += (4.9 - 4.44) * model.conditioning.weight.weight[:, 0]
    for a, b in zip(energies(model, potential=4.9), energies(moved, potential=4.9)):
        assert (a - b).abs().max() < 1e-12
    assert (energies(model, potential=4.9)[1] - energies(model, potential=4.1)[1]).abs().max() > 1e-4


@pytest.mark.parametrize("raw, embedded", ["bd", "ce"])
def test_with_a_linear_function_of_the_variable_two_letters_are_one(raw, embedded):
    """W g(x) with g(x) = u x + v is x (W u) + W v: x's weight, and a shift that the letter without g has elsewhere."""
    second, first = stirred(Template(config(embedded))), Template(config(raw))
    linear = torch.nn.Linear(1, 4, dtype=torch.float64)
    second.conditioning.embed = linear
    w = second.conditioning.weight.weight.data
    first.conditioning.weight.weight.data.copy_(w @ linear.weight.data)
    shift = (w @ linear.bias.data).detach()
    if raw == "b":
        first.network.representation.embedding.data += shift
    else:
        first.network.readout.first.bias.data += shift
    for potential in (4.2, 4.9):
        for a, b in zip(energies(first, potential=potential), energies(second, potential=potential)):
            assert (a - b).abs().max() < 1e-12


def test_a_linear_readout_lets_the_variable_change_no_force():
    """With hidden = 0 what the condition adds is one number for all atoms; a hidden layer makes it a matter of the neighbourhood."""
    spreads = []
    for hidden in (0, 6):
        draw = torch.Generator().manual_seed(3)
        readout, features = Readout(6, hidden, draw), torch.randn(5, 6, generator=draw, dtype=torch.float64)
        conditioning = Conditioning(ConditionConfig("potential", "readout"), 6, 2, hidden or 1, draw)
        conditioning.weight.weight.data.fill_(0.5)
        at = lambda x: readout(features, conditioning.weight(torch.full((5, 1), x, dtype=torch.float64)))
        difference = (at(1.0) - at(-1.0)).detach()
        spreads.append(float(difference.max() - difference.min()))
    assert spreads[0] < 1e-14 and spreads[1] > 0.01
    with pytest.raises(ValueError, match="widths of at least 1"):
        config("c", readout_hidden=0)


@pytest.mark.parametrize("letter, moves", [("a", ""), ("b", "trunk readout"), ("c", "readout"), ("d", "trunk readout"), ("e", "readout"), ("f", "trunk readout")])
def test_the_variable_reaches_what_its_letter_allows(letter, moves):
    model, structure = stirred(Template(config(letter))), Structure.from_atoms(SYSTEMS)
    x = torch.tensor([4.2, 4.9], dtype=torch.float64, requires_grad=True)
    seen = model.conditioning(structure, x, structure.positions)
    features = model.network.features(structure, structure.positions, seen)
    slope = lambda y: torch.autograd.grad(y.square().sum(), x, allow_unused=True, retain_graph=True)[0]
    reached = [name for name, y in (("trunk", features), ("readout", model.network.energies(structure, features, seen))) if slope(y) is not None]
    assert reached == moves.split()
    assert all(bool(slope(y).all()) for y in (features,) if "trunk" in moves)


def test_each_system_of_a_batch_has_its_own_value():
    model, structure = sensitive(config("f")), Structure.from_atoms([SYSTEMS[1]] * 3)
    values = torch.tensor([4.1, 4.5, 5.0], dtype=torch.float64)
    order = torch.tensor([2, 0, 1])
    a, b = (evaluate(model, structure, Control(potential=v)) for v in (values, values[order]))
    assert (a["grand_energy"][order] - b["grand_energy"]).abs().max() < 1e-12 and a["grand_energy"].std() > 1e-3
    assert (a["forces"].reshape(3, -1)[order] - b["forces"].reshape(3, -1)).abs().max() < 1e-12


def test_far_above_the_electrode_the_envelope_hides_the_variable():
    atoms = SYSTEMS[0] + Atoms("H", [[1.0, 1.0, SYSTEMS[0].positions[:3, 2].max() + 12.0]])
    atoms.set_array("eir_region", np.array([0, 0, 0, 1, 1]))
    structure = Structure.from_atoms(atoms)
    far, near = (Envelope(r, 0.5).of(structure, structure.positions) for r in (3.0, 20.0))
    assert far[-1] < 1e-6 and far[:3].min() > 0.9 and near.min() > 0.99
    with pytest.raises(ValueError, match="expected electrode atoms in every system"):
        Envelope().of(Structure.from_atoms(Atoms("H2O", [[0, 0, 0], [1, 0, 0], [0, 1, 0]], cell=[9, 9, 9])), torch.zeros(3, 3, dtype=torch.float64))


def test_without_a_conjugate_the_other_variable_cannot_be_held():
    with pytest.raises(NoStableState):
        evaluate(Template(config("a")), Structure.from_atoms(SYSTEMS), Control(charge=0.1))


@pytest.mark.parametrize("settings", NEUTRAL, ids=lambda c: f"{c.form}-{c.variable}")
def test_the_correction_vanishes_at_its_reference_and_nowhere_else(settings):
    model, structure = stirred(Correction(settings)), Structure.from_atoms(SYSTEMS)
    reference = settings.reference or 0.0
    at = lambda x: model(structure, Control(**{model.natural: torch.full((2,), x, dtype=torch.float64)}), {"positions": structure.positions})["natural_energy"]
    neutral = structure.total(model.network.energies(structure, model.network.features(structure, structure.positions)))
    assert torch.equal(at(reference), neutral)
    assert (at(reference + 0.02) - neutral).abs().min() > 1e-6
    fresh = Correction(replace(settings, capacitor=False))
    fresh_at = fresh(structure, Control(**{fresh.natural: torch.full((2,), reference + 0.02, dtype=torch.float64)}), {"positions": structure.positions})
    assert torch.equal(fresh_at["natural_energy"], neutral)


def test_the_correction_of_a_grand_energy_needs_a_potential():
    with pytest.raises(ValueError, match="no common one"):
        replace(NEUTRAL[0], variable="potential")


def test_adapted_it_has_the_scales_the_capacitor_and_the_elements_of_the_data():
    model, training = Template(config("f", variable="charge_per_area", capacitor=True)), frames()[0]
    data = blocks(model, training, jacobians=False)
    model.adapt(data)
    sums = torch.cat([g.total(model.network.representation.basis(g.distances) * model.network.representation.basis.scale) for g in sample_graphs(data, 4.5)])
    assert torch.allclose(sums.square().mean(0), torch.ones(4, dtype=torch.float64))
    area = np.array([f.geometry.cell.areas()[2] for f in training])
    per_area, forces = np.array([f.charge for f in training]) / area, np.concatenate([f.forces.ravel() for f in training])
    slope, level = np.polyfit(per_area, [f.potential for f in training], 1)
    assert float(model.capacitor.level) == pytest.approx(level, abs=1e-8) and float(model.capacitor.per_area) == pytest.approx(1 / slope, rel=1e-8)
    assert float(model.conditioning.spread) == pytest.approx(per_area.std()) and float(model.conditioning.mean) == pytest.approx(per_area.mean(), abs=1e-12)
    assert float(model.network.energy_scale) == pytest.approx(np.sqrt((forces**2).mean()))
    rest = torch.cat([b.labels["energy"] - model(b.structure, Control(**b.held), b.description)["natural_energy"].detach() for b in data])
    counts = torch.cat([b.structure.total(model.network.one_hot(b.structure)) for b in data])
    assert (counts.T @ rest).abs().max() < 1e-7


SHORT = TrainConfig(max_minutes=5.0, epochs=10, batch_size=12, learning_rate=0.02, weight_decay=0.0, validate_every=5)
TINY = {"representation": {"kind": "invariant", "channels": 4, "radial_functions": 4}, "readout_hidden": 4, "embedded": 3}


@pytest.mark.parametrize("scheme", ["template-f", "correction"])
def test_training_uses_the_condition_and_a_committee_trains_as_its_members(scheme):
    once = replace(SHORT, epochs=1, optimiser="adamw")
    alone = [train(scheme, *frames(), once, choices={**TINY, "seed": seed}).model for seed in (0, 1)]
    both = train(scheme, *frames(), once, choices=TINY, members=2).model
    assert isinstance(both, Committee)
    for mine, other in zip(both.members(), alone):
        for a, b in zip(mine.state_dict().values(), other.state_dict().values()):
            assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)
    result = train(scheme, *frames(), SHORT, choices=TINY)
    assert result.best < 0.6 * result.history[0]["validation_loss"] and result.model.conditioning.weight.weight.abs().max() > 1e-3


def test_a_template_is_stored_and_loaded_under_its_letter(tmp_path):
    for letter in "af":
        model = build_model(f"template-{letter}", config(letter))
        save_model(model, tmp_path / letter)
        assert scheme_of(load_model(tmp_path / letter)) == f"template-{letter}"
    with pytest.raises(ValueError, match="name another scheme"):
        new_model("template-c", card_of(frames()[0]), {"template": "b"})
    assert new_model("template-c", card_of(frames()[0])).config.template == "c"
    assert all(SCHEMES[f"template-{letter}"].training for letter in "abcdef")


def test_an_unknown_element_is_refused():
    with pytest.raises(ValueError, match=r"elements \[29\] .* are not in the model"):
        evaluate(Template(config()), Structure.from_atoms(Atoms("Cu", cell=[4, 4, 9], pbc=(1, 1, 0))), Control(potential=4.4))

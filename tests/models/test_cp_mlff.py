"""Networks that see the number of electrons: the contract, where the electrons enter, and a Fermi level that is a head of its own."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import frames, interface

from electrode.calculator import ElectrodeCalculator
from electrode.models.committee import Committee
from electrode.models.cp_mlff import CpMlff, CpMlffConfig
from electrode.models.grand import Grand
from electrode.models.schemes import scheme_of
from electrode.models.store import load_model, save_model
from electrode.models.sum import Sum
from electrode.models.templates import Template, TemplateConfig
from electrode.neb import barriers
from electrode.nn.representation import RepresentationConfig
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.train import train

SMALL = {kind: RepresentationConfig(kind, channels=6, layers=2, radial_functions=4, cutoff=4.5) for kind in ("invariant", "equivariant")}
SYSTEMS = [interface((1, 1, 3), height=1.0, seed=21), interface((2, 1, 2), height=2.6, water=True, seed=23)]


def config(place="node", kind="equivariant", **changes):
    return CpMlffConfig((1, 8, 79), place, **{"representation": SMALL[kind], "readout_hidden": 6, "state_width": 5, "head_hidden": 6, **changes})


@lru_cache(maxsize=None)
def sensitive(settings):
    """A model whose atoms see the electrons, as after a training, beside a stable capacitor."""
    model, draw = CpMlff(settings), torch.Generator().manual_seed(1)
    model.network.energy_scale.fill_(0.1)
    model.conditioning.spread.fill_({"charge": 0.3, "charge_per_area": 0.05}[settings.variable])
    if model.conditioning.weight is not None:
        weight = model.conditioning.weight.weight.data
        weight.copy_(0.3 * torch.randn(weight.shape, generator=draw, dtype=torch.float64))
    if model.head is not None:
        model.head.scale.fill_(0.02)
    return model.eval()


ROWS = [
    config(), config(variable="charge", kind="invariant"), config(fermi="derivative"),
    config("global"), config("global", "invariant", fermi="derivative", variable="charge"),
]  # fmt: skip


@pytest.mark.parametrize("settings", ROWS, ids=lambda c: f"{c.place}-{c.representation.kind}-{c.fermi}-{c.variable}")
class TestCpMlff(ModelContract):
    """Both places, with and without a head."""

    @pytest.fixture
    def case(self, settings):
        return Case(sensitive(settings), SYSTEMS, charge=0.01, potential=4.6)


def at(model, charge=0.05, systems=SYSTEMS):
    return evaluate(model, Structure.from_atoms(systems), Control(charge=charge))


def test_beside_the_element_the_electrons_are_the_template_of_the_embedding():
    """W [one-hot, x] = W_Z + x w, which is template b: the same weights give the same energy."""
    mine = sensitive(config(fermi="derivative"))
    other = Template(TemplateConfig((1, 8, 79), "b", "charge_per_area", capacitor=True, representation=SMALL["equivariant"], readout_hidden=6))
    other.load_state_dict(mine.state_dict())
    for name in ("canonical_energy", "forces", "potential"):
        assert (at(mine)[name] - at(other)[name]).abs().max() < 1e-12


def test_the_slope_of_the_energy_stands_beside_the_head():
    model = sensitive(config())
    step = 1e-4
    energy = lambda k: at(model, 0.05 + k * step)["canonical_energy"]
    slope = (energy(-2) - 8 * energy(-1) + 8 * energy(1) - energy(2)) / (12 * step)
    out = at(model)
    assert (out["potential_slope"] - slope).abs().max() < 1e-7
    assert (out["potential"] - out["potential_slope"]).abs().max() > 1e-3
    assert "potential_slope" not in at(sensitive(config(fermi="derivative"))) and "potential_head" not in out


def test_at_a_held_potential_the_head_says_how_much_charge():
    model, structure = sensitive(config("global")), Structure.from_atoms(SYSTEMS)
    out = evaluate(model, structure, Control(potential=4.7))
    head = model(structure, Control(charge=out["charge"]), {"positions": structure.positions})["potential_head"]
    assert (head - 4.7).abs().max() < 1e-8
    calc = ElectrodeCalculator(model, potential=4.7, reference="absolute")
    calc.calculate(SYSTEMS[0])
    assert calc.results["potential_slope"] == pytest.approx(float(out["potential_slope"][0]))


def test_the_state_carries_the_electrons_from_every_atom_to_every_atom():
    """Two atoms out of each other's reach: with a state of the whole cell one feels the other, beside the element it does not."""
    lone = interface((1, 1, 1), height=1.0)
    far = lone + lone[-1:]
    far.positions[-1] += [0.0, 0.0, 12.0]
    forces = {}
    for place in ("node", "global"):
        model = sensitive(config(place, fermi="derivative"))
        forces[place] = [at(model, systems=[a])["forces"][0] for a in (lone, far)]
    assert (forces["node"][0] - forces["node"][1]).abs().max() < 1e-12
    assert (forces["global"][0] - forces["global"][1]).abs().max() > 1e-6


def test_what_needs_one_scalar_is_refused():
    model = sensitive(config())
    for compose in (Grand, Sum):
        with pytest.raises(ValueError, match="head of its own"):
            compose(model)
    with pytest.raises(ValueError, match="Hold charges, or train it"):
        barriers(SYSTEMS[0], SYSTEMS[0], model, [4.5], reference="absolute")
    with pytest.raises(ValueError, match="CpMlffConfig.fermi: expected one of"):
        config(fermi="autograd")


SHORT = TrainConfig(max_minutes=5.0, epochs=8, batch_size=12, learning_rate=0.02, weight_decay=0.0, validate_every=4)
TINY = {"representation": {"kind": "invariant", "channels": 4, "radial_functions": 4}, "readout_hidden": 4, "state_width": 4, "head_hidden": 12}


@pytest.mark.parametrize("scheme", ["cp-mlff-node", "cp-mlff-global"])
def test_the_label_of_the_fermi_level_trains_the_head_and_the_gap_is_reported(scheme, tmp_path):
    model = train(scheme, *frames(), replace(SHORT, epochs=16), choices={**TINY, "capacitor": False}).model
    save_model(model, tmp_path / "m")
    assert scheme_of(load_model(tmp_path / "m")) == scheme
    found = frame_errors(model, frames()[1])
    spread = np.std([f.potential for f in frames()[1]])
    assert found["potential_rmse_V"] < spread < found["potential_head_gap_rmse_V"]  # the bare energy has learned no slope in a few passes


def test_frames_without_the_label_train_the_rest():
    training, validation = frames()
    bare = [replace(f, mu=None) if k % 2 else f for k, f in enumerate(training)]
    model = train("cp-mlff-node", bare, validation, replace(SHORT, epochs=1, validate_every=1), choices=TINY).model
    kept = torch.tensor([f.potential for f in bare if f.mu is not None], dtype=torch.float64)
    charge = torch.tensor([f.charge for f in bare if f.mu is not None], dtype=torch.float64)
    area = torch.tensor([f.geometry.cell.areas()[2] for f in bare if f.mu is not None], dtype=torch.float64)
    rest = kept - model.capacitor.potential(charge, area)
    assert float(model.head.scale) == pytest.approx(float(rest.std(unbiased=False).clamp(min=0.01)))


def test_the_gap_can_be_trained_and_a_committee_trains_as_its_members():
    closed = TrainConfig((Term("energy", 1.0, 0.002), Term("conjugate", 1.0, 0.01), Term("consistency", 1.0, 0.01)), epochs=1, batch_size=12, validate_every=1)
    alone = train("cp-mlff-node", *frames(), closed, choices={**TINY, "seed": 0})
    both = train("cp-mlff-node", *frames(), closed, choices=TINY, members=2).model
    assert isinstance(both, Committee) and both.conjugate == "head" and "validation_consistency" in alone.history[0]
    for a, b in zip(both.members()[0].state_dict().values(), alone.model.state_dict().values()):
        assert torch.allclose(a, b, rtol=1e-7, atol=1e-9)
    data = blocks(both, frames()[1])
    assert both.conjugate_std(data[0].structure, Control(**data[0].held)).min() > 0

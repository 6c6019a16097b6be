"""A scheme of a user's own, one file that is no part of the package: trained, kept, loaded and refused as the others are."""

import json

import pytest
import torch
from teacher import frames, interface

from electrode.cli import main
from electrode.data.files import write_frames
from electrode.models.schemes import find_scheme, scheme_of
from electrode.models.store import ModelFileError, load_model, save_model
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.train import train

FILE = '''
from dataclasses import dataclass
import torch
from electrode.models.base import Model, held_charge
from electrode.models.schemes import Scheme

@dataclass(frozen=True)
class CondenserConfig:
    elements: tuple[int, ...]
    spring: float = 0.1
    seed: int = 0

    @classmethod
    def for_elements(cls, elements):
        return cls(tuple(elements))

class Condenser(Model):
    """E = sum_i (e_Z + k z_i^2/2) + phi Q + exp(-c) Q^2/A, heights counted from their mean."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.level = torch.nn.Parameter(torch.tensor([4.4, 0.0], dtype=torch.float64))
        self.energies = torch.nn.Parameter(torch.zeros(119, dtype=torch.float64))

    def forward(self, structure, control, description):
        charge = held_charge(self, structure, control)
        height = (description["positions"] * structure.normal[structure.system]).sum(1)
        height = height - (structure.total(height) / structure.counts)[structure.system]
        energy = structure.total(self.energies[structure.numbers] + self.config.spring * height**2 / 2)
        return {"natural_energy": energy + self.level[0] * charge + torch.exp(-self.level[1]) * charge**2 / structure.area}

CONDENSER = Scheme(__name__, "Condenser", "CondenserConfig", "springs beside a plate capacitor", "charge", True, training={"learning_rate": 0.03})
NUMBER = 3
'''
NAME = "condenser_of_a_user:CONDENSER"
EPOCHS = {"epochs": 2, "validate_every": 1}


@pytest.fixture(autouse=True)
def user_module(tmp_path, monkeypatch):
    (tmp_path / "condenser_of_a_user.py").write_text(FILE)
    monkeypatch.syspath_prepend(tmp_path)


def trained(**changes):
    return train(NAME, *frames(), TrainConfig.for_scheme(NAME, **EPOCHS), **changes).model


class TestCondenser(ModelContract):
    @pytest.fixture
    def case(self):
        own = find_scheme(NAME)
        model = own.load()(own.config().for_elements((1, 8, 79)))
        model.symmetry = "E(2)"
        return Case(model, [interface((1, 1, 3), seed=1), interface((2, 1, 2), water=True, seed=2)], charge=0.02, potential=4.5)


def test_a_file_of_ones_own_is_a_scheme():
    assert find_scheme(NAME).title == "springs beside a plate capacitor" and TrainConfig.for_scheme(NAME).learning_rate == 0.03


@pytest.mark.parametrize("members", [1, 2])
def test_it_is_trained_kept_and_loaded(tmp_path, members):
    model = trained(members=members)
    save_model(model, tmp_path / "m")
    loaded = load_model(tmp_path / "m")
    assert members == 2 or scheme_of(loaded) == NAME
    structure = Structure.from_atoms(interface(seed=3))
    a, b = (evaluate(m, structure, Control(charge=0.1))["forces"] for m in (model, loaded))
    assert torch.equal(a, b) and a.abs().max() > 0


def test_training_goes_on_from_it():
    model = trained()
    again = train(NAME, *frames(), TrainConfig.for_scheme(NAME, **EPOCHS), start=model).model
    assert type(again) is type(model) and not torch.equal(again.level, model.level)


def test_the_command_line_takes_it(tmp_path, capsys):
    write_frames(tmp_path / "data.xyz", frames()[0])
    config = tmp_path / "c.yaml"
    config.write_text("train: {epochs: 1}\nmodel: {spring: 0.2}\n")
    words = ["train", str(tmp_path / "data.xyz"), "--scheme", NAME, "--config", str(config), "--output", str(tmp_path / "m")]
    assert main(words) == 0
    assert main(["info", str(tmp_path / "m")]) == 0 and "springs beside a plate capacitor" in capsys.readouterr().out
    assert load_model(tmp_path / "m").config.spring == 0.2


@pytest.mark.parametrize(
    "name, said",
    [
        ("condenser", "unknown scheme 'condenser'.*or MODULE:NAME"),
        ("no_such_module:X", "no_such_module.*expected MODULE:NAME"),
        ("condenser_of_a_user:X", "has no attribute 'X'.*expected MODULE:NAME"),
        ("condenser_of_a_user:NUMBER", "expected an electrode.models.schemes.Scheme, got int"),
    ],
)
def test_what_is_no_scheme_is_refused(name, said, tmp_path, capsys):
    with pytest.raises(ValueError, match=said):
        find_scheme(name)
    assert main(["train", str(tmp_path / "data.xyz"), "--scheme", name, "--output", str(tmp_path / "m")]) == 2


def test_a_model_whose_module_is_gone_says_so(tmp_path):
    save_model(trained(), tmp_path / "m")
    head = json.loads((tmp_path / "m" / "model.json").read_text())
    (tmp_path / "m" / "model.json").write_text(json.dumps(head | {"scheme": "gone:CONDENSER"}))
    with pytest.raises(ModelFileError, match="No module named 'gone'"):
        load_model(tmp_path / "m")

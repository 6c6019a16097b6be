"""Models on disk: exact, whole or absent, and refused with the reason when damaged."""

import json
import os
import pickle
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from teacher import interface, pupil

from electrode.models.base import Model, ModelCard
from electrode.models.baseline import Baseline, BaselineConfig
from electrode.models.store import ModelFileError, build_model, from_plain, load_model, save_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate


@pytest.fixture
def folder(tmp_path):
    save_model(pupil(), tmp_path / "M")
    return tmp_path / "M"


def edit(folder, **changes):
    head = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps({**head, **changes}))


def reweigh(folder, change):
    weights = load_file(folder / "weights.safetensors")
    change(weights)
    save_file(weights, folder / "weights.safetensors")


def test_every_weight_choice_and_word_of_the_card_comes_back(folder):
    loaded, model = load_model(folder), pupil()
    assert loaded.config == model.config and loaded.card == model.card and type(loaded) is type(model) and not loaded.training
    for name, value in model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[name]) and value.dtype == loaded.state_dict()[name].dtype
    structure = Structure.from_atoms(interface(seed=3))
    a, b = (evaluate(m, structure, Control(potential=5.0)) for m in (model, loaded))
    assert torch.equal(a["forces"], b["forces"])
    assert sorted(os.listdir(folder)) == ["model.json", "weights.safetensors"]


def test_choices_of_the_baseline_come_back(tmp_path):
    model = Baseline(BaselineConfig(double_layer_capacitance=31.5, offsets=((1, -3.25), (79, 0.1)), potential_shift=0.3))
    save_model(model, tmp_path / "b")
    assert load_model(tmp_path / "b").config == model.config


def test_a_model_is_itself_and_a_string_is_a_path(folder):
    model = pupil()
    assert load_model(model) is model
    assert load_model(str(folder)).config == model.config


def test_a_scheme_that_needs_no_training_loads_by_its_name():
    assert isinstance(load_model("baseline"), Baseline) and load_model("baseline").config == BaselineConfig()


@pytest.mark.parametrize("name, hint", [("baselin", "did you mean 'baseline'"), ("dual", "no model 'dual'.*baseline"), ("committee", "no model"), ("/none/such", "expected a folder with model.json")])
def test_no_such_model(name, hint):
    with pytest.raises(ModelFileError, match=hint):
        load_model(name)


def test_an_existing_folder_is_kept_without_force(folder):
    before = (folder / "model.json").read_text()
    with pytest.raises(FileExistsError, match="force=True"):
        save_model(Baseline(), folder)
    assert (folder / "model.json").read_text() == before
    save_model(Baseline(), folder, force=True)
    assert isinstance(load_model(folder), Baseline) and os.listdir(folder.parent) == ["M"]


def test_force_never_deletes_a_folder_that_holds_no_model(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("thesis", "file"):
        with pytest.raises(FileExistsError, match="no model.json"):
            save_model(Baseline(), tmp_path / name, force=True)
    assert (tmp_path / "thesis" / "chapter.txt").read_text() == "mine" and (tmp_path / "file").read_text() == "mine"


def test_a_failed_write_leaves_the_old_model_and_nothing_else(folder, monkeypatch):
    def full(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr("electrode.models.store.save_file", full)
    with pytest.raises(OSError, match="No space"):
        save_model(Baseline(), folder, force=True)
    assert load_model(folder).config == pupil().config and os.listdir(folder.parent) == ["M"]


def test_what_cannot_be_loaded_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="one of the schemes"):
        save_model(Model(), tmp_path / "m")
    model = load_model(pupil_copy(tmp_path))
    model.hardness.data[0] = torch.nan
    with pytest.raises(ValueError, match="hardness hold NaN"):
        save_model(model, tmp_path / "m")
    assert os.listdir(tmp_path) == ["copy"]


def pupil_copy(tmp_path):
    save_model(pupil(), tmp_path / "copy")
    return tmp_path / "copy"


@pytest.mark.parametrize("content", ["", "{", '{"format": 1', "[]", "null", "3"])
def test_damaged_json(folder, content):
    (folder / "model.json").write_text(content)
    with pytest.raises(ModelFileError, match="model.json"):
        load_model(folder)


def test_bytes_for_json_and_a_pickle_for_weights_run_no_code(folder, tmp_path):
    (folder / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelFileError, match="not readable as JSON"):
        load_model(folder)
    os.rename(folder / "model.json", folder / "old")
    with pytest.raises(ModelFileError, match="missing"):
        load_model(folder)
    bad = tmp_path / "P"
    save_model(pupil(), bad)
    (bad / "weights.safetensors").write_bytes(pickle.dumps({"a": Bomb(tmp_path / "ran")}))
    with pytest.raises(ModelFileError, match="expected a safetensors file"):
        load_model(bad)
    assert not (tmp_path / "ran").exists()


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


@pytest.mark.parametrize("change, message", [
    ({"format": 2}, "expected format 1, got 2"),
    ({"format": None}, "expected format 1, got None"),
    ({"scheme": "duel"}, "scheme 'duel'"),
    ({"config": {"cutof": 3.0}}, "no entry 'cutof'"),
    ({"config": {"symmetry_functions": {"elements": [1], "cutoff": -1.0}}}, "cutoff: expected a positive"),
    ({"config": {}}, "symmetry_functions"),
    ({"config": 3}, "model.json"),
    ({"card": {"elments": [1]}}, "did you mean 'elements'"),
    ({"card": []}, "model.json"),
])  # fmt: skip
def test_other_entries_of_the_head(folder, change, message):
    edit(folder, **change)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


def test_entries_that_are_missing(folder):
    head = json.loads((folder / "model.json").read_text())
    for name in ("scheme", "config", "card"):
        (folder / "model.json").write_text(json.dumps({k: v for k, v in head.items() if k != name}))
        with pytest.raises(ModelFileError, match="expected scheme, config and card"):
            load_model(folder)


@pytest.mark.parametrize("length", [0, 4, 100, -8])
def test_truncated_weights(folder, length):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(ModelFileError, match="damaged"):
        load_model(folder)


@pytest.mark.parametrize("change, message", [
    (lambda w: w.pop("hardness"), r"missing tensors \['hardness'\]"),
    (lambda w: w.update(extra=torch.zeros(2)), r"unexpected \['extra'\]"),
    (lambda w: w.update(hardness=torch.zeros(5, dtype=torch.float64)), r"hardness has shape \(5,\), expected \(3,\)"),
    (lambda w: w["hardness"].fill_(float("nan")), "hardness holds NaN"),
    (lambda w: w["feature_scale"].fill_(float("inf")), "feature_scale holds NaN or infinity"),
])  # fmt: skip
def test_weights_that_do_not_fit(folder, change, message):
    reweigh(folder, change)
    with pytest.raises(ModelFileError, match=message):
        load_model(folder)


def test_weights_that_are_missing(folder):
    (folder / "weights.safetensors").unlink()
    with pytest.raises(ModelFileError, match="missing or damaged"):
        load_model(folder)


def test_unknown_schemes_and_choices_name_the_nearest():
    with pytest.raises(ValueError, match="did you mean 'dual'"):
        build_model("duall", None)
    with pytest.raises(ValueError, match="did you mean 'cutoff'"):
        from_plain(BaselineConfig, {"cutof": 3.0})


def test_a_card_survives_with_its_tuples(tmp_path):
    model = Baseline()
    model.card = replace(model.card, surface_charge_range=(-0.01, 0.02), elements=(1, 79), potential_range=(3.0, 5.0), countercharge_gap=3.25)
    save_model(model, tmp_path / "m")
    assert load_model(tmp_path / "m").card == model.card and isinstance(model.card, ModelCard)


def test_single_precision_halves_the_size_and_keeps_the_numbers(tmp_path):
    model = pupil()
    save_model(model, tmp_path / "double")
    save_model(model, tmp_path / "single", single_precision=True)
    sizes = [(tmp_path / n / "weights.safetensors").stat().st_size for n in ("double", "single")]
    assert sizes[1] < 0.6 * sizes[0]
    for (name, a), b in zip(model.state_dict().items(), load_model(tmp_path / "single").state_dict().values()):
        assert a.dtype == b.dtype and torch.allclose(a, b, rtol=1e-6, atol=1e-30), name


def test_a_replacement_that_fails_leaves_the_old_model(tmp_path, monkeypatch):
    folder = tmp_path / "model"
    save_model(Baseline(), folder)
    real = os.replace

    def refuse(source, target):
        if str(target) == str(folder) and not str(source).endswith(".old"):
            raise OSError("the disk said no")
        return real(source, target)

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="the disk said no"):
        save_model(Baseline(), folder, force=True)
    assert isinstance(load_model(folder), Baseline) and [p.name for p in tmp_path.iterdir()] == ["model"]

"""`electrode train` and what its model knows."""

import csv
import json
import re
import signal

import ase.io
import pytest

from electrode.train.descent import Descent

SHE = ["--reference", "SHE"]


def train_small(call, tmp_path, *more):
    """Train two epochs of a very small model in T."""
    (tmp_path / "c.yaml").write_text("model: {hidden: [4]}\ntrain: {epochs: 2, learning_rate: 1e-3, validate_every: 1}\n")
    return call("train", "@data.xyz", "--scheme", "dual", "--output", "T", "--config", "c.yaml", "--seed", "3", *more)


def test_train_stores_model_split_and_errors(call, tmp_path):
    code, out, err = train_small(call, tmp_path, "--json", "e.json", "--max-minutes", "1")
    assert code == 0, err
    assert "train: 21 frames of 7 groups (trajectory)" in out and "energy_rmse_meV_per_atom" in out
    split = json.loads((tmp_path / "T" / "split.json").read_text())
    assert len(split["train"]) == 7 and sum(len(split[p]) for p in ("train", "validation", "test")) == 10
    errors = json.loads((tmp_path / "e.json").read_text())
    assert set(errors) == {"train", "validation", "test"} and errors == json.loads((tmp_path / "T" / "errors.json").read_text())
    assert len(json.loads((tmp_path / "T" / "history.json").read_text())) == 2
    head = json.loads((tmp_path / "T" / "model.json").read_text())
    assert head["config"]["hidden"] == [4] and head["config"]["seed"] == 3 and head["card"]["she_absolute"] == 4.5
    assert call("evaluate", "@data.xyz", "--model", "T", "--split", "T/split.json", "--part", "test", "--json", "t.json")[0] == 0
    again = json.loads((tmp_path / "t.json").read_text())
    assert again["force_rmse_meV_per_A"] == pytest.approx(errors["test"]["force_rmse_meV_per_A"], rel=1e-9)


def test_train_aligns_the_zeros_of_several_methods(call, tmp_path, shared):
    text = (shared / "data.xyz").read_text()
    lower = re.sub(r"REF_energy=(\S+)", lambda m: f"REF_energy={float(m[1]) - 7.5!r}", text.replace("method_id=baseline", "method_id=other"))
    (tmp_path / "two.xyz").write_text(text + lower)
    (tmp_path / "c.yaml").write_text("model: {hidden: [4]}\ntrain: {epochs: 1, validate_every: 1}\n")
    words = ("train", "two.xyz", "--scheme", "dual", "--output", "T", "--config", "c.yaml", "--seed", "3")
    code, _, err = call(*words, "--align-zeros", "basline")
    assert code == 2 and "did you mean 'baseline'" in err and not (tmp_path / "T").exists()
    code, out, err = call(*words, "--align-zeros", "baseline")
    assert code == 0 and re.search(r"other: zero of potential [+-]0.0000 V over baseline, energies fit to", out) and "not determined one by one: H, Au" in out, err
    zeros = json.loads((tmp_path / "T" / "model.json").read_text())["card"]["energy_zeros"]["methods"]
    assert sum(count * e for count, (_, e) in zip((1, 3), zeros[1]["elements"])) == pytest.approx(-7.5, abs=1e-6)
    assert "energy_zeros" in call("info", "T")[1]
    assert call("evaluate", "two.xyz", "--model", "T")[0] == 0


def test_train_takes_a_given_split_and_the_seed_repeats(call, tmp_path):
    train_small(call, tmp_path)
    first = json.loads((tmp_path / "T" / "errors.json").read_text())
    (tmp_path / "split.json").write_text((tmp_path / "T" / "split.json").read_text())
    code, _, err = train_small(call, tmp_path, "--split", "split.json", "--force")
    assert code == 0, err
    assert json.loads((tmp_path / "T" / "errors.json").read_text()) == first


def test_outside_of_what_the_model_knows(call, tmp_path, shared):
    train_small(call, tmp_path)
    atoms = ase.io.read(shared / "fcc.traj")
    atoms.symbols[-1] = "O"
    ase.io.write(tmp_path / "o.xyz", atoms)
    code, _, err = call("scan", "o.xyz", "--model", "T", "--potential", "0", *SHE)
    assert code == 2 and "8" in err and "not in the model" in err
    code, _, err = call("scan", "@fcc.traj", "--model", "T", "--potential", "3", *SHE, "--strict")
    assert code == 2 and "trained range" in err


def test_train_makes_a_committee(call, tmp_path):
    code, _, err = train_small(call, tmp_path, "--members", "2")
    assert code == 0, err
    code, out, _ = call("info", "T")
    assert code == 0 and "scheme: committee" in out and "size: 2" in out
    assert call("evaluate", "@data.xyz", "--model", "T")[0] == 0


def test_train_writes_its_course_and_draws_it(call, tmp_path):
    code, _, err = train_small(call, tmp_path, "--log-file", "l.csv", "--plot", "curves.png")
    assert code == 0, err
    with (tmp_path / "l.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [r["epoch"] for r in rows] == ["1", "2"] and all(float(r["validation_forces"]) > 0 and float(r["training_loss"]) > 0 for r in rows)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG") and not (tmp_path / "T.checkpoint").exists()
    code, _, err = call("train", "@data.xyz", "--scheme", "dual", "--output", "T2", "--config", "c.yaml", "--log-file", "l.csv")
    assert code == 2 and "l.csv exists" in err and not (tmp_path / "T2").exists()


def test_an_interrupted_training_goes_on(call, tmp_path, monkeypatch):
    train_small(call, tmp_path)
    whole = (tmp_path / "T" / "weights.safetensors").read_bytes()
    take = Descent._validate

    def interrupted(descent, *found):
        take(descent, *found)
        signal.raise_signal(signal.SIGTERM)

    words = ("train", "@data.xyz", "--scheme", "dual", "--output", "T2", "--config", "c.yaml", "--seed", "3")
    with monkeypatch.context() as patch:
        patch.setattr(Descent, "_validate", interrupted)
        code, _, err = call(*words)
    assert code == 130 and "--resume goes on" in err and not (tmp_path / "T2").exists()
    assert call(*words)[0] == 2  # neither begun again without a word
    code, _, err = call(*words[:-1], "4", "--resume")
    assert code == 2 and "train.seed: 3 then, 4 now" in err and "--allow-change" in err
    code, _, err = call(*words, "--resume")
    assert code == 0, err
    assert (tmp_path / "T2" / "weights.safetensors").read_bytes() == whole and not (tmp_path / "T2.checkpoint").exists()
    code, _, err = call(*words[:5], "T3", *words[6:], "--resume")
    assert code == 2 and "nothing to go on with" in err


def test_all_choices_of_training_stand_in_the_configuration(call, tmp_path):
    text = "train: {epochs: 2, schedule: {shape: plateau, patience: 1}, averaging: 0.9, bootstrap: true, polish: 10, patience: 5, validate_every: 1, terms: [{quantity: forces, weight: 1, scale: 0.1}]}"
    (tmp_path / "c.yaml").write_text(f"model: {{hidden: [4]}}\n{text}\n")
    words = ("train", "@data.xyz", "--scheme", "dual", "--output", "T", "--config", "c.yaml")
    code, _, err = call(*words)
    assert code == 0, err
    assert [("polish" in r) for r in json.loads((tmp_path / "T" / "history.json").read_text())] == [False, False, True]
    for mistake, word in (("schedule: {shpae: cosine}", "did you mean 'shape'"), ("averagin: 0.9", "did you mean 'averaging'"), ("terms: [{quantity: force}]", "did you mean 'forces'"), ("schedule: {shape: cosine, warm_up: 2}", "warm_up")):
        (tmp_path / "c.yaml").write_text(f"train: {{{mistake}}}\n")
        code, _, err = call(*words, "--force")
        assert code == 2 and word in err


def test_a_committee_is_evaluated_with_its_coverage(call, tmp_path):
    train_small(call, tmp_path, "--members", "2")
    code, out, _ = call("evaluate", "@data.xyz", "--model", "T", "--json", "e.json")
    found = json.loads((tmp_path / "e.json").read_text())
    assert code == 0 and "force_coverage_90" in out
    for name in ("energy", "force", "charge"):
        assert 0.0 <= found[f"{name}_coverage_50"] <= found[f"{name}_coverage_90"] <= 1.0
    assert call("info", "T")[1].count("calibration") == 1


def test_a_training_starts_from_a_model(call, tmp_path):
    train_small(call, tmp_path)
    words = ("train", "@data.xyz", "--output", "T2", "--scheme")
    (tmp_path / "e.yaml").write_text("train: {epochs: 1, learning_rate: 1.0e-9, validate_every: 1, weight_decay: 0}\n")
    code, out, err = call(*words, "dual", "--start", "T", "--config", "e.yaml", "--split", "T/split.json")
    assert code == 0, err
    before, after = (json.loads((tmp_path / name / "errors.json").read_text())["test"]["force_rmse_meV_per_A"] for name in ("T", "T2"))
    assert after == pytest.approx(before, rel=1e-4)
    code, _, err = call(*words, "taylor", "--start", "T", "--force")
    assert code == 2 and "expected a model of the scheme 'taylor', got T of 'dual'; give --scheme dual" in err
    code, _, err = call(*words, "dual", "--start", "T", "--config", "c.yaml", "--force")
    assert code == 2 and "brings its own choices of the model, got others: hidden" in err
    code, _, err = call(*words, "dual", "--start", "T", "--members", "2", "--force")
    assert code == 2 and "leave --members and --caution out" in err

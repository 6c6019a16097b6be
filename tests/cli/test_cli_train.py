"""`electrode train` and what its model knows."""

import json

import ase.io
import pytest

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

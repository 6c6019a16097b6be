"""`electrode train --scheme razor`, beside a neutral model."""

import json

from electrode.train.config import TrainConfig


def test_it_trains_beside_a_neutral_model_with_the_labels_of_the_born_charges(call, tmp_path):
    (tmp_path / "c.yaml").write_text("model: {landmarks: 10, capacitance: 18.0}\ntrain: {epochs: 2}\n")
    code, out, err = call("train", "@data.xyz", "--scheme", "razor", "--base", "emt", "--output", "T", "--config", "c.yaml", "--seed", "3")
    assert code == 0, err
    head = json.loads((tmp_path / "T" / "model.json").read_text())
    assert head["scheme"] == "razor" and head["config"]["base"]["calculator"] == "emt" and head["config"]["capacitance"] == 18.0
    history = json.loads((tmp_path / "T" / "history.json").read_text())
    assert {f"validation_{name}" for name in TrainConfig.for_scheme("razor").quantities} <= set(history[0])
    assert call("evaluate", "@data.xyz", "--model", "T")[0] == 0


def test_a_base_that_is_not_known_and_a_scheme_without_one_are_refused(call):
    for words, message in ((("razor", "--base", "emtt"), "did you mean 'emt'"), (("taylor", "--base", "emt"), "no entry 'base'")):
        code, _, err = call("train", "@data.xyz", "--scheme", *words, "--output", "T")
        assert code == 2 and message in err

"""`electrode split` writes what `electrode train` and `evaluate` read."""

import json
import re

import pytest


def test_a_split_by_trajectory(call, tmp_path):
    code, out, err = call("split", "@data.xyz", "--output", "s.json", "--seed", "3", "--json", "n.json")
    assert code == 0, err
    split = json.loads((tmp_path / "s.json").read_text())
    assert split["group"] == "trajectory" and "held_out" not in split and len(split["train"]) == 7
    assert json.loads((tmp_path / "n.json").read_text())["s.json"]["train"] == {"frames": 21, "groups": 7}
    assert "by trajectory" in out and re.search(r"train +21 +7", out)


def test_a_held_out_window_serves_evaluate(call, tmp_path):
    code, out, err = call("split", "@data.xyz", "--by", "charge", "--hold-out", "highest", "--fractions", "0.5", "0.2", "0.3", "--output", "s.json")
    assert code == 0, err
    assert "held out: charge 0.03 and above e" in out and re.search(r"test +10 +-", out)
    code, _, err = call("evaluate", "@data.xyz", "--model", "@M", "--split", "s.json", "--part", "test", "--json", "e.json")
    assert code == 0, err
    assert json.loads((tmp_path / "e.json").read_text())["n_frames"] == 10
    assert "same geometry" not in err


def test_folds_are_numbered_files(call, tmp_path):
    assert call("split", "@data.xyz", "--folds", "3", "--output", "s.json")[0] == 0
    tests = [json.loads((tmp_path / f"s-{k}.json").read_text())["test"] for k in range(3)]
    assert sorted(sum(tests, [])) == sorted(f"h{h:.2f}" for h in (0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25))
    code, _, err = call("split", "@data.xyz", "--folds", "3", "--output", "s.json")
    assert code == 2 and "s-0.json exists" in err
    assert call("split", "@data.xyz", "--by", "potential", "--folds", "3", "--output", "p.json")[0] == 0
    assert json.loads((tmp_path / "p-1.json").read_text())["held_out"]["by"] == "potential"


@pytest.mark.parametrize(
    "words, message",
    [
        (["--by", "potential"], "needs --hold-out LOW HIGH"),
        (["--by", "potential", "--hold-out", "low"], "expected LOW HIGH"),
        (["--by", "charge", "--hold-out", "1", "2"], "holds 0 of 30"),
        (["--by", "system", "--hold-out", "Au_O"], "did you mean 'Au_H'"),
        (["--by", "potentail"], "invalid choice"),
        (["--hold-out", "h0.80", "--folds", "3"], "exclude each other"),
        (["--folds", "1"], "at least 2"),
        (["--folds", "11"], "expected 3 to 10"),
        (["--fractions", "0.5", "0.1", "0.1"], "three shares"),
        (["--by", "composition"], "stays empty"),
    ],
)
def test_mistakes_leave_nothing(call, tmp_path, words, message):
    code, _, err = call("split", "@data.xyz", "--output", "s.json", *words)
    assert code == 2 and re.search(message, err), err
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("default:split")
def test_training_warns_of_a_leaking_split(call, tmp_path, shared):
    text = (shared / "data.xyz").read_text()
    (tmp_path / "twice.xyz").write_text(text + re.sub(r"trajectory=h(\S+)", r"trajectory=again\1", text))
    names = re.findall(r"trajectory=(\S+)", text)[::3]
    (tmp_path / "s.json").write_text(json.dumps({"train": names, "validation": [n.replace("h", "again") for n in names], "test": []}))
    (tmp_path / "c.yaml").write_text("model: {hidden: [4]}\ntrain: {epochs: 1, validate_every: 1}\n")
    code, _, err = call("train", "twice.xyz", "--scheme", "dual", "--output", "T", "--config", "c.yaml", "--split", "s.json")
    assert code == 0, err
    assert "nearly the same geometry in two parts: twice.xyz frame 0 (train) and twice.xyz frame 30 (validation)" in err

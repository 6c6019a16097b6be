"""The folder of a data set stands wherever a file of frames does."""

import json

from electrode.data.dataset_writer import write_dataset
from electrode.data.stream import stream_frames


def test_split_train_and_evaluate_read_a_folder(call, tmp_path, shared):
    write_dataset(tmp_path / "D", stream_frames(shared / "data.xyz"), check=False)
    assert call("split", "D", "--output", "s.json", "--seed", "3")[0] == 0
    (tmp_path / "c.yaml").write_text("model: {hidden: [4]}\ntrain: {epochs: 2, validate_every: 1}\n")
    for data, name in (("D", "T"), ("@data.xyz", "S")):
        code, _, err = call("train", data, "--scheme", "dual", "--output", name, "--config", "c.yaml", "--split", "s.json", "--seed", "3")
        assert code == 0, err
    errors = [json.loads((tmp_path / name / "errors.json").read_text()) for name in "TS"]
    assert errors[0] == errors[1]
    code, _, err = call("evaluate", "D", "--model", "T", "--split", "s.json", "--part", "test", "--json", "e.json")
    assert code == 0, err
    assert json.loads((tmp_path / "e.json").read_text())["n_frames"] == errors[0]["test"]["n_frames"]


def test_a_folder_stands_alone(call, tmp_path, shared):
    write_dataset(tmp_path / "D", stream_frames(shared / "data.xyz"), check=False)
    for words in (["D", "@data.xyz"], ["D", "--assume", "mu_zero=electrolyte"]):
        code, _, err = call("evaluate", *words, "--model", "@M")
        assert code == 2 and "stands alone" in err
    (tmp_path / "empty").mkdir()
    code, _, err = call("evaluate", "empty", "--model", "@M")
    assert code == 2 and "no known format fits" in err and "--format" in err

"""The command line refuses: one message, exit code 2, nothing written."""

import json
import re

import pytest

SHE = ["--reference", "SHE"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["scna", "@fcc.traj"], "unknown verb 'scna': expected one of .*did you mean 'scan'"),
        (["scan", "@fcc.traj", "--model", "@M", "--potental", "0"], "no option '--potental' .did you mean '--potential'"),
        (["scan", "@fcc.traj", "--potential", "0", *SHE], "required: --model"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "low", *SHE], "invalid float value: 'low'"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "nan", *SHE], "NaN"),
        (["info", "@M", "more"], "did not expect 'more'"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "0"], "needs its scale: expected --reference SHE, RHE"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "0", "--reference", "RHE"], "'RHE' needs ph"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "0", "--reference", "PZC"], "'PZC' needs pzc"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "0", "--reference", "SCE"], "unknown potential scale"),
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "0", "--ph", "3", *SHE], "does not use ph"),
        (["neb", "@fcc.traj", "@hcp.traj", "--model", "@M", "--potential", "0"], "needs its scale"),
        (["neb", "@fcc.traj", "none.traj", "--model", "@M", "--potential", "0", *SHE], "none.traj: no such file"),
        (["scan", "@fcc.traj", "--model", "none", "--potential", "0", *SHE], "no model 'none'"),
        (["scan", "@data.xyz", "--model", "@M", "--potential", "0", "--plot", "a.jpg", *SHE], "ends in .png"),
        (["relax", "@fcc.traj", "--model", "@M", "--output", "a.traj"], "exactly one of --potential"),
        (["relax", "@fcc.traj", "--model", "@M", "--output", "a.traj", "--charge", "0", "--potential", "0", *SHE], "exactly one"),
        (["relax", "@fcc.traj", "--model", "@M", "--output", "no/a.traj", "--charge", "0"], "no: no such folder"),
        (["relax", "@fcc.traj", "--model", "@M", "--output", "a.nosuch", "--charge", "0"], "a.nosuch: expected a name that ends in .traj"),
        (["neb", "@fcc.traj", "@hcp.traj", "--model", "@M", "--potential", "0", "--path", "POSCAR", *SHE], "POSCAR: expected a format that holds several structures"),
        (["sample", "@fcc.traj", "--model", "@M", "--charge", "0", "--ensemble", "held-charge", "--quantised", "99"], "expected atoms from 0 to"),
        (["serve", "@fcc.traj", "--model", "@M", "--charge", "0", "--port", "99999999"], "no server at localhost:99999999"),
        (["evaluate", "none.xyz", "--model", "@M"], "none.xyz: no such file"),
        (["evaluate", "@data.xyz", "--model", "@M", "--part", "test"], "--split and --part"),
        (["evaluate", "@data.xyz", "--model", "@M", "--assume", "mu_zero"], "expected KEY=VALUE"),
        (["train", "@data.xyz", "--scheme", "dul", "--output", "T"], "unknown scheme 'dul'.*did you mean 'dual'"),
        (["train", "@data.xyz", "--scheme", "baseline", "--output", "T"], "nothing to train"),
        (["train", "@data.xyz", "--scheme", "dual", "--output", "T", "--members", "0"], "at least one member"),
        (["train", "@data.xyz", "--scheme", "dual", "--output", "T", "--split", "no.json"], "no.json: no such file"),
        (["train", "@data.xyz", "--scheme", "dual", "--output", "T", "--config", "no.yaml"], "no.yaml: no such file"),
    ],
)
def test_mistakes_are_one_message_and_leave_nothing(call, tmp_path, words, message):
    code, _, err = call(*words)
    assert code == 2 and re.search(message, err), err
    assert err.startswith("electrode: ") and "Traceback" not in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text, message",
    [
        ("train: {epoch: 3}", "no entry 'epoch': .*did you mean 'epochs'"),
        ("model: {hiden: [4]}", "no entry 'hiden': .*did you mean 'hidden'"),
        ("trian: {epochs: 3}", "unknown section 'trian'.*did you mean 'train'"),
        ("train: 3", "expected entries in the section 'train'"),
        ("train: {epochs: many}", "wrong type"),
        ("model: {hidden: 4}", "wrong type"),
        ("train: {learning_rate: -1e-3}", "expected a positive number, got -0.001"),
        ("train: {terms: [{quantity: enrgy}]}", "expected a quantity"),
        ("[1, 2]", "expected the sections"),
        ("a: [", "not readable as YAML"),
    ],
)
def test_configurations_are_checked(call, tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    code, _, err = call("train", "@data.xyz", "--scheme", "dual", "--output", "T", "--config", "c.yaml")
    assert code == 2 and re.search(message, err), err
    assert not (tmp_path / "T").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["neb", "@fcc.traj", "@hcp.traj", "--model", "@M", "--potential", "0", *SHE, "--json", "out"],
        ["neb", "none", "none", "--model", "@M", "--potential", "0", *SHE, "--path", "out"],
        ["scan", "none", "--model", "@M", "--potential", "0", *SHE, "--json", "out"],
        ["relax", "none", "--model", "@M", "--charge", "0", "--output", "out"],
        ["evaluate", "none", "--model", "@M", "--json", "out"],
        ["train", "none", "--scheme", "dual", "--output", "out"],
        ["schemes", "--json", "out"],
        ["info", "none", "--json", "out"],
    ],
)
def test_existing_outputs_are_refused_before_any_work(call, tmp_path, words):
    (tmp_path / "out").write_text("mine")
    code, out, err = call(*words)
    assert code == 2 and "out exists" in err and out == ""
    assert (tmp_path / "out").read_text() == "mine"


def test_force_replaces_files_but_only_models_as_folders(call, tmp_path):
    (tmp_path / "out").write_text("mine")
    assert call("schemes", "--json", "out", "--force")[0] == 0
    assert {row["name"] for row in json.loads((tmp_path / "out").read_text())} >= {"baseline", "dual"}
    (tmp_path / "mine").mkdir()
    code, _, err = call("train", "@data.xyz", "--scheme", "dual", "--output", "mine", "--force")
    assert code == 2 and "is not a model" in err and (tmp_path / "mine").is_dir()


def test_files_that_hold_no_structure(call, tmp_path):
    for name, text, message in (("a.xyz", "no atoms here\n", "no structure could be read"), ("b.unknown", "x", "no structure could be read")):
        (tmp_path / name).write_text(text)
        code, _, err = call("scan", name, "--model", "@M", "--potential", "0", *SHE)
        assert code == 2 and message in err


def test_a_periodic_cell_without_volume(call, tmp_path):
    (tmp_path / "a.xyz").write_text('1\npbc="T T F"\nAu 0 0 0\n')
    code, _, err = call("scan", "a.xyz", "--model", "@M", "--potential", "0", *SHE)
    assert code == 2 and "span no volume" in err


def test_a_calculator_whose_file_fails(call, tmp_path):
    (tmp_path / "mine.py").write_text("def calculator():\n    return {}['VASP_COMMAND']\n")
    code, _, err = call("learn", "@fcc.traj", "@hcp.traj", "--calculator", "mine.py", "--output", "search")
    assert code == 2 and "mine.py: its factory raised KeyError: 'VASP_COMMAND'; expected a function without arguments" in err and not (tmp_path / "search").exists()


def test_a_search_into_a_file(call, tmp_path):
    (tmp_path / "mine").write_text("kept")
    code, _, err = call("learn", "@fcc.traj", "@hcp.traj", "--calculator", "emt", "--output", "mine")
    assert code == 2 and "mine is a file; expected the folder of a search" in err and (tmp_path / "mine").read_text() == "kept"


def test_strata_of_an_entry_that_no_frame_has(call):
    code, _, err = call("split", "@data.xyz", "--output", "s.json", "--stratify-by", "nosuch")
    assert code == 2 and "--stratify-by nosuch: expected an entry of the frames' info" in err


def test_two_outputs_of_one_name(call):
    code, _, err = call("scan", "@fcc.traj", "--model", "@M", "--potential", "0", *SHE, "--json", "a.png", "--plot", "./a.png")
    assert code == 2 and "two outputs have one name" in err


def test_an_interrupt_is_no_traceback(call, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("electrode.models.store.load_model", stop)
    assert call("info", "@M") == (130, "", "electrode: stopped\n")

"""`electrode plot`: a figure of a stored result is the figure that the command itself draws."""

import json

import pytest

SHE = ["--reference", "SHE"]
ROW = {"potential_V": 0.0, "reference": "SHE at 4.44 V absolute", "barrier_eV": 0.4, "profile_eV": [0.0, 0.4, 0.1], "charge_e": [0.1, -0.3, -0.4],
       "reaction_energy_eV": 0.1, "converged": True}  # fmt: skip
CURVE = {"potential_V": [-0.1, 0.1], "barrier_eV": [0.36, 0.44], "error_eV": [0.01, 0.01]}
SADDLE = {"profile_eV": [0.0, 0.3, 0.1], "std_eV": [0.0, 0.02, 0.0], "barrier_eV": 0.29, "calls": 4, "converged": True}
EPOCHS = [{"epoch": k, "training_loss": 1.0 / k, "validation_loss": 2.0 / k, "validation_forces": 0.1 / k} for k in (1, 2, 3)]


@pytest.mark.parametrize(
    "words, kind",
    [
        (["scan", "@fcc.traj", "--model", "@M", "--potential", "-0.5", "0", "0.3", *SHE], "a scan (electrode scan)"),
        (["capacitance", "--concentration", "0.1", "0.01", "--points", "5"], "curves of a double layer"),
        (["charges", "@fcc.traj", "--charge", "0.02"], "charges (electrode charges)"),
        (["charges", "@fcc.traj", "--potential", "0.1", *SHE], "charges (electrode charges)"),
    ],
)
def test_a_stored_result_gives_the_figure_of_the_command(call, tmp_path, words, kind):
    assert call(*words, "--json", "r.json", "--plot", "own.png")[0] == 0
    code, out, err = call("plot", "r.json", "--output", "again.png")
    assert code == 0 and f"again.png: {kind}" in out, err
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "own.png").read_bytes()


def test_errors_in_windows_of_the_potential(call, tmp_path):
    assert call("evaluate", "@data.xyz", "--model", "@M", "--window", "0.2", "--json", "e.json")[0] == 0
    errors = json.loads((tmp_path / "e.json").read_text())
    assert call("plot", "e.json", "--output", "e.svg")[0] == 0
    text = (tmp_path / "e.svg").read_text()
    assert "<!-- rms error of potential / V" in text and all(f"<!-- {w['n_frames']} -->" in text for w in errors["windows"])
    (tmp_path / "parts.json").write_text(json.dumps({"train": errors, "validation": errors}))
    assert call("plot", "parts.json", "--output", "p.svg")[0] == 0 and "<!-- train, in a window" in (tmp_path / "p.svg").read_text()


@pytest.mark.parametrize(
    "content, words",
    [([ROW], "barriers (electrode neb)"), (SADDLE, "a saddle (electrode learn)"), (SADDLE | {"barrier_eV": None}, "a saddle"), (EPOCHS, "the course of a training")],
)
def test_other_results(call, tmp_path, content, words):
    (tmp_path / "r.json").write_text(json.dumps(content))
    code, out, _ = call("plot", "r.json", "--output", "f.png")
    assert code == 0 and words in out and (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")


def test_the_barrier_of_a_search_is_the_calculators(call, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps(SADDLE))
    assert call("plot", "r.json", "--output", "f.svg")[0] == 0
    assert "<!-- barrier, 0.290 eV -->" in (tmp_path / "f.svg").read_text()


def test_a_log_of_lines(call, tmp_path):
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, EPOCHS)))
    assert call("plot", "log.jsonl", "--output", "f.pdf")[0] == 0 and (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF")


def test_a_curve_belongs_to_barriers(call, tmp_path):
    for name, content in (("b", [ROW]), ("c", CURVE), ("s", SADDLE)):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    assert call("plot", "b.json", "--curve", "c.json", "--output", "f.svg")[0] == 0
    assert "between, from curvatures" in (tmp_path / "f.svg").read_text()
    for words in (("s.json", "--curve", "c.json"), ("b.json", "--curve", "s.json")):
        code, _, err = call("plot", *words, "--output", "g.svg")
        assert code == 2 and "expected what `electrode neb --curve` writes" in err and not (tmp_path / "g.svg").exists()


@pytest.mark.parametrize("text, words", [("{", "expected JSON"), ("[]", "nothing to draw"), ('{"mode": "extended", "step": 5}', "Got a result with mode, step"), ("[3]", "nothing with keys")])
def test_what_cannot_be_drawn_is_said(call, tmp_path, text, words):
    (tmp_path / "r.json").write_text(text)
    code, _, err = call("plot", "r.json", "--output", "f.png")
    assert code == 2 and words in err and not (tmp_path / "f.png").exists()


def test_mistakes(call, tmp_path):
    (tmp_path / "b.json").write_text(json.dumps([ROW]))
    (tmp_path / "f.png").write_text("mine")
    for words, message in (
        (("none.json", "--output", "g.png"), "no such file"),
        (("b.json", "--output", "g.jpg"), "ends in .png, .svg, .pdf"),
        (("b.json", "--output", "f.png"), "exists"),
        (("b.json",), "--output"),
    ):
        code, _, err = call("plot", *words)
        assert code == 2 and message in err
    (tmp_path / "b.json").write_text(json.dumps([ROW | {"profile_eV": None}]))
    code, _, err = call("plot", "b.json", "--output", "g.png")
    assert code == 2 and "not as a command writes it" in err and not (tmp_path / "g.png").exists()
    assert (tmp_path / "f.png").read_text() == "mine"

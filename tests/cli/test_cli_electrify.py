"""`electrode electrify` and what its model does under the other verbs."""

import json

import pytest

SHE = ["--reference", "SHE"]


def electrify(call, *more):
    """Electrify EMT with a part of the shared frames, in M."""
    return call("electrify", "emt", "--data", "@data.xyz", "--output", "M", *more)


def test_it_prints_and_writes_what_was_fitted_and_the_errors(call, tmp_path):
    code, out, err = electrify(call, "--frames", "12", "--seed", "1", "--correct-neutral", "--json", "e.json", "--validation", "@data.xyz")
    assert code == 0, err
    assert "fitted to 12 frames of 6 trajectories, neutral energy corrected" in out and "held out" in out and "left out" in out and "6 trajectories are few" in out
    content = json.loads((tmp_path / "e.json").read_text())
    assert content == json.loads((tmp_path / "M" / "electrify.json").read_text())
    assert content["fit"]["base"]["calculator"] == "emt" and content["fit"]["n_frames"] == 12
    assert content["errors"]["held out"]["n_frames"] == 12 and len(content["errors"]) == 3
    assert content["errors"]["held out"]["potential_rmse_V"] < 0.1
    code, out, _ = call("info", "M")
    assert code == 0 and "scheme: electrified" in out and "calculator: emt" in out and "package: ase" in out


def test_a_split_names_what_is_held_out_and_the_seed_repeats(call, tmp_path):
    names = [f"h{0.8 + 0.05 * k:.2f}" for k in range(10)]
    (tmp_path / "split.json").write_text(json.dumps({"train": names[:6], "validation": names[6:8], "test": names[8:]}))
    errors = []
    for _ in range(2):
        code, _, err = electrify(call, "--split", "split.json", "--frames", "8", "--json", "e.json", "--force")
        assert code == 0, err
        errors.append(json.loads((tmp_path / "e.json").read_text())["errors"])
    assert errors[0] == errors[1] and {k: v["n_frames"] for k, v in errors[0].items()} == {"used": 8, "held out": 6, "validation": 6, "test": 6}


def test_its_model_works_under_the_other_verbs(call, tmp_path):
    assert electrify(call, "--correct-neutral")[0] == 0
    assert call("evaluate", "@data.xyz", "--model", "M")[0] == 0
    assert call("scan", "@fcc.traj", "--model", "M", "--potential", "0.3", "0.5", *SHE, "--json", "s.json")[0] == 0
    assert call("relax", "@fcc.traj", "--model", "M", "--charge", "0.01", "--output", "r.traj")[0] == 0
    code, _, err = call("neb", "@fcc.traj", "@hcp.traj", "--model", "M", "--potential", "0.4", *SHE, "--images", "3", "--max-steps", "5", "--json", "b.json")
    assert code in (0, 1), err
    assert json.loads((tmp_path / "b.json").read_text())[0]["model_calls"] > 0


@pytest.mark.parametrize(
    "words, hint",
    [
        (["electrify", "chgnett", "--data", "@data.xyz", "--output", "M"], "did you mean 'chgnet'"),
        (["electrify", "no_such:factory", "--data", "@data.xyz", "--output", "M"], "pip install no_such"),
        (["electrify", "emt", "--output", "M"], "--data"),
        (["electrify", "emt", "--data", "@data.xyz", "--output", "M", "--frames", "99"], "expected 1 to 30 frames"),
        (["electrify", "emt", "--data", "none.xyz", "--output", "M"], "no such file"),
    ],
)
def test_mistakes(call, tmp_path, words, hint):
    code, _, err = call(*words)
    assert code == 2 and hint in err and not (tmp_path / "M").exists()


def test_what_exists_is_kept(call, tmp_path):
    (tmp_path / "M").mkdir()
    code, _, err = electrify(call)
    assert code == 2 and "M" in err
    code, _, err = electrify(call, "--force")
    assert code == 2 and "is not a model" in err and (tmp_path / "M").is_dir()

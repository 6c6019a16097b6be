"""`electrode committee`: models trained apart are the committee that they would have been, and what is no committee is refused."""

import json

import ase.io
import numpy as np
import pytest

from electrode.models.store import load_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate


@pytest.fixture
def members(call, tmp_path):
    """Folders A and B of models that were trained apart on one split."""
    assert call("split", "@data.xyz", "--output", "split.json")[0] == 0
    for name, seed in (("A", "1"), ("B", "2")):
        assert call("train", "@data.xyz", "--scheme", "template-b", "--output", name, "--split", "split.json", "--seed", seed, "--max-minutes", "0.02")[0] == 0
    return tmp_path


def test_the_committee_is_the_mean_of_its_members(members, call, shared):
    code, out, err = call("committee", "@data.xyz", "--models", "A", "B", "--split", "split.json", "--output", "M", "--json", "errors.json")
    assert code == 0, err
    assert "validation" in out and set(json.loads((members / "errors.json").read_text())) == {"train", "validation", "test"}
    frames = Structure.from_atoms(ase.io.read(shared / "data.xyz", ":3"))
    energies = [evaluate(load_model(members / name), frames, Control(potential=4.5))["natural_energy"].numpy() for name in "ABM"]
    assert np.abs(energies[0] - energies[1]).max() > 1e-6
    np.testing.assert_allclose(energies[2], 0.5 * (energies[0] + energies[1]), atol=1e-9)
    assert load_model(members / "M").card.calibration is not None
    assert call("evaluate", "@data.xyz", "--model", "M")[0] == 0


def test_what_is_no_committee(members, call):
    before = sorted(p.name for p in members.iterdir())
    for words, message in (
        (["--models", "A", "--output", "M"], "at least two members"),
        (["--models", "A", "A", "--output", "M"], "the same weights"),
        (["--models", "A", "@M", "--output", "M"], "expected a trained model"),
        (["--models", "A", "B", "--output", "A", "--force"], "is one of --models"),
        (["--models", "A", "B", "--output", "split.json", "--force"], "is not a model"),
        (["--models", "A", "B", "--output", "M", "--split", "none.json"], "none.json: no such file"),
    ):
        code, _, err = call("committee", "@data.xyz", *words)
        assert code == 2 and message in err
        assert sorted(p.name for p in members.iterdir()) == before

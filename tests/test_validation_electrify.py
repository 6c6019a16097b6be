"""The Volmer barriers of electrified models: the script runs with a base that is here, and skips one that is not."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation import electrify  # noqa: E402
from validation.volmer import PATHS  # noqa: E402


def test_barriers_are_highest_over_first_and_the_dft_ones_rise_with_potential():
    _, unseen, paths = electrify.data()
    assert {f.info["config_type"] for f in unseen} == {"volmer_rattle", "volmer_fcc_rattle"}
    found = electrify.barriers(lambda images, u: np.array([0.1, u - 3.0, 0.0]), paths[PATHS[0]])
    assert found == pytest.approx([0.34, 0.84, 1.34]) and electrify.slope(found) == pytest.approx(1.0)


def test_it_runs_and_skips(tmp_path, capsys):
    words = ["--base", "emt", "no_such:factory", "--frames", "4", "--seeds", "1", "--json", str(tmp_path / "e.json"), "--plot", str(tmp_path / "e.png")]
    assert electrify.main(words) == 0
    out = capsys.readouterr().out
    assert "emt         alone" in out and "no_such:factory: SKIPPED" in out
    content = json.loads((tmp_path / "e.json").read_text())
    assert [r["corrected"] for r in content["rows"]] == [False, True] and content["rows"][0]["seeds"][0]["energy_rmse_meV_per_atom"] > 0
    assert content["dft_barriers_eV"][PATHS[1]][0] == pytest.approx(0.39, abs=0.01)
    assert (tmp_path / "e.png").stat().st_size > 1000

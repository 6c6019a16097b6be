"""The comparison with silver: recovers the constants of made-up data, draws, and says when it has no data."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation import silver  # noqa: E402


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    return tmp_path


def test_recovers_constants_and_draws(folder, capsys):
    potentials = np.linspace(-0.6, 0.6, 13)
    rows = [np.stack([np.full(13, c), potentials, silver.thickening(c, potentials, (110.0, 5.0, 20.0))], axis=1) for c in (0.1, 0.01)]
    (folder / "valette_ag111_naf").mkdir()
    np.savetxt(folder / silver._FILE, np.concatenate(rows), delimiter=",", header="c,E,C", comments="")
    assert silver.main(["--plot", str(folder / "silver.png")]) == 0
    out = capsys.readouterr().out
    assert "C0 uF/cm2 110.00, sigma- uC/cm2 5.00, sigma+ uC/cm2 20.00" in out and "Gouy-Chapman-Stern" in out
    assert (folder / "silver.png").stat().st_size > 1000


def test_without_thickening_the_layer_is_stern(folder):
    potentials = np.linspace(-0.5, 0.5, 5)
    assert silver.thickening(0.1, potentials, (60.0, 1e6, 1e6)) == pytest.approx(silver.stern(0.1, potentials, (60.0,)), rel=1e-9)


def test_says_what_it_skips(folder, capsys):
    assert silver.main([]) == 0 and "SKIPPED, no file" in capsys.readouterr().out

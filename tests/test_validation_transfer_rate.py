"""The transfer rate's windows: files of their own, gone on with, counted as missing until they say enough."""

import json

import numpy as np

from validation.transfer_rate import main

WORDS = ["--windows", "4", "--beads", "1", "--potentials", "-0.3"]


def slopes(folder):
    return [json.loads(path.read_text())["slope"] for path in sorted(folder.glob("*.json"))]


def test_windows_go_on_where_they_stood(tmp_path, capsys):
    assert main([*WORDS, "--moves", "1", "--output", str(tmp_path / "w")]) == 1 and "not complete" in capsys.readouterr().out
    first = slopes(tmp_path / "w")
    assert main([*WORDS, "--moves", "3", "--output", str(tmp_path / "w")]) == 1
    assert main([*WORDS, "--moves", "3", "--output", str(tmp_path / "whole")]) == 1
    assert [s[:1] for s in slopes(tmp_path / "w")] == first and slopes(tmp_path / "w") == slopes(tmp_path / "whole")


def test_finished_windows_give_rates(tmp_path, capsys):
    """From slopes of a cosine barrier written by hand: its height, and k_H / k_D = sqrt(m_D / m_H)."""
    folder, length, rng = tmp_path / "w", 1.698312887, np.random.default_rng(0)
    folder.mkdir()
    for place in np.linspace(-0.25, 0.75 * length, 4):
        slope = 0.1 * np.pi / length * np.sin(2 * np.pi * place / length) + 0.01 * rng.normal(size=60)
        row = {"slope": slope.tolist(), "charge": [0.0] * 60, "kinetic": [0.0388] * 60, "cpu_s": 1.0, "stopped": None, "accepted": {}}
        (folder / f"-0.30V-H-1-{place:+.3f}A.json").write_text(json.dumps(row))
    assert main([*WORDS, "--moves", "60", "--output", str(folder), "--json", str(tmp_path / "r.json")]) == 0
    found = json.loads((tmp_path / "r.json").read_text())
    light, heavy = found["rates"]
    assert abs(light["barrier_eV"] - 0.1) < 0.03 and light["barrier_eV"] == heavy["barrier_eV"] and 1e10 < light["rate_per_s"] < 1e12
    assert abs(found["isotope_effects"][0]["isotope_effect"] - np.sqrt(2.014 / 1.008)) < 1e-9
    assert "k_H/k_D at -0.30 V, 1 beads: 1.41" in capsys.readouterr().out

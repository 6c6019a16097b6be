"""Pre-training: how neutral frames are divided, which weights each way freezes, and what it says without data."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ase import Atoms

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.models.correction import Correction, CorrectionConfig  # noqa: E402
from validation import pretraining  # noqa: E402


def test_every_composition_is_in_every_part_and_none_stands_beside_another():
    frames = [SimpleNamespace(geometry=Atoms(f"H{n}"), number=k, trajectory=None) for n in (2, 3) for k in range(20)]
    found = pretraining.parts(frames)
    assert sum(map(len, found.values())) == 40
    for n in (2, 3):
        of = {part: [f.number for f in some if len(f.geometry) == n] for part, some in found.items()}
        assert of == {"train": list(range(15)), "validation": [15, 16], "test": [17, 18, 19]}


@pytest.mark.parametrize("way, left", [("warm", "network"), ("embedding", "interaction"), ("interactions", "network.readout"), ("head", "correction")])
def test_each_way_freezes_what_it_says(way, left):
    names = [name for name, _ in Correction(CorrectionConfig((1, 79))).named_parameters()]
    moving = [n for n in names if not any(re.search(rule.weights, n) for rule in pretraining.FROZEN[way])]
    assert any(left in n for n in moving) and any("correction" in n for n in moving)
    assert any("network" in n for n in moving) == (way != "head") and any("embedding" in n for n in moving) == (way == "warm")


def test_says_what_it_skips(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert pretraining.main(["--results", str(tmp_path / "r")]) == 0 and "SKIPPED, no file" in capsys.readouterr().out

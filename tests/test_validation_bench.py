"""The benchmark of calculators: its structures, what it says without peers, and its empty model; times are never tested."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation import bench, memory  # noqa: E402
from validation._wet_gold import BOXES, wet_gold  # noqa: E402


@pytest.mark.parametrize("size", [21, 52, 199])
def test_structures_have_their_size_and_keep_apart(size):
    atoms = wet_gold(size)
    near = atoms.get_all_distances(mic=True) + 9.0 * np.eye(size)
    assert len(atoms) == size and near.min() > 0.8 and atoms.pbc.tolist() == [True, True, False]
    assert set(BOXES) == set(bench.TARGETS["Allegro"]) == set(bench.TARGETS["MACE"])


def test_ratios_and_verdicts(capsys, monkeypatch):
    monkeypatch.setattr(bench, "models", lambda: {"dual": bench.Nothing()})
    monkeypatch.setattr(bench, "load_model", lambda name: type("Committee", (), {"members": lambda self: [bench.Nothing()]})())
    monkeypatch.setattr(bench, "milliseconds", lambda atoms, calculator, repeats: 2.0)
    found = [{"peer": "Allegro", "atoms": 21, "ms": 9.0}, {"peer": "MACE", "atoms": 21, "ms": 9.0}, {"peer": "NequIP", "why": "not here"}]
    monkeypatch.setattr(bench, "peers", lambda python, sizes: found)
    assert bench.main(["--only", "calls", "--sizes", "21", "--peers-python", "python"]) == 0
    text = capsys.readouterr().out
    assert "4.50     4.0 met" in text and "4.50    10.0 not met" in text and "NequIP                     left out: not here" in text


def test_the_empty_model_gives_nothing():
    atoms = wet_gold(21)
    atoms.calc = bench.calculator(bench.Nothing(), "potential")
    assert atoms.get_potential_energy() == 0.0 and not atoms.get_forces().any()


def test_an_interpreter_without_peers_names_them(tmp_path):
    atoms = wet_gold(21)
    np.savez(tmp_path / "structures.npz", number=1, numbers0=atoms.numbers, positions0=atoms.positions, cell0=atoms.cell.array, pbc0=atoms.pbc)
    blocked = "import sys; sys.modules.update(dict.fromkeys(('allegro', 'nequip', 'mace', 'schnetpack', 'deepmd', 'torch'))); sys.argv = sys.argv[1:]; import runpy; runpy.run_path(sys.argv[0], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", blocked, str(bench.PEER), str(tmp_path / "structures.npz"), "2"], capture_output=True, text=True, check=True)
    assert [json.loads(line)["peer"] for line in done.stdout.splitlines()] == ["Allegro", "NequIP", "MACE", "PaiNN", "DeePMD"]
    assert all("why" in json.loads(line) for line in done.stdout.splitlines())


def test_memory_is_judged_by_its_bound(monkeypatch, capsys):
    said = {"stdout": json.dumps({"atoms": 1000, "megabytes": 10.0, "seconds": 0.1}), "stderr": "", "returncode": 0}
    monkeypatch.setattr(memory.subprocess, "run", lambda *args, **kwargs: type("Done", (), said)())
    assert memory.main(["--classical", "1000", "--learned"]) == 0
    assert "10.2" in capsys.readouterr().out
    monkeypatch.setitem(memory.BOUND, "classical", 10.0)
    assert memory.main(["--classical", "1000", "--learned"]) == 1 and "not held" in capsys.readouterr().out

"""The comparison of LAMMPS in several processes says what is missing, keeps the rows that are there, and can fail."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from validation import lammps_ranks


@pytest.fixture
def started(monkeypatch):
    """Commands that a run would have started; nothing is."""
    commands = []
    monkeypatch.setattr(lammps_ranks, "mpiexec", lambda: "mpiexec")
    monkeypatch.setattr(lammps_ranks, "subprocess", SimpleNamespace(run=lambda command, check: commands.append(command) or _work(command)))
    return commands


def _work(command):
    np.savez(command[command.index("--worker") + 1], atoms=26, clock_s=0.5)


def arguments(folder, *more):
    return ["--ranks", "2", "--model", "member", "--held", "charge", "--output", str(folder), *more]


def test_nothing_installed_is_said(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(lammps_ranks, "mpiexec", lambda: None)
    assert lammps_ranks.main(arguments(tmp_path)) == 0
    assert "nothing was compared" in capsys.readouterr().out and not list(tmp_path.iterdir())


def test_rows_that_are_there_are_kept(started, tmp_path, capsys):
    for _ in range(2):
        assert lammps_ranks.main(arguments(tmp_path, "--atoms", "26")) == 0
    assert len(started) == 1 and started[0][:3] == ["mpiexec", "-n", "2"]
    (path,) = tmp_path.iterdir()
    assert json.loads(path.read_text()) == {"model": "member", "held": "charge", "ranks": 2, "atoms": 26, "clock_s": 0.5}
    assert "clock_s 0.5" in capsys.readouterr().out


def test_a_difference_past_its_limit_fails(started, tmp_path):
    row = {"model": "member", "held": "charge", "ranks": 2, "energy_eV": 1e-9, "force_eV_per_A": 2e-6, "nve_eV": 1e-6}
    (tmp_path / "member-charge-compare-2.json").write_text(json.dumps(row))
    assert lammps_ranks.main(arguments(tmp_path)) == 1 and not started


@pytest.mark.parametrize("name", lammps_ranks.MODELS)
def test_its_models_are_local(name):
    assert lammps_ranks.MODELS[name]().reach > 0

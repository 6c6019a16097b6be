"""The benchmarks of the classical part choose their rows as asked and measure errors against closed forms; times are never tested."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation import constant_potential, poisson_boltzmann_speed  # noqa: E402


def test_poisson_boltzmann_meets_its_error(capsys, monkeypatch):
    monkeypatch.setattr(poisson_boltzmann_speed, "REPEATS", 1)
    assert poisson_boltzmann_speed.main([]) == 0
    assert f"{len(poisson_boltzmann_speed.CASES)} are exact to 1e-08 V" in capsys.readouterr().out
    monkeypatch.setattr(poisson_boltzmann_speed, "ERROR", 1e-20)
    assert poisson_boltzmann_speed.main([]) == 1


def test_rows_of_constant_potential_that_are_asked_for():
    given = Namespace(peers_python="python", matrix_up_to=3000, only=["LAMMPS cg", "electrode"])
    chosen = lambda atoms, slab, **changes: [one[0] for one in constant_potential.methods(atoms, slab, Namespace(**{**vars(given), **changes}))]
    assert chosen(8584, True) == ["electrode", "LAMMPS cg, accuracy 1e-05"]
    assert chosen(8584, True, only=None, peers_python=None) == [label for label, _ in constant_potential.OURS]
    assert any("mat_inv" in one for one in chosen(760, True, only=None)) and not any("mat_inv" in one for one in chosen(8584, True, only=None))
    with pytest.raises(ValueError, match="expected --only with names of 'electrode'"):
        chosen(760, True, only=["another"])

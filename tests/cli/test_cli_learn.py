"""`electrode learn`: the saddle, its files, and going on."""

import json
import sys

import ase.io
import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111
from ase.calculators.emt import EMT
from ase.constraints import FixAtoms
from ase.optimize import BFGS

WORDS = ("learn", "i.traj", "f.traj", "--calculator", "emt", "--output", "S", "--known-ends")


@pytest.fixture
def ends(tmp_path):
    """Relaxed copper on Cu(111)."""
    for name, site in (("i", "fcc"), ("f", "hcp")):
        atoms = fcc111("Cu", (2, 2, 3), vacuum=8.0)
        add_adsorbate(atoms, "Cu", 2.0, site)
        atoms.set_constraint(FixAtoms(mask=atoms.get_tags() >= 2))
        atoms.pbc, atoms.calc = (True, True, False), EMT()
        BFGS(atoms, logfile=None).run(fmax=0.02, steps=100)
        ase.io.write(tmp_path / f"{name}.traj", atoms)


def test_learn_finds_the_saddle_and_writes_it(call, tmp_path, ends):
    code, out, err = call(*WORDS, "--json", "s.json")
    assert code == 0, err
    found = json.loads((tmp_path / "s.json").read_text())
    assert found["converged"] and found["calls"] <= 4 and found["end_state_calls"] == 0 and f"{found['calls']} calls" in out
    assert found["barrier_eV"] == pytest.approx(0.056, abs=0.002)
    saddle = ase.io.read(tmp_path / "S" / "saddle.traj")
    saddle.calc = EMT()
    assert np.linalg.norm(saddle.get_forces(), axis=1).max() < 0.05
    assert len(ase.io.read(tmp_path / "S" / "path.traj", ":")) == 9
    code, _, err = call(*WORDS)
    assert code == 2 and "--resume" in err
    assert call(*WORDS, "--resume", "--json", "again.json")[0] == 0
    assert json.loads((tmp_path / "again.json").read_text()) == found


def test_learn_says_when_the_calls_are_spent(call, tmp_path, ends):
    code, out, _ = call(*WORDS, "--max-calls", "1")
    assert code == 1 and "not converged in 1 calls" in out


def test_learn_refuses_what_it_cannot_use(call, tmp_path, ends):
    assert call(*WORDS, "--fmax", "-1")[0] == 2
    code, _, err = call(*WORDS[:3], "--calculator", "etm", "--output", "S")
    assert code == 2 and "etm" in err and not (tmp_path / "S").exists()


def test_a_factory_in_the_folder_is_found(call, tmp_path, ends, monkeypatch):
    """The installed command's path lacks the folder that it is called in, where users keep their modules."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    (tmp_path / "calculator_of_mine.py").write_text("from ase.calculators.emt import EMT\n\n\ndef make():\n    return EMT()\n")
    code, out, err = call(*WORDS[:3], "--calculator", "calculator_of_mine:make", "--output", "S", "--known-ends", "--max-calls", "1")
    assert code == 1 and "not converged in 1 calls" in out, err

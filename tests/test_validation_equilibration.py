"""The speed table of charge equilibration: its structures, its column of errors, and what it does without peers."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation.equilibration_speed import BOXES, SLABS, box, main, peer, wet_gold  # noqa: E402


def test_structures():
    positions, kind, velocities, cell = box(BOXES[300])
    assert len(kind) == 288 and kind.sum() == 144
    assert np.linalg.norm(velocities, axis=1).mean() == pytest.approx(0.005, rel=0.2)  # A/fs at 300 K
    assert positions.max() < cell.max()
    atoms = wet_gold(*SLABS[100])
    distances = atoms.get_all_distances(mic=True)
    np.fill_diagonal(distances, np.inf)
    assert distances.min() > 0.9 and set(atoms.numbers) == {1, 8, 79}


def test_table(capsys):
    assert main(["100"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.split()[1:2] in (["gaussian"], ["slater"])]
    assert [row[1] for row in rows] == ["gaussian", "slater"]
    assert all(float(row[5]) < 1e-4 for row in rows)
    with pytest.raises(ValueError, match="expected sizes"):
        main(["77"])


def test_a_peer_that_fails_says_why(capsys):
    assert peer(sys.executable, "qeq_lammps.py", "point", positions=np.zeros((1, 3))) == {}
    assert "qeq_lammps.py point failed" in capsys.readouterr().out
    assert peer(None, "qeq_lammps.py", "point") == {}

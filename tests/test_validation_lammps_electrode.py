"""The examples of LAMMPS ELECTRODE: its printed numbers, and a capacitor of given effective gap."""

import sys
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.units import EPSILON_0  # noqa: E402
from validation import lammps_electrode  # noqa: E402


def plates(gap):
    x = 1.5 * np.array([[i, j, 0.0] for i in range(2) for j in range(2)])
    atoms = Atoms("Au8", np.concatenate([x, x + [0.0, 0.0, gap]]), cell=[3.0, 3.0, 60.0], pbc=(True, True, False))
    atoms.arrays["electrode"] = np.repeat([1, 2], 4)
    atoms.info |= {"eta_inv_A": 1.0, "dV_V": 0.7}
    return atoms


def test_planes_have_the_printed_charge_and_energy():
    found = lammps_electrode.planes()
    assert found["charge"] == pytest.approx(lammps_electrode.PLANES["charge"], abs=1e-7)
    assert found["energy"] == pytest.approx(lammps_electrode.PLANES["energy"], abs=1e-4)


def test_more_gap_adds_its_own_capacitor_in_series():
    area, (near, far) = 9.0, (lammps_electrode.capacitor(plates(d)) for d in (8.0, 11.0))
    assert 0.7 / far - 0.7 / near == pytest.approx(3.0 / (EPSILON_0 * area), rel=1e-6)


def test_says_what_it_skips(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert lammps_electrode.main([]) == 0 and "SKIPPED, no file" in capsys.readouterr().out
    with pytest.raises(ValueError, match="no arguments"):
        lammps_electrode.main(["--fast"])

"""The validation of the schemes in a field: its divisions, the fold of the published comparison, and what it says without data."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data.record import ElectrifiedFrame
from validation import fields


def frames(number):
    rng = np.random.default_rng(0)
    return [ElectrifiedFrame(Atoms("SiO2", rng.normal(size=(3, 3)) + 2.0, cell=[4.0, 5.0, 6.0], pbc=True), where=f"frame {k}") for k in range(number)]


def test_crystals_are_divided_in_blocks_of_their_order():
    some = frames(57)
    parts = fields.division("sio2", some).parts(some)
    assert parts[:10] == ["train"] * 10 and parts[10:15] == ["validation"] * 5 and parts[15:20] == ["train"] * 5
    assert parts[20:25] == ["test"] * 5 == parts[45:50] and set(parts[25:45]) == {"train"} == set(parts[50:57])


def test_published_predictions_are_found_by_geometry_and_folded(monkeypatch):
    rng = np.random.default_rng(1)
    labels = lambda f: replace(f, energy=1.0, forces=np.zeros((3, 3)), dipole=np.zeros(3), born_charges=np.zeros((3, 9)), polarizability=np.zeros(9))
    test = [labels(f) for f in frames(3)]
    predicted = [replace(f, energy=1.0 + 0.3 + 0.003 * k, forces=np.full((3, 3), 0.02), dipole=np.array([4.1, 0.0, -6.0]), polarizability=np.full(9, 0.5)) for k, f in enumerate(test)]
    monkeypatch.setattr(fields, "read", lambda name: [predicted[k] for k in rng.permutation(3)])
    found = fields.published("sio2", test)
    assert found["n_frames"] == 3 and found["force_rmse_meV_per_A"] == pytest.approx(20.0) and found["polarizability_rmse_eA2_per_V"] == pytest.approx(0.5)
    assert found["energy_rmse_meV_per_atom"] == pytest.approx(np.sqrt(2 / 3))  # -1, 0, 1 meV an atom about their mean
    assert found["dipole_rmse_eA"] == pytest.approx(0.1 / np.sqrt(3)) and found["born_charge_rmse_e"] == 0.0


def test_without_data_it_says_what_it_skips(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert fields.main(["--splits", str(tmp_path / "splits")]) == 0
    assert capsys.readouterr().out.count("skipped") == len(fields.FILES)

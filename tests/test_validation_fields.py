"""The validation of the schemes in a field: its divisions, the fold of the published comparison, and what it says without data."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data.record import ElectrifiedFrame
from electrode.models.enthalpy import Enthalpy, EnthalpyConfig
from validation import _fields_data, fields
from validation._fields_figure import beyond_first_order


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


def in_field(frame, size, forces, born=None):
    return replace(frame, efield=np.array([0.0, 0.0, size]), forces=np.asarray(forces), born_charges=born, n_excess=0.0, energy=1.0, energy_kind="enthalpy")


def test_polar_tensors_learn_without_a_field_and_have_no_energy_in_one():
    still, pulled = (in_field(f, size, np.zeros((3, 3))) for f, size in zip(frames(2), (0.0, 0.3)))
    assert fields.teachable("pnnp", [still, pulled]) == [still] and fields.teachable("enthalpy", [still, pulled]) == [still, pulled]
    assert [f.energy for f in fields.answerable("pnnp", [still, pulled])] == [1.0, None]
    assert [f.energy for f in fields.answerable("pnnp-dipole", [still, pulled])] == [1.0, 1.0]


def test_what_is_left_beyond_first_order_and_what_a_model_errs_in():
    """Forces F_z (2 F_z) on atom 0: of the second order alone; a model without any force errs by all of it."""
    (frame,) = frames(1)
    frame = replace(frame, trajectory=7, geometry=Atoms(frame.geometry, pbc=False))
    push = lambda size: np.array([[0.0, 0.0, 2.0 * size**2], [0.0] * 3, [0.0] * 3])
    some = [in_field(frame, size, push(size), np.zeros((3, 9)) if size == 0 else None) for size in (0.0, 0.2, 0.5)]
    found = beyond_first_order(some)
    assert [s for s, _ in found] == pytest.approx([0.2, 0.5]) and [e for _, e in found] == pytest.approx([80.0 / 3, 500.0 / 3])
    model = Enthalpy(EnthalpyConfig((8, 14))).eval()
    model.network.energy_scale.zero_()
    rows = fields.by_strength(model, some)
    assert [r["field_force_rmse_meV_per_A"] for r in rows] == [None, pytest.approx(80.0 / 3), pytest.approx(500.0 / 3)]


def test_frames_that_neighbour_lists_refuse_are_left_out(monkeypatch):
    near = Atoms("H2", [[0.1, 0.1, 0.1], [0.1, 0.1, 3.8]], cell=[4.0] * 3, pbc=True)  # 0.3 A through the boundary
    far = Atoms("H2", [[0.1, 0.1, 0.1], [0.1, 0.1, 3.0]], cell=[4.0] * 3, pbc=True)
    monkeypatch.setattr(_fields_data, "parse_frames", lambda path: [ElectrifiedFrame(near), ElectrifiedFrame(far)])
    assert [f.geometry for f in fields.read("water")] == [far]

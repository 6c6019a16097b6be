"""The validations of polar tensors and of the density response."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.physics.grids import grid_shape, planar_average  # noqa: E402
from electrode.units import EPSILON_0  # noqa: E402
from validation import density_response, polar_tensors  # noqa: E402


@pytest.fixture(scope="module")
def teacher():
    return density_response.Teacher.draw(np.random.default_rng(0), molecules=2)


def test_the_teacher_answers_in_proportion_and_makes_no_charge(teacher):
    small, large = (teacher.answers[f] for f in (0.05, 0.1))
    assert np.abs(large - 2.0 * small).max() < 1e-9 and abs(large.sum()) < 1e-9
    molecules = large[teacher.atoms.numbers != 79].reshape(-1, 3)
    assert np.abs(molecules.sum(1)).max() < 1e-9 and np.abs(molecules).max() > 1e-3


def test_the_teachers_face_carries_about_the_charge_of_two_plates(teacher):
    z = teacher.atoms.positions[teacher.atoms.numbers == 79, 2]
    plates = EPSILON_0 * 0.1 * density_response.HEIGHT / (density_response.HEIGHT - np.ptp(z))
    assert 0.85 * plates < teacher.face(0.1) < 1.3 * plates  # molecules between them add a little


def test_the_teachers_density_holds_its_charges(teacher):
    shape, cell = grid_shape(teacher.atoms.cell.array, 0.4), teacher.atoms.cell
    density = teacher.response(0.1, shape)
    z, profile = planar_average(density, cell.array)
    dipole = -(profile * (z - z.mean())).sum() * z[1] * np.prod(cell.lengths()[:2])
    assert abs(density.sum()) < 1e-9 * np.abs(density).sum()
    assert dipole == pytest.approx(teacher.answers[0.1] @ teacher.atoms.positions[:, 2], rel=1e-3)


def test_sets_that_are_not_there_are_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(polar_tensors, "DATA", tmp_path)
    assert polar_tensors.main([]) == 0
    assert capsys.readouterr().out.count("SKIPPED") == 2


@pytest.mark.skipif(not (polar_tensors.DATA / polar_tensors.FILES["field"]).is_file(), reason="needs the set of water in fields")
def test_the_first_order_in_the_field_leaves_a_second_one(recwarn):
    frames = [polar_tensors.boxed(f) for f in polar_tensors.read_frames(polar_tensors.DATA / polar_tensors.FILES["field"])]
    left = [polar_tensors._window({}, frames, low, low + 0.1) for low in (0.1, 0.4)]
    slope = np.log(left[1]["truncation"] / left[0]["truncation"]) / np.log(left[1]["field"] / left[0]["field"])
    assert slope == pytest.approx(2.0, abs=0.3)

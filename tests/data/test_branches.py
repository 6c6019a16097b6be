"""Polarisations on one branch: labels folded into one cell come back, and what is in doubt stays as it was."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.data.branches import on_one_branch
from electrode.data.record import ElectrifiedFrame
from electrode.train import train as training
from electrode.train.config import TrainConfig
from electrode.train.course import Training

CELL = np.array([[4.0, 0.0, 0.0], [1.0, 4.2, 0.0], [0.3, -0.4, 4.4]])
REST = np.array([[0.1, 0.1, 0.1], [2.2, 2.1, 2.3], [3.0, 0.4, 1.7]])
CHARGE = np.array([5.0, -3.0, -2.0])


def frame(moved, fold=True, pbc=True):
    """An ionic crystal whose charges grow with the displacement from REST: P = sum q (u + 0.3 u^3), shown in the cell where it is smallest."""
    dipole = (CHARGE[:, None] * (moved + 0.3 * moved**3)).sum(0)
    charges = CHARGE[:, None, None] * (1.0 + 0.9 * moved[:, :, None] ** 2) * np.eye(3)
    if fold:
        dipole = dipole - np.where(pbc, np.round(dipole @ np.linalg.inv(CELL)), 0.0) @ CELL
    atoms = Atoms("TiO2", REST + moved, cell=CELL, pbc=pbc)
    return ElectrifiedFrame(atoms, dipole=dipole, born_charges=charges.reshape(3, 9), polarization_branch="modulo_lattice", n_excess=0.0)


def states(n=24):
    """Displacements of a polar mode between two opposite states, a little disordered, in a random order."""
    draw = np.random.default_rng(3)
    mode = np.array([[0.0, 0.1, 1.0], [0.0, 0.0, -0.4], [0.1, 0.0, -0.5]])
    return draw.permutation(np.linspace(-1.0, 1.0, n))[:, None, None] * mode + 0.02 * draw.normal(size=(n, 3, 3))


def test_two_opposite_states_come_back():
    moved = states()
    found, wanted = on_one_branch([frame(u) for u in moved]), [frame(u, fold=False) for u in moved]
    assert {f.polarization_branch for f in found} == {"joined"}
    np.testing.assert_allclose([f.dipole for f in found], [f.dipole for f in wanted], atol=1e-9)
    folded = np.array([frame(u).dipole - w.dipole for u, w in zip(moved, wanted)])
    assert np.abs(folded).max() > 4.0  # what came was folded


def test_atoms_that_left_the_cell_change_nothing():
    moved = states()
    frames = [frame(u) for u in moved]
    wrapped = [replace(f, geometry=Atoms("TiO2", f.geometry.get_positions(wrap=True), cell=CELL, pbc=True)) for f in frames]
    np.testing.assert_allclose([f.dipole for f in on_one_branch(wrapped)], [f.dipole for f in on_one_branch(frames)], atol=1e-9)


def test_an_open_direction_has_no_quantum():
    pbc = np.array([True, True, False])
    moved = states()
    found = on_one_branch([frame(u, pbc=pbc) for u in moved])
    np.testing.assert_allclose([f.dipole for f in found], [frame(u, fold=False).dipole for u in moved], atol=1e-9)


def test_far_states_without_a_path_stay_alone():
    moved = states(40)
    near, far = [u for u in moved if u[0, 2] > 0.6], [u for u in moved if u[0, 2] < -0.6]
    found = on_one_branch([frame(u) for u in near] + [frame(u) for u in far])
    assert [f.polarization_branch for f in found] == ["joined"] * len(near) + ["modulo_lattice"] * len(far)
    for f, u in zip(found[len(near) :], far):
        np.testing.assert_array_equal(f.dipole, frame(u).dipole)


@pytest.mark.parametrize("without", [{"born_charges": None}, {"dipole": None}, {"polarization_branch": None}, {"polarization_branch": "force_only"}])
def test_frames_without_what_it_needs_are_what_they_were(without):
    frames = [replace(frame(u), **without) for u in states(4)]
    assert all(a is b for a, b in zip(on_one_branch(frames), frames))


def test_one_frame_and_none():
    assert on_one_branch([]) == []
    one = [frame(states(1)[0])]
    assert on_one_branch(one)[0] is one[0]


def test_training_and_validation_are_on_one_branch(monkeypatch):
    """What the fit is given, for a scheme in a field: both parts joined together, not each about a zero of its own."""
    frames = [replace(frame(u), energy=0.0, energy_kind="enthalpy", forces=np.zeros((3, 3)), efield=np.zeros(3)) for u in states()]
    given = {}

    def fit(model, learnt, check, *rest, **more):
        given["all"] = [*learnt, *check]
        return Training(model)

    monkeypatch.setattr(training, "fit", fit)
    training.train("enthalpy", frames[:18], frames[18:], TrainConfig.for_scheme("enthalpy"))
    np.testing.assert_allclose([f.dipole for f in given["all"]], [frame(u, fold=False).dipole for u in states()], atol=1e-9)

"""Labels: what a frame lacks is NaN and nothing else, and neighbours at one geometry give responses."""

from dataclasses import replace

import numpy as np
import pytest
from teacher import interface, labelled, pupil

from electrode.data.problems import DataError
from electrode.models.base import Model
from electrode.train.labels import between_neighbours, held, labels, natural_energy
from electrode.train.train import _require_responses, train

CHARGES = (0.003, -0.002, 0.0, 0.001)  # not in order, not evenly spaced


class AtCharge(Model):
    """A model of natural charge, for what its labels are."""

    natural = "charge"


def geometry(charges=CHARGES, seed=5):
    return labelled(interface(seed=seed), charges)


def test_the_slope_of_a_parabola_is_exact_between_neighbours():
    frames = [*geometry(), *geometry((0.0, 0.001), seed=6)]
    x = np.array([2.0, -1.0, 0.5, 1.1, 0.0, 1.0])
    y = np.column_stack([3.0 * x**2 - x, -(x**2)])
    found = between_neighbours(frames, x, y)
    assert np.isnan(found[[0, 1, 4, 5]]).all()  # ends, and a geometry of two
    np.testing.assert_allclose(found[[2, 3]], np.column_stack([6.0 * x - 1.0, -2.0 * x])[[2, 3]], rtol=1e-12)


def test_frames_of_another_method_or_at_one_charge_are_no_neighbours():
    frames, x = geometry((0.0, 0.001, 0.002)), np.array([0.0, 1.0, 2.0])
    other = [frames[0], frames[1], replace(frames[2], method_id="other")]
    assert np.isnan(between_neighbours(other, x, x[:, None])).all()
    assert np.isnan(between_neighbours(frames, np.array([0.0, 1.0, 1.0]), x[:, None])).all()


@pytest.mark.parametrize("model", [pupil(), AtCharge()], ids=["potential", "charge"])
def test_capacitance_is_the_teachers_derivative(model):
    """The teacher's charge curve is smooth, so a finer spacing must approach its own capacitance."""
    from electrode.models.baseline import Baseline
    from electrode.state import Control, Structure
    from electrode.thermo import evaluate

    frames = geometry((-0.0001, 0.0, 0.0001))
    exact = evaluate(Baseline(), Structure.from_atoms(frames[1].atoms), Control(charge=0.0))["capacitance"].item()
    found = labels(model, frames)["capacitance"].numpy()
    assert np.isnan(found[[0, 2]]).all() and found[1] == pytest.approx(exact, rel=1e-4)
    stated = labels(model, [replace(f, hardness=8.0) for f in frames])["capacitance"]
    assert stated.tolist() == [0.125] * 3
    with pytest.raises(DataError, match="REF_hardness = 0.0"):
        labels(model, [replace(frames[0], hardness=0.0)])


def test_every_kind_of_label_may_be_missing():
    whole = geometry()
    bare = replace(whole[0], forces=None)
    silent = replace(whole[1], energy=None, energy_kind="none")
    adrift = replace(whole[2], n_excess=None)
    found = labels(pupil(), [bare, silent, adrift, whole[3]])
    missing = {name: np.isnan(value.numpy()).reshape(4, -1).all(1).tolist() for name, value in found.items()}
    assert missing["forces"] == [True, False, False, False]
    assert missing["energy"] == [False, True, True, False]  # Omega = E - Phi Q needs the charge
    assert missing["conjugate"] == missing["charge"] == [False, False, True, False]
    assert found["forces"][2].tolist() == np.ravel(whole[2].forces).tolist()


def test_at_natural_charge_a_potential_may_be_missing_or_on_another_zero():
    whole = geometry()
    found = labels(AtCharge(), [replace(whole[0], mu=None), replace(whole[1], mu_zero="cell_average"), whole[2]])
    assert np.isnan(found["conjugate"].numpy()).tolist() == [True, True, False]
    assert found["energy"].tolist() == [f.canonical_energy for f in whole[:3]]


def test_an_energy_of_no_stated_kind_is_refused():
    with pytest.raises(DataError, match="eir_energy_kind"):
        natural_energy(pupil(), replace(geometry()[0], energy_kind=None))


def test_the_natural_variable_cannot_be_missing():
    with pytest.raises(DataError, match="eir_mu is missing"):
        held(pupil(), [replace(geometry()[0], mu=None)])
    with pytest.raises(ValueError, match="does not read"):
        held(pupil(), [replace(geometry()[0], efield=np.array([0.0, 0.0, 0.1]))])


@pytest.mark.parametrize("scheme", ["enthalpy", "fireann", "pnnp"])
def test_charged_frames_that_know_of_no_field_are_refused_by_the_schemes_in_one(scheme, monkeypatch):
    monkeypatch.setattr("electrode.train.train.fit", lambda *_, **__: pytest.fail("it was trained"))
    charged = labelled(interface(), (-0.002, 0.002))
    with pytest.raises(ValueError, match=f"{scheme}.*eir_efield.*REF_dipole, REF_bec or REF_polarizability; got charged"):
        train(scheme, charged, charged)
    _require_responses(scheme, labelled(interface(), (0.0,)))
    _require_responses(scheme, [replace(charged[0], dipole=np.zeros(3)), charged[1]])

"""Derivatives through cached Jacobians: against evaluate, against finite differences, and closed forms in a field."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from teacher import interface, labelled, pupil

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.state import Control
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.loss import Term, errors, loss
from electrode.train.predictions import member_predictions

FRAMES = labelled(interface(height=-1.1, seed=5), (-0.001, 0.0, 0.002))
STEP = 1e-4


class Ions(Model):
    """Harmonic ions in a field: H = sum_i k r_i^2/2 - F.(c r_i) - a (F.F)/2 r_iz + (Phi0 + b F.x) Q + Q^2/2C, all by hand."""

    natural, uses_field = "charge", True

    def forward(self, structure, control, description):
        r, field = description["positions"], control.field[structure.system]
        own = 0.5 * r.square().sum(1) - 0.7 * (field * r).sum(1) - 0.15 * field.square().sum(1) * r[:, 2]
        return {"natural_energy": structure.total(own) + 4.5 * control.charge + control.charge**2 / 0.16}


def ions():
    """Frames of two atoms in fields, with labels of the model itself."""
    field = np.array([[0.1, -0.2, 0.3], [0.0, 0.05, -0.1]])
    positions = np.arange(12.0).reshape(2, 2, 3) / 7.0
    frames = []
    for f, r in zip(field, positions):
        atoms = interface()[:2]
        atoms.positions, atoms.pbc = r, False
        frames.append(ElectrifiedFrame(atoms, energy=0.0, energy_kind="enthalpy", n_excess=-0.05, mu=-4.5, mu_zero="electrolyte", efield=f, forces=np.zeros((2, 3)), dipole=np.zeros(3), born_charges=np.zeros((2, 9))))
    return frames, field, positions


def test_responses_are_those_of_evaluate_and_of_finite_differences():
    model = pupil()
    (block,) = blocks(model, FRAMES)
    found = block.predict(model, quantities=("capacitance", "force_slope"))
    wanted = evaluate(model, block.structure, Control(potential=block.natural))
    torch.testing.assert_close(found["capacitance"].detach(), wanted["capacitance"], rtol=0, atol=1e-9)
    up, down = (evaluate(model, block.structure, Control(potential=block.natural + s))["forces"] for s in (STEP, -STEP))
    torch.testing.assert_close(found["force_slope"].detach(), ((up - down) / (2 * STEP)).reshape(3, -1), rtol=0, atol=1e-5)


def test_responses_are_computed_only_when_asked_for():
    (block,) = blocks(pupil(), FRAMES)
    assert not {"capacitance", "force_slope"} & set(block.predict(pupil()))


def test_a_model_without_kernels_in_a_field_has_its_closed_form():
    frames, field, positions = ions()
    (block,) = blocks(Ions(), frames)
    out = {k: v.detach().numpy() for k, v in block.predict(Ions(), quantities=("born_charges", "capacitance")).items()}
    forces = -positions + 0.7 * field[:, None]
    forces[:, :, 2] += 0.15 * (field**2).sum(1)[:, None]
    np.testing.assert_allclose(out["forces"], forces.reshape(2, 6), atol=1e-12)
    dipole = 0.7 * positions.sum(1) + 0.3 * field * positions[:, :, 2].sum(1)[:, None]
    np.testing.assert_allclose(out["dipole"], dipole, atol=1e-12)
    born = np.zeros((2, 2, 3, 3)) + 0.7 * np.eye(3)
    born[..., 2] += 0.3 * field[:, None]  # polarisation along any axis, displacement along z
    np.testing.assert_allclose(out["born_charges"], born.reshape(2, 18), atol=1e-12)
    np.testing.assert_allclose(out["conjugate"], 4.5 + 0.05 / 0.08, atol=1e-12)
    value = loss((Term("dipole", 2.0), Term("born_charges")), block, block.predict(Ions(), quantities=("born_charges",)))
    assert float(value.detach()) == pytest.approx(2.0 * np.mean((dipole / 2) ** 2) + np.mean(born**2), rel=1e-12)


def test_at_natural_charge_the_error_in_capacitance_is_that_in_hardness_to_first_order():
    """A start without any capacitance has a finite error; near the label it is C - C_label."""
    frames, *_ = ions()
    for label, wanted in ((0.08, 0.0), (0.0801, 0.08 - 0.0801)):
        (block,) = blocks(Ions(), [replace(f, hardness=1.0 / label) for f in frames])
        found = errors(block, block.predict(Ions(), quantities=("capacitance",)))["capacitance"]
        np.testing.assert_allclose(found.detach(), wanted, atol=2e-7)


def test_each_member_is_predicted_as_it_is_alone():
    committee = pupil(members=3)
    (block,) = blocks(committee, FRAMES)
    wanted = ("capacitance", "force_slope")
    together = member_predictions(committee, block, False, wanted)
    for k, member in enumerate(committee.members()):
        for name, value in block.predict(member, quantities=wanted).items():
            torch.testing.assert_close(together[name][k], value, rtol=0, atol=1e-9)


def test_a_term_of_a_response_is_trained():
    from teacher import SMALL

    from electrode.train.fit import TrainConfig
    from electrode.train.train import train

    terms = (Term("energy", 1.0, 0.01), Term("conjugate", 1.0, 0.01), Term("capacitance", 1.0, 0.002), Term("force_slope", 0.1, 0.2))
    config = TrainConfig(terms, epochs=60, batch_size=3, learning_rate=5e-3, validate_every=10, max_minutes=5.0)
    found = train("dual", FRAMES, FRAMES, config, SMALL)
    first, last = found.history[0], found.history[-1]
    assert last["validation_capacitance"] < 0.5 * first["validation_capacitance"]
    assert "validation_force_slope" in last

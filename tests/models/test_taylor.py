"""The expansion in charge, fitted to labels of the baseline, keeps every promise of a model; its least squares find what can be found."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import SMALL, frames, interface

from electrode.models.equilibration import Equilibration, EquilibrationConfig
from electrode.models.taylor import Taylor, TaylorConfig
from electrode.physics.screened_coulomb import ScreenedCoulomb
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.config import TrainConfig
from electrode.train.geometries import by_geometry
from electrode.train.least_squares import minimise, problem
from electrode.train.loss import Term
from electrode.train.solve import solve
from electrode.train.train import train

SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]
TERMS = (Term("energy", 1.0, 1e-4), Term("forces", 1.0, 1e-3), Term("conjugate", 1.0, 1e-3))


def config(**changes):
    return TaylorConfig(SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"]), **{"landmarks": 60, **changes})


@lru_cache(maxsize=None)
def fitted():
    model = Taylor(config())
    training = solve(model, *frames(), TrainConfig(TERMS, epochs=12))
    return model, training


class TestTaylor(ModelContract):
    @pytest.fixture
    def case(self):
        return Case(fitted()[0], SYSTEMS, charge=0.01, potential=5.0)


def test_least_squares_reach_the_training_frames():
    """The teacher's parabola in charge is of the model's form, so its potentials must come out; a short fit of them is no accident."""
    model, data = fitted()[0], frames()[0]
    out = evaluate(model, Structure.from_atoms([f.atoms for f in data]), Control(charge=[f.charge for f in data]))
    wrong = out["potential"].detach().numpy() - [f.potential for f in data]
    spread = np.std([f.potential for f in data])
    assert np.sqrt(np.mean(wrong**2)) < 0.02 * spread


def test_the_loss_falls_at_every_step():
    losses = [row["training_loss"] for row in fitted()[1].history]
    assert len(losses) > 2 and all(b < a for a, b in zip(losses, losses[1:]))


def test_at_the_end_the_gradient_of_the_loss_vanishes():
    model, data = Taylor(config(landmarks=10)), frames()[0]
    described = blocks(model, [data[r[0]] for r in by_geometry(data)])
    model.adapt(described)
    solved = problem(model, described, data, TERMS, np.ones(len(data)))
    theta = minimise(solved, 30, 60.0, lambda *_: None)
    scaled = lambda at: np.linalg.norm(solved.normal(at)[1] * solved.spread)
    assert scaled(theta) < 1e-4 * scaled(solved.start)


def test_residual_rows_match_finite_differences():
    """Rows of the Jacobian against central differences of the residuals in random directions of the weights."""
    functions, data = SymmetryFunctions((1, 8, 79), **SMALL["symmetry_functions"]), frames()[0][:6]
    bonded = EquilibrationConfig(functions, landmarks=5, fragments=True, coulomb=ScreenedCoulomb(bonds=True))
    for model in (Taylor(config(landmarks=5)), Equilibration(EquilibrationConfig(functions, landmarks=5)), Equilibration(bonded)):
        described = blocks(model, [data[r[0]] for r in by_geometry(data)])
        model.adapt(described)
        solved = problem(model, described, data, TERMS, np.ones(len(data)))
        rng = np.random.default_rng(0)
        theta = solved.start + 0.1 * rng.normal(size=len(solved.start))
        step = 1e-5 * rng.normal(size=len(theta))
        for rows, up, down in zip(*(solved.rows(theta + k * step) for k in (0, 1, -1)), strict=True):
            up, down = up[:, -1], down[:, -1]
            assert np.allclose(rows[:, :-1] @ step, (down - up) / 2, rtol=1e-5, atol=1e-6 * np.abs(rows[:, :-1] @ step).max())


def test_twice_the_cell_is_twice_the_energy():
    atoms = SYSTEMS[1]
    once, twice = (evaluate(fitted()[0], Structure.from_atoms(a), Control(charge=q)) for a, q in ((atoms, 0.04), (atoms.repeat((2, 1, 1)), 0.08)))
    assert twice["canonical_energy"].item() == pytest.approx(2 * once["canonical_energy"].item(), abs=1e-8)
    assert twice["potential"].item() == pytest.approx(once["potential"].item(), abs=1e-8)


def test_members_of_a_committee_differ_and_are_calibrated():
    training, held = frames()
    model = train("taylor", training, held, TrainConfig(TERMS, epochs=3), {"symmetry_functions": SMALL["symmetry_functions"], "landmarks": 10}, members=3).model
    out = evaluate(model, Structure.from_atoms(SYSTEMS[1]), Control(charge=0.01))
    assert (out["energy_std"] > 0).all() and model.card.calibration is not None


def test_an_unknown_term_and_a_low_order_are_refused():
    with pytest.raises(ValueError, match="order >= 2"):
        config(order=1)
    with pytest.raises(ValueError, match="least-squares"):
        solve(Taylor(config()), *frames(), TrainConfig((Term("consistency", 1.0, 1.0),)))
    with pytest.raises(ValueError, match="frames to train"):
        solve(Taylor(config()), [], frames()[1])


def test_the_weights_are_double():
    assert all(p.dtype == torch.float64 for p in fitted()[0].parameters())


def test_a_control_that_holds_the_potential_is_refused():
    model, structure = fitted()[0], Structure.from_atoms(SYSTEMS[1])
    with pytest.raises(ValueError, match="holds the charge"):
        model(structure, Control(potential=5.0), model.describe(structure))

"""Charges along trajectories against the dense solution at every step, and finite differences."""

import numpy as np
import pytest

from electrode.physics.charge_constraints import Constraints, Electrode, Frozen, Group
from electrode.physics.charge_interactions import Bulk, Planar
from electrode.physics.charge_model import ChargeModel
from electrode.physics.charge_parameters import EEQ
from electrode.physics.charges import equilibrate_charges
from electrode.physics.long_waves import LongWaves, longest_waves
from electrode.physics.moving_charges import DENSE_UP_TO, MovingCharges, extrapolated
from electrode.physics.slater import Slater
from electrode.units import COULOMB

CELL = np.array([[9.0, 0.0, 0.0], [1.0, 8.5, 0.0], [0.0, 0.0, 20.0]])
SPACES = {"bulk": Bulk(CELL), "slab": Planar(CELL), "corrected": Bulk(CELL, slab=True), "slater": Slater(Bulk(CELL), 2), "slater slab": Slater(Planar(CELL), 1)}
N = 64


def places():
    """Jittered points of a lattice, the lower half of the cell."""
    steps = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return (steps / [4.0, 4.0, 8.0]) @ CELL + np.random.default_rng(0).uniform(-0.2, 0.2, (N, 3))


def model_in(space):
    rng = np.random.default_rng(1)
    return ChargeModel(rng.normal(0.0, 2.0, N), rng.uniform(4.0, 8.0, N), np.where(np.arange(N) % 5, 0.5, 0.4), space)


HELD = Constraints(
    electrodes=[Electrode(np.arange(16), 0.4)],
    groups=[Group([20, 21, 22], 0.1)],
    frozen=Frozen([30, 31], [0.5, -0.3]),
    field=0.02,
)
VELOCITY = np.random.default_rng(2).normal(0.0, 0.004, (N, 3))


@pytest.mark.parametrize("name", SPACES)
def test_every_step_is_the_dense_solution(name):
    model, start = model_in(SPACES[name]), places()
    moving = MovingCharges(model, HELD, accuracy=1e-5, tolerance=1e-7)
    assert moving.method == "mesh"
    for k in range(6):
        found = moving.step(start + k * VELOCITY)
        if k in (0, 5):
            exact = equilibrate_charges(model, start + k * VELOCITY, HELD)
            np.testing.assert_allclose(found.charges, exact.charges, atol=5e-6)
            np.testing.assert_allclose(found.forces, exact.forces, atol=1e-5)
            np.testing.assert_allclose(found.potentials, exact.potentials, atol=2e-4)
            np.testing.assert_allclose(found.electrode_charges, exact.electrode_charges, atol=2e-5)
            np.testing.assert_allclose(found.group_potentials, exact.group_potentials, atol=2e-4)
            assert (found.energy, found.grand_energy, found.level) == pytest.approx((exact.energy, exact.grand_energy, exact.level), abs=5e-4)
            cold = found.products if k == 0 else cold
    assert found.products < cold + 1
    assert np.ptp(found.potentials[:16] - 0.02 * (start + 5 * VELOCITY)[:16, 2]) < 3e-7


@pytest.mark.parametrize("name", ["bulk", "slater slab"])
def test_forces_are_derivatives(name):
    start, h = places(), 2e-3
    moving = MovingCharges(model_in(SPACES[name]), HELD, accuracy=1e-5, tolerance=1e-8)
    forces = moving.step(start).forces
    for place in ((0, 2), (21, 0), (40, 1)):
        step = np.zeros_like(start)
        step[place] = h
        rise = moving.step(start + step).grand_energy - moving.step(start - step).grand_energy
        assert forces[place] == pytest.approx(-rise / (2.0 * h), abs=2e-5)


def test_counted_neighbours_move_too():
    numbers, start = np.where(np.arange(N) % 3, 1, 8), places() * 1.2
    model = EEQ.model(numbers, Bulk(1.2 * CELL))
    found, exact = MovingCharges(model, accuracy=1e-5, tolerance=1e-7).step(start), equilibrate_charges(model, start)
    np.testing.assert_allclose(found.forces, exact.forces, atol=1e-5)
    assert found.energy == pytest.approx(exact.energy, abs=1e-3)


def test_history_only_saves_products():
    """The same end by another way, after a jump, and after a reset."""
    model, start = model_in(SPACES["slab"]), places()
    moving = MovingCharges(model, tolerance=1e-7)
    first = moving.step(start)
    for k in range(1, 6):
        warm = moving.step(start + 0.1 * k * VELOCITY)
    assert warm.products < first.products
    jumped = moving.step(start)
    np.testing.assert_allclose(jumped.charges, first.charges, atol=1e-7)
    moving.reset()
    again = moving.step(start)
    np.testing.assert_array_equal(again.charges, first.charges)
    np.testing.assert_array_equal(again.forces, first.forces)


def test_a_slab_that_grows_gets_a_higher_cell():
    model, start = model_in(SPACES["slab"]), places()
    moving, lifted = MovingCharges(model, accuracy=1e-5, tolerance=1e-7), start.copy()
    moving.step(start)
    lifted[-1, 2] += 9.0
    np.testing.assert_allclose(moving.step(lifted).forces, equilibrate_charges(model, lifted).forces, atol=1e-5)


def test_few_atoms_and_open_space_are_dense():
    model, start = model_in(Planar.open()), places()
    moving = MovingCharges(model)
    assert moving.method == "dense"
    np.testing.assert_array_equal(moving.step(start).forces, equilibrate_charges(model, start).forces)
    few = ChargeModel(np.zeros(DENSE_UP_TO), np.full(DENSE_UP_TO, 9.0), np.full(DENSE_UP_TO, 0.5), Bulk(CELL))
    assert MovingCharges(few).method == "dense"


def test_prediction_takes_the_degree_of_the_motion():
    path = lambda t: np.array([[1.0, t, t**2]])
    charge = lambda t: np.array([0.3 + 0.2 * t + 0.1 * t**2 - 0.05 * t**3])
    past = [(path(-t), charge(-t)) for t in (1.0, 2.0, 3.0, 4.0)]
    np.testing.assert_allclose(extrapolated(past, path(0.0)), charge(0.0), atol=1e-12)
    np.testing.assert_allclose(extrapolated(past[:3], path(0.0)), charge(0.0) + 0.3, atol=1e-12)  # the cubic term is left: 0.05 (1 - 3 8 + 27) ... of degree 2
    np.testing.assert_array_equal(extrapolated(past, past[0][0] + 1e-4), past[0][1])
    assert extrapolated([], path(0.0)) is None


def test_preconditioner_inverts_its_matrix():
    start, width, diagonal = places(), np.full(N, 0.5), np.linspace(20.0, 30.0, N)
    found = LongWaves(start, CELL, width, diagonal)
    steps, square = longest_waves(CELL, 30, abs(np.linalg.det(CELL)))
    k = 2.0 * np.pi * steps @ np.linalg.inv(CELL).T
    np.testing.assert_allclose(np.einsum("ij,ij->i", k, k), square, rtol=1e-12)
    matrix = np.zeros((N, N))
    for one, s in zip(k, square):
        weight = 8.0 * np.pi * COULOMB / abs(np.linalg.det(CELL)) / s * np.exp(-s * 0.25)
        matrix += weight * np.cos((start[:, None] - start) @ one)
    matrix += np.diag(np.maximum(diagonal - np.diag(matrix), 0.3 * diagonal))
    vector = np.random.default_rng(4).normal(size=N)
    np.testing.assert_allclose(found(matrix @ vector), vector, atol=1e-12)


def test_refused():
    model = model_in(SPACES["bulk"])
    with pytest.raises(ValueError, match="expected method"):
        MovingCharges(model, method="fast")
    with pytest.raises(ValueError, match="in a bulk or a slab"):
        MovingCharges(model_in(Planar.open()), method="mesh")
    with pytest.raises(ValueError, match="above 0"):
        MovingCharges(model, accuracy=0.0)
    with pytest.raises(ValueError, match="finite positions"):
        MovingCharges(model).step(places()[:5])
    with pytest.raises(ValueError, match="background=True"):
        MovingCharges(model, Constraints(total=1.0)).step(places())
    charged = MovingCharges(model_in(Bulk(CELL, background=True)), Constraints(total=1.0), accuracy=1e-5, tolerance=1e-7).step(places())
    exact = equilibrate_charges(model_in(Bulk(CELL, background=True)), places(), Constraints(total=1.0))
    np.testing.assert_allclose(charged.forces, exact.forces, atol=1e-5)
    assert charged.energy == pytest.approx(exact.energy, abs=1e-3)

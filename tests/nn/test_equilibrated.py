"""Charge equilibration in torch: derivatives of energy and charges."""

import numpy as np
import pytest
import torch

from electrode.nn.equilibrated import equilibrated_charges, equilibrated_energy
from electrode.physics.charge_constraints import Constraints
from electrode.physics.charge_interactions import Planar
from electrode.physics.charges import ChargeModel, equilibrate_charges

CELL = np.array([[4.0, 0.0, 0.0], [1.0, 5.0, 0.0], [0.0, 0.0, 20.0]])
BOUNDARIES = {"open": {}, "slab": {"cell": CELL, "pbc": (True, True, False)}}
WIDTH = np.array([0.6, 0.5, 0.7, 0.4])


def inputs():
    rng = np.random.default_rng(5)
    positions = np.array([[0.1, 0.2, 0.0], [1.3, 0.4, 0.9], [0.2, 1.9, 0.4], [1.8, 2.2, -0.6]])
    values = positions, rng.normal(0.0, 1.0, 4), rng.uniform(4.0, 8.0, 4), np.array(0.3)
    return tuple(torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in values)


@pytest.mark.parametrize("name", BOUNDARIES)
def test_energy_and_charges_are_those_of_the_library(name):
    given, boundary = inputs(), BOUNDARIES[name]
    positions, chi, hardness, charge = (x.detach().numpy() for x in given)
    space = Planar(CELL) if boundary else Planar.open()
    expected = equilibrate_charges(ChargeModel(chi, hardness, WIDTH, space), positions, Constraints(total=float(charge)))
    energy = equilibrated_energy(*given, WIDTH, **boundary)
    slopes = torch.autograd.grad(energy, given)
    assert energy.item() == pytest.approx(expected.energy, abs=1e-12)
    np.testing.assert_allclose(slopes[0], -expected.forces, atol=1e-12)
    np.testing.assert_allclose(slopes[1], expected.charges, atol=1e-12)
    assert slopes[3].item() == pytest.approx(expected.level, abs=1e-12)
    np.testing.assert_allclose(equilibrated_charges(*given, WIDTH, **boundary).detach(), expected.charges, atol=1e-12)


@pytest.mark.parametrize("name", BOUNDARIES)
def test_first_and_second_derivatives(name):
    energy = lambda *x: equilibrated_energy(*x, WIDTH, **BOUNDARIES[name])
    assert torch.autograd.gradcheck(energy, inputs(), atol=1e-7)
    assert torch.autograd.gradgradcheck(energy, inputs(), atol=1e-6)
    assert torch.autograd.gradcheck(lambda *x: equilibrated_charges(*x, WIDTH, **BOUNDARIES[name]), inputs(), atol=1e-7)


def test_maxwell_and_convexity():
    """d(force)/dQ = -d(level)/dR, and the level rises with the charge."""
    given = inputs()
    slopes = torch.autograd.grad(equilibrated_energy(*given, WIDTH), (given[0], given[3]), create_graph=True)
    level_slope, stiffness = torch.autograd.grad(slopes[1], (given[0], given[3]), retain_graph=True)
    columns = [torch.autograd.grad(slopes[0].flatten()[k], given[3], retain_graph=True)[0] for k in range(12)]
    np.testing.assert_allclose(torch.stack(columns).reshape(4, 3), level_slope, atol=1e-11)
    assert stiffness.item() > 0.0


def test_a_third_derivative_is_refused():
    given = inputs()
    (first,) = torch.autograd.grad(equilibrated_energy(*given, WIDTH), given[1], create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), given[1], create_graph=True)
    with pytest.raises(RuntimeError, match="two derivatives"):
        torch.autograd.grad(second.sum(), given[1])


def test_refusals():
    positions, chi, hardness, charge = inputs()
    with pytest.raises(ValueError, match="scalar charge"):
        equilibrated_energy(positions, chi[:3], hardness, charge, WIDTH)
    with pytest.raises(ValueError, match="4 widths"):
        equilibrated_energy(positions, chi, hardness, charge, WIDTH[:2])
    with pytest.raises(ValueError, match="positive definite"):
        equilibrated_energy(positions, chi, 0.1 * hardness, charge, np.zeros(4))


def test_learning_electronegativities_from_charges():
    """Gradient descent through the charges finds the electronegativities that made them, up to a constant."""
    positions, chi, hardness, charge = (x.detach() for x in inputs())
    label = equilibrated_charges(positions, chi, hardness, charge, WIDTH)
    learned = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([learned], max_iter=100, tolerance_grad=1e-14, tolerance_change=1e-18, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        out = (equilibrated_charges(positions, learned, hardness, charge, WIDTH) - label).square().sum()
        out.backward()
        return out

    optimiser.step(loss)
    np.testing.assert_allclose((learned - learned.mean()).detach(), chi - chi.mean(), atol=1e-4)

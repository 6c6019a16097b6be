"""Second derivatives at stationary points against finite differences of the relaxed energy, found by root finding in closed form."""

import numpy as np
import pytest
from scipy.optimize import brentq
from toys import ChargeToy, HopConfig, HopToy, ToyConfig, hop_ends, one_atom

from electrode.pathway.response import Response, response, settled
from electrode.state import Control, Structure
from electrode.thermo import evaluate

LEANING = HopConfig(lean=0.3, tilt=0.05, capacitance=1.0, drop=0.05)
PLACES = {"initial": (-1.6, -0.8), "saddle": (-0.5, 0.5), "final": (0.8, 1.6)}


def scalar(x, value, held, c=LEANING):
    """Omega(x, Phi), or E(x, Q), of the hop at y = 0 and z = 1."""
    v = 1.0 - (x / c.half) ** 2
    energy, work = c.height * v**2 + c.tilt * x, 4.5 + c.drop * v + c.lean * x
    return energy - 0.5 * c.capacitance * (value - work) ** 2 if held == "potential" else energy + work * value + 0.5 * value**2 / c.capacitance


def relaxed(place, value, held):
    """The stationary value, from a root of the derivative."""
    h = 1e-5
    x = brentq(lambda x: scalar(x + h, value, held) - scalar(x - h, value, held), *PLACES[place], xtol=1e-14)
    return x, scalar(x, value, held)


@pytest.mark.parametrize("held, value", [("potential", 4.1), ("potential", 5.0), ("charge", 0.15)])
@pytest.mark.parametrize("place", PLACES)
def test_slope_and_curvature_of_the_relaxed_energy(place, held, value):
    x, energy = relaxed(place, value, held)
    atoms = hop_ends()[0]
    atoms.positions[-1] = [x + 0.04, 0.03, 0.98]
    found = settled(atoms, HopToy(LEANING), Control(**{held: value}), int(place == "saddle"))
    assert found.energy == pytest.approx(energy, abs=1e-6) and found.atoms.positions[-1] == pytest.approx([x, 0.0, 1.0], abs=1e-3)
    h = 1e-3
    above, below = (relaxed(place, value + s * h, held) for s in (1, -1))
    assert found.slope == pytest.approx((above[1] - below[1]) / (2 * h), abs=1e-4)
    bare = -LEANING.capacitance if held == "potential" else 1 / LEANING.capacitance
    bend = (above[1] - 2 * energy + below[1]) / h**2 - bare
    assert found.bare == pytest.approx(bare, abs=1e-9) and found.curvature - bare == pytest.approx(bend, rel=5e-3) and abs(bend) > 0.01
    assert found.displacement[1] == pytest.approx([(above[0] - below[0]) / (2 * h), 0.0, 0.0], abs=2e-3)
    assert found.negative_modes == (1 if place == "saddle" else 0)


def test_a_saddle_answers_with_the_other_sign():
    """Moving along bends Omega down at a minimum and up at a saddle."""
    model, control = HopToy(HopConfig(lean=0.3)), Control(potential=4.3)
    bends = {}
    for place, x, order in (("minimum", -1.2, 0), ("saddle", 0.0, 1)):
        atoms = hop_ends()[0]
        atoms.positions[-1] = [x, 0.0, 1.0]
        found = settled(atoms, model, control, order)
        bends[place] = found.curvature - found.bare
    assert bends["minimum"] < -0.001 and bends["saddle"] > 0.001


def test_hessians_differ_between_ensembles_by_the_charge_response():
    """Hess_Phi = Hess_Q - C g g^T with g = dPhi/dR at fixed charge."""
    model, atoms = ChargeToy(ToyConfig(spread=0.05)), one_atom()
    at_charge = response(atoms, model, Control(charge=0.2))
    potential = evaluate(model, Structure.from_atoms(atoms), Control(charge=0.2))["potential"]
    at_potential = response(atoms, model, Control(potential=float(potential[0])))
    g = -at_charge.coupling
    assert at_potential.hessian == pytest.approx(at_charge.hessian - np.outer(g, g) / at_charge.bare, abs=1e-4)
    assert at_potential.coupling == pytest.approx(-g / at_charge.bare, abs=1e-4)  # dQ/dR at fixed Phi = -C dPhi/dR at fixed Q


def test_steps_go_up_along_the_softest_modes_alone():
    atoms = hop_ends()[0]
    here = Response(atoms, 0.0, 0.0, np.array([[0.01, 0.02, 0.04]]), np.diag([-1.0, 1.0, 2.0]), np.zeros(3), -0.4, 1)
    assert here.step(0) == pytest.approx(np.array([[0.01, 0.02, 0.02]])) and here.step(1) == pytest.approx(np.array([[-0.01, 0.02, 0.02]]))
    assert np.abs(here.step(1)).max() < 0.1 and not here.stationary and here.curvature == -0.4
    soft = Response(atoms, 0.0, 0.0, np.array([[0.01, 0.02, 0.04]]), np.zeros((3, 3)), np.ones(3), -0.4, 1)
    assert np.abs(soft.step(0)).max() == pytest.approx(0.1) and soft.curvature == -0.4 and soft.negative_modes == 0


def test_what_does_not_settle_stays_where_it_was():
    atoms = hop_ends()[0]
    atoms.positions[-1] = [-1.0, 0.0, 1.0]
    slope = HopToy(HopConfig(height=0.0, drop=0.0, tilt=0.5))
    found = settled(atoms, slope, Control(potential=4.4), 0)
    assert found.atoms.positions[-1, 0] == -1.0 and not found.stationary and found.calls == slope.calls < 7  # 0.5 A in steps of 0.1 A


def test_soft_modes_may_be_left_behind():
    here = Response(hop_ends()[0], 0.0, 0.0, np.zeros((1, 3)), np.diag([-0.5, 0.02, 2.0]), np.array([0.1, 0.1, 0.2]), -0.4, 1)
    assert here.curvature == pytest.approx(-0.4 + 0.02 - 0.5 - 0.02) and here.stiff_curvature(0.05) == pytest.approx(-0.4 + 0.02 - 0.02)


def test_calls_are_batched():
    model = HopToy()
    found = response(hop_ends("AuOH")[0], model, Control(potential=4.4))
    assert found.calls == model.calls == 1 and model.sizes == [19] and found.forces.shape == (3, 3)

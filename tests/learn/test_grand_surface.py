"""Omega from labels at fixed charge, against a model that knows both ensembles."""

from functools import partial

import numpy as np
import pytest
import torch
from toys import ChargeToy, ToyConfig, one_atom

from electrode.calculator import ElectrodeCalculator
from electrode.learn.calls import call
from electrode.learn.features import Places
from electrode.learn.grand import GrandSurface
from electrode.learn.prior import prior_of
from electrode.learn.source import grand_state
from electrode.learn.surrogate import Space, Surrogate
from electrode.state import Control, Structure
from electrode.thermo import evaluate

TOY = ChargeToy(ToyConfig(spread=0.05, quartic=0.02))


def moved(shift):
    atoms = one_atom()
    atoms.positions += shift
    return atoms


def labelled(n, seed):
    rng = np.random.default_rng(seed)
    return [call(moved(0.3 * rng.uniform(-1, 1, 3)), ElectrodeCalculator(TOY, charge=q), "uncertain", state=partial(grand_state, holds="charge", value=q)) for q in np.linspace(-0.3, 0.3, n)]


@pytest.fixture(scope="module")
def surrogate():
    return Surrogate(Space(Places(np.array([0])), prior_of(None, one_atom()), area=9.0), labelled(25, 5))


def true(atoms, **control):
    structure = Structure.from_atoms([atoms])
    return evaluate(TOY, structure, Control(**{k: torch.tensor([v], dtype=torch.float64) for k, v in control.items()}))


def test_omega_charge_and_forces_are_the_models(surrogate):
    surface = GrandSurface(surrogate, 4.6)
    for shift in ([0.05, -0.1, 0.1], [-0.15, 0.1, 0.0]):
        atoms = moved(shift)
        out, place = true(atoms, potential=4.6), atoms.positions[None]
        omega, forces = surface(place)
        assert omega[0] == pytest.approx(float(out["grand_energy"][0]), abs=5e-3) and surface.std(place)[0] < 0.05
        assert surface.charges(place)[0] == pytest.approx(float(out["charge"][0]), abs=0.01)
        assert forces[0] == pytest.approx(out["forces"].numpy(), abs=0.05)


def test_the_charge_has_the_potential_and_omega_its_derivatives(surrogate):
    place, step = moved([0.1, 0.05, -0.1]).positions[None], 1e-4
    surface = GrandSurface(surrogate, 4.5)
    charge = surface.charges(place)
    assert surrogate(place, charge)[2][0] == pytest.approx(4.5, abs=1e-8)
    up, down = (GrandSurface(surrogate, 4.5 + s)(place)[0][0] for s in (step, -step))
    assert (up - down) / (2 * step) == pytest.approx(-charge[0], abs=1e-6)
    shift = np.array([0.0, 0.0, step])
    slope = (surface(place + shift)[0][0] - surface(place - shift)[0][0]) / (2 * step)
    assert surface(place)[1][0, 0, 2] == pytest.approx(-slope, abs=1e-5)


def test_a_label_at_a_nearby_potential_is_carried_over(surrogate):
    label = labelled(25, 5)[18]
    for d in (0.0, 0.05, -0.05):
        wanted = float(true(moved(label.positions - one_atom().positions), potential=label.potential + d)["grand_energy"][0])
        assert GrandSurface(surrogate, label.potential + d).grand_energy(label) == pytest.approx(wanted, abs=1e-4)


def test_a_charge_that_does_not_exist_is_refused(surrogate):
    with pytest.raises(ValueError, match="no charge found|capacitance is not positive"):
        GrandSurface(surrogate, 400.0).charges(one_atom().positions[None])

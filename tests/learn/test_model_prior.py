"""A model as prior: exact at the charge that it is expanded about, its gradients those of its values, and what a surrogate makes of it."""

import numpy as np
import pytest
import torch
from ase.build import add_adsorbate, fcc111
from charged import Charged, charged_ends, grand_saddle, level, neutral

from electrode.learn import prior as priors
from electrode.learn.accelerate import accelerated_barriers
from electrode.learn.features import features_of
from electrode.learn.labels import Label
from electrode.learn.model_prior import ModelPrior
from electrode.learn.prior import Remembered, prior_of
from electrode.learn.surrogate import Space, Surrogate
from electrode.models.base import middle_of_range
from electrode.models.store import load_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate

STIFFNESS = 3.0


def slab():
    atoms = fcc111("Au", (2, 2, 2), vacuum=6.0, periodic=True)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    atoms.pbc = (True, True, False)
    return atoms


@pytest.fixture(params=["au111-h", "baseline"])
def known(request):
    atoms, model = slab(), load_model(request.param)
    return atoms, model, ModelPrior(atoms, model, STIFFNESS)


def test_it_is_the_model_where_it_is_expanded(known):
    atoms, model, prior = known
    structure = Structure.from_atoms(atoms)
    exact = evaluate(model, structure, Control(**{model.natural: middle_of_range(model.card, model.natural, structure)}))
    a, slope_a, b, slope_b = prior(atoms.positions[None])
    charge, potential = float(exact["charge"][0]), float(exact["potential"][0])
    assert a + b * charge + 0.5 * STIFFNESS * charge**2 == pytest.approx(exact["canonical_energy"].numpy())
    assert b + STIFFNESS * charge == pytest.approx(potential)
    assert -(slope_a + charge * slope_b)[0] == pytest.approx(exact["forces"].detach().numpy(), abs=1e-8)


def test_its_gradients_are_those_of_its_values(known):
    atoms, _, prior = known
    shift = np.zeros(atoms.positions.shape)
    shift[8, 2] = 1e-4
    above, here, below = (prior(np.array([atoms.positions + s * shift, atoms.positions])) for s in (1.0, 0.0, -1.0))
    for value in (0, 2):
        assert here[value + 1][0, 8, 2] == pytest.approx((above[value] - below[value])[0] / 2e-4, rel=1e-5, abs=1e-6)


def test_a_surrogate_keeps_forces_and_potentials_consistent():
    atoms, free, rng = slab(), np.array([8]), np.random.default_rng(0)
    space = Space(features_of([atoms], free), Remembered(prior_of("electrode:baseline", atoms, STIFFNESS)), 40.0)
    label = Label(atoms.positions, 1.0, rng.normal(size=(9, 3)), 1.0, "saddle", charge=0.1, potential=4.2)
    surrogate, charge, step = Surrogate(space, [label]), np.array([-0.1]), 1e-4
    place = atoms.positions[None] + 0.1
    _, forces, potential = surrogate(place, charge)
    assert potential == pytest.approx((surrogate(place, charge + step)[0] - surrogate(place, charge - step)[0]) / (2 * step), abs=1e-6)
    shift = np.zeros(place.shape)
    shift[0, 8] = step * np.array([1.0, 2.0, -1.0])
    assert forces[0, 8] @ [1.0, 2.0, -1.0] == pytest.approx(-(surrogate(place + shift, charge)[0] - surrogate(place - shift, charge)[0])[0] / (2 * step), abs=1e-6)


class Closed:
    """The closed form of `charged`, as a prior that knows of the charge."""

    charged = True

    def __call__(self, positions):
        found = [[*neutral(place[0]), *level(place[0, 0])] for place in positions]
        a, slope_a, b, along = (np.array(x) for x in zip(*found))
        return a, slope_a[:, None], b, np.stack([along, 0 * along, 0 * along], axis=1)[:, None]


def test_a_prior_that_knows_of_the_charge_saves_calls(monkeypatch):
    monkeypatch.setattr(priors, "_of_model", lambda *given: Closed())
    row = accelerated_barriers(*charged_ends(4.3), lambda charge=None: Charged(charge), [4.3], "absolute", prior="electrode:closed").rows[0]
    assert row.converged and row.barrier_eV == pytest.approx(grand_saddle(4.3)[0], abs=2e-3)
    assert row.model_calls <= 5  # 7 without


def test_without_a_charge_a_model_is_neutral():
    atoms = slab()
    energy, gradient = prior_of("electrode:baseline", atoms)(atoms.positions[None])
    exact = evaluate(load_model("baseline"), Structure.from_atoms(atoms), Control(charge=torch.zeros(1)))
    assert energy == pytest.approx(exact["canonical_energy"].numpy()) and -gradient[0] == pytest.approx(exact["forces"].numpy(), abs=1e-8)

"""The potential as an input of every atom: a model's promises, the mixed derivatives, and what happens outside the trained potentials."""

from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import frames, interface, labelled

from electrode.models.domain import OutsideTrainedRange, check_domain
from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.blocks import blocks
from electrode.train.fit import TrainConfig
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.train import card_of, new_model, train

SMALL = {"spectrum": {"cutoff": 5.0, "n_max": 2, "l_max": 2}, "hidden": (8,)}
SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]


@lru_cache(maxsize=None)
def pupil(epochs=40, **choices):
    config = TrainConfig(max_minutes=5.0, epochs=epochs, batch_size=12, optimiser="adamw", learning_rate=0.02, validate_every=20)
    return train("eep", *frames(), config, choices={**SMALL, **choices}).model


class TestEep(ModelContract):
    """The networks beside the mean capacitor."""

    @pytest.fixture
    def case(self):
        return Case(pupil(), SYSTEMS, charge=0.01, potential=5.0)


def test_forces_change_with_the_potential_as_the_charge_does_with_the_atoms():
    """Identity 6: dF/dPhi at fixed atoms = dQ/dR at fixed potential."""
    atoms, h = SYSTEMS[1], 1e-3
    stencil = lambda f: (f(-2) - 8 * f(-1) + 8 * f(1) - f(2)) / (12 * h)
    forces = lambda k: evaluate(pupil(), Structure.from_atoms(atoms), Control(potential=5.0 + k * h))["forces"][-1, 2].item()

    def charge(k):
        image = atoms.copy()
        image.positions[-1, 2] += k * h
        return evaluate(pupil(), Structure.from_atoms(image), Control(potential=5.0))["charge"].item()

    assert abs(stencil(forces)) > 1e-4
    assert stencil(forces) == pytest.approx(stencil(charge), abs=1e-7)


def test_the_zero_of_the_potential_is_taken_off():
    """Potentials against SHE instead of absolute ones move the mean and change nothing else: U is the same."""
    model = new_model("eep", card_of(frames()[0]), SMALL)
    model.adapt(blocks(model, frames()[0]))
    value = torch.cat([b.natural for b in blocks(model, frames()[0])])
    assert float(model.potential_mean) == pytest.approx(float(value.mean())) and float(model.potential_spread) == pytest.approx(float(value.std(unbiased=False).clamp(min=0.1)))
    at = lambda potential: evaluate(model, Structure.from_atoms(SYSTEMS[0]), Control(potential=potential))["grand_energy"]
    before = at(5.0)
    model.potential_mean -= 4.44
    model.capacitor.level -= 4.44
    assert (at(5.0 - 4.44) - before).abs().max() < 1e-12


def test_it_learns_the_response_of_its_teacher():
    errors = frame_errors(pupil(), frames()[0])
    assert errors["energy_rmse_meV_per_atom"] < 12 and errors["charge_rmse_e"] < 0.012


@lru_cache(maxsize=None)
def windowed(capacitor):
    """A model of inner potentials, frames of those and of outer ones."""
    images = [interface(height=h, seed=k) for k, h in enumerate(np.linspace(0.6, 1.4, 5))]
    inside = [f for k, a in enumerate(images) for f in labelled(a, (-0.006, -0.003, 0.0, 0.003, 0.006), f"image{k}")]
    outside = [f for k, a in enumerate(images) for f in labelled(a, (-0.02, 0.02), f"image{k}")]
    terms = (Term("energy", 1.0, 0.01), Term("forces", 1.0, 0.2), Term("conjugate", 1.0, 0.002))
    config = TrainConfig(terms, max_minutes=5.0, epochs=80, batch_size=12, learning_rate=0.02, weight_decay=0.0, validate_every=20)
    return train("eep", inside, inside[:5], config, choices={**SMALL, "capacitor": capacitor}).model, inside, outside


def test_as_published_it_fails_outside_the_trained_potentials_and_says_so():
    """Trained inside, tested outside: the charge saturates, and a warning tells."""
    model, inside, outside = windowed(capacitor=False)
    near, far = (frame_errors(model, some)["charge_rmse_e"] for some in (inside, outside))
    assert near < 0.006 and far > 10 * near
    structure = Structure.from_atoms(inside[0].atoms)
    at = lambda frame: evaluate(model, structure, Control(potential=-frame.mu))
    assert not check_domain(model, structure, at(inside[2]), strict=False)
    with pytest.warns(OutsideTrainedRange, match="potential"):
        check_domain(model, structure, at(outside[1]), strict=False)
    assert (at(outside[1])["capacitance"] < 0.5 * at(inside[2])["capacitance"]).all()


def test_beside_the_capacitor_it_fails_less():
    (bare, _, outside), (beside, _, _) = windowed(capacitor=False), windowed(capacitor=True)
    far, less = (frame_errors(model, outside)["charge_rmse_e"] for model in (bare, beside))
    assert less < 0.3 * far


def test_force_training_reaches_every_network():
    model = new_model("eep", card_of(frames()[0]), SMALL)
    (first, *_) = blocks(model, frames()[0])
    first.predict(model, create_graph=True)["forces"].square().sum().backward()
    for name, p in model.named_parameters():
        assert (p.grad is not None and p.grad.abs().max() > 0) or name in ("element_energy", "network.biases.1"), name


def test_an_element_it_was_not_made_for_is_refused():
    atoms = interface()
    atoms.symbols[-1] = "N"
    with pytest.raises(ValueError, match="7"):
        evaluate(pupil(), Structure.from_atoms(atoms), Control(potential=5.0))

"""The dual scheme, trained for a second on labels of the baseline, keeps every promise of a model."""

import numpy as np
import pytest
import torch
from teacher import SMALL, frames, interface, pupil

from electrode.state import Control, Structure
from electrode.testing import Case, ModelContract
from electrode.thermo import evaluate
from electrode.train.fit import TrainConfig, fit
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.train import card_of, new_model

# triclinic cells thinner than the cutoff, one with an atom inside the switch of the interface plane, and water
SYSTEMS = [interface((1, 1, 3), height=-1.1, seed=21), interface(height=1.0, seed=22), interface((2, 1, 2), height=2.6, water=True, seed=23)]


class TestDual(ModelContract):
    """Local and short-range energy beside the products."""

    @pytest.fixture
    def case(self):
        return Case(pupil(), SYSTEMS, charge=0.01, potential=5.0)


class TestProductsAlone(ModelContract):
    """The published form: products of charge and electronegativity, nothing beside them."""

    @pytest.fixture
    def case(self):
        return Case(pupil(local_energy=False, short_range=False), SYSTEMS[:2], charge=0.01, potential=5.0)


def switched(atoms):
    """Values of the first decaying function, (N,)."""
    kernel = pupil().kernels(Structure.from_atoms(atoms))["decay"]
    return kernel.values()[:, 0]


def test_an_atom_of_the_contract_straddles_the_plane():
    low, high = switched(SYSTEMS[0])[-1], switched(SYSTEMS[1])[-1]
    assert 0.02 < low < 0.9 and high > 0
    assert np.abs(pupil().kernels(Structure.from_atoms(SYSTEMS[0]))["decay"].pull(np.ones((4, 4)))[-1, 2]) > 0.1


@pytest.mark.parametrize("choices", [{"local_energy": False}, {"short_range": False}], ids=["no local energy", "no short range"])
def test_each_option_changes_the_model_and_keeps_its_derivatives(choices):
    model = pupil(**choices)
    described = model.describe(Structure.from_atoms(SYSTEMS[1]))
    assert (model.energy_network is None) == (choices.get("local_energy") is False)
    assert ("short_range" in described) == choices.get("short_range", True)
    at = lambda k: evaluate(model, Structure.from_atoms(SYSTEMS[1]), Control(potential=5.0 + k * 1e-4))
    slope = (at(-2)["grand_energy"] - 8 * at(-1)["grand_energy"] + 8 * at(1)["grand_energy"] - at(2)["grand_energy"]) / 12e-4
    assert (slope + at(0)["charge"]).abs().max() < 1e-7


def test_latent_charges_are_reported_and_are_not_the_charge():
    structure = Structure.from_atoms(SYSTEMS)
    out = evaluate(pupil(consistency=False), structure, Control(potential=5.2))
    assert out["atomic_charges"].shape == (len(structure.numbers),)
    assert (structure.total(out["atomic_charges"]) - out["charge"]).abs().max() > 1e-4


def test_the_plane_follows_the_surface():
    for shift in (3.3, -2.1):
        moved = [a.copy() for a in SYSTEMS]
        for atoms in moved:
            atoms.positions[:, 2] += shift
        a, b = (evaluate(pupil(), Structure.from_atoms(x), Control(potential=4.9)) for x in (SYSTEMS, moved))
        for name in ("grand_energy", "charge", "forces", "atomic_charges"):
            assert (a[name] - b[name]).abs().max() < 1e-8


def test_the_surface_carries_the_force_on_the_plane():
    """Moving the metal alone is not moving nothing: the plane's own derivative makes the forces add up to zero."""
    forces = evaluate(pupil(), Structure.from_atoms(SYSTEMS[0]), Control(potential=4.9))["forces"]
    assert forces.sum(0).abs().max() < 1e-9 and forces[-1, 2].abs() > 1e-3


def test_the_consistency_term_reduces_the_defect():
    training, validation = frames()
    config = TrainConfig(max_minutes=5.0, epochs=40, batch_size=12, optimiser="adamw", learning_rate=0.02, validate_every=20)
    gaps = []
    for weight in (0.0, 10.0):
        terms = (Term("energy", 1.0, 0.01), Term("forces", 1.0, 0.2), Term("conjugate", 1.0, 0.01), Term("consistency", weight, 0.01))
        model = new_model("dual", card_of(training), SMALL)
        fit(model, training, validation, TrainConfig(**{**vars(config), "terms": terms}))
        gaps.append(frame_errors(model, training)["latent_charge_gap_rmse_e"])
    assert gaps[1] < 0.5 * gaps[0]


def test_it_learns_the_response_of_its_teacher():
    errors = frame_errors(pupil(), frames()[0])
    assert errors["energy_rmse_meV_per_atom"] < 8 and errors["charge_rmse_e"] < 0.012
    assert (evaluate(pupil(), Structure.from_atoms(SYSTEMS), Control(potential=5.0))["capacitance"] > 0).all()


def test_an_element_it_was_not_made_for_is_refused():
    atoms = interface()
    atoms.symbols[-1] = "N"
    with pytest.raises(ValueError, match="7"):
        evaluate(pupil(), Structure.from_atoms(atoms), Control(potential=5.0))


def test_without_an_electrode_there_is_no_plane():
    with pytest.raises(ValueError, match="no electrode atoms"):
        evaluate(pupil(), Structure.from_atoms(interface()[-1:]), Control(potential=5.0))


def test_force_training_reaches_every_network():
    from electrode.train.blocks import blocks

    model = new_model("dual", card_of(frames()[0]), SMALL)
    (first, *_) = blocks(model, frames()[0])
    first.predict(model, create_graph=True)["forces"].square().sum().backward()
    without = [n for n, p in model.named_parameters() if (p.grad is None or not p.grad.abs().max() > 0) and not n.startswith("element_energy")]
    # the last bias of a network moves its output alone: forces see it only through the product of charge and electronegativity
    assert all("energy_network" in n for n in without), without
    assert torch.isfinite(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])).all()

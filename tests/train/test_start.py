"""A training that begins with a trained model, on the same elements and on a metal that the model never saw."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
import torch
from teacher import CHARGES, SMALL, frames, interface, labelled, pupil

from electrode.models.baseline import Baseline
from electrode.models.committee import Committee
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.metrics import compare
from electrode.train.start import started, substitutes, trained_scheme
from electrode.train.train import train

FEW = {"symmetry_functions": SMALL["symmetry_functions"], "landmarks": 20}


@lru_cache(maxsize=None)
def kernels(scheme="taylor"):
    return train(scheme, *frames(), TrainConfig(epochs=3), choices=FEW).model


@lru_cache(maxsize=1)
def silver():
    """H at three heights on Ag(111), and at one to validate on."""
    found = []
    for k, height in enumerate((0.8, 1.1, 1.4, 1.0)):
        atoms = interface(height=height, seed=k)
        atoms.symbols[atoms.symbols == "Au"] = "Ag"
        found.append(labelled(atoms, CHARGES, f"silver{k}"))
    return [f for some in found[:3] for f in some], found[3]


def rms(model, some, quantity):
    label, predicted = compare(model, some).pairs(quantity)
    return float(np.sqrt(np.mean((predicted - label) ** 2)))


def test_the_most_similar_metal_gives_its_place():
    assert substitutes((1, 29, 79), (1, 78)) == {79: 78}  # platinum is nearer to gold than to copper
    assert substitutes((1, 29, 79), (1, 78, 79)) == {29: 78}  # gold is needed itself
    assert substitutes((1, 79), (1, 79)) == {}
    with pytest.raises(ValueError, match="none of them can give its place to O: expected a non-metal"):
        substitutes((1, 79), (1, 8, 79))


@pytest.mark.parametrize("model", [lambda: pupil(), lambda: pupil(members=2), kernels, lambda: kernels("equilibration")])
def test_the_start_is_the_old_model(model):
    old, structure = model(), Structure.from_atoms([interface(height=1.0, seed=31), interface((2, 1, 2), height=2.7, water=True, seed=32)])
    new = started(old, frames()[0])
    assert new is not old
    for control in (Control(charge=0.01), Control(charge=-0.02)):
        a, b = (evaluate(m, structure, control) for m in (old, new))
        assert torch.allclose(a["canonical_energy"], b["canonical_energy"], rtol=0, atol=1e-9) and torch.allclose(a["forces"], b["forces"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("scheme", ["taylor", "equilibration"])
def test_more_landmarks_leave_the_outputs(scheme):
    old = kernels(scheme)
    new, data = started(old, frames()[0]), frames()[0]
    structure = Structure.from_atoms([f.atoms for f in data[::3]])
    features, channel = new.describe(structure)["symmetry"], new.channel(structure)
    before, used = new.heads(features, channel), new.heads.used.clone()
    new.heads.extend(features, channel)
    assert (new.heads.used > used).any() and (new.heads.used <= new.heads.landmarks.shape[1]).all()
    assert torch.equal(new.heads(features, channel), before)
    for k in range(len(used)):  # the whitened basis holds the same function
        n = int(new.heads.used[k])
        own = features[channel == k]
        kernel = new.heads.kernel(own, k)[0]
        again = kernel @ (new.heads.root(k) @ new.heads.coefficients(k))
        assert (again - kernel @ new.heads.weights[k, :n]).abs().max() < 1e-6


def test_without_data_that_disagree_least_squares_stay_at_the_start():
    old = kernels()
    some = [replace(f, energy=float(e), forces=x, mu=-float(p)) for f in frames()[0][:6] for e, x, p in [_labels(old, f)]]
    new = train("taylor", some, some, TrainConfig(epochs=3), start=old).model
    structure = Structure.from_atoms(interface(height=0.3, seed=41))
    a, b = (evaluate(m, structure, Control(charge=0.01)) for m in (old, new))
    assert abs(float(a["canonical_energy"] - b["canonical_energy"])) < 1e-5 and (a["forces"] - b["forces"]).abs().max() < 1e-5


def _labels(model, frame):
    out = evaluate(model, Structure.from_atoms(frame.atoms), Control(charge=frame.charge))
    return out["canonical_energy"][0], out["forces"].numpy(), out["potential"][0]


@pytest.mark.parametrize("scheme", ["taylor", "dual"])
def test_another_metal_is_learned_from_a_start(scheme):
    old = kernels() if scheme == "taylor" else pupil()
    training, held = silver()
    start = started(old, training)
    assert start.config.symmetry_functions.elements == (1, 8, 47) and start.card.elements == (1, 8, 47)
    label, predicted = compare(start, training).pairs("energy")
    assert abs(np.mean(predicted - label)) < 1e-6  # the energy of the new element is fitted
    new = train(scheme, training, held, TrainConfig(epochs=30, validate_every=5, batch_size=3), start=old).model
    assert new.card.elements == (1, 47)
    assert rms(new, training, "forces") < 0.7 * rms(start, training, "forces")


def test_a_committee_starts_as_a_committee():
    training, held = silver()
    new = train("dual", training, held, TrainConfig(epochs=1, validate_every=1), start=pupil(members=2)).model
    assert isinstance(new, Committee) and new.config.size == 2 and new.card.calibration is not None


def test_what_a_start_cannot_be():
    training, held = silver()
    with pytest.raises(ValueError, match="expected a start of the scheme 'taylor', got one of 'dual'"):
        train("taylor", training, held, start=pupil())
    with pytest.raises(ValueError, match="brings its own choices"):
        train("dual", training, held, start=pupil(), members=2)
    with pytest.raises(ValueError, match="expected a trained model of one of the schemes"):
        trained_scheme(Baseline())

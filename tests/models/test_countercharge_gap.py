"""One model for counter-charges at several distances: an exact capacitor in series."""

from dataclasses import replace
from functools import lru_cache

import pytest
import torch
from teacher import SMALL, frames, interface

from electrode.calculator import ElectrodeCalculator
from electrode.learn.saddle import matched_ends
from electrode.models.store import load_model, save_model
from electrode.pathway.sweep import bare_copy
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.config import TrainConfig
from electrode.train.geometries import by_geometry
from electrode.train.train import card_of, train
from electrode.units import EPSILON_0

NEAR, FAR, PERMITTIVITY = 3.5, 7.5, 50.0
SMALLER = {"symmetry_functions": SMALL["symmetry_functions"], "landmarks": 20, "others": ()}


def moved(frame):
    """The same frame with its counter-charge farther away."""
    farther = (FAR - NEAR) / (PERMITTIVITY * EPSILON_0 * float(frame.geometry.cell.areas()[2]))
    q = frame.charge
    return replace(frame, energy=frame.energy + 0.5 * farther * q**2, mu=frame.mu - farther * q, countercharge_gap=FAR)


@lru_cache(maxsize=None)
def fitted(both=True):
    training, held = frames()
    if both:
        training = [moved(f) if k % 2 else f for k, f in enumerate(training)]
    return train("equilibration", training, held, TrainConfig(epochs=8), SMALLER).model


def placed(gap):
    atoms = interface((1, 1, 3), seed=21)
    atoms.info["eir_countercharge_gap"] = gap
    return atoms


def test_a_frame_hands_its_gap_to_the_structure():
    some = [frames()[0][0], moved(frames()[0][0])]
    structure = Structure.from_atoms([f.atoms for f in some])
    assert structure.countercharge_gap.tolist() == [NEAR, FAR] and structure.repeat(2).countercharge_gap.tolist() == [NEAR, FAR] * 2
    assert Structure.from_atoms(interface()).countercharge_gap is None


def test_the_gap_is_a_capacitor_in_series():
    model, charge = fitted(), 0.03
    near, far = (evaluate(model, Structure.from_atoms(placed(gap)), Control(charge=charge)) for gap in (NEAR, FAR))
    area = float(Structure.from_atoms(placed(NEAR)).area[0])
    series = (FAR - NEAR) / (model.log_series[1].exp().item() * EPSILON_0 * area)
    assert (far["potential"] - near["potential"]).item() == pytest.approx(series * charge, rel=1e-9)
    assert (far["canonical_energy"] - near["canonical_energy"]).item() == pytest.approx(0.5 * series * charge**2, rel=1e-6)
    assert (1.0 / far["capacitance"] - 1.0 / near["capacitance"]).item() == pytest.approx(series, rel=1e-9)
    assert torch.allclose(near["forces"], far["forces"], atol=1e-12)


def test_the_permittivity_is_learned():
    assert fitted().log_series[1].exp().item() == pytest.approx(PERMITTIVITY, rel=0.2)  # begins at 78


def test_a_model_of_several_gaps_must_be_told_which(tmp_path):
    with pytest.raises(ValueError, match="distance of its counter-charge.*3.5 to 7.5 A.*got none"):
        evaluate(fitted(), Structure.from_atoms(interface((1, 1, 3), seed=21)), Control(charge=0.0))
    save_model(fitted(), tmp_path / "m")
    atoms = placed(FAR)
    atoms.calc = ElectrodeCalculator(load_model(tmp_path / "m"), charge=0.012)
    far = atoms.get_potential_energy()
    atoms.info["eir_countercharge_gap"] = NEAR
    assert atoms.get_potential_energy() < far - 5e-5


@pytest.mark.parametrize("both", [True, False])
def test_a_gap_that_was_not_trained_is_refused(both):
    with pytest.raises(ValueError, match="got 12 A"):
        evaluate(fitted(both), Structure.from_atoms(placed(12.0)), Control(charge=0.0))


def test_a_model_of_one_gap_needs_none():
    told, untold = (evaluate(fitted(False), Structure.from_atoms(a), Control(charge=0.02)) for a in (placed(NEAR), interface((1, 1, 3), seed=21)))
    assert told["canonical_energy"].item() == untold["canonical_energy"].item()


def test_frames_of_one_geometry_with_two_gaps_are_two_geometries():
    frame = frames()[0][0]
    assert by_geometry([frame, moved(frame), frame]) == [[0, 2], [1]]


def test_the_card_says_which_gaps():
    assert fitted().card.countercharge_gaps == (NEAR, FAR) and fitted().card.countercharge_gap is None
    with pytest.raises(ValueError, match="different countercharge_gap"):
        card_of([frames()[0][0], moved(frames()[0][0])])
    with pytest.raises(ValueError, match="different countercharge_gap"):
        card_of([frames()[0][0], replace(frames()[0][0], countercharge_gap=None)], several_gaps=True)


def test_end_states_of_a_search_keep_their_gap_alone():
    first, last = placed(FAR), placed(FAR)
    last.positions[-1, 2] += 0.5
    for atoms in (first, last):
        atoms.info["eir_mu"] = -4.0
    assert [a.info for a in (*matched_ends(first, last), bare_copy(first))] == [{"eir_countercharge_gap": FAR}] * 3

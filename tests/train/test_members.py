"""A committee trained in one batched pass is its members trained one by one, and its error bars hold what they promise."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from teacher import SMALL, TERMS, frames, pupil

from electrode.models.base import Calibration
from electrode.models.committee import Committee
from electrode.models.store import load_model, save_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate
from electrode.train.bootstrap import bootstrap_weights
from electrode.train.calibration import coverage, scale_factor
from electrode.train.fit import TrainConfig, fit
from electrode.train.metrics import compare, frame_errors
from electrode.train.train import calibrate, card_of, new_model, train

QUICK = TrainConfig(TERMS, max_minutes=5.0, epochs=6, batch_size=12, learning_rate=5e-3, validate_every=2, gradient_clip=20.0)


@pytest.mark.parametrize("change", [{}, {"bootstrap": True, "averaging": 0.9}, {"polish": 10}, {"optimiser": "soap"}], ids=["plain", "bootstrap", "polish", "soap"])
def test_members_are_what_they_are_when_trained_alone(change):
    config = replace(QUICK, **{"optimiser": "adamw", **change})
    bound = 1e-7 if config.polish else 1e-6 if config.optimiser == "soap" else 1e-11  # of rounding, which nearly degenerate bases of `soap` make larger
    found = train("dual", *frames(), config, choices=SMALL, members=3)
    drawn = bootstrap_weights(frames()[0], 3, config.seed)
    assert isinstance(found.model, Committee) and {r["member"] for r in found.history} == {0, 1, 2}
    for k, member in enumerate(found.model.members()):
        alone = new_model("dual", card_of(frames()[0]), {**SMALL, "seed": k})
        result = fit(alone, *frames(), config, weights=drawn[k] if config.bootstrap else None)
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(member.state_dict()[name], value, rtol=0, atol=bound)
        assert found.scores[k] == pytest.approx(result.best, rel=max(bound, 1e-6))
        rows = [r for r in found.history if r["member"] == k]
        assert [r["validation_loss"] for r in rows] == pytest.approx([r["validation_loss"] for r in result.history], rel=max(bound, 1e-6))


def test_members_of_a_bootstrap_differ_more():
    spread = []
    for bootstrap in (False, True):
        model = train("dual", *frames(), replace(QUICK, epochs=20, bootstrap=bootstrap), choices=SMALL, members=4).model
        out = evaluate(model, Structure.from_atoms([f.atoms for f in frames()[1]]), Control(potential=[f.potential for f in frames()[1]]))
        spread.append(float(out["member_energies"].std(1).mean()))
    assert spread[1] > spread[0] > 0


def test_the_factor_is_that_of_a_normal_error():
    draw = np.random.default_rng(0)
    spread = draw.uniform(0.5, 2.0, 40000)
    error = 3.0 * spread * draw.standard_normal(40000)
    assert scale_factor(error, spread) == pytest.approx(3.0, rel=0.02)
    assert coverage(error, 3.0 * spread)[50] == pytest.approx(0.5, abs=0.01)
    assert coverage(error, 3.0 * spread)[90] == pytest.approx(0.9, abs=0.01)
    assert coverage(error, spread)[90] < 0.5
    assert scale_factor(error[:5], spread[:5]) == 1.0 and scale_factor(error, 0.0 * spread) == 1.0


def test_the_factors_are_those_of_the_validation_frames():
    """Nine frames hold enough forces for a factor, and too few energies."""
    model = pupil(members=3)
    found = model.card.calibration
    assert found == calibrate(model, frames()[1]) and found.energy == found.conjugate == 1.0 != found.forces
    errors = frame_errors(model, frames()[1])
    assert errors["force_coverage_50"] == pytest.approx(0.5, abs=0.1) and errors["force_coverage_90"] == pytest.approx(0.9, abs=0.05)


def test_coverage_counts_labels_inside_the_intervals():
    model = pupil(members=3)
    rows = compare(model, frames()[1]).frames
    inside = [abs(p - q) <= 1.6448536269514722 * s for q, p, s in (r["charge"] for r in rows)]
    assert frame_errors(model, frames()[1])["charge_coverage_90"] == pytest.approx(np.mean(inside))
    assert not any("coverage" in key for key in frame_errors(model.members()[0], frames()[1]))


def test_the_factors_scale_the_spread_and_are_stored(tmp_path):
    model, structure = pupil(members=3), Structure.from_atoms([f.atoms for f in frames()[1][:2]])
    plain = pupil(members=3)
    before, card = plain.card, replace(plain.card, calibration=Calibration(2.0, 3.0, 5.0))
    held = Control(potential=5.0)
    try:
        plain.card = replace(card, calibration=None)
        bare = evaluate(plain, structure, held)["energy_std"], plain.forces_std(structure, held), plain.conjugate_std(structure, held)
        plain.card = card
        save_model(plain, tmp_path / "c")
    finally:
        model.card = before
    again = load_model(tmp_path / "c")
    assert again.card == card
    scaled = evaluate(again, structure, held)["energy_std"], again.forces_std(structure, held), again.conjugate_std(structure, held)
    for a, b, factor in zip(scaled, bare, (2.0, 3.0, 5.0)):
        torch.testing.assert_close(a, factor * b, rtol=1e-12, atol=0)

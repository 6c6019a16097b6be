"""Training: it learns, repeats with its seed, keeps the best weights, and says when it cannot go on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase.build import molecule
from teacher import SMALL, TERMS, frames, interface, labelled

from electrode.models.base import ModelCard
from electrode.train.fit import TrainConfig, fit
from electrode.train.loss import Term
from electrode.train.metrics import frame_errors
from electrode.train.schedule import Schedule
from electrode.train.train import card_of, new_model, train

QUICK = TrainConfig(TERMS, max_minutes=5.0, epochs=4, batch_size=12, validate_every=2)


def few():
    """Ten frames of two structures."""
    return [f for k, h in enumerate((0.9, 1.1)) for f in labelled(interface(height=h, seed=k), (-0.002, -0.001, 0.0, 0.001, 0.002), f"h{k}")]


def test_ten_frames_are_learned_by_heart():
    terms = (Term("energy", 1.0, 0.001), Term("forces", 0.3, 0.05), Term("conjugate", 1.0, 0.002))
    config = TrainConfig(terms, max_minutes=5.0, epochs=400, batch_size=10, learning_rate=5e-3, weight_decay=0.0, validate_every=50)
    found = train("dual", few(), few(), config, choices={**SMALL, "hidden": (16,)})
    errors = frame_errors(found.model, few())
    assert errors["energy_rmse_meV_per_atom"] < 0.1 and errors["charge_rmse_e"] < 1e-3
    first, last = found.history[0]["validation_loss"], found.history[-1]["validation_loss"]
    assert last < 0.2 * first


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_a_seed_repeats_and_another_does_not():
    runs = [train("dual", *frames(), replace(QUICK, seed=s), choices={**SMALL, "seed": i}) for s, i in ((3, 0), (3, 0), (4, 0), (3, 1))]
    first, again, order, start = (weights(r.model) for r in runs)
    assert torch.equal(first, again) and runs[0].history == runs[1].history
    assert not torch.equal(first, order) and not torch.equal(first, start)


def test_global_random_state_is_neither_used_nor_changed():
    torch.manual_seed(7)
    np.random.seed(7)
    state = torch.get_rng_state(), np.random.get_state()[1].copy()
    train("dual", *frames(), QUICK, choices=SMALL)
    assert torch.equal(state[0], torch.get_rng_state()) and np.array_equal(state[1], np.random.get_state()[1])


def test_the_weights_that_validate_best_are_kept():
    seen = []
    found = train("dual", *frames(), replace(QUICK, epochs=12), choices=SMALL, progress=seen.append)
    best = min(row["validation_loss"] for row in found.history)
    assert found.best == best and [r["epoch"] for r in found.history] == [2, 4, 6, 8, 10, 12]
    errors = frame_errors(found.model, frames()[1])
    row = next(r for r in found.history if r["validation_loss"] == best)
    assert errors["energy_rmse_meV_per_atom"] == pytest.approx(1e3 * row["validation_energy"], rel=1e-6)
    assert [r["done"] for r in seen] == sorted(r["done"] for r in seen) and seen[-1]["done"] == 1.0
    assert not found.model.training


def test_divergence_is_an_error_that_says_what_to_do():
    with pytest.raises(FloatingPointError, match="diverged.*lower learning_rate"):
        train("dual", *frames(), replace(QUICK, learning_rate=1e200, epochs=6), choices=SMALL)


def test_time_ends_training():
    found = train("dual", *frames(), replace(QUICK, epochs=None, max_minutes=0.3 / 60), choices=SMALL)
    assert found.history and found.history[-1]["epoch"] >= 1


def test_patience_ends_training():
    config = replace(QUICK, epochs=400, learning_rate=0.02, validate_every=1, patience=3)
    found = train("dual", few(), frames()[1], config, choices=SMALL)
    losses = [r["validation_loss"] for r in found.history]
    assert len(losses) < 400 and losses.index(min(losses)) == len(losses) - 4


def test_a_term_counts_from_where_it_begins():
    """Until then the training is that without it, to the bit."""
    late = (Term("energy", 1.0, 0.01), Term("forces", 1.0, 0.1, begins=0.5))
    runs = [train("dual", *frames(), replace(QUICK, terms=terms, epochs=8), choices=SMALL).history for terms in (late, late[:1])]
    with_, without = ([row["training_loss"] for row in run] for run in runs)
    assert with_[:2] == without[:2] and with_[2] > without[2] and with_[3] != without[3]
    assert all("validation_forces" in row for row in runs[0])
    config = replace(QUICK, terms=late)
    assert config.terms_at(0.0) == config.terms_at(0.49) == late[:1] and config.terms_at(0.5) == config.terms_at(1.0) == late
    with pytest.raises(ValueError, match="begins in"):
        Term("forces", begins=1.0)
    with pytest.raises(ValueError, match="from the beginning"):
        replace(QUICK, terms=late[1:])


def test_averaged_weights_are_what_is_validated_and_kept():
    """At a rate that makes single weights jump, their average validates better."""
    config = replace(QUICK, epochs=40, learning_rate=0.05, schedule=Schedule("constant"), validate_every=5)
    plain, averaged = (train("dual", *frames(), replace(config, averaging=a), choices=SMALL) for a in (0.0, 0.95))
    last = [np.mean([r["validation_loss"] for r in run.history[-4:]]) for run in (plain, averaged)]
    assert last[1] < 0.8 * last[0]
    errors = frame_errors(averaged.model, frames()[1])
    row = min(averaged.history, key=lambda r: r["validation_loss"])
    assert errors["energy_rmse_meV_per_atom"] == pytest.approx(1e3 * row["validation_energy"], rel=1e-6)


def test_polishing_lowers_the_loss_and_never_worsens_the_model():
    config = replace(QUICK, epochs=30, learning_rate=0.02, polish=40, weight_decay=0.0)
    found = train("dual", few(), few(), config, choices=SMALL)
    before = [r for r in found.history if "polish" not in r]
    after = [r for r in found.history if "polish" in r]
    assert [r["polish"] for r in after] == [10, 20, 30, 40]
    assert found.best < 0.5 * min(r["validation_loss"] for r in before)
    other = train("dual", few(), frames()[1], config, choices=SMALL)
    assert other.best <= min(r["validation_loss"] for r in other.history if "polish" not in r)
    errors = frame_errors(other.model, frames()[1])
    row = min(other.history, key=lambda r: r["validation_loss"])
    assert errors["charge_rmse_e"] == pytest.approx(row["validation_conjugate"], rel=1e-6)


def test_sets_without_frames_are_refused():
    model = new_model("dual", card_of(few()), SMALL)
    for sets in (([], few()), (few(), [])):
        with pytest.raises(ValueError, match="fit needs frames"):
            fit(model, *sets, QUICK)
    with pytest.raises(ValueError, match="at least one frame"):
        train("dual", [], [], QUICK)


def test_labels_that_are_missing_do_not_stop_training():
    training = [replace(f, forces=None) if k % 2 else f for k, f in enumerate(few())]
    found = train("dual", training, few(), QUICK, choices=SMALL)
    assert np.isfinite(found.best) and torch.isfinite(weights(found.model)).all()


def test_a_frame_counts_for_the_labels_that_it_has():
    """Frames without energy, forces or charge change only the terms whose labels they have."""
    whole = few()
    silent = replace(whole[0], energy=None, energy_kind="none", n_excess=None)
    found = train("dual", [silent, *whole[1:]], whole, QUICK, choices=SMALL)
    forces_only = [replace(f, energy=None, energy_kind="none", n_excess=None) for f in whole]
    alone = train("dual", forces_only, forces_only, replace(QUICK, terms=(Term("forces"),)), choices=SMALL).model
    assert np.isfinite(found.best) and alone.card.surface_charge_range is None and alone.card.potential_range is not None


def test_no_label_of_the_loss_at_all_is_refused():
    bare = [replace(f, forces=None) for f in few()]
    with pytest.raises(ValueError, match="forces"):
        train("dual", bare, bare, replace(QUICK, terms=(Term("forces"),)), choices=SMALL)


def test_the_card_says_what_was_trained():
    found = train("dual", *frames(), QUICK, choices=SMALL).model.card
    both = [f for part in frames() for f in part]
    density = [f.charge / f.geometry.cell.areas()[2] for f in both]
    assert found == ModelCard(
        method_ids=("teacher",), potential_zero="electrolyte", countercharge="jellium_slab", countercharge_gap=3.5, she_absolute=4.5,
        elements=(1, 8, 79), surface_charge_range=(min(density), max(density)),
        potential_range=(min(f.potential for f in both), max(f.potential for f in both)), pbc=(True, True, False),
    )  # fmt: skip


@pytest.mark.parametrize("change, word", [({"countercharge_gap": 5.0}, "countercharge_gap.*3.5.*5.0"), ({"mu_zero": "vacuum_top"}, "mu_zero"), ({"countercharge": "esm_metal"}, "countercharge"), ({"phi_she": 4.66}, "phi_she")])
def test_frames_that_no_model_can_share_are_refused(change, word):
    mixed = [*few()[:-1], replace(few()[-1], **change)]
    with pytest.raises(ValueError, match=word):
        card_of(mixed)
    with pytest.raises(ValueError, match=word):
        train("dual", few(), mixed, QUICK)


def test_frames_of_a_molecule_have_no_charge_per_area():
    frame = replace(few()[0], geometry=molecule("H2"), forces=None)
    with pytest.raises(ValueError, match="area"):
        card_of([frame])


@pytest.mark.parametrize("scheme, choices, members, message", [
    ("duel", {}, 1, "did you mean 'dual'"),
    ("baseline", {}, 1, "nothing to train"),
    ("committee", {}, 1, "nothing to train"),
    ("dual", {"hiden": (4,)}, 1, "did you mean 'hidden'"),
    ("dual", {"symmetry_functions": {"cutof": 3.0}}, 1, "did you mean 'cutoff'"),
    ("dual", {}, 0, "at least one member"),
])  # fmt: skip
def test_mistakes_are_refused_by_name(scheme, choices, members, message):
    with pytest.raises(ValueError, match=message):
        train(scheme, few(), few(), QUICK, choices=choices, members=members)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"max_minutes": 0.0}, {"batch_size": 0}, {"learning_rate": float("nan")}, {"weight_decay": -0.1}, {"terms": ()}, {"gradient_clip": -1.0}, {"validate_every": 0}, {"averaging": 1.0}, {"patience": 0}, {"polish": -1}, {"polish_share": 1.0}])
def test_choices_of_training_are_checked(change):
    with pytest.raises(ValueError, match="TrainConfig"):
        TrainConfig(**change)

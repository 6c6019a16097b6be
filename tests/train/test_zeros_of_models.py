"""A model that was trained on a common level says so, and is compared on it."""

from dataclasses import replace

import numpy as np
import pytest
from teacher import SMALL, TERMS, interface, labelled

from electrode.cli import main
from electrode.data.zeros import EnergyZeros, MethodZero, fit_zeros, fit_zeros_to
from electrode.models.baseline import Baseline
from electrode.models.store import load_model, save_model
from electrode.train.alignment import zeros_of_model
from electrode.train.config import TrainConfig
from electrode.train.joining import joined
from electrode.train.metrics import frame_errors
from electrode.train.train import card_of, train

ZEROS = EnergyZeros((MethodZero("other", ((1, -13.6), (79, -3.2)), 0.42),))


def frames():
    """The baseline's own labels, on the level of another method."""
    found = [f for k in range(3) for f in labelled(interface(size=((1, 1, 3), (2, 1, 3), (2, 2, 2))[k], height=0.9, seed=k), (-0.002, 0.0, 0.003), f"s{k}")]
    return [ZEROS.restore(replace(f, method_id="other")) for f in found]


def test_zeros_are_fitted_stored_shown_and_used(tmp_path, capsys):
    shifted, model = frames(), Baseline()
    own = [ZEROS.apply(f) for f in shifted]
    found = fit_zeros(shifted, [f.canonical_energy for f in own], [f.potential for f in own])
    assert found.of("other").shift == pytest.approx(0.42, abs=1e-9) and dict(found.of("other").elements) == pytest.approx({1: -13.6, 79: -3.2}, abs=1e-8)
    assert frame_errors(model, shifted)["potential_rmse_V"] == pytest.approx(0.42, abs=1e-6)
    model.card = replace(model.card, energy_zeros=found)
    save_model(model, tmp_path / "M")
    again = load_model(tmp_path / "M")
    assert again.card == model.card
    errors = frame_errors(again, shifted)
    assert errors["potential_rmse_V"] < 1e-6 and errors["energy_rmse_meV_per_atom"] < 1e-5 and np.isfinite(errors["force_rmse_meV_per_A"])
    assert main(["info", str(tmp_path / "M")]) == 0
    assert "energy_zeros" in (shown := capsys.readouterr().out) and "other" in shown and "shift" in shown


def two_methods():
    """The same structures in the baseline's method and in another one, whose zeros are those of ZEROS; both write 4.5 V for SHE."""
    own = [f for k, h in enumerate((0.85, 0.95, 1.05, 1.15)) for f in labelled(interface(size=((1, 1, 3), (2, 1, 3))[k % 2], height=h, seed=k), (-0.002, 0.0, 0.002), f"s{k}")]
    return own, [replace(ZEROS.restore(replace(f, method_id="other")), phi_she=4.5) for f in own]


@pytest.mark.parametrize("against", ["teacher", "model"])
@pytest.mark.parametrize("members", [1, 2])
def test_two_methods_train_as_one(against, members):
    """A model of frames on two levels, aligned, is the model of the same frames on one level."""
    own, other = two_methods()
    zeros = fit_zeros_to([*own, *other], "teacher") if against == "teacher" else zeros_of_model(Baseline(), [*own, *other])
    assert zeros.of("other").shift - zeros.of("teacher").shift == pytest.approx(0.42, abs=1e-6)
    config = TrainConfig(TERMS, epochs=3, batch_size=8, validate_every=1)
    data, check = [*own[:6], *other[6:9]], [*other[9:]]
    found = train("dual", data, check, config, SMALL, members=members, zeros=zeros).model
    plain = train("dual", own[:9], own[9:], config, SMALL, members=members).model
    assert found.card.energy_zeros == zeros and found.card.method_ids == ("other", "teacher") and plain.card.energy_zeros is None
    for name, value in found.state_dict().items():
        assert np.allclose(value, plain.state_dict()[name], rtol=1e-4, atol=1e-4), name
    errors, expected = frame_errors(found, check), frame_errors(plain, own[9:])
    assert errors["energy_rmse_meV_per_atom"] == pytest.approx(expected["energy_rmse_meV_per_atom"], rel=1e-3)
    assert errors["charge_rmse_e"] == pytest.approx(expected["charge_rmse_e"], rel=1e-3)
    if members > 1:
        assert found.card.calibration.energy == pytest.approx(plain.card.calibration.energy, rel=1e-3)


def test_what_aligned_methods_must_share():
    own, other = two_methods()
    with pytest.raises(ValueError, match="different phi_she"):
        train("dual", own, [replace(f, phi_she=4.4) for f in other], TrainConfig(TERMS, epochs=1), SMALL)
    zeros = fit_zeros_to([*own, *other], "teacher")
    with pytest.raises(ValueError, match="different countercharge_gap"):
        train("dual", own, [replace(f, countercharge_gap=9.0) for f in other], TrainConfig(TERMS, epochs=1), SMALL, zeros=zeros)
    aligned = [zeros.apply(f) for f in [*own, *other]]
    assert card_of(aligned, zeros).she_absolute == 4.5
    assert card_of(aligned, replace(zeros, relative_to="model")).she_absolute is None  # 4.5 and 4.08 V on the common level
    with pytest.raises(ValueError, match="expected no field"):
        zeros_of_model(Baseline(), [replace(own[0], efield=np.array([0.0, 0.0, 0.1]))])


def test_models_trained_apart_are_calibrated_on_the_common_level():
    """The spread of a committee joined from aligned models is that of one whose frames were on one level from the start."""
    own, other = two_methods()
    zeros = fit_zeros_to([*own, *other], "teacher")
    config, choices = TrainConfig(TERMS, epochs=3, batch_size=8, validate_every=1), [{**SMALL, "seed": seed} for seed in (0, 1)]
    aligned = [train("dual", [*own[:6], *other[6:9]], other[9:], config, c, zeros=zeros).model for c in choices]
    plain = [train("dual", own[:9], own[9:], config, c).model for c in choices]
    found, wanted = joined(aligned, other[9:]).card, joined(plain, own[9:]).card
    assert found.energy_zeros == zeros
    for name in ("energy", "forces", "conjugate"):
        assert getattr(found.calibration, name) == pytest.approx(getattr(wanted.calibration, name), rel=1e-3)

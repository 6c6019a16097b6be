"""A model that was trained on a common level says so, and is compared on it."""

from dataclasses import replace

import numpy as np
import pytest
from teacher import interface, labelled

from electrode.cli import main
from electrode.data.zeros import EnergyZeros, MethodZero, fit_zeros
from electrode.models.baseline import Baseline
from electrode.models.store import load_model, save_model
from electrode.train.metrics import frame_errors

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

"""Errors on labelled frames: known offsets come back, missing labels are left out, batches do not matter."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from ase import Atoms

from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model, ModelCard
from electrode.train import frame_batches
from electrode.train.metrics import compare, frame_errors

CAPACITANCE, NEUTRAL = 0.08, 4.9  # [e/V], [V]


class Capacitor(Model):
    """E = sum |r|^2 + NEUTRAL Q + Q^2 / 2C, or its Legendre transform; latent charges that miss Q by 0.25 e."""

    def __init__(self, natural="charge"):
        super().__init__()
        self.natural = natural

    def forward(self, structure, control, description):
        short = structure.total(description["positions"].square().sum(1))
        if self.natural == "charge":
            energy = NEUTRAL * control.charge + 0.5 * control.charge**2 / CAPACITANCE
        else:
            energy = -0.5 * CAPACITANCE * (control.potential - NEUTRAL) ** 2
        latent = torch.full_like(description["positions"][:, 0], 0.25) / structure.counts[structure.system]
        return {"natural_energy": short + energy, "atomic_charges": latent}


def frame(n, system="one", count=2, energy_error=0.0, force_error=0.0, mu_error=0.0):
    """A frame whose labels are those of `Capacitor` with known errors added."""
    positions = 0.1 + 0.37 * np.arange(3.0 * count).reshape(count, 3)
    mu = -NEUTRAL + n / CAPACITANCE
    energy = (positions**2).sum() - NEUTRAL * n + 0.5 * n**2 / CAPACITANCE
    return ElectrifiedFrame(
        Atoms(numbers=[1] * count, positions=positions), f"frame {n}", energy=energy + energy_error, energy_kind="E", n_excess=n,
        mu=mu + mu_error, mu_zero="electrolyte", forces=-2.0 * positions + force_error, system=system,
    )  # fmt: skip


def test_offsets_come_back_at_natural_charge():
    found = frame_errors(Capacitor(), [frame(n, energy_error=0.004, force_error=0.03, mu_error=0.05) for n in (-0.02, 0.01)])
    assert found["n_frames"] == 2
    assert found["energy_rmse_meV_per_atom"] == pytest.approx(2.0)
    assert found["force_rmse_meV_per_A"] == pytest.approx(30.0)
    assert found["potential_rmse_V"] == pytest.approx(0.05)
    assert "charge_rmse_e" not in found


def test_offsets_come_back_at_natural_potential():
    frames = [replace(frame(n), n_excess=n + 0.001) for n in (-0.02, 0.01)]
    found = frame_errors(Capacitor("potential"), frames)
    assert found["charge_rmse_e"] == pytest.approx(0.001)
    assert "potential_rmse_V" not in found
    shift = [(f.grand_energy - frame(n).grand_energy) / 2 for f, n in zip(frames, (-0.02, 0.01))]
    assert found["energy_rmse_meV_per_atom"] == pytest.approx(1e3 * np.sqrt(np.mean(np.square(shift))))


def test_latent_charges_are_compared_with_label_and_with_the_models_own_charge():
    found = frame_errors(Capacitor("potential"), [replace(frame(0.02), n_excess=0.03)])
    assert found["latent_charge_rmse_e"] == pytest.approx(0.28)
    assert found["latent_charge_gap_rmse_e"] == pytest.approx(0.27)


def test_systems_and_windows():
    frames = [frame(0.0, "one"), frame(0.0, "two", energy_error=0.002), frame(-0.05, "two", mu_error=0.1), replace(frame(0.01), system=None)]
    found = frame_errors(Capacitor(), frames)
    assert {k: v["n_frames"] for k, v in found["systems"].items()} == {"one": 1, "two": 2, "unnamed": 1}
    assert found["systems"]["two"]["energy_rmse_meV_per_atom"] == pytest.approx(1.0 / np.sqrt(2.0))
    assert [(w["potential_low_V"], w["n_frames"]) for w in found["windows"]] == [(4.5, 3), (5.0, 1)]
    assert [(w["potential_low_V"], w["n_frames"]) for w in compare(Capacitor(), frames).by_window(2.0)] == [(4.0, 4)]


def test_missing_labels_are_left_out():
    bare = replace(frame(0.0), energy=None, energy_kind="none", forces=None, mu=None)
    found = frame_errors(Capacitor(), [bare, frame(0.01, energy_error=0.002, force_error=0.01, mu_error=0.02)])
    assert found["n_frames"] == 2
    assert found["energy_rmse_meV_per_atom"] == pytest.approx(1.0)
    assert found["potential_rmse_V"] == pytest.approx(0.02)
    assert "energy_rmse_meV_per_atom" not in frame_errors(Capacitor(), [bare])


def test_potential_on_another_zero_is_no_label():
    assert "potential_rmse_V" not in frame_errors(Capacitor(), [replace(frame(0.0), mu_zero="cell_average")])


@pytest.mark.parametrize(
    ("name", "value", "sizes"),
    [("FRAMES", 2, [2, 2, 1]), ("ATOMS", 7, [3, 2]), ("ATOMS", 2, [1, 1, 1, 1, 1]), ("members_of", lambda model: 900, [1, 1, 1, 1, 1])],
)
def test_batches_do_not_matter(monkeypatch, name, value, sizes):
    frames = [frame(0.01 * k, count=2 + k % 2, force_error=0.01 * k) for k in range(5)]
    whole, steps = frame_errors(Capacitor(), frames), []
    monkeypatch.setattr(frame_batches, name, value)
    parts = frame_errors(Capacitor(), frames, progress=steps.append)
    assert steps == sizes
    assert parts["force_rmse_meV_per_A"] == pytest.approx(whole["force_rmse_meV_per_A"], rel=1e-12)


def test_no_frames_and_frames_without_natural_variable_are_refused():
    with pytest.raises(DataError, match="at least one frame"):
        frame_errors(Capacitor(), [])
    with pytest.raises(DataError, match="eir_n_excess is missing"):
        frame_errors(Capacitor(), [replace(frame(0.0), n_excess=None)])
    with pytest.raises(DataError, match="eir_mu_zero"):
        frame_errors(Capacitor("potential"), [replace(frame(0.0), mu_zero="cell_average")])


def test_a_field_that_the_model_does_not_read_is_refused():
    with pytest.raises(ValueError, match="does not read"):
        frame_errors(Capacitor(), [replace(frame(0.0), efield=np.array([0.0, 0.0, 0.1]))])


def test_elements_that_the_model_lacks_are_refused():
    model = Capacitor()
    model.card = ModelCard(elements=(79,))
    with pytest.raises(ValueError, match=r"elements \[1\]"):
        frame_errors(model, [frame(0.0)])


def test_a_model_that_gives_nan_is_refused():
    broken = Capacitor()
    broken.forward = lambda s, c, d: {"natural_energy": s.total(d["positions"].sum(1)) + c.charge * float("nan")}
    with pytest.raises(ValueError, match="energy is not finite"):
        frame_errors(broken, [frame(0.01)])


def test_windows_need_a_width():
    with pytest.raises(ValueError, match="positive width"):
        frame_errors(Capacitor(), [frame(0.0)], window=0.0)

"""What comes with the package: its size, its errors on trajectories it never saw, and a barrier from the shell."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from electrode.cli import main
from electrode.data.files import read_frames
from electrode.data.splits import Split
from electrode.examples import example, example_names
from electrode.models.store import load_model, shipped_models
from electrode.state import Control, Structure
from electrode.testing import FORCE_TOLERANCE, numerical_forces
from electrode.thermo import evaluate
from electrode.train.metrics import frame_errors

ROOT = Path(__file__).parents[1]
DATA = ROOT / "tutorials" / "data"
LIMITS = {"au111-h": (2.0, 60.0, 0.01), "au111-h3o": (2.0, 90.0, 0.01)}  # meV/atom, meV/A, e


def unseen(name):
    stem = DATA / name.replace("-", "_")
    return Split.from_json(f"{stem}.split.json").select(read_frames(f"{stem}.xyz.gz"), "test")


def test_what_is_shipped_is_small_and_holds_no_pickle():
    models = [p for p in (ROOT / "electrode" / "shipped").rglob("*") if p.is_file()]
    data = [p for p in (ROOT / "tutorials").rglob("*") if p.is_file()]
    assert sum(p.stat().st_size for p in models) < 1e6
    assert sum(p.stat().st_size for p in models + data) < 3e6
    assert {p.suffix for p in models} <= {".json", ".safetensors", ".xyz"}
    assert set(shipped_models()) == set(LIMITS) and "volmer-initial" in example_names()


@pytest.mark.parametrize("name", LIMITS)
def test_errors_on_unseen_trajectories(name):
    e = frame_errors(load_model(name), unseen(name))
    energy, forces, charge = LIMITS[name]
    assert e["energy_rmse_meV_per_atom"] < energy and e["force_rmse_meV_per_A"] < forces and e["charge_rmse_e"] < charge


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("held", ["charge", "potential"])
def test_forces_of_a_trained_model_are_its_gradient(name, held):
    model, frame = load_model(name), unseen(name)[2]
    control = Control(**{held: getattr(frame, held)})
    out = evaluate(model, Structure.from_atoms(frame.atoms), control)
    pairs = [(k, c) for k in range(0, len(frame.atoms), 2) for c in range(3)]
    analytic = np.array([out["forces"][p].item() for p in pairs])
    assert np.abs(analytic - numerical_forces(model, frame.atoms, control, pairs)).max() < FORCE_TOLERANCE


@pytest.mark.parametrize("name", LIMITS)
def test_the_card_says_where_the_model_holds(name):
    card = load_model(name).card
    assert card.potential_zero == "electrolyte" and card.countercharge == "jellium_slab" and card.countercharge_gap in (5.5, 8.6)
    assert card.potential_range[0] < 3.5 < 5.0 < card.potential_range[1] and card.method_ids and 79 in card.elements


@pytest.mark.parametrize("potential", [3.5, 4.0, 4.5, 5.0])
def test_capacitance_is_positive_across_the_window(potential):
    for name, start in (("au111-h", "hop-initial"), ("au111-h3o", "volmer-initial"), ("au111-h3o", "volmer-final")):
        out = evaluate(load_model(name), Structure.from_atoms(example(start)), Control(potential=potential))
        area = Structure.from_atoms(example(start)).area
        assert 5.0 < (out["capacitance"] / area * 1602.18).item() < 80.0  # uF/cm2
        assert torch.isfinite(out["energy_std"]).all()


def test_hydrogen_hops_on_bare_gold(tmp_path, capsys):
    words = "neb hop-initial hop-final --model au111-h --potential 0.0 -0.5 --reference SHE".split()
    assert main([*words, "--json", str(tmp_path / "hop.json"), "--plot", str(tmp_path / "hop.png")]) == 0
    rows = json.loads((tmp_path / "hop.json").read_text())
    assert [r["potential_V"] for r in rows] == [0.0, -0.5] and all(r["converged"] for r in rows)
    for r in rows:
        assert 0.01 < r["barrier_eV"] < 0.12 and r["fmax_eV_per_A"] <= 0.05
        assert r["barrier_eV"] - r["reverse_barrier_eV"] == pytest.approx(r["reaction_energy_eV"], abs=1e-9)
    assert (tmp_path / "hop.png").stat().st_size > 10_000
    assert "0 V is 4.44 V absolute" in capsys.readouterr().out

"""The comparisons with published jellium data: how frames are grouped and divided, what a barrier and its slope are, and what they say without data."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from teacher import interface

sys.path.insert(0, str(Path(__file__).parents[1]))
from electrode.data.record import ElectrifiedFrame  # noqa: E402
from electrode.models.baseline import Baseline  # noqa: E402
from electrode.state import Control, Structure  # noqa: E402
from electrode.thermo import evaluate  # noqa: E402
from validation import published_dual, published_sjm  # noqa: E402

HEIGHTS = (0.95, 1.2, 1.6, 2.0)


def band(name, potential, heights=HEIGHTS, seed=0):
    """A band of H over gold, labelled by the baseline at a potential 0.004 V off its target."""
    images = [interface(height=h, seed=seed + k) for k, h in enumerate(heights)]
    structure = Structure.from_atoms(images)
    out = {k: v.detach().numpy() for k, v in evaluate(Baseline(), structure, Control(potential=potential + 0.004)).items()}
    folder = f"data/kinetics/{name}/100/pot_{potential}"
    return [
        ElectrifiedFrame(
            atoms, f"{name} {k}", {"source": f"{folder}/neb.traj", "frame": k, "n_frames": len(images)}, version=1,
            energy=out["canonical_energy"][k], energy_kind="E", n_excess=-out["charge"][k], mu=-(potential + 0.004), mu_target=-potential, mu_tol=0.01,
            mu_zero="electrolyte", ensemble="fixed_mu", countercharge="jellium_slab", normal=2, sides=1, scf_converged=True, method_id="teacher",
            forces=out["forces"][4 * k : 4 * k + 4], trajectory=folder,
        )
        for k, atoms in enumerate(images)
    ]  # fmt: skip


def test_every_reaction_is_tested_once_and_no_part_holds_anothers():
    names = [f"r{k:02d}" for k in range(29)]
    folds = [published_sjm.fold(names, k) for k in range(published_sjm.FOLDS)]
    assert sorted(n for f in folds for n in f if f[n] == "test") == names
    assert all({*f.values()} == {"train", "validation", "test"} and [*f] == names for f in folds)
    assert published_sjm.fold(names[::-1] * 2, 3) == folds[3]
    assert published_sjm.reaction(band("a_to_b", 4.0)[0]) == "a_to_b"
    assert published_sjm.reaction(replace(band("a_to_b", 4.0)[0], info={"source": "data/thermodynamics/C/x.traj"})) is None


def test_bands_are_whole_and_near_frames_leave_the_training():
    frames = [f for k in range(10) for f in band(f"r{k}", 4.0, seed=10 * k)]
    twin = replace(frames[1], info={**frames[1].info, "source": "data/kinetics/r4/100/pot_4.2/neb.traj"}, trajectory="data/kinetics/r4/100/pot_4.2")
    parts = published_sjm.divided([*frames, twin], 0, every=1)
    assert {published_sjm.reaction(f) for f in parts["test"]} == {"r0", "r5"} and {published_sjm.reaction(f) for f in parts["validation"]} == {"r1"}
    assert len(parts["test"]) == 8 and len(parts["train"]) == 28 and twin not in parts["train"]
    assert len(published_sjm.bands(parts["train"])) == 7 and not published_sjm.bands([twin])
    assert [f.info["frame"] for f in published_sjm.bands(frames[:4][::-1])[0]] == [0, 1, 2, 3]


def test_forces_of_held_atoms_count_only_where_they_were_computed():
    (frame, *_) = band("a_to_b", 4.0)
    atoms = frame.atoms
    atoms.set_array("frozen", np.array([1, 0, 0, 0]))
    told = replace(frame, geometry=atoms, info={**frame.info, "frozen_forces_zeroed": True})
    assert np.isnan(published_sjm.masked(told).forces).all(1).tolist() == [True, False, False, False]
    assert published_sjm.masked(frame) is frame


def test_a_model_meets_its_own_labels():
    some = [band("a_to_b", u) for u in (3.6, 4.0, 4.4)]
    rows = [published_sjm.barrier(Baseline(), b) for b in some]
    for row in rows:  # 4 mV from the target, second order in them
        assert row["model_barrier_eV"] == pytest.approx(row["dft_barrier_eV"], abs=1e-5) and row["model_barrier_eV"] > 0
        assert row["model_electrons"] == pytest.approx(row["dft_electrons"], abs=1e-3)
    (slope,) = published_sjm.slopes(rows)
    assert slope["dft_slope_e"] == pytest.approx(slope["dft_electrons"], abs=2e-3)  # images at rest: d barrier/dPhi = dn
    found = published_sjm.summary([{**r, "model_barrier_eV": r["dft_barrier_eV"] + 0.1} for r in rows])
    assert found["barrier_mean_eV"] == pytest.approx(0.1) and found["slope_rmse_e"] == pytest.approx(0.0, abs=1e-9)
    frames = [f for b in some for f in b]
    forces = np.concatenate([f.forces for f in frames])
    assert published_sjm.nothing(frames)["force_meV_per_A"] == pytest.approx(1e3 * np.sqrt((forces**2).mean()))
    assert published_sjm.nothing(frames)["charge_e"] == pytest.approx(np.std([f.charge for f in frames]))
    assert published_sjm._finite([{"a": float("nan"), "b": 1.0}]) == [{"a": None, "b": 1.0}]
    wrong = published_sjm.differences(Baseline(), frames)
    assert max(published_sjm.errors(wrong, frames).values()) < 1e-4
    shifted = {**wrong, "energy": [e + 0.4 for e in wrong["energy"]]}
    errors = published_sjm.errors(shifted, frames)
    assert errors["energy_meV_per_atom"] == pytest.approx(100.0) and errors["energy_in_band_meV"] == pytest.approx(0.0, abs=1e-4)


def test_noise_is_what_was_added():
    (frame, *_) = band("a_to_b", 4.0)
    potentials = np.linspace(3.6, 5.0, 8)
    added = 0.05 * np.random.default_rng(0).normal(size=8)
    n = 0.4 - 0.3 * (potentials - 4.0)
    omega = -10.0 + 0.4 * (potentials - 4.0) - 0.15 * (potentials - 4.0) ** 2 + added
    frames = [replace(frame, n_excess=a, mu=-p, energy=w - p * a) for a, p, w in zip(n, potentials, omega)]
    assert published_dual.noise(frames)["rms_meV"] == pytest.approx(1e3 * added.std(ddof=1))
    assert published_dual.noise(frames)["rms_meV_per_atom"] == pytest.approx(250.0 * added.std(ddof=1))


@pytest.mark.parametrize("module", [published_sjm, published_dual])
def test_says_what_it_skips(module, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("ELECTRODE_DATA", str(tmp_path))
    assert module.main([]) == 0 and "SKIPPED, no file" in capsys.readouterr().out

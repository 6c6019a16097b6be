"""Published sets are recognised by their keys; what was assumed is said; their known traps are found from the data."""

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator

from electrode.data.known_rows import KNOWN_SETS
from electrode.data.known_sets import translate
from electrode.data.problems import DataError
from electrode.data.record import build
from electrode.data.report import examine

FOLDER = Path(os.environ.get("ELECTRODE_DATA", Path(__file__).parents[2] / "../shared/data"))
SJM = {"REF_energy_N": -20.0, "n_excess_electrons": 0.5, "electrode_potential_abs": 4.2, "REF_omega": -17.9}


def read(info, arrays=(), results=None):
    """The frame and the notes of two atoms with these entries."""
    atoms = Atoms("AuH", [[0, 0, 0], [0, 0, 2.0]], cell=[9, 9, 20], pbc=(True, True, False), info=dict(info))
    for key, value in {"REF_forces": np.ones((2, 3)), **dict(arrays)}.items():
        atoms.set_array(key, np.asarray(value))
    if results:
        atoms.calc = SinglePointCalculator(atoms)
        atoms.calc.results.update(results)
    known, notes = translate(atoms, "toy 0")
    return build(known, "toy 0", None)[0], " | ".join(notes)


def test_solvated_jellium_bands():
    frame, notes = read({**SJM, "has_forces": True, "repo": "Deng", "kind": "neb", "source": "data/pot_2.4/neb.traj", "potential_target_abs": 4.21}, {"frozen": [1, 0]})
    assert (frame.energy, frame.energy_kind, frame.n_excess, frame.potential, frame.mu_target) == (-20.0, "E", 0.5, 4.2, -4.21)
    assert frame.trajectory == "data/pot_2.4" and frame.grand_energy == pytest.approx(-17.9) and "REF_omega" not in frame.info
    assert "'electrode_potential_abs' read as eir_mu = -1 * " in notes and "eir_countercharge = jellium_slab" in notes
    frame, _ = read({**SJM, "has_forces": False, "repo": "c", "mode": "GC", "source": "H/GC/pot_4.40.traj"}, {"REF_forces": np.full((2, 3), np.nan)})
    assert frame.forces is None and frame.ensemble == "fixed_mu" and frame.mu_target == -4.4 and frame.trajectory == "H/GC/pot_4.40.traj"
    frame, _ = read({**SJM, "has_forces": True, "repo": "c", "mode": "CE", "source": "H/CE/sp_q_0.1_pot_4.traj"})
    assert frame.ensemble == "fixed_n" and frame.trajectory == "H/CE"


def test_energies_that_contradict_each_other_are_refused():
    with pytest.raises(DataError, match="REF_omega = -17.000000"):
        read({**SJM, "REF_omega": -17.0, "grand_output": True, "potential_target_abs": 4.2})


def test_energy_of_two_kinds_is_kept_apart():
    info = {"NELECT": 101.5, "NELECT0": 100.0, "U_vs_SHE": -0.5, "case": "m05", "U_target_vs_SHE": -0.5}
    frame, _ = read(info, {"initial_charges": [-1.0, -0.5]}, {"energy": -12.0, "free_energy": -9.0, "forces": np.ones((2, 3))})
    assert frame.energy == -9.0 and frame.info["printed_energy"] == -12.0 and frame.n_excess == 1.5 and frame.potential == pytest.approx(3.94)
    assert frame.atomic_charges.tolist() == [-1.0, -0.5] and frame.trajectory == "m05" and frame.ensemble == "fixed_mu"


def test_dipole_is_turned_and_the_point_keeps_its_number():
    info = {"REF_energy": -5.0, "REF_dipole": np.array([1.0, 0, 0]), "REF_polarizability_raw": -np.eye(3).ravel(), "external_field": np.array([0.1, 0, 0]), "point": "point=   11"}
    frame, notes = read(info)
    assert frame.dipole.tolist() == [-1.0, 0.0, 0.0] and frame.polarizability[0] == 1.0 and frame.efield[0] == 0.1 and frame.info["point_number"] == 11
    assert "read with the opposite sign" in notes


def test_placeholders_and_lost_periods():
    frame, _ = read({"REF_energy": -5.0, "n_excess_electrons": 0.0, "REF_dipole": np.zeros((1, 3)), "frame": 0}, {"frozen": [0, 0]})
    assert frame.dipole is None and frame.n_excess == 0.0
    results = {"energy": -9.0, "energies": np.ones(2), "forces": np.ones((2, 3)), "polarization": np.ones(3)}
    frame, notes = read({"polarizability": np.eye(3).ravel()}, {"born_charge": np.ones((2, 9))}, results)
    assert frame.geometry.pbc.all() and "predictions of a model" in notes and frame.born_charges.shape == (2, 9)


def test_frames_of_the_record_and_strangers_are_left_alone():
    atoms = Atoms("H", info={**SJM, "grand_output": True, "eir_version": 1})
    assert translate(atoms, "a") == (atoms, [])
    assert translate(Atoms("H", info={"weight": 1.0}), "a")[1] == []


def test_every_row_is_complete():
    assert len({k.name for k in KNOWN_SETS}) == len(KNOWN_SETS)
    for row in KNOWN_SETS:
        stated = {*row.given, *(r.key for r in row.keys.values())} | {"eir_ensemble", "eir_method_id"}
        assert {"eir_version", "eir_energy_kind", "eir_scf_converged"} <= stated and row.source and row.needs, row.name


def load(*names):
    """Frames of real files by name, and the warnings of their reading."""
    from electrode.data.files import parse_frames

    if not all((FOLDER / name).is_file() for name in names):
        pytest.skip(f"no {names} in {FOLDER}; set ELECTRODE_DATA")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        return {name: parse_frames(FOLDER / name) for name in names}, [str(w.message) for w in caught]


def test_noise_of_a_published_set_is_found():
    files, notes = load("chen2023_amp_sjm/chen2023_au_water_sjm.extxyz")
    report = examine(files, notes)
    (noise,) = [f for f in report.findings if f.rule == "V23"]
    assert 30 < noise.numbers["smallest_meV"] < 36 and 65 < noise.numbers["max_meV"] < 75 and noise.numbers["geometries"] == 3
    assert report.errors and any("recognised as Amp" in text for text in report.assumed)


def test_kinds_of_a_published_set_are_found():
    files, _ = load("treci_fcp/treci_fcp_constant_potential.extxyz")
    rules = {p.rule: p for p in examine(files).problems}
    assert {"V10", "V12", "V24"} <= set(rules) and "30 of 35 frames" in rules["V24"].what


def test_zeroed_forces_of_a_published_set_are_found():
    files, _ = load("catheorydtu_sjm/Deng_COR_mechanism_Natcom.extxyz.gz")
    found = [p for p in examine(files).problems if p.rule == "V20"]
    assert len(found) == 3 and all("24 of 60 atoms, those marked frozen" in p.what for p in found)


def test_sign_of_a_published_dipole_is_found():
    from dataclasses import replace

    from electrode.data.atom_findings import dipole_sign

    files, _ = load("fireann/NMA_validation.extxyz")
    (frames,) = files.values()
    assert dipole_sign(frames).numbers["slope"] == pytest.approx(1.0, abs=1e-3)
    assert "opposite sign" in dipole_sign([replace(f, dipole=-f.dipole) for f in frames]).problems[0].what


def test_leak_of_polar_tensors_is_found():
    from electrode.data.atom_findings import leaks

    files, _ = load("aptnn_water/apt_water_train_noleak.extxyz", "aptnn_water/apt_water_test.extxyz")
    clean, test = files.values()
    assert leaks([clean, test], ["a", "b"]).problems == ()
    assert leaks([clean + test, test], ["a", "b"]).numbers["shared"] == 10

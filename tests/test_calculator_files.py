"""The calculator for ASE: its results survive files, copies and other tools."""

import copy
import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.mep import NEB
from ase.optimize import BFGS
from calculators import with_calculator
from teacher import interface, pupil
from toys import FieldToy, HopToy, hop_ends, one_atom

from electrode.calculator import ElectrodeCalculator, to_record
from electrode.data.files import read_frames
from electrode.models.baseline import Baseline
from electrode.state import Control, Structure
from electrode.thermo import evaluate


@pytest.mark.parametrize("control", [{"charge": 0.02}, {"potential": 0.2, "reference": "SHE", "she_absolute": 4.5}])
@pytest.mark.parametrize("name", ["a.traj", "a.xyz"])
def test_a_record_survives_the_writers(tmp_path, control, name):
    atoms = with_calculator(Baseline(), interface(), **control)
    ase.io.write(tmp_path / name, to_record(atoms), **({"format": "extxyz"} if name.endswith("xyz") else {}))
    back, results = ase.io.read(tmp_path / name), atoms.calc.results
    assert back.get_potential_energy() == pytest.approx(results["energy"], abs=1e-8)
    assert np.allclose(back.get_forces(apply_constraint=False), results["forces"], atol=1e-7)
    assert back.info["eir_energy_kind"] == ("E" if "charge" in control else "Omega")
    assert -back.info["eir_n_excess"] == pytest.approx(results["charge"], abs=1e-12) and -back.info["eir_mu"] == pytest.approx(results["potential"], abs=1e-12)
    assert "eir_n_excess" not in atoms.info and "REF_forces" not in atoms.arrays


@pytest.mark.parametrize("control", [{"charge": 0.02}, {"potential": 0.2, "reference": "RHE", "ph": 3.0}])
@pytest.mark.parametrize("source", ["baseline", "dual"])
def test_a_record_is_read_without_a_word(tmp_path, control, source):
    model = Baseline() if source == "baseline" else pupil()
    control = control if source == "baseline" else {"charge": 0.01}
    atoms = with_calculator(model, interface(), **control)
    ase.io.write(tmp_path / "a.xyz", [to_record(atoms), to_record(atoms)], format="extxyz")
    frame, results = read_frames(tmp_path / "a.xyz")[0], atoms.calc.results
    assert frame.charge == pytest.approx(results["charge"], abs=1e-12) and frame.potential == pytest.approx(results["potential"], abs=1e-12)
    assert frame.grand_energy == pytest.approx(results["grand_energy"], abs=1e-9) and frame.canonical_energy == pytest.approx(results["canonical_energy"], abs=1e-9)
    assert np.allclose(frame.forces, results["forces"], atol=1e-7)


def test_a_record_of_a_molecule_and_of_a_field(tmp_path):
    molecule = with_calculator(Baseline(), Atoms("OH", [[0, 0, 0], [0, 0, 1]]), charge=0.0)
    ase.io.write(tmp_path / "m.xyz", to_record(molecule), format="extxyz")
    assert read_frames(tmp_path / "m.xyz")[0].charge == 0.0
    atoms = with_calculator(FieldToy(), charge=0.1, field=(0.0, 0.0, 0.25))
    ase.io.write(tmp_path / "f.xyz", to_record(atoms), format="extxyz")
    frame = read_frames(tmp_path / "f.xyz")[0]
    assert frame.enthalpy == pytest.approx(atoms.calc.results["canonical_energy"], abs=1e-9) and frame.efield.tolist() == [0.0, 0.0, 0.25]


def test_a_record_needs_this_calculator():
    with pytest.raises(ValueError, match="expected atoms with an ElectrodeCalculator, got NoneType"):
        to_record(one_atom())


def test_settings_are_json_and_trajectories_take_the_calculator(tmp_path):
    atoms = with_calculator(potential=np.float32(0.25), reference="SHE")
    assert json.loads(json.dumps(atoms.calc.parameters))["potential"] == 0.25
    assert json.loads(json.dumps(atoms.calc.todict()))["reference"] == "SHE"
    field = ElectrodeCalculator(FieldToy(), charge=np.int64(0), field=np.array([0, 0, 0.1]))
    assert json.loads(json.dumps(field.parameters))["field"] == [0, 0, 0.1]
    energy = atoms.get_potential_energy()
    ase.io.write(tmp_path / "a.traj", atoms)
    assert ase.io.read(tmp_path / "a.traj").get_potential_energy() == energy


def test_copies_are_independent():
    atoms = with_calculator()
    energy = atoms.get_potential_energy()
    other = copy.deepcopy(atoms.calc)
    other.set(charge=0.5)
    assert atoms.get_potential_energy() == energy and atoms.calc.parameters["charge"] == 0.1
    again = atoms.copy()
    again.calc = other
    assert again.get_potential_energy() != energy
    committee = copy.deepcopy(ElectrodeCalculator(pupil(members=3), charge=0.01))
    slab = interface(seed=4)
    slab.calc = committee
    assert np.isfinite(slab.get_potential_energy())


def test_one_calculator_may_be_shared_by_a_band():
    ends = hop_ends()
    images = [ends[0].copy() for _ in range(4)] + [ends[1].copy()]
    calc = ElectrodeCalculator(HopToy(), potential=0.0, reference="SHE")
    for image in images:
        image.calc = calc
    band = NEB(images, allow_shared_calculator=True, climb=True, method="improvedtangent")
    band.interpolate()
    assert BFGS(band, logfile=None).run(fmax=0.03, steps=60)
    energies = [i.get_potential_energy() for i in images]
    alone = [float(evaluate(HopToy(), Structure.from_atoms(i), Control(potential=4.44))["grand_energy"]) for i in images]
    assert energies == pytest.approx(alone, abs=1e-12)

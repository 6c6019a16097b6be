"""The calculator for ASE: what it returns, and structures at the edge of what it can do."""

import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from ase.calculators.calculator import PropertyNotImplementedError
from calculators import Counted, numerical_forces, with_calculator
from teacher import interface, pupil
from toys import ChargeToy, FieldToy, PotentialToy, one_atom

from electrode.calculator import ElectrodeCalculator
from electrode.models.baseline import Baseline
from electrode.models.store import save_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate

KEYS = {"energy", "free_energy", "forces", "canonical_energy", "grand_energy", "charge", "excess_electrons", "potential", "electrode_potential", "capacitance"}


def test_results_have_the_agreed_keys_and_plain_types():
    atoms = with_calculator(potential=-0.3, reference="SHE", she_absolute=4.5)
    atoms.get_potential_energy()
    results = atoms.calc.results
    assert set(results) == KEYS and all(type(results[k]) is float for k in KEYS - {"forces"}) and results["forces"].shape == (1, 3)
    assert results["energy"] == results["free_energy"] == results["grand_energy"]
    assert results["potential"] == pytest.approx(4.2) and results["electrode_potential"] == pytest.approx(-0.3)
    assert results["excess_electrons"] == -results["charge"] != 0 and results["capacitance"] == pytest.approx(0.4)
    assert results["grand_energy"] == pytest.approx(results["canonical_energy"] - results["potential"] * results["charge"])


def test_energy_is_the_canonical_one_where_the_charge_is_held():
    atoms = with_calculator(charge=0.23)
    assert atoms.get_potential_energy() == atoms.calc.results["canonical_energy"] == atoms.calc.results["free_energy"]
    assert atoms.calc.results["charge"] == 0.23 and atoms.calc.results["electrode_potential"] == atoms.calc.results["potential"]
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    wanted = evaluate(Counted(), Structure.from_atoms(one_atom()), Control(charge=0.23))
    assert atoms.get_potential_energy() == wanted["canonical_energy"].item() and np.array_equal(atoms.get_forces(), wanted["forces"])


def test_excess_electrons_are_minus_the_charge():
    a, b = with_calculator(excess_electrons=-0.2), with_calculator(charge=0.2)
    assert a.get_potential_energy() == b.get_potential_energy() and a.calc.results["charge"] == 0.2


def test_zero_volts_and_zero_charge_are_values():
    atoms = with_calculator(potential=0.0, reference="absolute")
    atoms.get_potential_energy()
    assert atoms.calc.results["potential"] == 0.0 and atoms.calc.results["charge"] < -1.0
    atoms = with_calculator(charge=0.0)
    atoms.get_potential_energy()
    assert atoms.calc.results["charge"] == 0.0


@pytest.mark.parametrize("model", [ChargeToy(), PotentialToy()])
@pytest.mark.parametrize("control", [{"charge": 0.2}, {"potential": -0.2, "reference": "SHE"}])
def test_forces_are_the_gradient_of_the_energy(model, control):
    atoms = with_calculator(model, **control)
    assert np.abs(numerical_forces(atoms) - atoms.get_forces()).max() < 1e-8


@pytest.mark.parametrize("control", [{"charge": 0.01}, {"potential": 5.0, "reference": "absolute"}])
def test_forces_of_a_trained_model_in_a_thin_cell(control):
    atoms = with_calculator(pupil(), interface(height=-1.1, seed=21), **control)
    assert np.abs(numerical_forces(atoms, 1e-4) - atoms.get_forces()).max() < 1e-6


@pytest.mark.parametrize("control", [{"charge": 0.2}, {"potential": 0.1, "reference": "SHE"}])
def test_a_field_gives_a_dipole_and_its_forces(control):
    alone = one_atom()
    alone.pbc = False
    atoms = with_calculator(FieldToy(), alone, **control, field=(0.02, -0.05, 0.1))
    assert np.abs(numerical_forces(atoms) - atoms.get_forces()).max() < 1e-8
    assert atoms.get_dipole_moment().shape == (3,) and atoms.calc.parameters["field"] == (0.02, -0.05, 0.1)


def test_charges_of_a_scheme_are_reported():
    atoms = with_calculator(Baseline(), interface(), charge=0.05)
    assert atoms.get_charges().sum() == pytest.approx(0.05, abs=1e-9)
    with pytest.raises(PropertyNotImplementedError):
        with_calculator().get_charges()


def test_what_is_not_defined_is_not_there():
    atoms = with_calculator()
    for name in ("stress", "dipole", "energy_std", "forces_std", "magmoms"):
        with pytest.raises(PropertyNotImplementedError):
            atoms.calc.get_property(name, atoms)


def test_a_committee_gives_its_spread():
    committee, atoms = pupil(members=3), interface(seed=4)
    with_calculator(committee, atoms, charge=0.01)
    atoms.get_potential_energy()
    assert "forces_std" not in atoms.calc.results and atoms.calc.results["energy_std"] > 0
    found = atoms.calc.get_property("forces_std", atoms)
    held = Control(potential=atoms.calc.results["potential"])
    members = [evaluate(m, Structure.from_atoms(atoms), held)["forces"] for m in committee.members()]
    assert np.allclose(found, committee.card.calibration.forces * torch.stack(members).std(0), atol=1e-7) and found.max() > 1e-4
    energy = atoms.get_potential_energy()
    atoms.rattle(0.01, seed=0)
    assert atoms.get_potential_energy() != energy and not np.allclose(atoms.calc.get_property("forces_std", atoms), found)


def test_models_load_by_folder_and_name(tmp_path):
    save_model(Baseline(), tmp_path / "m")
    energies = [with_calculator(source, interface(), charge=0.02).get_potential_energy() for source in (Baseline(), tmp_path / "m", str(tmp_path / "m"), "baseline")]
    assert len(set(energies)) == 1
    with pytest.raises(ValueError, match="did you mean 'baseline'"):
        ElectrodeCalculator("baselin", charge=0.0)


def test_one_atom_and_a_molecule_without_a_cell():
    atoms = with_calculator(Baseline(), Atoms("Au"), charge=0.0)
    assert np.isfinite(atoms.get_potential_energy()) and np.abs(atoms.get_forces()).max() < 1e-12
    assert np.isfinite(with_calculator(Baseline(), Atoms("OH", [[0, 0, 0], [0, 0, 1]]), charge=0.0).get_forces()).all()


def test_a_thin_cell_is_its_repetition():
    small = interface(height=1.1, seed=3)
    large = small.repeat((2, 2, 1))
    a = with_calculator(pupil(), small, potential=5.0, reference="absolute")
    b = with_calculator(pupil(), large, potential=5.0, reference="absolute")
    assert b.get_potential_energy() == pytest.approx(4 * a.get_potential_energy(), abs=1e-7)
    assert np.allclose(b.get_forces()[:4], a.get_forces(), atol=1e-8) and b.calc.results["charge"] == pytest.approx(4 * a.calc.results["charge"], abs=1e-8)


@pytest.mark.parametrize("model", [Baseline(), None], ids=["baseline", "dual"])
def test_a_left_handed_cell_is_the_same_interface(model):
    atoms = interface(height=1.1)
    mirrored = atoms.copy()
    mirrored.set_cell(atoms.cell.array[[1, 0, 2]])
    a, b = (with_calculator(model or pupil(), x, potential=5.0, reference="absolute") for x in (atoms, mirrored))
    assert b.get_potential_energy() == pytest.approx(a.get_potential_energy(), abs=1e-8) and np.allclose(a.get_forces(), b.get_forces(), atol=1e-8)


def two_slabs():
    """Two layers of gold with hydrogen, and two more 7 A above them."""
    lower = fcc111("Au", (1, 1, 2), a=4.16, vacuum=6.0)
    atoms, upper = lower.copy(), lower.copy()
    add_adsorbate(atoms, "H", 1.0, "fcc")
    upper.positions[:, 2] += 12.0
    both = atoms + upper
    both.set_cell([*both.cell.array[:2], [0, 0, 40.0]])
    both.info, both.pbc = {}, (True, True, False)
    return both


@pytest.mark.filterwarnings("ignore::electrode.models.domain.OutsideTrainedRange")
def test_two_slabs_are_refused_unless_one_is_the_electrode():
    with pytest.raises(ValueError, match="in two parts"):
        with_calculator(pupil(), two_slabs(), charge=0.01).get_potential_energy()
    one = two_slabs()
    one.set_array("eir_region", np.array([0, 0, 1, 3, 3]))
    assert np.isfinite(with_calculator(pupil(), one, potential=5.0, reference="absolute").get_forces()).all()


def test_a_periodic_cell_without_volume_is_refused():
    with pytest.raises(ValueError, match="span no volume"):
        with_calculator(atoms=Atoms("Au", pbc=True)).get_potential_energy()


def test_the_start_of_the_search_does_not_change_the_answer():
    atoms = with_calculator(PotentialToy(), charge=0.3)
    atoms.get_potential_energy()
    atoms.positions += 0.3
    warm = atoms.get_potential_energy()
    assert with_calculator(PotentialToy(), atoms.copy(), charge=0.3).get_potential_energy() == pytest.approx(warm, abs=1e-10)

import subprocess
import sys

import numpy as np
import pytest

from electrode.data.checks import check_frame
from electrode.data.problems import DataError
from electrode.data.record import COLUMNS, ElectrifiedFrame

N, MU, E = 0.23, -4.61, -22.75
OMEGA = E + 4.61 * 0.23  # Omega = E + Phi n


def test_charge_and_potential_have_the_opposite_sign_of_electrons_and_mu(frame_of):
    frame = frame_of(N, eir_mu=MU)
    assert frame.charge == -0.23 and frame.potential == 4.61


@pytest.mark.parametrize(
    "kind, label",
    [("E", E), ("Omega", OMEGA), ("Omega_total", E + 4.61 * (133.0 + 0.23)), ("enthalpy", E)],
)
def test_each_kind_converts_to_canonical_and_grand_energy(frame_of, kind, label):
    frame = frame_of(N, eir_mu=MU, REF_energy=label, eir_energy_kind=kind, eir_nelect_neutral=133.0)
    assert frame.canonical_energy == pytest.approx(E, abs=1e-10)
    assert frame.grand_energy == pytest.approx(OMEGA, abs=1e-10)
    assert frame.canonical().energy == pytest.approx(E, abs=1e-10) and frame.canonical().energy_kind == "E"


def test_enthalpy_in_a_field_is_no_canonical_energy(frame_of):
    frame = frame_of(N, eir_mu=MU, eir_energy_kind="enthalpy", eir_efield=np.array([0.0, 0.0, 0.05]), REF_energy=E)
    assert frame.enthalpy == E and frame.grand_energy == pytest.approx(OMEGA)
    with pytest.raises(DataError, match="use enthalpy"):
        frame.canonical_energy
    with pytest.raises(DataError, match="enthalpy is not known"):
        frame_of(N, eir_efield=np.array([0.0, 0.0, 0.05])).enthalpy


@pytest.mark.parametrize("zero", ["cell_average", "inner", "unknown"])
def test_mu_on_another_zero_is_no_potential(frame_of, zero):
    with pytest.raises(DataError, match="no electrode potential"):
        frame_of(eir_mu_zero=zero).potential


@pytest.mark.parametrize("zero", ["vacuum_top", "vacuum_bottom"])
def test_mu_on_a_vacuum_zero_is_a_potential(frame_of, zero):
    assert frame_of(eir_mu_zero=zero, eir_mu=MU).potential == 4.61


def test_omega_of_all_electrons_needs_their_number(frame_of):
    with pytest.raises(DataError, match="eir_nelect_neutral is missing"):
        frame_of(eir_energy_kind="Omega_total").canonical_energy


def test_unknown_stays_none_and_zero_stays_zero(frame_of):
    frame = frame_of(0.0, remove=("eir_phi_she", "eir_mu"))
    assert frame.phi_she is None and frame.mu is None and frame.charge == 0.0
    with pytest.raises(DataError, match="eir_mu is missing"):
        frame.grand_energy


def test_electrons_follow_from_the_two_counts(frame_of):
    frame = frame_of(remove=("eir_n_excess",), eir_nelect=133.4, eir_nelect_neutral=133.0)
    assert frame.n_excess == pytest.approx(0.4)


def test_atoms_are_a_copy_without_labels(frame_of):
    frame = frame_of()
    frame.atoms.positions[:] = 0.0
    assert frame.geometry.positions.any() and frame.atoms.calc is None and frame.atoms.info == {}
    assert "REF_forces" not in frame.atoms.arrays and frame.atoms.has("tags")
    with pytest.raises(ValueError):
        frame.forces[0] = 1.0


def test_to_atoms_returns_every_entry(atoms_of):
    tensor = {"REF_polarizability": np.arange(9.0), "REF_dipole": np.array([0.1, 0.2, -0.3]), "eir_efield": np.array([0.0, 0.0, 0.02])}
    atoms = atoms_of(**tensor, eir_countercharge_gap=5.5, eir_countercharge_z=14.3, comment_of_user="kept")
    atoms.arrays["eir_region"] = np.where(atoms.numbers == 79, 0, 1)
    atoms.arrays["REF_bec"] = np.arange(9.0 * len(atoms)).reshape(-1, 9)
    back = ElectrifiedFrame.from_atoms(atoms).to_atoms()
    assert set(back.info) == set(atoms.info) and set(back.arrays) == set(atoms.arrays)
    for key, value in {**atoms.info, **atoms.arrays}.items():
        assert np.array_equal(back.info.get(key, back.arrays.get(key)), value), key


def test_every_field_of_the_record_has_one_key():
    keys = [c.metadata["key"] for c in COLUMNS]
    assert len(set(keys)) == len(keys)


def test_equal_geometries_share_an_id(frame_of):
    assert frame_of(0.1).geometry_id == frame_of(-0.2).geometry_id != frame_of(shift=0.01).geometry_id


@pytest.mark.parametrize(
    "change, message",
    [
        ({"eir_mu": "low"}, "expected a number"),
        ({"eir_mu": True}, "expected a number"),
        ({"eir_scf_converged": 1}, "expected T or F"),
        ({"eir_method_id": 2026}, "expected a word"),
        ({"eir_version": 1.0}, "expected an integer"),
        ({"eir_efield": np.array([0.0, 0.1])}, r"shape \(3,\)"),
        ({"REF_polarizability": np.eye(3)}, r"shape \(9,\)"),
        ({"eir_solvation": "pbc=T T F"}, "swallows the next entry"),
    ],
)
def test_value_of_wrong_type_is_refused_by_name(frame_of, change, message):
    with pytest.raises(DataError, match=message) as error:
        frame_of(**change)
    assert "au.xyz frame 3" in str(error.value) and next(iter(change)) in str(error.value)


def test_forces_of_wrong_shape_are_refused(atoms_of):
    atoms = atoms_of()
    atoms.arrays["REF_forces"] = np.zeros((len(atoms), 2))
    with pytest.raises(DataError, match="REF_forces: expected numbers of shape"):
        ElectrifiedFrame.from_atoms(atoms)


@pytest.mark.parametrize("alias, value", [("charge", -0.23), ("total_charge", -0.23), ("net_charge", -0.23), ("Q", -0.23), ("excess_electrons", 0.23), ("ne", 0.23)])
def test_alias_of_the_charge_is_read_with_its_sign_and_never_written(atoms_of, alias, value):
    with pytest.warns(UserWarning, match=f"'{alias}' read as"):
        frame = ElectrifiedFrame.from_atoms(atoms_of(remove=("eir_n_excess",), **{alias: value}))
    assert frame.n_excess == 0.23 and alias not in frame.to_atoms().info


@pytest.mark.parametrize("alias", ["potential", "fermi", "efermi", "mu_e"])
def test_alias_of_mu_needs_its_zero(atoms_of, alias):
    atoms = atoms_of(remove=("eir_mu", "eir_mu_zero"), **{alias: -4.61})
    with pytest.warns(UserWarning, match="chemical potential"):
        assert "eir_mu_zero is missing" in "".join(map(str, check_frame(ElectrifiedFrame.from_atoms(atoms))))
    with pytest.warns(UserWarning, match="chemical potential"):
        frame = ElectrifiedFrame.from_atoms(atoms, assume={"mu_zero": "vacuum_top"})
    assert frame.potential == 4.61


@pytest.mark.parametrize("alias", ["external_field", "electric_field"])
def test_alias_of_the_field(atoms_of, alias):
    with pytest.warns(UserWarning, match="V/A"):
        frame = ElectrifiedFrame.from_atoms(atoms_of(**{alias: np.array([0.0, 0.0, -0.02])}))
    assert frame.efield.tolist() == [0.0, 0.0, -0.02]


@pytest.mark.parametrize("meaning, value, n", [("net_charge", -0.23, 0.23), ("excess_electrons", 0.23, 0.23), ("electron_count", 133.23, 0.23)])
def test_electron_is_read_only_with_a_stated_meaning(atoms_of, meaning, value, n):
    atoms = atoms_of(remove=("eir_n_excess",), electron=value, eir_nelect_neutral=133.0)
    with pytest.raises(DataError, match="ambiguous"):
        ElectrifiedFrame.from_atoms(atoms)
    with pytest.warns(UserWarning, match="'electron' read as"):
        assert ElectrifiedFrame.from_atoms(atoms, assume={"electron": meaning}).n_excess == pytest.approx(n)


def test_electrode_potential_without_a_scale_is_refused(atoms_of):
    with pytest.raises(DataError, match="without a scale"):
        ElectrifiedFrame.from_atoms(atoms_of(remove=("eir_mu",), electrode_potential=4.61))


@pytest.mark.parametrize("scale, value", [("absolute", 4.61), ("SHE", 0.17), ("RHE", 0.17 + 0.0591597 * 3.0), ("PZC", -0.69)])
def test_electrode_potential_is_read_on_the_scale_that_the_caller_states(atoms_of, scale, value):
    atoms = atoms_of(remove=("eir_mu",), electrode_potential=value, eir_ph=3.0)
    with pytest.warns(UserWarning, match="assumed by the caller"):
        frame = ElectrifiedFrame.from_atoms(atoms, assume={"electrode_potential": scale, "pzc": 5.3})
    assert frame.potential == pytest.approx(4.61, abs=1e-5)


def test_electrode_potential_on_rhe_without_ph_is_refused(atoms_of):
    with pytest.raises(DataError, match="needs ph"):
        ElectrifiedFrame.from_atoms(atoms_of(remove=("eir_mu",), electrode_potential=0.1), assume={"electrode_potential": "RHE"})


def test_charge_and_excess_electrons_of_the_same_sign_are_refused(atoms_of):
    with pytest.raises(DataError, match="their signs are opposite"):
        ElectrifiedFrame.from_atoms(atoms_of(0.23, charge=0.23))
    with pytest.raises(DataError, match="contradicts 'excess_electrons'"):
        ElectrifiedFrame.from_atoms(atoms_of(remove=("eir_n_excess",), charge=0.23, excess_electrons=0.23))


def test_unknown_word_in_assume_names_the_nearest(atoms_of):
    with pytest.raises(DataError, match="did you mean 'energy_kind'"):
        ElectrifiedFrame.from_atoms(atoms_of(), assume={"energy_kin": "E"})


def test_bare_energy_and_forces_are_read_with_a_warning(atoms_of):
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms = atoms_of(remove=("REF_energy",))
    forces = atoms.arrays.pop("REF_forces")
    atoms.calc = SinglePointCalculator(atoms, energy=-20.0, free_energy=-20.5, forces=forces)
    with pytest.warns(UserWarning, match="bare 'free_energy' read as REF_energy of kind E"):
        frame = ElectrifiedFrame.from_atoms(atoms)
    assert frame.energy == -20.5 and np.array_equal(frame.forces, forces)


def test_reading_data_imports_no_torch():
    code = "import sys, electrode.data.files, electrode.data.splits; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

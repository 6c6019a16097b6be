"""Data of MACE, CP-MACE, NequIP and DeePMD-kit: signs, declared meanings, units, refusals.

Keys and defaults: mace/tools/arg_parser.py of MACE 0.3.16 (github.com/ACEsuit/mace), the README of CP-MACE
(github.com/yuanyue-liu-group/CP-MACE), nequip/data/_keys.py, and "Data format" in the documentation of DeePMD-kit.
"""

import numpy as np
import pytest

from electrode.data.problems import DataError
from electrode.data.readers import deepmd, mace, nequip
from electrode.data.readers.registry import read, recognise

BASE = 'Lattice="3 0 0 0 3 0 0 0 20" pbc="T T T" Properties=species:S:1:pos:R:3:REF_forces:R:3'
ROWS = "Pt 0 0 5 0.1 0.2 0.3\nH 0 0 6.5 -0.1 -0.2 -0.3\n"
WORDS = {"energy_kind": "E", "ensemble": "fixed_n", "scf_converged": True, "method_id": "pbe", "mu_zero": "electrolyte", "countercharge": "jellium_slab"}
pytestmark = pytest.mark.filterwarnings("ignore:.*read as.*:UserWarning")


def xyz(tmp_path, *comments, base=BASE, rows=ROWS):
    path = tmp_path / "train.xyz"
    path.write_text("".join(f"2\n{base} {comment}\n{rows}" for comment in comments))
    return path


def test_mace_total_charge_is_net(tmp_path):
    (frame,) = read(xyz(tmp_path, "REF_energy=-5.5 total_charge=0.3 mu_e=-4.5 head=pbe"), "mace", assume=WORDS)
    assert (frame.n_excess, frame.energy, frame.mu, frame.version) == (-0.3, -5.5, -4.5, 1)
    assert frame.forces[1].tolist() == [-0.1, -0.2, -0.3] and frame.info["head"] == "pbe"


def test_mace_keys_of_other_names(tmp_path):
    path = xyz(tmp_path, "dft_energy=-5.5 cell_charge=0.3 mu_e=-4.5", base=BASE.replace("REF_forces", "dft_forces"))
    (frame,) = read(path, "mace", assume=WORDS, energy_key="dft_energy", forces_key="dft_forces", charge_key="cell_charge")
    assert (frame.n_excess, frame.energy) == (-0.3, -5.5) and frame.forces[0].tolist() == [0.1, 0.2, 0.3]
    assert not set(frame.info) & {"dft_energy", "cell_charge"} and "dft_forces" not in frame.geometry.arrays


@pytest.mark.parametrize("meaning, n, count", [("excess_electrons", 0.2, None), ("net_charge", -0.2, None), ("electron_count", 1.2, 11.2)])
def test_electron_of_cp_mace_is_declared(tmp_path, meaning, n, count):
    path = xyz(tmp_path, f"REF_energy=-5.5 electron={count or 0.2} potential=-4.5")
    with pytest.raises(DataError, match="ambiguous.*excess_electrons, net_charge, electron_count"):
        read(path, "mace", assume=WORDS)
    (frame,) = read(path, "mace", electron=meaning, assume={**WORDS, **({"nelect_neutral": 10.0} if count else {})})
    assert frame.n_excess == pytest.approx(n) and frame.mu == -4.5


def test_mace_refuses_what_its_trainer_would_fill_with_zero(tmp_path):
    with pytest.raises(DataError, match="eir_n_excess is missing on 1 of 2 frames"):
        read(xyz(tmp_path, "REF_energy=-5.5 total_charge=0.3 mu_e=-4.5", "REF_energy=-5.6 mu_e=-4.4"), "mace", assume=WORDS)
    with pytest.raises(DataError, match="eir_energy_kind is missing.*assume"):
        read(xyz(tmp_path, "REF_energy=-5.5 total_charge=0.3 mu_e=-4.5"), "mace", assume={k: v for k, v in WORDS.items() if k != "energy_kind"})


def test_mace_isolated_atoms_and_zero_weights(tmp_path):
    path = xyz(tmp_path, "REF_energy=-1 config_type=IsolatedAtom", "REF_energy=-5.5 config_energy_weight=0.0 total_charge=0 mu_e=-4.5")
    with pytest.warns(UserWarning, match="1 isolated atoms are left out"):
        (frame,) = read(path, "mace", assume=WORDS)
    assert (frame.energy, frame.energy_kind) == (None, "none") and frame.forces is not None


@pytest.mark.parametrize("unit, factor", [("eA", 1.0), ("debye", 0.20819434)])
def test_unit_of_the_dipole_is_declared(tmp_path, unit, factor):
    path = xyz(tmp_path, 'REF_energy=-5.5 total_charge=0 mu_e=-4.5 dipole="0 0 2.0"')
    with pytest.raises(DataError, match="dipole_unit='eA' or dipole_unit='debye'"):
        read(path, "mace", assume=WORDS)
    assert read(path, "mace", dipole_unit=unit, assume=WORDS)[0].dipole == pytest.approx([0, 0, 2 * factor])


@pytest.mark.parametrize("units, energy, length", [("eV_A", 1.0, 1.0), ("hartree_bohr", 27.211386245988, 0.529177210903), ("kcal_A", 0.0433641042, 1.0)])
def test_nequip_units(tmp_path, units, energy, length):
    base = BASE.replace("REF_forces:R:3", "forces:R:3:charges:R:1:born_effective_charges:R:9")
    rows = "Pt 0 0 5 0.1 0.2 0.3 0.4 1 2 3 4 5 6 7 8 9\nH 0 0 6.5 -0.1 -0.2 -0.3 -0.7 9 8 7 6 5 4 3 2 1\n"
    path = xyz(tmp_path, 'energy=-5.5 charge=-0.3 mu_e=-4.5 dipole="0 0 2.0" polarization="0 0 0.01"', base=base, rows=rows)
    with pytest.raises(DataError, match="pass units= one of eV_A, hartree_bohr, kcal_A"):
        read(path, "nequip", assume=WORDS)
    (frame,) = read(path, "nequip", units=units, assume=WORDS)
    assert frame.energy == pytest.approx(-5.5 * energy) and frame.n_excess == 0.3 and frame.forces[0] == pytest.approx(np.array([0.1, 0.2, 0.3]) * energy / length)
    assert frame.geometry.positions[1, 2] == pytest.approx(6.5 * length) and frame.geometry.cell.lengths() == pytest.approx([3 * length, 3 * length, 20 * length])
    assert frame.dipole == pytest.approx([0, 0, 2 * length]) and frame.atomic_charges.tolist() == [0.4, -0.7]
    assert frame.born_charges.tolist() == [[1, 2, 3, 4, 5, 6, 7, 8, 9], [9, 8, 7, 6, 5, 4, 3, 2, 1]] and frame.info["polarization"].tolist() == [0, 0, 0.01]


def system(tmp_path, columns=2, **files):
    """A system of DeePMD-kit: H above Pt, three frames in two sets."""
    folder = tmp_path / "system"
    (folder / "set.000").mkdir(parents=True)
    (folder / "set.001").mkdir()
    (folder / "type.raw").write_text("1\n0\n")
    (folder / "type_map.raw").write_text("H\nPt\n")
    coord = np.array([[0, 0, 5, 0, 0, 6.5 + 0.1 * k] for k in range(3)], dtype=float)
    data = {"coord": coord, "box": np.tile([3.0, 0, 0, 0, 3, 0, 0, 0, 20], (3, 1)), "energy": np.array([-5.5, -5.4, -5.3]), "force": coord / 10, "fparam": np.array([[0.2, -4.5], [0.1, -4.6], [0.0, -4.7]])[:, :columns], **files}
    for name, array in data.items():
        if array is not None:
            np.save(folder / "set.000" / f"{name}.npy", array[:2])
            np.save(folder / "set.001" / f"{name}.npy", array[2:])
    return folder


def test_deepmd_columns_are_declared(tmp_path):
    folder = system(tmp_path)
    with pytest.raises(DataError, match="fparam.npy has 2 column.*pass columns="):
        read(folder, assume=WORDS)
    frames = read(folder, columns="charge,mu", assume=WORDS)
    assert [f.n_excess for f in frames] == [-0.2, -0.1, 0.0] and [f.mu for f in frames] == [-4.5, -4.6, -4.7] and [f.energy for f in frames] == [-5.5, -5.4, -5.3]
    assert frames[2].geometry.get_chemical_symbols() == ["Pt", "H"] and frames[2].geometry.positions[1, 2] == 6.7 and frames[2].forces[1, 2] == pytest.approx(0.67)
    assert [f.mu for f in deepmd.read(folder, columns=["ignore", "electrode_potential"])] == [4.5, 4.6, 4.7]
    assert recognise(folder).name == "deepmd" and len(read(tmp_path, columns="n_excess,mu", assume=WORDS)) == 3


@pytest.mark.parametrize(
    "columns, files, message",
    [
        ("n_excess", {}, "fparam.npy has 2 column"),
        ("n_excess,mue", {}, "column 'mue': expected one of"),
        ("n_excess,charge", {}, "two of them are the same quantity"),
        ("n_excess,mu", {"force": np.zeros((3, 3))}, "force.npy: expected 2 frames of 6 values"),
        ("n_excess,mu", {"real_atom_types": np.zeros((3, 2))}, "mixed type"),
    ],
)  # fmt: skip
def test_deepmd_refusals(tmp_path, columns, files, message):
    with pytest.raises(DataError, match=message):
        read(system(tmp_path, **files), columns=columns, assume=WORDS)


def test_deepmd_without_a_map_and_with_a_virial(tmp_path):
    folder = system(tmp_path, virial=np.zeros((3, 9)))
    (folder / "type_map.raw").unlink()
    with pytest.raises(DataError, match="pass type_map="):
        read(folder, columns="n_excess,mu", assume=WORDS)
    with pytest.raises(DataError, match="type 1, the map has 1"):
        read(folder, columns="n_excess,mu", type_map="Pt", assume=WORDS)
    with pytest.warns(UserWarning, match="virial have no place"):
        assert read(folder, columns="n_excess,mu", type_map="O,Pd", assume=WORDS)[0].geometry.get_chemical_symbols() == ["Pd", "O"]
    with pytest.raises(DataError, match="expected a folder with type.raw"):
        deepmd.read(tmp_path / "system" / "set.000")


def test_extended_xyz_is_not_taken_for_a_program_of_its_own(tmp_path):
    path = xyz(tmp_path, "REF_energy=-5.5")
    assert recognise(path).name == "extxyz" and not mace.recognises(path) and not nequip.recognises(path)

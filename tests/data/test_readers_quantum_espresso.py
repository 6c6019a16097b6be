"""Outputs of pw.x: fixed charge, GC-SCF, FCP, Environ; E, n, mu of a series with known E(n), refusals.

The lines follow PW/src/{electrons,summary,gcscf_module,fcp_module,esm}.f90 of Quantum ESPRESSO 7 (github.com/QEF/q-e); the
numbers are made here: E(n) = -114.2469 Ry - 5.1 n + 0.825 n^2 eV.  At a target level the printed energy is E + mu* Q.
"""

from pathlib import Path

import numpy as np
import pytest

from electrode.data.consistency import slopes
from electrode.data.problems import DataError
from electrode.data.readers import quantum_espresso
from electrode.data.readers.registry import read, recognise

FOLDER = Path(__file__).parent / "outputs" / "quantum_espresso"
RYDBERG, BOHR = 13.605693122994, 0.529177210903
FORCES = np.array([[0.0024, -0.0014, 0.0302], [-0.0042, 0.0026, -0.0408], [0.0018, -0.0012, 0.0106]]) * RYDBERG / BOHR
ZERO = {"mu_zero": "vacuum_bottom"}
pytestmark = pytest.mark.filterwarnings("ignore:.*printed to 0.01 e:UserWarning")


def energy(n):
    return -114.2469 * RYDBERG - 5.1 * n + 0.825 * n**2


def changed(tmp_path, name, *pairs):
    """A copy of an output with parts replaced, each of which must be there."""
    text = (FOLDER / name).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text)
    return path


def test_fixed_charge_is_the_printed_energy():
    (frame,) = read(FOLDER / "fixed.out", assume=ZERO)
    assert frame.n_excess == -0.25 and frame.charge == 0.25 and frame.nelect_neutral == 33 and frame.nelect == 32.75
    assert frame.energy == pytest.approx(energy(-0.25), abs=1e-6) and frame.mu == pytest.approx(-5.1 - 0.4125)
    assert (frame.energy_kind, frame.ensemble, frame.countercharge, frame.normal, frame.sides) == ("E", "fixed_n", "esm_metal", 2, 1)
    assert frame.forces == pytest.approx(FORCES, abs=1e-7) and frame.scf_converged


def test_structure():
    atoms = read(FOLDER / "fixed.out", assume=ZERO)[0].geometry
    assert atoms.get_chemical_symbols() == ["Pt", "Pt", "H"] and atoms.pbc.tolist() == [True, True, False]
    assert atoms.cell.array == pytest.approx(5.3 * BOHR * np.array([[1, 0, 0], [0.5, 0.866025, 0], [0, 0, 5.660377]]))
    assert atoms.positions[2] == pytest.approx(5.3 * BOHR * np.array([0.5, 0.2886751, 0.35]))


@pytest.mark.parametrize("name, n", [("gcscf_low.out", -0.24), ("gcscf_high.out", 0.2)])
def test_grand_canonical_energy_becomes_the_canonical_one(name, n):
    (frame,) = read(FOLDER / name, assume=ZERO)
    printed = [line for line in (FOLDER / name).read_text().splitlines() if line.startswith("!    total energy")][0]
    assert frame.n_excess == pytest.approx(n, abs=1e-7) and frame.energy == pytest.approx(energy(n), abs=1e-6)
    assert float(printed.split()[4]) * RYDBERG == pytest.approx(energy(n) - (-5.1 + 1.65 * n) * n, abs=1e-6)
    assert frame.mu_target == pytest.approx(-5.1 + 1.65 * n) and frame.mu == pytest.approx(frame.mu_target + 0.004) and frame.mu_tol == 0.01
    assert frame.ensemble == "fixed_mu"


def test_series_of_all_modes_obeys_the_slope():
    frames = [read(FOLDER / name, assume=ZERO)[0] for name in ("fixed.out", "gcscf_high.out")]
    assert len({f.method_id for f in frames}) == 1
    assert [s.residual for s in slopes(frames)] == pytest.approx([0.0], abs=0.003)


def test_ignored_mu_n_must_be_stated():
    path = FOLDER / "gcscf_ignore_mun.out"
    with pytest.raises(DataError, match="does not say whether the total energy holds the term -mu N.*ignore_mun=True"):
        read(path, assume=ZERO)
    (frame,) = read(path, assume=ZERO, ignore_mun=True)
    assert frame.energy == pytest.approx(energy(0.2), abs=1e-6) and frame.n_excess == pytest.approx(0.2)
    (wrong,) = read(path, assume=ZERO, ignore_mun=False)
    assert wrong.energy - frame.energy == pytest.approx((-5.1 + 1.65 * 0.2) * 0.2)
    with pytest.raises(DataError, match="the output shows the term -mu N"):
        read(FOLDER / "gcscf_high.out", assume=ZERO, ignore_mun=True)


def test_charge_particle_under_way_and_at_the_target():
    first, second = read(FOLDER / "fcp.out", assume=ZERO)
    assert [first.ensemble, second.ensemble] == ["potentiostat", "fixed_mu"] and [first.n_excess, second.n_excess] == [0.0, 0.15]
    assert [first.energy, second.energy] == pytest.approx([energy(0.0), energy(0.15)], abs=1e-6)
    assert [first.mu, second.mu] == pytest.approx([-5.1, -5.1 + 1.65 * 0.15], abs=1e-5) and second.mu_target == pytest.approx(second.mu)
    assert second.geometry.positions[2, 2] == 1.01 and second.forces == pytest.approx(FORCES / 2, abs=1e-7) and second.sides == 2


def test_charge_particle_of_version_6_uses_the_fermi_energy(tmp_path):
    gone = [line for line in (FOLDER / "fcp.out").read_text().splitlines() if "pot.stat." in line]
    new = changed(tmp_path, "fcp.out", *[(line, "") for line in gone])
    assert read(new, assume=ZERO)[1].energy == pytest.approx(energy(0.15), abs=1e-5)
    old = changed(tmp_path, "fcp.out", *[(line, "") for line in gone], ("PWSCF v.7.2", "PWSCF v.6.8"), ("FCP: Fermi Energy =    -0.356652", "FCP: Fermi Energy =    -0.346652"))
    assert read(old, assume=ZERO)[1].energy == pytest.approx(energy(0.15) + 0.01 * RYDBERG * 0.15, abs=1e-5)


def test_charge_is_as_fine_as_the_caller_states():
    with pytest.warns(UserWarning, match="net charge 0.25 e read from electrons printed to 0.01 e.*total_charge"):
        read(FOLDER / "fixed.out", assume=ZERO)
    assert read(FOLDER / "fixed.out", assume=ZERO, total_charge=0.2475)[0].n_excess == -0.2475
    with pytest.raises(DataError, match="total_charge = -0.25, but the output starts with the charge 0.25"):
        read(FOLDER / "fixed.out", assume=ZERO, total_charge=-0.25)


def test_shift_of_environ_is_declared():
    words = {**ZERO, "countercharge": "pb_linear"}
    with pytest.raises(DataError, match="environ_shift='add' or 'applied'"):
        read(FOLDER / "environ.out", assume=words)
    mu = [read(FOLDER / "environ.out", assume=words, environ_shift=word)[0].mu for word in ("applied", "add")]
    assert mu == pytest.approx([-5.1 + 0.165, -5.1 + 0.165 + 1.25])
    with pytest.raises(DataError, match="environ_shift: expected"):
        read(FOLDER / "environ.out", assume=words, environ_shift="yes")


def test_cell_and_crystal_positions_of_the_next_step(tmp_path):
    positions = (FOLDER / "fcp.out").read_text().partition("ATOMIC_POSITIONS (angstrom)\n")[2].splitlines()[:3]
    moved = "CELL_PARAMETERS (alat=  5.40000000)\n 1.0 0.0 0.0\n 0.0 2.0 0.0\n 0.0 0.0 6.0\n\nATOMIC_POSITIONS (crystal)\nPt1 0.0 0.0 0.0\nPt1 0.5 0.0 0.125\nH 0.5 0.0 0.25\n"
    path = changed(tmp_path, "fcp.out", ("ATOMIC_POSITIONS (angstrom)\n" + "\n".join(positions), moved))
    atoms = read(path, assume=ZERO)[1].geometry
    assert atoms.cell.lengths() == pytest.approx(5.4 * BOHR * np.array([1, 2, 6])) and atoms.positions[2] == pytest.approx(5.4 * BOHR * np.array([0.5, 0, 1.5]))


@pytest.mark.parametrize(
    "name, pairs, message",
    [
        ("fixed.out", [("JOB DONE", "")], "cut short.*partial=True"),
        ("fixed.out", [], "eir_mu_zero is missing"),
        ("fixed.out", [("atomic species   valence", "species")], "pass total_charge=number"),
        ("fixed.out", [("force =    0.00180000", "farce")], "forces on 2 of 3 atoms"),
        ("fixed.out", [("!    total energy", "total energy"), ("convergence has been", "convergence NOT achieved, convergence has been")], "converged without a total energy"),
        ("fixed.out", [("the Fermi energy is", "the spin up/dw Fermi energies are")], "eir_mu is missing"),
        ("fixed.out", [("celldm(1)=", "celldm(9)="), ("(alat)  =", "(blat)  =")], "no lattice parameter"),
        ("fixed.out", [("crystal axes: ", "Using Berry phase electric field\ncrystal axes: ")], "Berry-phase"),
        ("unconverged.out", [], "eir_scf_converged = F"),
        ("gcscf_low.out", [("Target Fermi Energy", "Target"), ("pot.stat.", "pot.")], "charge of the converged step is not printed"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, name, pairs, message):
    with pytest.raises(DataError, match=message):
        read(changed(tmp_path, name, *pairs), assume={} if "mu_zero" in message else ZERO)


def test_unconverged_step_at_a_target_has_the_charge_of_its_last_iteration(tmp_path):
    path = changed(tmp_path, "gcscf_low.out", ("convergence has been achieved in", "convergence NOT achieved after"))
    (frame,) = quantum_espresso.read(path)
    assert (frame.energy, frame.energy_kind, frame.scf_converged) == (None, "none", False) and frame.n_excess == pytest.approx(-0.29)


def test_partial_run_keeps_its_whole_steps(tmp_path):
    text = (FOLDER / "fcp.out").read_text()
    path = tmp_path / "cut.out"
    path.write_text(text[: text.rindex("!    total energy")])
    assert len(quantum_espresso.read(path, partial=True)) == 1 and recognise(path).name == "quantum-espresso"

"""Logs of GPAW's solvated jellium method.

outputs/gpaw_sjm/fixed_charge.txt is a real log of GPAW 25.7 (H on Au(111) at three charges), shortened.  The lines of the
constant-potential mode are those that gpaw/solvation/sjm.py writes.
"""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import read as read_images
from ase.io import write

from electrode.data.consistency import slopes
from electrode.data.problems import DataError
from electrode.data.readers.registry import read

LOG = Path(__file__).parent / "outputs/gpaw_sjm/fixed_charge.txt"
WHOLE = Path(os.environ.get("ELECTRODE_DATA", Path(__file__).parents[3] / "shared/data")) / "sjm_h_metal/gpaw_logs/sjm_fixed_charge_series.txt"
DONE = "Canonical energy was written into results."


def edited(tmp_path, *changes):
    """Read the log with some of its text replaced; each change must hit."""
    text = LOG.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (tmp_path / "sjm.txt").write_text(text)
    return read(tmp_path / "sjm.txt")


def test_numbers_of_a_fixed_charge_series():
    frames = read(LOG)
    assert [f.n_excess for f in frames] == [0.0, 0.1, -0.1]
    assert [f.energy for f in frames] == [-25.123103, -25.526483, -24.680678]
    assert [f.potential for f in frames] == [4.263497, 3.880568, 4.655810]
    assert np.allclose([f.grand_energy for f in frames], [-25.123103, -25.138426, -25.146259], atol=1e-6)
    assert np.allclose(frames[1].forces[-1], [0, 0, -0.94788]) and frames[2].forces.shape == (10, 3)
    first = frames[0]
    assert (first.energy_kind, first.energy_smearing, first.ensemble, first.mu_zero, first.solvation) == ("E", "free", "fixed_n", "electrolyte", "sjm")
    assert (first.normal, first.sides, first.countercharge, first.scf_converged) == (2, 1, "jellium_slab", True)
    assert np.allclose([first.countercharge_z, first.countercharge_thickness], [14.804, 2.596])
    atoms = first.geometry
    assert str(atoms.symbols) == "Au9H" and atoms.pbc.tolist() == [True, True, False] and np.allclose(atoms.cell.lengths(), [5.094939, 5.094939, 18.4])
    assert np.allclose(atoms.positions[-1], [5.094939, 2.941564, 11.003554])
    assert len({f.method_id for f in frames}) == 1 and frames[0].method_id.startswith("gpaw_25.7.0_sjm_PBE_lcao_d")


def test_energy_and_potential_belong_together():
    """dE/dn by differences is mu up to the mean potential in the jellium, which the method leaves out."""
    residuals = [s.residual for s in slopes(read(LOG))]
    assert len(residuals) == 2 and 0.02 < min(residuals) and max(residuals) < 0.06


@pytest.mark.skipif(not WHOLE.exists(), reason="the folder of data sets is absent")
def test_the_unshortened_log_gives_the_same():
    for a, b in zip(read(LOG), read(WHOLE), strict=True):
        assert (a.energy, a.mu, a.n_excess, a.method_id, a.geometry_id) == (b.energy, b.mu, b.n_excess, b.method_id, b.geometry_id)
        assert (a.forces == b.forces).all()


def test_what_the_calculator_stored_does_not_change_what_is_read(tmp_path):
    frames = edited(tmp_path, (DONE, "Grand-potential energy was written into results."), ("grand_output: False", "grand_output: True"))
    assert [f.energy for f in frames] == [-25.123103, -25.526483, -24.680678]
    assert frames[0].method_id == read(LOG)[0].method_id


def test_the_method_depends_on_settings_and_not_on_the_charge(tmp_path):
    name = read(LOG)[0].method_id
    assert edited(tmp_path, ("  xc: PBE", "  xc: RPBE"))[0].method_id != name
    assert edited(tmp_path, ("kpts: [4 4 1]", "kpts: [6 6 1]"))[0].method_id != name
    assert edited(tmp_path, ("  grand_output: False", "  excess_electrons: 0.3\n  grand_output: False"))[0].method_id == name


def test_constant_potential_keeps_only_the_last_attempt(tmp_path):
    mode = " Constant-potential mode.\n Target potential: 4.65000 +/- 0.01000\n Initial guess of excess electrons: 0.00000\nAttempt 0 to equilibrate potential to 4.650 +/- 0.010 V"
    text = re.sub(r"Constant-charge calculation with .* excess electrons", mode, LOG.read_text())
    parts = text.split(DONE)
    (tmp_path / "sjm.txt").write_text(parts[0] + parts[1] + "Potential is within tolerance. Equilibrated.\n" + parts[2] + DONE + parts[3])
    (frame,) = read(tmp_path / "sjm.txt")
    assert (frame.n_excess, frame.energy, frame.mu, frame.forces[-1, 2]) == (-0.1, -24.680678, -4.65581, -1.10642)
    assert (frame.ensemble, frame.mu_target, frame.mu_tol) == ("fixed_mu", -4.65, 0.01)


def test_a_relaxation_moves_the_atoms(tmp_path):
    moved = re.search(r"\nPositions:\n(?:.+\n)+", LOG.read_text()).group().replace("11.003554", "10.903554")
    text = LOG.read_text()
    third = text.rindex("\nUnit cell:")
    (tmp_path / "sjm.txt").write_text(text[:third] + moved + text[third:])
    frames = read(tmp_path / "sjm.txt", strict=True)
    assert [f.geometry.positions[-1, 2] for f in frames] == [11.003554, 11.003554, 10.903554]


def test_a_cavity_shaped_jellium_and_an_inner_reference(tmp_path):
    frames = edited(tmp_path, (" Bottom:  14.804 AA", " Bottom: cavity-like"), (" mu (-workfunction, eV):   -4.263497", "Electrode potential from inner potential:   +4.263497 [eV]"),
                    (" mu (-workfunction, eV):   -3.880568", "Electrode potential from inner potential:   +3.880568 [eV]"),
                    (" mu (-workfunction, eV):   -4.655810", "Electrode potential from inner potential:   +4.655810 [eV]"))  # fmt: skip
    assert frames[0].countercharge == "jellium_cavity" and frames[0].countercharge_z is None
    assert frames[0].mu == -4.263497 and frames[0].mu_zero == "inner"
    with pytest.raises(DataError, match="no electrode potential"):
        frames[0].potential


@pytest.mark.parametrize("mark, finished", [("iter:  18", 2), ("Forces in eV/Ang", 3), ("Legendre-transformed", 2)])
def test_a_log_that_was_cut(tmp_path, mark, finished):
    text = LOG.read_text()
    (tmp_path / "sjm.txt").write_text(text[: text.rindex(mark)])
    if finished == 3:
        assert read(tmp_path / "sjm.txt")[2].forces is None
        return
    with pytest.raises(DataError, match="the output is cut short after 2 finished calculations.*partial=True"):
        read(tmp_path / "sjm.txt")
    assert len(read(tmp_path / "sjm.txt", partial=True)) == finished


def test_forces_that_were_cut(tmp_path):
    (tmp_path / "sjm.txt").write_text(LOG.read_text().rsplit("\n  7 Au", 1)[0])
    with pytest.raises(DataError, match="step 2: the forces are cut short: expected 10 rows, got 7"):
        read(tmp_path / "sjm.txt")


def test_nothing_finished(tmp_path):
    header = LOG.read_text().split("Converged after 30")[0]
    (tmp_path / "sjm.txt").write_text(header)
    with pytest.raises(DataError, match="cut short after 0 finished"):
        read(tmp_path / "sjm.txt", partial=True)
    (tmp_path / "sjm.txt").write_text(header + "Did not converge!\n")
    with pytest.raises(DataError, match="an SCF cycle did not converge after 0"):
        read(tmp_path / "sjm.txt")


def test_a_log_that_was_changed(tmp_path):
    with pytest.raises(DataError, match=r"Omega = -25.138426 eV, but E - mu N = -25.0384"):
        edited(tmp_path, ("Free energy:    -25.526483", "Free energy:    -25.426483"))
    with pytest.raises(DataError, match="lacks the positions"):
        edited(tmp_path, ("\nPositions:\n", "\nPlaces:\n"))


def test_a_potential_that_falls_the_wrong_way(tmp_path):
    changes = (("mu (-workfunction, eV):   -3.880568", "mu (-workfunction, eV):   -4.390000"), ("(Grand) free energy:    -25.138426", "(Grand) free energy:    -25.087483"))
    with pytest.raises(DataError, match="dE/dn|falls"):
        edited(tmp_path, *changes)


@pytest.fixture
def run(tmp_path):
    """A .traj of the three calculations as GPAW leaves it, and its log; the energies are Omega, extrapolated."""
    images = []
    for frame, omega in zip(read(LOG), (-25.084094, -25.099554, -25.107993)):
        atoms = frame.atoms
        atoms.set_constraint(FixAtoms([0, 1, 2]))
        atoms.info["charge"] = 5.0
        atoms.calc = SinglePointCalculator(atoms, energy=omega, forces=frame.forces)
        images.append(atoms)
    write(tmp_path / "relax.traj", images)
    return tmp_path / "relax.traj"


def test_a_trajectory_needs_its_log(run):
    with pytest.raises(DataError, match="keeps neither the electrons nor the potential of SJM; found 0 logs.*log="):
        read(run)
    with pytest.raises(DataError, match="drop log="):
        read(LOG, log=run)


@pytest.mark.parametrize("beside", [True, False])
def test_a_trajectory_with_its_log(run, beside):
    if beside:
        run.with_suffix(".txt").write_text(LOG.read_text())
    frames = read(run) if beside else read(run, log=LOG)
    assert [f.n_excess for f in frames] == [0.0, 0.1, -0.1] and [f.energy for f in frames] == [-25.123103, -25.526483, -24.680678]
    assert frames[1].where == "relax.traj step 1" and list(frames[1].geometry.constraints[0].index) == [0, 1, 2]
    assert "charge" not in {**frames[1].info, **frames[1].geometry.info}


def test_images_out_of_order(run):
    write(run, read_images(run, index="::-1"))
    with pytest.raises(DataError, match="image 1: no calculation in the log"):
        read(run, log=LOG)


def test_a_trajectory_of_another_run(run):
    atoms = Atoms("Au9H", positions=np.arange(30).reshape(10, 3), cell=[40, 40, 40], pbc=(1, 1, 0))
    write(run, [atoms])
    with pytest.raises(DataError, match="image 0: no calculation in the log has its positions and energy"):
        read(run, log=LOG)

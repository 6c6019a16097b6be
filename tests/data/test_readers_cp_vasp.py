"""The CPM-ion lines of CP-VASP with the OUTCAR of the run.

outputs/cp_vasp is written by hand: two steps of molecular dynamics with NESCHEME = 5 on E(n) = -14.2 - 5.3 n + 5.5 n^2 eV.
The line is described in the CP-VASP manual (github.com/yuanyue-liu-group/CP-VASP): step, all electrons, mu, target, grand
energy; users' parsers show its labels and that GCE is E(sigma->0) - mu n with the electrons in excess.
"""

import shutil
from pathlib import Path

import pytest

from electrode.data.problems import DataError
from electrode.data.readers.registry import read

RUN = Path(__file__).parent / "outputs/cp_vasp"


def energy(n):
    return -14.2 - 5.3 * n + 5.5 * n**2


@pytest.fixture
def run(tmp_path):
    """A copy of the run, and a function that replaces text in one of its files."""
    folder = shutil.copytree(RUN, tmp_path / "run")

    def edit(name, *changes):
        text = (folder / name).read_text()
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        (folder / name).write_text(text)
        return folder

    return edit


@pytest.mark.parametrize("path", [RUN, RUN / "OSZICAR", RUN / "OUTCAR"])
def test_potentiostat_frames(path):
    frames = read(path)
    assert [f.n_excess for f in frames] == pytest.approx([0.04, 0.07]) and [f.mu for f in frames] == [-4.86, -4.53]
    assert [f.energy for f in frames] == pytest.approx([energy(0.04), energy(0.07) - 0.01242], abs=1e-6)
    first = frames[0]
    assert (first.ensemble, first.mu_target, first.mu_zero, first.energy_kind, first.energy_smearing) == ("potentiostat", -4.57, "electrolyte", "E", "free")
    assert (first.countercharge, first.solvation, first.nelect_neutral, first.scf_converged) == ("pb_nonlinear", "vaspsolpp_isol2", 34.0, True)
    assert first.grand_energy == pytest.approx(first.info["cp_vasp_gce"] - 0.004, abs=1e-6)
    assert frames[1].forces[3, 2] == pytest.approx(-0.414)


def test_the_count_of_all_electrons_is_never_the_excess():
    assert all(abs(f.n_excess) < 0.1 and f.nelect == pytest.approx(34 + f.n_excess) for f in read(RUN))


def test_a_scheme_at_the_target_needs_its_width(run):
    folder = run("INCAR", ("NESCHEME = 5", "NESCHEME = 2"))
    with pytest.raises(DataError, match="eir_mu_tol is missing.*assume="):
        read(folder)
    with pytest.warns(UserWarning, match="eir_mu = -4.86 eV misses its target -4.57"):
        assert read(folder, assume={"mu_tol": 0.01})[0].ensemble == "fixed_mu"
    run("INCAR", ("NEADJUST = 1", "FERMICONVERGE = 0.5"))
    assert read(folder)[0].mu_tol == 0.5


def test_a_scheme_that_says_nothing_of_the_ensemble(run):
    folder = run("INCAR", ("NESCHEME = 5", "NESCHEME = 3"))
    with pytest.raises(DataError, match="eir_ensemble is missing"):
        read(folder)
    assert {f.ensemble for f in read(folder, assume={"ensemble": "potentiostat"})} == {"potentiostat"}


def shifted(run, grand=0.0):
    """The same run on VASPsol's zero: E-fermi 2 eV below mu, TOTEN without n times that."""
    folder = run("OUTCAR", ("E-fermi :   -4.8600", "E-fermi :   -6.8600"), ("E-fermi :   -4.5300", "E-fermi :   -6.5300"))
    for n, total in ((0.04, energy(0.04)), (0.07, energy(0.07) - 0.01242)):
        run("OUTCAR", (f"free  energy   TOTEN  = {total:17.8f}", f"free  energy   TOTEN  = {total - 2 * n:17.8f}"), (f"energy(sigma->0) ={total + 0.004:17.8f}", f"energy(sigma->0) ={total + 0.004 - 2 * n:17.8f}"))
    return folder


def test_a_shifted_level_asks_whether_the_energy_is_shifted_too(run):
    folder = shifted(run)
    with pytest.raises(DataError, match="mu_e = -4.86 eV, but E-fermi = -6.86.*toten='raw'"):
        read(folder)
    assert read(folder, toten="raw")[0].energy == pytest.approx(energy(0.04), abs=1e-6)
    with pytest.warns(UserWarning, match="GCE = .* but E"):
        assert read(folder, toten="referenced", strict=False)[0].energy == pytest.approx(energy(0.04) - 0.08, abs=1e-6)


def test_files_of_two_runs(run):
    folder = run("OSZICAR", ("N_ele=    34.070000", "N_ele=    34.170000"))
    with pytest.raises(DataError, match="step 1: 34.1700 electrons in the CPM-ion line, 34.0700 in the OUTCAR"):
        read(folder)


def test_files_that_are_missing_or_cut(run):
    lines = (RUN / "OSZICAR").read_text()
    folder = run("OSZICAR", (lines, lines[: lines.rindex("GCE=")]))
    with pytest.raises(DataError, match="1 complete CPM-ion lines, but 2 finished steps"):
        read(folder)
    (folder / "OUTCAR").unlink()
    with pytest.raises(DataError, match="no OUTCAR lies beside them.*outcar="):
        read(folder / "OSZICAR")
    (folder / "OSZICAR").write_text(lines)
    assert len(read(folder / "OSZICAR", outcar=RUN / "OUTCAR")) == 2
    (folder / "OSZICAR").unlink()
    with pytest.raises(DataError, match="no OSZICAR and no standard output"):
        read(folder, "cp-vasp")


def test_the_plain_reader_does_not_take_the_first_count_for_all_steps():
    with pytest.raises(DataError, match="34.0400 electrons, but NELECT = 34.0000: another program changes them.*cp-vasp"):
        read(RUN / "OUTCAR", "vasp")

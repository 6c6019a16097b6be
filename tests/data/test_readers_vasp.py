"""OUTCAR, vasprun.xml and standard output of VASP, VASPsol and VASPsol++.

The files in outputs/vasp, outputs/vaspsol and outputs/vaspsolpp are written by hand after real ones, for H on three atoms of
gold with E(n) = -14.2 - 5.3 n + 5.5 n^2 eV.  Formats: the OUTCAR and vasprun.xml pages of vasp.at/wiki; the section "Solvation
model" and FERMI_SHIFT as src/solvation.F of henniggroup/VASPsol writes them, EFERMI_ref and the update of the electrons as
src/solvation.F of VASPsol/VASPsol does.  outputs/vaspsol/pt111_charged_series.csv is data that a user published.
"""

from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.io import read as read_images

from electrode.data.checks import check_set
from electrode.data.consistency import slopes
from electrode.data.problems import DataError
from electrode.data.readers.registry import read

OUTPUTS = Path(__file__).parent / "outputs"
VACUUM, SOL, SOLPP = (OUTPUTS / name / "OUTCAR" for name in ("vasp", "vaspsol", "vaspsolpp"))
XML, STDOUT = OUTPUTS / "vasp/vasprun.xml", OUTPUTS / "vaspsol/vasp.out"


def energy(n):
    return -14.2 - 5.3 * n + 5.5 * n**2


def edited(tmp_path, source, *changes, name="OUTCAR", **options):
    """Read a fixture with some of its text replaced; each change must hit."""
    text = source.read_text()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    (tmp_path / name).write_text(text)
    return read(tmp_path / name, "vasp", **options)


def test_a_neutral_slab_in_vacuum():
    (frame,) = read(VACUUM)
    assert (frame.energy, frame.n_excess, frame.nelect_neutral, frame.mu, frame.mu_zero) == (-14.2, 0.0, 34.0, 1.8123, "cell_average")
    assert (frame.energy_kind, frame.energy_smearing, frame.countercharge, frame.solvation, frame.normal) == ("E", "free", "none", None, 2)
    assert (frame.ensemble, frame.scf_converged, str(frame.geometry.symbols)) == ("fixed_n", True, "Au3H")
    assert np.allclose(frame.forces[2], [0, 0, 0.8113]) and np.allclose(frame.geometry.cell.lengths(), [2.94156, 2.94156, 20.80355], atol=1e-4)
    with pytest.raises(DataError, match="no electrode potential"):
        frame.potential


def test_the_vacuum_level_gives_the_work_function():
    (frame,) = read(VACUUM, vacuum_level=7.1)
    assert frame.mu_zero == "vacuum_top" and frame.potential == pytest.approx(7.1 - 1.8123)


def test_both_files_of_a_run_say_the_same():
    (a,), (b,) = read(VACUUM), read(XML)
    assert (a.energy, a.n_excess, a.method_id, a.normal, a.scf_converged) == (b.energy, b.n_excess, b.method_id, b.normal, b.scf_converged)
    assert np.allclose(a.geometry.get_distances(0, [1, 2, 3], mic=True), b.geometry.get_distances(0, [1, 2, 3], mic=True), atol=1e-4)
    assert np.allclose(a.forces, b.forces)
    assert b.mu == pytest.approx(1.81234567) and b.info["vasp_sigma0"] == pytest.approx(-14.196)


@pytest.mark.parametrize("file, form", [(VACUUM, "vasp-out"), (SOL, "vasp-out"), (XML, "vasp-xml")])
@pytest.mark.filterwarnings("ignore:.*FERMI_SHIFT is taken:UserWarning")
def test_structure_forces_and_printed_energies_are_those_that_ase_finds(file, form):
    """ASE stops at the outputs of VASPsol++ at constant potential ("Adjusting number of electrons")."""
    images = read_images(file, index=":", format=form)
    for image, frame in zip(images, read(file), strict=True):
        assert np.allclose(image.positions, frame.geometry.positions) and np.allclose(image.cell, frame.geometry.cell)
        assert (image.numbers == frame.geometry.numbers).all() and np.allclose(image.get_forces(apply_constraint=False), frame.forces)
        assert image.get_potential_energy(force_consistent=True) == pytest.approx(frame.info["vasp_toten"])
        assert image.get_potential_energy() == pytest.approx(frame.info["vasp_sigma0"])


REAL = Path(ase.__file__).parent / "test/testdata/vasp"


@pytest.mark.skipif(not REAL.exists(), reason="this ASE comes without its test data")
@pytest.mark.parametrize("name, form", [("OUTCAR_example_1", "vasp-out"), ("vasprun_dfpt.xml", "vasp-xml"), ("vasprun_pstress.xml", "vasp-xml")])
def test_real_outputs_that_come_with_ase(name, form):
    image, (frame,) = read_images(REAL / name, format=form), read(REAL / name, "vasp", partial=True, strict=False)
    assert image.get_potential_energy(force_consistent=True) == pytest.approx(frame.energy) and image.get_potential_energy() == pytest.approx(frame.info["vasp_sigma0"])
    assert np.allclose(image.positions, frame.geometry.positions) and np.allclose(image.cell, frame.geometry.cell) and (image.numbers == frame.geometry.numbers).all()
    assert np.allclose(image.get_forces(apply_constraint=False), frame.forces) and frame.n_excess == 0.0 and frame.scf_converged and frame.mu is not None


def test_a_folder_is_read_by_its_outcar():
    assert read(OUTPUTS / "vasp")[0].mu == 1.8123


def test_energy_at_zero_smearing_is_a_choice_with_a_warning():
    with pytest.warns(UserWarning, match="extrapolated to zero smearing .* differs from the free energy .* here by 0.0040 eV"):
        (frame,) = read(VACUUM, smearing="sigma0")
    assert frame.energy == pytest.approx(-14.196) and frame.energy_smearing == "sigma0"
    with pytest.raises(DataError, match="smearing = 'cold': expected one of free, sigma0"):
        read(VACUUM, smearing="cold")


def test_a_uniform_background_leaves_no_energy(tmp_path):
    charged = ("NELECT =      34.0000", "NELECT =      34.2000"), ("33.9999981", "34.1999990")
    with pytest.warns(UserWarning, match="uniform background"):
        (frame,) = edited(tmp_path, VACUUM, *charged)
    assert (frame.energy, frame.energy_kind, frame.countercharge, frame.mu_zero) == (None, "none", "uniform", "cell_average")
    assert frame.n_excess == pytest.approx(0.2, abs=2e-6) and frame.forces is not None


def test_a_solvent_without_ions_leaves_no_energy(tmp_path):
    with pytest.warns(UserWarning, match="uniform background"):
        (frame,) = edited(tmp_path, SOL, ("LAMBDA_D_K    =  3.000000", "LAMBDA_D_K    =**********"), fermi_shift=2.05)
    assert frame.energy is None and frame.solvation == "vaspsol" and frame.debye_length is None


def test_a_debye_length_without_end_means_no_ions(tmp_path):
    separator = ' <parameters>\n  <separator name="solvation model" >\n   <i type="logical" name="LSOL"> T  </i>\n   <i name="LAMBDA_D_K">1E100</i>\n  </separator>\n'
    with pytest.warns(UserWarning, match="uniform background"):
        (frame,) = edited(tmp_path, XML, ("34.00000000", "34.05000000"), (" <parameters>\n", separator), name="vasprun.xml", fermi_shift=2.0)
    assert (frame.solvation, frame.energy, frame.debye_length) == ("vaspsol", None, None)


@pytest.mark.filterwarnings("ignore:.*misses its target:UserWarning")
def test_a_cell_that_relaxes(tmp_path):
    head, tail = SOLPP.read_text().rsplit("20.803554240", 1)
    (tmp_path / "OUTCAR").write_text(head + "20.903554240" + tail)
    assert [f.geometry.cell[2, 2] for f in read(tmp_path / "OUTCAR", strict=False)] == pytest.approx([20.80355424, 20.90355424])


@pytest.mark.parametrize("options", [{}, {"stdout": STDOUT}, {"fermi_shift": 2.05}])
@pytest.mark.filterwarnings("ignore:.*FERMI_SHIFT is taken from vasp.out:UserWarning")
def test_vaspsol_is_corrected_by_its_shift(options):
    (frame,) = read(SOL, **options)
    assert frame.n_excess == pytest.approx(0.05, abs=2e-6) and frame.energy == pytest.approx(energy(0.05), abs=5e-6)
    assert frame.mu == pytest.approx(-5.3 + 11 * 0.05) and frame.mu_zero == "electrolyte" and frame.potential == pytest.approx(4.75)
    assert (frame.solvation, frame.countercharge, frame.debye_length) == ("vaspsol", "pb_linear", 3.0)
    assert frame.method_id.startswith("vasp_5.4.4_PBE_vaspsol_d")


def test_where_the_shift_was_found_is_said():
    with pytest.warns(UserWarning, match="FERMI_SHIFT is taken from vasp.out beside it"):
        read(SOL)


@pytest.mark.parametrize("content", [None, "no shift here\n", " FERMI_SHIFT =   0.000000000000000E+000\n   1 F= -.14E+02 E0= -.14E+02\n"])
def test_a_charged_cell_needs_its_shift(tmp_path, content):
    options = {}
    if content is not None:
        (tmp_path / "run.out").write_text(content + ("" if "F=" in content else "   1 F= -.14E+02 E0= -.14E+02\n"))
        options = {"stdout": tmp_path / "run.out"}
    with pytest.raises(DataError, match="n = 0.05.* in VASPsol without a FERMI_SHIFT that is not zero.*stdout="):
        edited(tmp_path, SOL, **options)


def test_a_neutral_cell_without_shift_has_no_potential(tmp_path):
    neutral = ("NELECT =      34.0500", "NELECT =      34.0000"), ("34.0500012", "34.0000012")
    (frame,) = edited(tmp_path, SOL, *neutral)
    assert (frame.n_excess, frame.energy, frame.mu_zero) == (0.0, frame.info["vasp_toten"], "cell_average")
    (frame,) = edited(tmp_path, SOL, *neutral, fermi_shift=2.05)
    assert frame.mu_zero == "electrolyte" and frame.energy == frame.info["vasp_toten"]


def test_the_standard_output_of_another_run(tmp_path):
    (tmp_path / "vasp.out").write_text(STDOUT.read_text() * 2)
    with pytest.raises(DataError, match="2 finished ionic steps, but 1 in OUTCAR"):
        edited(tmp_path, SOL, stdout=tmp_path / "vasp.out")
    (tmp_path / "b.log").write_text(STDOUT.read_text())
    with pytest.raises(DataError, match="stands in several files: b.log, vasp.out"):
        edited(tmp_path, SOL)


def test_vaspsolpp_adds_the_target_and_not_the_level_reached():
    """TOTEN holds -n EFERMI_ref; at the first step mu is 0.7 eV away from EFERMI_ref."""
    with pytest.warns(UserWarning, match="eir_mu = -5.3 eV misses its target -4.6"):
        first, second = read(SOLPP)
    assert (first.n_excess, first.energy, first.mu) == (0.0, pytest.approx(energy(0.0)), -5.3)
    n = second.n_excess
    assert n == pytest.approx(0.7 / 11, abs=1e-6) and second.energy == pytest.approx(energy(n) - 0.01242, abs=1e-6) and second.mu == -4.6
    assert second.grand_energy == pytest.approx(second.info["vasp_toten"], abs=1e-6)
    assert (second.ensemble, second.mu_target, second.mu_tol, second.countercharge) == ("fixed_mu", -4.6, 1e-4, "pb_nonlinear")
    assert second.geometry.positions[3, 2] == pytest.approx(first.geometry.positions[3, 2] - 0.02, abs=1e-5)


def test_energy_off_the_target_uses_the_target(tmp_path):
    """The electrons of the first step set by hand: TOTEN = E - n EFERMI_ref still gives E, where mu instead of it would miss by n (mu - target)."""
    n, printed = 0.03, energy(0.03) + 4.6 * 0.03
    changes = ("34.0000000 magnetization", "34.0300000 magnetization"), ("free  energy   TOTEN  =      -14.20000000", f"free  energy   TOTEN  =  {printed:16.8f}"), ("E-fermi :   -5.3000", "E-fermi :   -4.9700")
    with pytest.warns(UserWarning, match="misses its target"):
        frame = edited(tmp_path, SOLPP, *changes)[0]
    assert frame.energy == pytest.approx(energy(n), abs=1e-7) and abs(frame.info["vasp_toten"] + n * frame.mu - energy(n)) > 0.01


def test_vaspsolpp_at_fixed_charge(tmp_path):
    changes = ("EFERMI_ref       = -4.600000", "EFERMI_ref       =  0.000000"), ("34.0636364", "34.0000000")
    first = edited(tmp_path, SOLPP, *changes, strict=False)[0]
    with pytest.warns(UserWarning, match="misses its target"):
        assert first.method_id == read(SOLPP)[0].method_id
    assert (first.ensemble, first.mu_target, first.energy, first.mu_zero) == ("fixed_n", None, -14.2, "electrolyte")


def test_vaspsolpp_without_update_of_the_electrons(tmp_path):
    with pytest.warns(UserWarning) as caught:
        edited(tmp_path, SOLPP, ("NSW    =      5", "NSW    =      0"))
    text = "\n".join(str(w.message) for w in caught)
    assert "NSW = 0: VASPsol++ changes the electrons only between ionic steps" in text and "misses its target" in text


def test_linear_model_of_vaspsolpp_needs_a_word(tmp_path):
    changes = (
        ("ISOL             =     2", "ISOL             =     1"), ("EFERMI_ref       = -4.600000", "EFERMI_ref       =  0.000000"),
        ("34.0636364", "34.0500000"), ("34.0000000 m", "34.0500000 m"), ("NELECT =      34.0000", "NELECT =      34.0500"),
    )  # fmt: skip
    with pytest.raises(DataError, match="fermi_shift=0.0 for VASPsol"):
        edited(tmp_path, SOLPP, *changes)
    frames = edited(tmp_path, SOLPP, *changes, fermi_shift=0.0, strict=False)
    assert frames[0].energy == -14.2 and frames[0].mu_zero == "electrolyte" and frames[0].countercharge == "pb_linear"


SEPARATOR = """ <parameters>
  <separator name="solvation model" >
   <i type="logical" name="LSOL"> T  </i>
   <i type="int" name="ISOL">     2</i>
   <i name="EFERMI_ref">TARGET</i>
   <i name="C_MOLAR">      1.00000000</i>
  </separator>
"""


def test_vasprun_of_vaspsolpp(tmp_path):
    charged = ("34.00000000", "34.05000000"), ("1.81234567", "-4.75000000")
    (frame,) = edited(tmp_path, XML, *charged, (" <parameters>\n", SEPARATOR.replace("TARGET", "0.0")), name="vasprun.xml")
    assert (frame.n_excess, frame.energy, frame.mu, frame.mu_zero, frame.countercharge) == (pytest.approx(0.05), -14.2, -4.75, "electrolyte", "pb_nonlinear")
    with pytest.warns(UserWarning, match="NSW = 0"):
        (frame,) = edited(tmp_path, XML, *charged, (" <parameters>\n", SEPARATOR.replace("TARGET", "-4.75")), name="vasprun.xml")
    assert frame.energy == pytest.approx(-14.2 - 0.05 * 4.75) and frame.mu_target == -4.75
    with pytest.raises(DataError, match="does not hold the electrons of each step.*read the OUTCAR"):
        edited(tmp_path, XML, ('name="NSW">     0', 'name="NSW">     9'), (" <parameters>\n", SEPARATOR.replace("TARGET", "-4.75")), name="vasprun.xml")


def test_an_option_that_has_no_use_is_refused():
    with pytest.raises(DataError, match="a run without solvation has none"):
        read(VACUUM, fermi_shift=2.0)
    with pytest.raises(DataError, match="vaspsolpp_isol2 has none"):
        read(SOLPP, stdout=STDOUT)
    with pytest.raises(DataError, match="vacuum_level was given, but the run has the solvation model vaspsol"):
        read(SOL, vacuum_level=3.0)


def test_an_scf_that_gave_up(tmp_path):
    change = ("aborting loop because EDIFF is reached", "aborting loop EDIFF was not reached (unconverged)")
    with pytest.raises(DataError, match="eir_scf_converged = F"):
        edited(tmp_path, VACUUM, change)
    with pytest.raises(DataError, match="eir_scf_converged = F"):
        edited(tmp_path, XML, ('name="NELM">    60', 'name="NELM">     2'), name="vasprun.xml")


def test_a_run_that_was_cut(tmp_path):
    text = SOLPP.read_text()
    for end, finished in (("General timing", 2), ("Iteration      2(   2)", 1)):
        (tmp_path / "OUTCAR").write_text(text[: text.index(end)])
        with pytest.raises(DataError, match=f"cut short after {finished} finished steps.*partial=True"):
            read(tmp_path / "OUTCAR")
        with pytest.warns(UserWarning, match="misses its target"):
            assert len(read(tmp_path / "OUTCAR", partial=True)) == finished
    (tmp_path / "OUTCAR").write_text(text[: text.index("FREE ENERGIE")])
    with pytest.raises(DataError, match="no finished ionic step"):
        read(tmp_path / "OUTCAR", partial=True)
    (tmp_path / "vasprun.xml").write_text(XML.read_text()[:3000])
    with pytest.raises(DataError, match="not readable as XML.*read the OUTCAR"):
        read(tmp_path / "vasprun.xml")


def test_damage_is_refused(tmp_path):
    row = next(line for line in VACUUM.read_text().splitlines(True) if line.endswith("0.811300\n"))
    with pytest.raises(DataError, match="expected a cell and 4 rows of positions and forces, got 3"):
        edited(tmp_path, VACUUM, (row, ""))
    with pytest.raises(DataError, match="header is incomplete: 0 POTCAR, 2 ZVAL and 0"):
        edited(tmp_path, VACUUM, ("ions per type", "ions for type"))
    with pytest.raises(DataError, match="NELECT.* is missing"):
        edited(tmp_path, VACUUM, ("NELECT =", "NELEC ="))


def test_electrons_that_another_program_changed(tmp_path):
    with pytest.raises(DataError, match="34.4000 electrons, but NELECT = 34.0000.*format='cp-vasp'"):
        edited(tmp_path, VACUUM, ("33.9999981", "34.4000000"))


def test_the_method_depends_on_settings_and_not_on_the_charge(tmp_path):
    name = read(VACUUM)[0].method_id
    assert edited(tmp_path, VACUUM, ("ENCUT  =  400.0", "ENCUT  =  500.0"))[0].method_id != name
    assert edited(tmp_path, VACUUM, ("PAW_PBE H 15Jun2001", "PAW_PBE H_h 06Feb2004"))[0].method_id != name
    with pytest.warns(UserWarning, match="uniform"):
        assert edited(tmp_path, VACUUM, ("NELECT =      34.0000", "NELECT =      34.2000"), ("33.9999981", "34.2000000"))[0].method_id == name


def published():
    """Excess electrons, printed energy [eV] and FERMI_SHIFT [eV] of the eleven published charges."""
    charge, printed, shift = np.loadtxt(OUTPUTS / "vaspsol/pt111_charged_series.csv", delimiter=",", skiprows=3).T
    return -charge, printed, shift


def series(tmp_path, sign):
    """The published series through the reader, with the shift as given or with its sign turned; E_F from the corrected energies."""
    n, printed, shift = published()
    curvature, mu, _ = np.polyfit(n, printed + n * shift, 2)
    frames = []
    for x, e, s in zip(n, printed, shift):
        changes = ("NELECT =      34.0500", f"NELECT ={34 + x:13.4f}"), ("34.0500012", f"{34 + x:.7f}"), ("E-fermi :   -6.8000", f"E-fermi : {mu + 2 * curvature * x - s:9.4f}")
        old = f"free  energy   TOTEN  = {-14.553747540:17.8f}"
        text = SOL.read_text()
        start = text.index("free  energy   TOTEN")
        frames += edited(tmp_path, SOL, *changes, (text[start : start + len(old)], f"free  energy   TOTEN  = {e:17.8f}"), fermi_shift=sign * s)
    return frames


def test_published_series_gives_the_potential_of_zero_charge_and_the_capacitance(tmp_path):
    frames = series(tmp_path, +1)
    assert not [p for p in check_set(frames) if p.severity == "error"]
    curvature, mu, _ = np.polyfit([f.n_excess for f in frames], [f.energy for f in frames], 2)
    assert mu == pytest.approx(-5.52, abs=0.005) and 0.5 / curvature == pytest.approx(0.470, abs=0.001)
    potentials, grand = np.array([f.potential for f in frames]), np.array([f.grand_energy for f in frames])
    bend, _, _ = np.polyfit(potentials, grand, 2)
    assert -2 * bend == pytest.approx(0.470, abs=0.005)  # Omega(U) is concave
    assert potentials[grand.argmax()] == pytest.approx(5.52, abs=0.01)  # with its top at zero charge
    assert max(abs(s.residual) for s in slopes(frames)) < 0.03


def test_published_series_without_the_shift_misses_charge_and_potential():
    """The trap: mu on the electrolyte with energies as printed.  The slope is 2 eV off, and Omega has its top an electron away."""
    n, printed, shift = published()
    curvature, slope, _ = np.polyfit(n, printed, 2)
    mu = -5.52 + 2 * curvature * n
    charge = np.gradient(printed - mu * n, -mu)[5]
    assert slope == pytest.approx(-7.56, abs=0.01) and abs(charge) == pytest.approx(2.04 * 0.47, abs=0.02)
    assert abs(np.gradient(printed + shift * n - mu * n, -mu)[5]) < 0.01


def test_published_series_with_the_sign_turned_is_noticed(tmp_path):
    with pytest.warns(UserWarning, match="lies outside -8 to -2"):
        turned = series(tmp_path, -1)
    assert np.polyfit([f.n_excess for f in turned], [f.energy for f in turned], 1)[0] == pytest.approx(-9.60, abs=0.01)
    mixed = [replace(f, mu=right.mu) for f, right in zip(turned, series(tmp_path, +1))]
    assert any("dE/dn = -9." in p.what for p in check_set(mixed) if p.severity == "error")

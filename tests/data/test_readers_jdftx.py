"""JDFTx outputs: E, n and mu of a series with known E(n), forces in three coordinates, refusals.

The lines follow IonInfo.cpp, ElecInfo.cpp and Energies.cpp of JDFTx 1.7 (github.com/shankar1729/jdftx) and the outputs that the
tests of pymatgen.io.jdftx hold; the numbers are made here: E(n) = -57.1234567 - 0.1905 n + 0.0306 n^2 hartree.
"""

from pathlib import Path

import numpy as np
import pytest

from electrode.data.consistency import slopes
from electrode.data.problems import DataError
from electrode.data.readers import jdftx
from electrode.data.readers.registry import read, recognise

FOLDER = Path(__file__).parent / "outputs" / "jdftx"
HARTREE, BOHR = 27.211386245988, 0.529177210903
FORCES = np.array([[0.0012, -0.0007, 0.0151], [-0.0021, 0.0013, -0.0204], [0.0009, -0.0006, 0.0053]]) * HARTREE / BOHR
SERIES = {"target_low": -0.25, "target_mid": 0.0, "target_high": 0.375}


def changed(tmp_path, name, *pairs):
    """A copy of an output with parts replaced, each of which must be there."""
    text = (FOLDER / name).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name, n", SERIES.items())
def test_target_mu_gives_the_energy_at_fixed_charge(name, n):
    (frame,) = read(FOLDER / f"{name}.out", assume={"sides": 1})
    assert frame.n_excess == pytest.approx(n, abs=1e-9) and frame.nelect_neutral == 33 and frame.nelect == pytest.approx(33 + n)
    assert frame.energy == pytest.approx((-57.1234567 - 0.1905 * n + 0.0306 * n**2) * HARTREE, abs=1e-9)
    assert frame.mu == pytest.approx((-0.1905 + 0.0612 * n) * HARTREE, abs=1e-7) and frame.mu_target == pytest.approx(frame.mu)
    assert frame.grand_energy == pytest.approx(frame.energy - frame.mu * n)
    words = (frame.energy_kind, frame.ensemble, frame.mu_zero, frame.countercharge, frame.solvation, frame.phi_she, frame.normal)
    assert words == ("E", "fixed_mu", "electrolyte", "pb_linear", "jdftx_candle", 4.66, 2)
    assert frame.scf_converged and frame.debye_length == pytest.approx(18.1624 * BOHR) and frame.geometry.pbc.tolist() == [True, True, False]


def test_series_obeys_the_slope():
    frames = [read(FOLDER / f"{name}.out", assume={"sides": 1})[0] for name in SERIES]
    assert len({f.method_id for f in frames}) == 1
    assert [s.residual for s in slopes(frames)] == pytest.approx([0.0, 0.0], abs=1e-6)


def test_structure_from_columns_of_the_cell():
    frame = read(FOLDER / "target_mid.out", assume={"sides": 1})[0]
    cell = np.array([[5.3, 0, 0], [2.65, 4.58993464, 0], [0, 0, 30]]) * BOHR
    assert frame.geometry.cell.array == pytest.approx(cell) and frame.geometry.get_chemical_symbols() == ["Pt", "Pt", "H"]
    assert frame.geometry.positions[2] == pytest.approx((cell[0] + cell[1]) / 3 + 0.52 * cell[2])


@pytest.mark.parametrize("name", ["fixed_relaxed", "target_mid", "contravariant"])
def test_forces_in_cartesian_lattice_and_contravariant_coordinates(name):
    assert read(FOLDER / f"{name}.out", assume={"sides": 1})[0].forces == pytest.approx(FORCES, abs=1e-12)


def test_two_ionic_steps_at_fixed_charge():
    first, second = read(FOLDER / "fixed_relaxed.out", assume={"sides": 1})
    assert first.n_excess == second.n_excess == -0.125 and first.ensemble == "fixed_n" and first.mu_target is None
    assert second.geometry.positions[2, 2] - first.geometry.positions[2, 2] == pytest.approx(0.3 * BOHR)
    assert second.forces == pytest.approx(FORCES / 2, abs=1e-12) and first.trajectory == second.trajectory
    assert first.energy == pytest.approx((-57.1234567 + 0.1905 * 0.125 + 0.0306 * 0.125**2) * HARTREE)


def test_appended_runs_are_read_together(tmp_path):
    path = tmp_path / "out"
    path.write_text((FOLDER / "target_low.out").read_text() + (FOLDER / "target_high.out").read_text())
    assert [f.n_excess for f in read(path, assume={"sides": 1})] == pytest.approx([-0.25, 0.375])


def test_mu_of_the_fluid_without_ions_has_no_stated_zero(tmp_path):
    path = changed(tmp_path, "target_mid.out", ("fluid-anion", "fluid-anionless"), ("fluid-cation", "fluid-cationless"))
    (frame,) = jdftx.read(path)
    assert frame.mu_zero is None and frame.countercharge is None and frame.phi_she is None
    with pytest.raises(DataError, match="eir_mu_zero is missing"):
        read(path, assume={"sides": 1})


@pytest.mark.parametrize(
    "pairs, message",
    [
        ([("Done!", "")], "cut short.*partial=True"),
        ([("h_pbe.uspp'", "hgh/1'")], "valence of H is not found.*neutral_electrons=number"),
        ([("nElectrons:  33.000000", "nElectrons:  34.000000")], "starts with 34 electrons.*pseudopotentials give 33"),
        ([("      muN =       -6", "      muN =       -5")], "is not F - mu N"),
        ([("Ionic positions", "Places"), ("ion Pt", "ionized Pt"), ("ion H", "ionized H")], "no ionic positions"),
        ([("pcm-variant CANDLE", "electric-field 0 0 0.001")], "electric-field is set"),
        ([("force H", "farce H")], "forces on 2 of 3 atoms"),
        ([("ion H ", "ion Qq ")], "atom 'Qq': expected a chemical symbol"),
        ([("FillingsUpdate", "FillingsUp")], "eir_mu is missing"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, pairs, message):
    with pytest.raises(DataError, match=message):
        read(changed(tmp_path, "fixed_relaxed.out" if "Filling" in message or "mu is" in message else "target_mid.out", *pairs), assume={"sides": 1})


def test_unconverged_is_refused_but_can_be_read():
    with pytest.raises(DataError, match="eir_scf_converged = F"):
        read(FOLDER / "unconverged.out", assume={"sides": 1})
    with pytest.warns(UserWarning, match="eir_scf_converged"):
        assert read(FOLDER / "unconverged.out", strict=False, assume={"sides": 1})[0].scf_converged is False


def test_stated_electrons_and_partial_run(tmp_path):
    path = changed(tmp_path, "fixed_relaxed.out", ("Done!", ""), ("pt_pbe", "1_pbe"))
    assert [f.n_excess for f in jdftx.read(path, neutral_electrons=32.0, partial=True)] == pytest.approx([0.875, 0.875])
    text = (FOLDER / "fixed_relaxed.out").read_text()
    path.write_text(text[: text.rindex("# Energy components:") + 40])
    assert len(jdftx.read(path, partial=True)) == 1


def test_recognised():
    assert recognise(FOLDER / "target_mid.out").name == "jdftx" and not jdftx.recognises(FOLDER)

"""Outputs of CP2K: &GCE, fixed charge, a field, several steps; E, n and mu of a series with known E(n), refusals.

The lines follow src/qs_scf_output.F and src/force_env_utils.F of CP2K 2026.2 (github.com/cp2k/cp2k);
the numbers are made here: E(n) = -57.1234567 hartree - 5.2 n + 0.85 n^2 eV.
"""

from pathlib import Path

import numpy as np
import pytest

from electrode.data.consistency import slopes
from electrode.data.problems import DataError
from electrode.data.readers import cp2k
from electrode.data.readers.registry import read, recognise

FOLDER = Path(__file__).parent / "outputs" / "cp2k"
HARTREE, BOHR = 27.211386245988, 0.529177210903
FORCES = np.array([[0.0012, -0.0007, 0.0151], [-0.0021, 0.0013, -0.0204], [0.0009, -0.0006, 0.0053]]) * HARTREE / BOHR
ZERO = {"mu_zero": "cell_average"}


def energy(n):
    return -57.1234567 * HARTREE - 5.2 * n + 0.85 * n**2


def changed(tmp_path, name, *pairs):
    """A copy of an output with parts replaced, each of which must be there."""
    text = (FOLDER / name).read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / name
    path.write_text(text)
    return path


@pytest.mark.parametrize("name, n", [("gce_low.out", -0.2), ("gce_high.out", 0.3)])
def test_grand_canonical_run(name, n):
    (frame,) = read(FOLDER / name)
    assert frame.n_excess == n and frame.energy == pytest.approx(energy(n), abs=1e-9) and frame.energy_kind == "E"
    assert frame.mu == pytest.approx(-5.2 + 1.7 * n) and frame.mu_target == pytest.approx(frame.mu + 0.0004) and frame.potential == -frame.mu
    assert (frame.ensemble, frame.mu_zero, frame.countercharge, frame.sides) == ("fixed_mu", "vacuum_top", "planar_gaussian", 2)
    assert frame.forces == pytest.approx(FORCES, abs=1e-6) and frame.scf_converged


def test_printed_free_energy_is_not_used(tmp_path):
    text = (FOLDER / "gce_low.out").read_text()
    line = next(line for line in text.splitlines() if "GCE free energy" in line)
    assert read(changed(tmp_path, "gce_low.out", (line, "")))[0].grand_energy == pytest.approx(energy(-0.2) - 5.54 * 0.2, abs=1e-9)


def test_series_obeys_the_slope():
    frames = [read(FOLDER / f"gce_{word}.out")[0] for word in ("low", "high")]
    assert len({f.method_id for f in frames}) == 1 and [s.residual for s in slopes(frames)] == pytest.approx([0.0], abs=1e-9)


def test_solvated_run_counts_mu_from_the_electrolyte(tmp_path):
    (frame,) = read(changed(tmp_path, "gce_low.out", (" DFT| Charge", " SCCS| Self-consistent continuum solvation\n DFT| Charge")))
    assert frame.mu_zero == "electrolyte" and frame.solvation == "cp2k_sccs"


def test_older_layout_at_fixed_charge():
    (frame,) = read(FOLDER / "fixed_2024.out", assume={**ZERO, "countercharge": "planar_gaussian"})
    assert frame.n_excess == 1.0 and frame.ensemble == "fixed_n" and frame.mu == pytest.approx(-0.21 * HARTREE)
    assert frame.energy == pytest.approx(energy(1.0)) and frame.forces == pytest.approx(FORCES, abs=1e-6)
    with pytest.raises(DataError, match="eir_countercharge is missing"):
        read(FOLDER / "fixed_2024.out", assume=ZERO)


def test_cell_from_lengths_and_angles(tmp_path):
    exact = read(FOLDER / "gce_low.out")[0].geometry.cell.array
    assert exact == pytest.approx(np.array([[2.804639, 0, 0], [2.804639 / 2, 2.804639 * 3**0.5 / 2, 0], [0, 0, 15.875316]]), abs=1e-9)
    rounded = read(changed(tmp_path, "gce_low.out", ("CELL| Angle", "CELL| Corner")))[0].geometry.cell
    assert rounded.lengths() == pytest.approx([2.804639, 2.804639, 15.875316]) and rounded.array == pytest.approx(exact, abs=1e-3)


def test_several_steps_take_their_structures_by_energy():
    first, second = read(FOLDER / "relaxation.out", positions=FOLDER / "slab-pos-1.xyz", assume=ZERO)
    assert [second.energy - first.energy, second.geometry.positions[2, 2] - first.geometry.positions[2, 2]] == pytest.approx([-0.02, 0.05])
    assert first.forces == pytest.approx(2 * second.forces, abs=1e-6)
    with pytest.raises(DataError, match="2 energies, but 1 structures.*positions=file"):
        read(FOLDER / "relaxation.out", assume=ZERO)


@pytest.mark.parametrize(
    "old, new, message",
    [("E = ", "E =  -1", "none of its energies"), ("       3\n", "       2\n", "expected 3 atoms"), ("  H ", "  He", "expected 3 atoms"), ("E = ", "e = ", "in the comment")],
)  # fmt: skip
def test_positions_of_another_run_are_refused(tmp_path, old, new, message):
    path = tmp_path / "slab-pos-1.xyz"
    path.write_text((FOLDER / "slab-pos-1.xyz").read_text().replace(old, new))
    with pytest.raises(DataError, match=message):
        read(FOLDER / "relaxation.out", positions=path, assume=ZERO)


def test_meaning_of_an_energy_in_a_field_is_declared():
    with pytest.raises(DataError, match="pass efield="):
        read(FOLDER / "field.out", assume=ZERO)
    with pytest.raises(DataError, match="field_energy='enthalpy'.*or 'none'"):
        read(FOLDER / "field.out", efield=(0, 0, 0.1), assume=ZERO)
    (branch,) = read(FOLDER / "field.out", efield=(0, 0, 0.1), field_energy="enthalpy", assume=ZERO)
    assert branch.energy_kind == "enthalpy" and branch.enthalpy == pytest.approx(energy(0.0)) and branch.efield.tolist() == [0, 0, 0.1]
    (forces,) = read(FOLDER / "field.out", efield=(0, 0, 0.1), field_energy="none", assume=ZERO)
    assert (forces.energy, forces.energy_kind, forces.polarization_branch) == (None, "none", "force_only") and forces.forces is not None
    assert read(FOLDER / "gce_low.out", efield=(0, 0, 0))[0].energy_kind == "E"


@pytest.mark.parametrize(
    "name, pairs, message",
    [
        ("gce_low.out", [("PROGRAM ENDED AT", "")], "cut short.*partial=True"),
        ("gce_low.out", [("GCE WF-TWF", "GCE")], "without 'GCE work function'"),
        ("gce_charged.out", [], "zero of its GCE charge is not known"),
        ("fixed_2024.out", [("DFT| Charge", "DFT| Load")], "charge of the cell"),
        ("fixed_2024.out", [("Fermi energy", "Fermi level")], "eir_mu is missing"),
        ("fixed_2024.out", [("      3      2      H", "      a      2      H")], "forces on 2 of 3 atoms"),
        ("fixed_2024.out", [("CELL| Vector c", "CELL| Vector d")], "no cell found"),
        ("fixed_2024.out", [("ATOMIC COORDINATES", "COORDINATES")], "no atomic coordinates"),
        ("unconverged.out", [], "eir_scf_converged = F"),
    ],
)  # fmt: skip
def test_refusals(tmp_path, name, pairs, message):
    with pytest.raises(DataError, match=message):
        read(changed(tmp_path, name, *pairs), assume={"countercharge": "none", **ZERO} if "gce" not in name else None)


def test_partial_run(tmp_path):
    text = (FOLDER / "relaxation.out").read_text()
    path = tmp_path / "cut.out"
    path.write_text(text[: text.rindex(" ENERGY|")])
    assert len(cp2k.read(path, partial=True)) == 1 and recognise(path).name == "cp2k"

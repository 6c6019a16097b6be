"""`electrode capacitance`: curves, fits and refusals."""

import json
from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms

from electrode.cli.capacitance import fit_frames
from electrode.data.files import read_frames, write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.physics.double_layer import Electrolyte, GouyChapmanStern, microfarad_per_cm2

C, ZERO = 0.4, 4.9


def write(path, charges=(-0.2, 0.0, 0.2, 0.3), sign=1.0, moved=0.0):
    frames = []
    for k, q in enumerate(charges):
        atoms = Atoms("AuH", [[0.0, 0.0, 8.0], [0.0, 0.0, 9.8 + k * moved]], cell=[5.0, 8.0, 20.0], pbc=[True, True, False])
        frames.append(ElectrifiedFrame(
            atoms, version=1, energy=-300.0 + ZERO * q + sign * q**2 / (2.0 * C), energy_kind="E", n_excess=-q, mu=-(ZERO + sign * q / C), mu_zero="electrolyte",
            ensemble="fixed_n", phi_she=4.5, countercharge="jellium_slab", normal=2, sides=1, scf_converged=True, method_id="toy",
            forces=np.zeros((2, 3)), trajectory="run", system="AuH",
        ))  # fmt: skip
    write_frames(path, frames)


def test_curve(call, tmp_path):
    code, out, _ = call("capacitance", "--concentration", "0.1", "0.01", "--range", "-0.4", "0.4", "--points", "5", "--plot", "c.png", "--json", "c.json")
    assert code == 0 and "Debye length 9.614 A" in out and "0.01 mol/L" in out
    rows = json.loads((tmp_path / "c.json").read_text())
    layer = GouyChapmanStern(Electrolyte.symmetric(0.1))
    assert [r["potential_V"] for r in rows[:5]] == pytest.approx([-0.4, -0.2, 0.0, 0.2, 0.4])
    assert [r["differential_capacitance_uF_per_cm2"] for r in rows[:5]] == pytest.approx(microfarad_per_cm2(layer.differential_capacitance(np.linspace(-0.4, 0.4, 5))))
    assert rows[5]["concentration_mol_per_L"] == 0.01 and (tmp_path / "c.png").stat().st_size > 1000
    assert call("capacitance", "--concentration", "0.1", "--json", "c.json")[0] == 2
    assert call("capacitance", "--concentration", "0.1", "--json", "c.json", "--force")[0] == 0


@pytest.mark.parametrize(
    "words",
    [
        ("--model", "gouy-chapman", "--permittivity", "60"),
        ("--model", "bikerman", "--diameter", "6"),
        ("--model", "bikerman-stern", "--diameter", "6", "--stern", "4", "--stern-permittivity", "8"),
        ("--model", "poisson-boltzmann-stern", "--valence", "2", "-1", "--diameter", "4", "6", "--saturation", "booth"),
        ("--model", "poisson-boltzmann", "--valence", "1", "-2", "--saturation", "grahame", "--temperature", "320"),
    ],
)
def test_models(call, words):
    code, out, err = call("capacitance", "--concentration", "0.1", "--points", "3", *words)
    assert code == 0 and words[1] in out and not err


@pytest.mark.parametrize(
    "words, message",
    [
        ((), "exactly one of --concentration"),
        (("--concentration", "0.1", "--data", "x.xyz"), "exactly one of --concentration"),
        (("--concentration", "0.1", "--by", "trajectory"), "--by is not used with --concentration"),
        (("--data", "x.xyz", "--stern-permittivity", "6"), "--stern-permittivity is not used with --data"),
        (("--concentration", "0.1", "--model", "gouy-chapman", "--stern", "3"), "--stern is not used by gouy-chapman"),
        (("--concentration", "0.1", "--diameter", "3"), "whose ions are points"),
        (("--concentration", "0.1", "--valence", "2", "-1"), "opposite valence"),
        (("--concentration", "0.1", "--valence", "-1", "1"), "positive and a negative"),
        (("--concentration", "0.1", "--model", "bikerman"), "one diameter"),
        (("--concentration", "0.1", "--model", "bikerman", "--diameter", "1", "2", "3"), "one number or two"),
        (("--concentration", "0.1", "--range", "0.5", "-0.5"), "lower potential first"),
        (("--concentration", "-0.1"), "positive concentration"),
        (("--concentration", "0.1", "--plot", "c.gif"), "png"),
        (("--data", "missing.xyz"), "no such file"),
        (("--concentration", "0.1", "--modle", "bikerman"), "--model"),
    ],
)
def test_mistakes(call, words, message):
    code, _, err = call("capacitance", *words)
    assert code == 2 and message in err and err.count("\n") == 1


def test_fit(call, tmp_path):
    write(tmp_path / "data.xyz")
    code, out, _ = call("capacitance", "--data", "data.xyz", "--json", "f.json")
    row = json.loads((tmp_path / "f.json").read_text())[0]
    assert code == 0 and "pzc/V" in out and row["frames"] == 4
    assert row["capacitance_e_per_V"] == pytest.approx(C) and row["potential_of_zero_charge_V"] == pytest.approx(ZERO)
    assert row["capacitance_uF_per_cm2"] == pytest.approx(microfarad_per_cm2(C / 40.0)) and row["outliers"] == []


def test_fit_of_moving_atoms_goes_by_trajectory(call, tmp_path):
    write(tmp_path / "data.xyz", moved=0.1)
    code, _, err = call("capacitance", "--data", "data.xyz")
    assert code == 2 and "three or more charges" in err and "--by trajectory" in err
    assert call("capacitance", "--data", "data.xyz", "--by", "trajectory")[0] == 0


def test_negative_capacitance_is_refused(call, tmp_path):
    write(tmp_path / "data.xyz", sign=-1.0)
    code, _, err = call("capacitance", "--data", "data.xyz")
    assert code == 2 and "expected it to rise" in err and "data.xyz frame 3" in err


def test_fit_that_fails_names_its_frames(tmp_path):
    write(tmp_path / "data.xyz", charges=(0.0, 0.1, 0.2))
    frames = [replace(frame, mu=-4.4, energy=-300.0 + 4.4 * frame.charge) for frame in read_frames(tmp_path / "data.xyz")]
    with pytest.raises(ValueError, match=r"run .data.xyz frame 0 and others.: (.|\n)*rise with the charge(.|\n)*Q/e 0.1000"):
        fit_frames("run", frames)

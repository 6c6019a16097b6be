"""`electrode check-data` and `electrode doctor`: what they print and write, and when they exit with 1."""

import json

import numpy as np
import pytest

from electrode.calculator import ElectrodeCalculator, to_record
from electrode.data.carriers_db import read_database, write_database
from electrode.data.carriers_npz import read_npz, write_npz
from electrode.data.coverage import coverage, coverage_lines
from electrode.data.files import read_frames, write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.models.baseline import Baseline


def test_check_of_sound_data(call, tmp_path):
    code, out, err = call("check-data", "@data.xyz", "--json", "r.json", "--plot", "c.png")
    report = json.loads((tmp_path / "r.json").read_text())
    assert code == 0 and not err and "frames: 30" in out and "energy kinds: E 30" in out and "V12  dE = Phi dQ over 20 pairs" in out
    assert report["errors"] == 0 and report["contents"]["geometries"] == 10 and report["contents"]["elements"] == ["Au", "H"]
    assert (tmp_path / "c.png").stat().st_size > 1000 and sum(row.count(".") > 5 for row in out.splitlines()) > 3


def test_check_of_broken_data_names_rule_and_mend(call, tmp_path, shared):
    (tmp_path / "d.xyz").write_text((shared / "data.xyz").read_text().replace("eir_energy_kind=E", "eir_energy_kind=Omega").replace(" eir_mu_zero=electrolyte", ""))
    code, out, _ = call("check-data", "d.xyz", "--json", "r.json")
    groups = {p["rule"]: p for p in json.loads((tmp_path / "r.json").read_text())["problems"]}
    assert code == 1 and groups["V17"]["count"] == 30 and groups["V12"]["severity"] == "error" and "V12  error:" in out and "do: check the kind" in out
    assert groups["V12"]["means"] == "dE/dn is mu, at equal and nearly equal geometry"
    assert call("check-data", "d.xyz", "--assume", "mu_zero=electrolyte")[0] == 1


def test_check_of_files_that_cannot_be_read(call, tmp_path, shared):
    text = (shared / "data.xyz").read_text()
    (tmp_path / "signs.xyz").write_text(text.replace(" eir_n_excess=0.02", " charge=0.02 eir_n_excess=0.02"))
    (tmp_path / "cut.xyz").write_text(text[:-200])
    code, out, _ = call("check-data", "@data.xyz", "signs.xyz", "cut.xyz")
    assert code == 1 and "frames: 30" in out and "V13  error: signs.xyz frame" in out and "cut.xyz frame" in out and "cut short" in out
    assert call("check-data", "signs.xyz")[0] == 1 and call("doctor", "signs.xyz")[0] == 2
    assert call("check-data", "none.xyz")[0] == 2


def test_check_says_what_was_assumed(call, tmp_path, shared):
    (tmp_path / "d.xyz").write_text((shared / "data.xyz").read_text().replace("eir_n_excess=", "excess_electrons="))
    code, out, _ = call("check-data", "d.xyz")
    assert code == 0 and "'excess_electrons' read as excess electrons n [e], in 30 of 30 frames" in out


def test_check_of_two_files_finds_shared_structures(call, tmp_path, shared):
    frames = read_frames(shared / "data.xyz")
    write_frames(tmp_path / "train.xyz", frames[:18])
    write_database(tmp_path / "test.db", frames[15:])
    code, out, _ = call("check-data", "train.xyz", "test.db")
    assert code == 0 and "V25  warning: train.xyz and test.db: 1 structures" in out
    assert call("check-data", "train.xyz", "train.xyz")[0] == 2


def test_plot_without_a_potential_is_refused(call, tmp_path, shared):
    (tmp_path / "d.xyz").write_text((shared / "data.xyz").read_text().replace("eir_mu_zero=electrolyte", "eir_mu_zero=unknown"))
    code, _, err = call("check-data", "d.xyz", "--plot", "c.png")
    assert code == 2 and "no frame has both" in err and not (tmp_path / "c.png").exists()
    assert call("check-data", "@data.xyz", "--plot", "c.gif")[0] == 2


def test_doctor(call, tmp_path, shared):
    code, out, _ = call("doctor", "@data.xyz", "--json", "v.json")
    checks = {c["check"]: c["verdict"] for c in json.loads((tmp_path / "v.json").read_text())["checks"]}
    assert code == 0 and "verdict: ok" in out and checks["potential rises with charge"] == "ok" and checks["mu at its target"] == "skip"
    (tmp_path / "d.xyz").write_text((shared / "data.xyz").read_text().replace("eir_n_excess=", "charge="))
    code, out, _ = call("doctor", "d.xyz")
    assert code == 1 and "fail  potential rises with charge" in out and "do: " in out
    assert call("doctor", "@data.xyz", "--energy-tolerance", "0")[0] == 2


@pytest.mark.parametrize("write, read, name", [(write_database, read_database, "a.db"), (write_npz, read_npz, "a.npz"), (write_frames, read_frames, "a.xyz")])
def test_results_of_the_calculator_go_through_every_carrier(tmp_path, shared, call, write, read, name):
    import ase.io

    atoms = ase.io.read(shared / "fcc.traj")
    atoms.calc = ElectrodeCalculator(Baseline(), potential=0.1, reference="SHE", she_absolute=4.5)
    atoms.get_potential_energy()
    frame = ElectrifiedFrame.from_atoms(to_record(atoms))
    write(tmp_path / name, [frame])
    (back,) = read(tmp_path / name)
    assert back.potential == pytest.approx(4.6) and back.grand_energy == pytest.approx(atoms.calc.results["grand_energy"], abs=1e-12)
    assert np.array_equal(back.forces, frame.forces) and call("check-data", name)[0] == 0


def test_map_of_states():
    states = np.array([[-0.2, 4.0], [0.2, 5.0], [0.2, 5.0]])
    counts, charges, potentials = coverage(states, 4, 2)
    assert counts.sum() == 3 and counts[1, 3] == 2 and counts[0, 0] == 1 and charges[0] == -0.2 and potentials[-1] == 5.0
    lines = coverage_lines(states)
    assert "3 in all" in lines[0] and lines[1].rstrip().endswith("2") and lines[-2].split()[3] == "1"
    assert coverage(states[:1])[0].tolist() == [[1]]

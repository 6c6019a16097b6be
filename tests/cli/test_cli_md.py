"""`electrode md`."""

import json

import ase.io
import numpy as np
import pytest

SHE = ["--reference", "SHE"]
HOP = ["md", "@fcc.traj", "--model", "@M", "--timestep", "0.5"]


@pytest.mark.parametrize("mode", ["born-oppenheimer", "thermopotentiostat", "extended"])
def test_a_run_and_its_frames(call, tmp_path, mode):
    code, out, _ = call(*HOP, "--mode", mode, "--potential", "-0.2", *SHE, "--steps", "40", "--interval", "8", "--output", "r.traj", "--json", "r.json")
    assert code == 0 and "total_capacitance_e_per_V" in out
    frames, result = ase.io.read(tmp_path / "r.traj", ":"), json.loads((tmp_path / "r.json").read_text())
    assert [f.info["md_step"] for f in frames] == [0, 8, 16, 24, 32, 40] and result["step"] == 40 and result["completed"]
    charges = np.array([f.info["eir_n_excess"] for f in frames])
    assert np.ptp(charges) > 0 and result["charge_e"] == pytest.approx(-charges.mean(), abs=0.02)
    potentials = np.array([-f.info["eir_mu"] for f in frames])
    assert (np.ptp(potentials) < 1e-7) == (mode == "born-oppenheimer")
    assert (frames[0].positions[-1] != frames[-1].positions[-1]).all() and abs(result["drift_eV_per_atom"]) < 1e-3


def test_a_restart_goes_on_as_if_there_had_been_no_interruption(call, tmp_path):
    words = [*HOP, "--mode", "thermopotentiostat", "--potential", "-0.2", *SHE, "--interval", "4", "--seed", "3"]
    assert call(*words, "--steps", "16", "--output", "whole.traj")[0] == 0
    for part in ("one", "two"):
        assert call(*words, "--steps", "8", "--output", f"{part}.traj", "--restart", "r.npz")[0] == 0
    whole, last = ase.io.read(tmp_path / "whole.traj"), ase.io.read(tmp_path / "two.traj", ":")
    assert [f.info["md_step"] for f in last] == [12, 16]
    assert (last[-1].positions == whole.positions).all() and (last[-1].get_momenta() == whole.get_momenta()).all()
    assert last[-1].info["eir_n_excess"] == whole.info["eir_n_excess"]
    code, _, err = call(*words[:-1], "4", "--output", "three.traj", "--restart", "r.npz", "--temperature", "310")
    assert code == 2 and "belongs to another run: mode (here" in err and not (tmp_path / "three.traj").exists()


@pytest.mark.parametrize("thermostat", ["nose-hoover", "bussi", "none"])
def test_thermostats_at_constant_charge(call, tmp_path, thermostat):
    code, _, _ = call(*HOP, "--mode", "constant-charge", "--charge", "0.02", "--thermostat", thermostat, "--steps", "6", "--output", "r.xyz", "--free")
    frame = ase.io.read(tmp_path / "r.xyz")
    assert code == 0 and frame.info["eir_n_excess"] == -0.02 and not frame.constraints


def test_a_run_that_leaves_the_trained_range_ends_with_code_1(call, tmp_path):
    words = ["md", "hop-initial", "--model", "au111-h", "--mode", "thermopotentiostat", "--potential", "0.7", *SHE, "--temperature", "2000", "--timestep", "1"]
    code, out, _ = call(*words, "--steps", "200", "--output", "r.traj", "--restart", "r.npz", "--json", "r.json")
    result = json.loads((tmp_path / "r.json").read_text())
    assert code == 1 and "stopped after step" in out and not result["completed"] and "trained range" in result["stopped"]
    assert ase.io.read(tmp_path / "r.traj").info["md_step"] == result["step"] and (tmp_path / "r.npz").is_file()


@pytest.mark.parametrize(
    "words, message",
    [
        (["--mode", "extended"], "exactly one of --potential"),
        (["--mode", "extended", "--charge", "0"], "holds the potential, got one that holds the charge"),
        (["--mode", "constant-charge", "--potential", "0", *SHE], "holds the charge, got one that holds the potential"),
        (["--mode", "constant-field", "--charge", "0"], "needs one of --field and --voltage"),
        (["--mode", "constant-field", "--charge", "0", "--voltage", "1"], "does not read a field"),
        (["--mode", "constant-charge", "--charge", "0", "--field", "0", "0", "0.1"], "other modes neither"),
        (["--mode", "constant-charge", "--charge", "0", "--temperature", "0"], "positive temperature"),
        (["--mode", "constant-charge", "--charge", "0", "--timestep", "-1"], "positive timestep"),
        (["--mode", "constant-charge", "--charge", "0", "--steps", "0"], "at least one step"),
        (["--mode", "thermopotentiostat", "--potential", "0", *SHE, "--time-constant", "0"], "positive time constant"),
        (["--mode", "extended", "--potential", "0", *SHE, "--period", "2"], "at least 10 steps"),
        (["--mode", "constant-charge", "--charge", "0", "--thermostat", "nose-hoover"], "use LangevinBAOAB or Bussi"),
        (["--mode", "extend", "--potential", "0", *SHE], "invalid choice"),
        (["--mode", "constant-charge", "--charge", "0", "--restart", "state"], "ends in .npz"),
    ],
)
def test_mistakes(call, tmp_path, words, message):
    code, _, err = call(*HOP, *words, "--output", "r.traj")
    assert code == 2 and message in err, err
    assert not list(tmp_path.iterdir())

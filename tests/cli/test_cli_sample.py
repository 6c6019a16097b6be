"""`electrode sample` and `electrode serve`."""

import json
import os
import threading

import ase.io
import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator

from electrode.calculator import ElectrodeCalculator
from electrode.models.store import load_model

SHE = ["--potential", "-0.2", "--reference", "SHE"]
HOP = ["sample", "@fcc.traj", "--model", "@M", "--charges", "-0.1", "0.1"]


def test_a_run_and_its_frames(call, tmp_path):
    code, out, _ = call(*HOP, *SHE, "--beads", "3", "--moves", "60", "--interval", "25", "--output", "b.xyz", "--json", "s.json")
    assert code == 0 and "reservoir_V" in out
    images, result = ase.io.read(tmp_path / "b.xyz", ":"), json.loads((tmp_path / "s.json").read_text())
    assert [(a.info["move"], a.info["bead"]) for a in images] == [(m, b) for m in (25, 50, 60) for b in range(3)]
    assert len({a.info["eir_n_excess"] for a in images[:3]}) == 1 and result["completed"] and 0 < result["accepted_electrons"] <= 1
    assert (images[0].positions[-1] != images[1].positions[-1]).all() and (images[0].positions[:3] == images[1].positions[:3]).all()
    assert call(*HOP, *SHE, "--moves", "5", "--json", "s.json")[0] == 2


def test_a_restart_goes_on_as_if_there_had_been_no_interruption(call, tmp_path):
    words = [*HOP, *SHE, "--ensemble", "charge-per-bead", "--beads", "2", "--interval", "6", "--seed", "2"]
    assert call(*words, "--moves", "12", "--output", "whole.traj")[0] == 0
    for part in ("one", "two"):
        assert call(*words, "--moves", "6", "--output", f"{part}.traj", "--restart", "r.npz")[0] == 0
    whole, last = (ase.io.read(tmp_path / f"{name}.traj", ":") for name in ("whole", "two"))
    assert all((a.positions == b.positions).all() and a.info["eir_n_excess"] == b.info["eir_n_excess"] for a, b in zip(whole[-2:], last))


def test_held_coordinates(call, tmp_path):
    for words, name in ((["--hold-distance", "3", "2"], "distance"), (["--hold-along", "3", "0", "0", "1", "--place", "13.0"], "along")):
        code, _, _ = call(*HOP[:4], "--ensemble", "held-charge", "--charge", "0.01", *words, "--moves", "48", "--free", "--json", f"{name}.json")
        result = json.loads((tmp_path / f"{name}.json").read_text())
        assert code == 0 and np.isfinite(result["slope_0_eV_per_A"]) and result["charge_e"] == pytest.approx(0.01)
    assert result["coordinate_A"] == pytest.approx(13.0)


@pytest.mark.parametrize("words, match", [
    ([*SHE, "--ensemble", "held-charge"], "held-charge needs --charge"), (["--charge", "0.1"], "the other ensembles --potential"),
    ([*SHE, "--place", "1.0"], "--hold-distance or --hold-along"), ([*SHE, "--hold-distance", "1"], "2 or 3 atoms"), ([*SHE, "--moves", "0"], "at least one move"),
    ([*SHE, "--restart", "r.json"], "ends in .npz"), ([*SHE, "--temperature", "-1"], "positive temperature"), (["--potential", "-0.2"], "needs its scale"),
])  # fmt: skip
def test_mistakes(call, words, match):
    code, _, err = call(*HOP, *words)
    assert code == 2 and match in err


def test_serve_answers_a_server(call, shared, tmp_path):
    """The same energy and forces as the calculator has, and an end with the server's."""
    name, atoms, codes = f"electrode_{os.getpid()}_cli", ase.io.read(shared / "fcc.traj"), []
    server = SocketIOCalculator(unixsocket=name, timeout=60)
    client = threading.Thread(target=lambda: codes.append(call("serve", "@fcc.traj", "--model", "@M", *SHE, "--unix", name, "--timeout", "60", "--json", "c.json")))
    client.start()
    far, near = atoms.copy(), atoms.copy()
    far.calc, near.calc = server, ElectrodeCalculator(load_model(shared / "M"), potential=-0.2, reference="SHE")
    assert far.get_potential_energy() == pytest.approx(near.get_potential_energy(), abs=1e-8)
    np.testing.assert_allclose(far.get_forces(), near.get_forces(), atol=1e-8)
    accepted = server.server.clientsocket
    server.close()
    client.join()
    accepted.close()
    assert codes[0][0] == 0 and "served 1 calls" in codes[0][1]
    told = json.loads((tmp_path / "c.json").read_text())
    assert told["calls"] == 1 and told["last"]["charge"] == pytest.approx(near.calc.results["charge"]) and told["last"]["energy_kind"] == "Omega"


@pytest.mark.parametrize("words, match", [
    ([*SHE, "--mode", "thermopotentiostat"], "fluctuating charge"), ([*SHE, "--mode", "constant-charge"], "does not go with what is held"), ([], "exactly one of --potential"),
    ([*SHE, "--unix", "electrode_no_server"], "Start i-PI"), ([*SHE, "--field", "0", "0", "0.1"], "does not read a field"),
])  # fmt: skip
def test_serve_refuses_at_the_start(call, words, match):
    code, _, err = call("serve", "@fcc.traj", "--model", "@M", *words)
    assert code == 2 and match in err

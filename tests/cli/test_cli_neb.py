"""`electrode neb` at held charge, with its curve, its reservoir of protons and its errors."""

import json

import ase.io
import pytest

SHE = ("--reference", "SHE")
BAND = ("--images", "3", "--max-steps", "60")


def neb(*words):
    return ("neb", "@fcc.traj", "@hcp.traj", "--model", "@M", *words, *BAND)


def test_bands_at_held_charge(call, tmp_path):
    code, out, err = call(*neb("--charge", "0.05", "-0.05", "--json", "q.json", "--plot", "q.svg", "--path", "q.xyz"))
    rows = json.loads((tmp_path / "q.json").read_text())
    assert code == (0 if any(r["converged"] for r in rows) else 1), err
    assert [r["charge_e"][0] for r in rows] == pytest.approx([0.05, -0.05]) and {r["held"] for r in rows} == {"charge"}
    assert "reference: absolute" in out and "initial state at/V" in out and "slope/V" in out
    assert "energy, relative / eV" in (tmp_path / "q.svg").read_text() and ase.io.read(tmp_path / "q.xyz", "0").info["eir_energy_kind"] == "E"


def test_a_curve_with_errors_in_one_batch(call, tmp_path):
    words = ["neb", "hop-initial", "hop-final", "--model", "au111-h", "--potential", "-0.5", "0.0", *SHE, "--batch-sweep", "--images", "5"]
    code, out, err = call(*words, "--curve", "c.json", "--she-error", "0.1", "--scf-noise", "0.002", "--json", "b.json", "--plot", "c.svg")
    rows, curve = (json.loads((tmp_path / n).read_text()) for n in ("b.json", "c.json"))
    assert code == 0 and all(r["converged"] for r in rows), err
    assert curve["nodes_V"] == [-0.5, 0.0] and len(curve["barrier_eV"]) == len(curve["potential_V"]) > 50
    for r in rows:
        assert r["error_budget"]["scf_noise_eV"] == pytest.approx(0.002 * 2**0.5) and r["error_budget"]["she_zero_eV"] == pytest.approx(0.1 * abs(r["barrier_slope_e"]))
        assert curve["barrier_eV"][curve["potential_V"].index(r["potential_V"])] == pytest.approx(r["curvature"]["barrier_eV"])
    assert "zero of SHE/eV" in out and "slope check" in out and "between, from curvatures" in (tmp_path / "c.svg").read_text()


def test_energies_over_a_bare_slab(call, tmp_path, shared):
    bare = ase.io.read(shared / "fcc.traj")
    del bare[[a.index for a in bare if a.symbol == "H"]]
    ase.io.write(tmp_path / "bare.traj", bare)
    words = neb("--potential", "0.0", "--reference", "RHE", "--ph", "7", "--temperature", "330", "--che", "bare.traj", "--g-h2", "-6.8", "--thermal", "0", "0.1", "0.1", "0.1")
    code, out, err = call(*words, "--keep-ends", "--json", "h.json")
    (row,) = json.loads((tmp_path / "h.json").read_text())
    assert code in (0, 1) and row["hydrogen_electrode"]["potential_rhe_V"] == pytest.approx(0.0, abs=1e-12), err
    assert row["hydrogen_electrode"]["pair_energy_eV"] == pytest.approx(-3.4) and row["potential_absolute_V"] < 4.44 - 0.45
    assert "over the bare state and its proton-electron pairs" in out and "330 K" in row["reference"]
    words = neb("--potential", "0.0", *SHE, "--ph", "7", "--che", "bare.traj", "--g-h2", "-6.8", "--keep-ends", "--json", "s.json")
    code, out, err = call(*words)
    assert json.loads((tmp_path / "s.json").read_text())[0]["hydrogen_electrode"]["potential_rhe_V"] == pytest.approx(0.41412, abs=1e-4), err


@pytest.mark.parametrize(
    "words, hint",
    [
        (neb(), "exactly one of --potential and --charge, got neither"),
        (neb("--potential", "0", "--charge", "0", *SHE), "got both"),
        (neb("--potential", "0"), "needs its scale"),
        (neb("--potential", "0", *SHE, "--curve", "c.json"), "at least two values of --potential"),
        (neb("--charge", "0", "0.1", "--curve", "c.json"), "at least two values of --potential"),
        (neb("--potential", "0", "0.1", *SHE, "--curve", "no/c.json"), "no such folder"),
        (neb("--potential", "0", *SHE, "--temperature", "300"), "does not use temperature"),
        (neb("--potential", "0", *SHE, "--ph", "7"), "does not use ph"),
        (neb("--potential", "0", *SHE, "--g-h2", "-6.8"), "expected --che BARE"),
        (neb("--potential", "0", *SHE, "--che", "@fcc.traj"), "expected --g-h2"),
        (neb("--potential", "0", *SHE, "--che", "@fcc.traj", "--g-h2", "-6.8"), "bare state to lack 1 H"),
        (neb("--charge", "0", "--che", "@fcc.traj", "--g-h2", "-6.8"), "expected held potentials"),
        (neb("--potential", "0", *SHE, "--she-error", "-1"), "she_error"),
        (neb("--potential", "0", *SHE, "--batch-sweeps"), "did you mean '--batch-sweep'"),
    ],
)
def test_mistakes_of_a_band(call, words, hint):
    code, _, err = call(*words)
    assert code == 2 and hint in err

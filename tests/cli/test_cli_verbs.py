"""The command line: what each verb prints and writes."""

import json

import ase.io
import numpy as np
import pytest

from electrode.cli import VERBS

SHE = ["--reference", "SHE"]


def test_help_of_every_verb_has_an_example(call):
    code, out, _ = call("--help")
    assert code == 0 and all(verb in out for verb in VERBS)
    assert call()[0] == 2
    for verb in VERBS:
        code, out, _ = call(verb, "--help")
        assert code == 0 and f"electrode {verb}" in out and "example:" in out and "--json" in out


def test_info(call, tmp_path):
    code, out, _ = call("info", "@M", "--json", "i.json")
    assert code == 0 and "scheme: baseline" in out and "natural: charge" in out
    assert json.loads((tmp_path / "i.json").read_text())["card"]["countercharge"] == "unknown"


def test_scan_reads_negative_potentials_in_any_notation(call, tmp_path):
    code, out, _ = call("scan", "@fcc.traj", "--model", "@M", "--potential", "-1.0", "-.5", "-1e-1", "0", *SHE, "--json", "s.json", "--plot", "s.png")
    assert code == 0 and "SHE at 4.44 V absolute (default, IUPAC 1986); 0 V is 4.44 V absolute" in out
    rows = json.loads((tmp_path / "s.json").read_text())
    assert [r["potential_V"] for r in rows] == [-1.0, -0.5, -0.1, 0.0]
    assert np.all(np.diff([r["charge_e"] for r in rows]) > 0)
    assert (tmp_path / "s.png").stat().st_size > 1000


def test_scales_meet_at_one_absolute_potential(call, tmp_path):
    for k, words in enumerate((["0.1", *SHE, "--she-absolute", "4.6"], ["4.7", "--reference", "absolute"], ["-0.2", "--reference", "PZC", "--pzc", "4.9"])):
        assert call("scan", "@fcc.traj", "--model", "@M", "--json", f"{k}.json", "--potential", *words)[0] == 0
    charges = [json.loads((tmp_path / f"{k}.json").read_text())[0]["charge_e"] for k in range(3)]
    assert charges == pytest.approx([charges[0]] * 3, abs=1e-9)


def test_relax_writes_a_record(call, tmp_path):
    code, out, _ = call("relax", "@fcc.traj", "--model", "@M", "--potential", "-0.2", *SHE, "--output", "r.xyz", "--json", "r.json")
    assert code == 0 and "converged True" in out
    result, atoms = json.loads((tmp_path / "r.json").read_text()), ase.io.read(tmp_path / "r.xyz")
    assert result["fmax_eV_per_A"] < 0.05 and result["potential_absolute_V"] == pytest.approx(4.24)
    assert result["energy_eV"] == result["grand_energy_eV"] == pytest.approx(atoms.get_potential_energy())
    assert atoms.info["eir_energy_kind"] == "Omega" and atoms.info["eir_n_excess"] == pytest.approx(-result["charge_e"])


def test_relax_that_stops_early_writes_and_says_so(call, tmp_path):
    code, out, _ = call("relax", "@fcc.traj", "--model", "@M", "--charge", "-0.02", "--output", "r.traj", "--fmax", "1e-5", "--max-steps", "1", "--free")
    assert code == 1 and "converged False" in out
    atoms = ase.io.read(tmp_path / "r.traj")
    assert atoms.info["eir_n_excess"] == pytest.approx(0.02) and not atoms.constraints


def test_neb_table_json_plot_and_path(call, tmp_path):
    code, out, err = call("neb", "@fcc.traj", "@hcp.traj", "--model", "@M", "--potential", "-0.5", "0.0", *SHE, "--images", "3", "--max-steps", "40",
                          "--json", "b.json", "--plot", "b.png", "--path", "b.traj")  # fmt: skip
    rows = json.loads((tmp_path / "b.json").read_text())
    assert code == (0 if any(r["converged"] for r in rows) else 1), err
    wanted = {"potential_V", "reference", "barrier_eV", "reverse_barrier_eV", "reaction_energy_eV", "profile_eV", "charge_e", "converged", "fmax_eV_per_A", "model_calls"}
    assert wanted <= set(rows[0]) and [r["potential_V"] for r in rows] == [-0.5, 0.0]
    assert "0 V is 4.44 V absolute" in out and all(r["status"] in out for r in rows)
    assert len(ase.io.read(tmp_path / "b.traj", ":")) == 6 and (tmp_path / "b.png").exists()


def test_neb_without_a_converged_barrier_exits_with_1(call, tmp_path):
    code, out, _ = call("neb", "@fcc.traj", "@fcc.traj", "--model", "@M", "--potential", "0", *SHE, "--images", "3", "--max-steps", "5", "--json", "b.json")
    assert code == 1 and not json.loads((tmp_path / "b.json").read_text())[0]["converged"]


def test_neb_can_keep_its_end_states(call, tmp_path, shared):
    words = ["neb", "@fcc.traj", "@hcp.traj", "--model", "@M", "--potential", "0", *SHE, "--images", "3", "--climb-from", "0.2", "--fmax", "0.1"]
    call(*words, "--keep-ends", "--path", "b.traj")
    call(*words, "--path", "r.traj")
    first = [ase.io.read(tmp_path / name, "0").positions[-1, 2] for name in ("b.traj", "r.traj")]
    assert first[0] == pytest.approx(ase.io.read(shared / "fcc.traj").positions[-1, 2]) and abs(first[1] - first[0]) > 1e-3


def test_what_is_missing_may_be_assumed(call, tmp_path, shared):
    (tmp_path / "d.xyz").write_text((shared / "data.xyz").read_text().replace(" eir_mu_zero=electrolyte", ""))
    code, _, err = call("evaluate", "d.xyz", "--model", "@M")
    assert code == 2 and "eir_mu_zero is missing" in err
    assert call("evaluate", "d.xyz", "--model", "@M", "--assume", "mu_zero=electrolyte", "eir_phi_she=4.5")[0] == 0


def test_windows_have_the_width_that_was_asked_for(call, tmp_path):
    assert call("evaluate", "@data.xyz", "--model", "@M", "--window", "0.1", "--json", "e.json")[0] == 0
    windows = json.loads((tmp_path / "e.json").read_text())["windows"]
    assert len(windows) > 2 and windows[0]["potential_high_V"] - windows[0]["potential_low_V"] == pytest.approx(0.1)


def test_evaluate_on_its_own_labels(call, tmp_path):
    code, out, _ = call("evaluate", "@data.xyz", "--model", "@M", "--json", "e.json", "--plot", "e.svg")
    errors = json.loads((tmp_path / "e.json").read_text())
    assert code == 0 and errors["n_frames"] == 30 and "Au_H" in out and "V absolute" in out
    for key in ("energy_rmse_meV_per_atom", "force_rmse_meV_per_A", "potential_rmse_V"):
        assert errors[key] == pytest.approx(0.0, abs=1e-6) and key in out
    assert (tmp_path / "e.svg").exists()


@pytest.mark.parametrize("words", [("scan", "@fcc.traj"), ("relax", "@fcc.traj", "--output", "o.traj"), ("neb", "@fcc.traj", "@hcp.traj")])
def test_files_are_there_before_the_last_line_is_printed(call, tmp_path, monkeypatch, words):
    """A reader that closes the pipe early must not cost what was computed."""
    def closed(text="", *others, **options):
        if "file" not in options and (tmp_path / "r.json").exists():
            raise BrokenPipeError("closed")

    monkeypatch.setattr("builtins.print", closed)
    call(*words, "--model", "@M", "--potential", "-0.2", *SHE, "--json", "r.json")
    assert json.loads((tmp_path / "r.json").read_text())

"""`electrode convert`: outputs and data of other programs in, the record and other programs' data out; refusals."""

import json
import re
from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pytest

from electrode.data.files import read_frames, write_frames
from electrode.data.readers.registry import read

OUTPUTS = Path(__file__).parents[1] / "data" / "outputs"
JDFTX = [str(OUTPUTS / "jdftx" / f"target_{word}.out") for word in ("low", "mid", "high")]


def grand(shared, path):
    """The shared frames with energies of kind Omega."""
    frames = [replace(f, energy=f.grand_energy, energy_kind="Omega") for f in read_frames(shared / "data.xyz")]
    write_frames(path, frames)
    return frames


def test_outputs_of_several_codes_become_one_file(call, tmp_path):
    qe, gce = OUTPUTS / "quantum_espresso/fixed.out", OUTPUTS / "cp2k/gce_low.out"
    code, out, err = call("convert", *JDFTX, str(qe), str(gce), "--assume", "sides=1", "mu_zero=electrolyte", "total_charge=0.25", "--output", "all.xyz", "--json", "s.json")
    assert code == 0 and not err and "5 frames written to all.xyz" in out and "declared: sides=1, mu_zero=electrolyte, total_charge=0.25" in out
    frames = read_frames(tmp_path / "all.xyz")
    assert [f.n_excess for f in frames] == pytest.approx([-0.25, 0.0, 0.375, -0.25, -0.2]) and {f.energy_kind for f in frames} == {"E"}
    assert [f.mu_zero for f in frames] == ["electrolyte"] * 4 + ["vacuum_top"]  # what a file says is not overruled
    summary = json.loads((tmp_path / "s.json").read_text())
    assert [i["format"] for i in summary["inputs"]] == ["jdftx"] * 3 + ["quantum-espresso", "cp2k"] and summary["frames"] == 5
    assert summary["energy_kinds"] == {"E": 5} and summary["declared"] == {"sides": 1, "mu_zero": "electrolyte", "total_charge": 0.25} and summary["left_out"] == []


def test_options_of_a_reader_are_declared_with_assume(call, tmp_path):
    words = ["convert", str(OUTPUTS / "quantum_espresso/gcscf_ignore_mun.out"), "--output", "a.xyz", "--assume", "mu_zero=vacuum_bottom"]
    code, _, err = call(*words)
    assert code == 2 and "ignore_mun=True" in err and not (tmp_path / "a.xyz").exists()
    assert call(*words, "ignore_mun=true")[0] == 0 and read_frames(tmp_path / "a.xyz")[0].n_excess == pytest.approx(0.2)


@pytest.mark.parametrize("flag, kind", [((), "Omega"), (("--canonical",), "E")])
def test_canonical_zero(call, shared, tmp_path, flag, kind):
    grand(shared, tmp_path / "grand.xyz")
    assert call("convert", "grand.xyz", *flag, "--output", "out.xyz")[0] == 0
    pairs = list(zip(read_frames(shared / "data.xyz"), read_frames(tmp_path / "out.xyz"), strict=True))
    assert {b.energy_kind for _, b in pairs} == {kind}
    assert [b.canonical_energy for _, b in pairs] == pytest.approx([a.energy for a, _ in pairs])


@pytest.mark.parametrize("target", ["mace", "cp-mace", "deepmd"])
def test_to_other_programs_and_back(call, shared, tmp_path, target):
    grand(shared, tmp_path / "grand.xyz")
    assert call("convert", "grand.xyz", "--to", target, "--output", "out")[0] == 0
    back = {"mace": ["--from", "mace"], "cp-mace": ["--from", "mace", "--assume", "electron=excess_electrons"], "deepmd": []}[target]
    code, out, err = call("convert", "out", *back, "--output", "back.xyz", "--json", "s.json")
    assert code == 0
    key = lambda f: (f.trajectory, f.n_excess)  # noqa: E731
    for a, b in zip(sorted(read_frames(shared / "data.xyz"), key=key), sorted(read_frames(tmp_path / "back.xyz"), key=key), strict=True):
        assert (a.energy, a.n_excess, a.mu) == pytest.approx((b.energy, b.n_excess, b.mu), abs=1e-12) and np.array_equal(a.forces, b.forces)
    notes = json.loads((tmp_path / "s.json").read_text())["notes"]
    assert bool(notes) == (target != "deepmd") and all(f"warning: {note}" in err for note in notes)


@pytest.mark.parametrize("target, name", [("ase-db", "a.db"), ("npz", "a.npz")])
def test_carriers_of_the_record(call, shared, tmp_path, target, name):
    assert call("convert", "@data.xyz", "--to", target, "--output", name)[0] == 0
    code, out, _ = call("convert", name, "--output", "back.xyz")
    assert code == 0 and target in out
    assert (tmp_path / "back.xyz").read_bytes() == (shared / "data.xyz").read_bytes()


def test_deepmd_columns_and_what_is_left_out(call, tmp_path):
    code, out, _ = call("convert", "@data.xyz", "--to", "deepmd", "--columns", "charge", "mu", "--output", "systems", "--json", "s.json")
    assert code == 0 and "left out, the format cannot hold it: array tags, info config_type" in out
    assert np.load(tmp_path / "systems/system_000/set.000/fparam.npy").shape == (30, 2)
    assert json.loads((tmp_path / "s.json").read_text())["left_out"] == ["array tags", "info config_type"]


def test_mace_reads_what_is_written(call, tmp_path):
    assert call("convert", *JDFTX, "--assume", "sides=1", "--to", "mace", "--output", "m.xyz")[0] == 0
    assert [a.info["total_charge"] for a in ase.io.read(tmp_path / "m.xyz", index=":")] == pytest.approx([0.25, 0.0, -0.375])


def test_lenient_writes_what_breaks_a_rule(call, tmp_path):
    words = ["convert", str(OUTPUTS / "jdftx/unconverged.out"), "--assume", "sides=1", "--output", "a.xyz"]
    code, _, err = call(*words)
    assert code == 2 and "eir_scf_converged = F" in err
    code, _, err = call(*words, "--lenient")
    assert code == 0 and "warning: " in err and "eir_scf_converged = F" in err


def test_never_replaces_without_force(call, tmp_path):
    words = ["convert", "@data.xyz", "--output", "a.xyz", "--json", "s.json"]
    assert call(*words)[0] == 0
    before = (tmp_path / "a.xyz").stat().st_mtime_ns
    code, _, err = call(*words)
    assert code == 2 and "a.xyz exists" in err and (tmp_path / "a.xyz").stat().st_mtime_ns == before
    assert call(*words, "--force")[0] == 0


def test_sets_of_two_kinds_are_refused(call, shared, tmp_path):
    grand(shared, tmp_path / "grand.xyz")
    code, _, err = call("convert", "@data.xyz", "grand.xyz", "--output", "a.xyz")
    assert code == 2 and "expected one kind in a set" in err
    assert call("convert", "grand.xyz", "grand.xyz", "--canonical", "--output", "a.xyz")[0] == 0


@pytest.mark.parametrize(
    "words, message",
    [
        (["none.out"], "none.out: no such file"),
        (["@data.xyz", "--from", "jdftxx"], "--from: unknown format 'jdftxx' .did you mean 'jdftx'"),
        (["@data.xyz", "--to", "dpmd"], "--to: unknown format 'dpmd' .did you mean 'deepmd'"),
        (["@data.xyz", "--columns", "mu"], "--columns is not used with --to extxyz"),
        (["@data.xyz", "--assume", "mu_zro=vacuum_top"], "'mu_zro' is neither a key of the record.*did you mean 'mu_zero'"),
        ([JDFTX[0], "--assume", "neutral_electron=33"], "did you mean 'neutral_electrons'"),
        ([JDFTX[0]], "eir_sides is missing"),
        (["@M/model.json"], "no known format fits"),
        (["@data.xyz", "--from", "jdftx"], "cut short: 'Done!' is missing"),
        (["@data.xyz", "--from", "nequip"], "pass units="),
        ([], "required: INPUT"),
    ],
)
def test_mistakes_leave_nothing(call, tmp_path, words, message):
    code, _, err = call("convert", *words, "--output", "a.xyz")
    assert code == 2 and re.search(message, err), err
    assert err.startswith("electrode: ") and not list(tmp_path.iterdir())


def test_help_has_an_example_that_works(call, tmp_path):
    code, out, _ = call("convert", "--help")
    assert code == 0 and "electrode convert neutral/slab.out charged/slab.out --assume sides=1" in out
    for name, source in (("neutral", JDFTX[1]), ("charged", JDFTX[2])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "slab.out").write_text(Path(source).read_text())
    assert call("convert", "neutral/slab.out", "charged/slab.out", "--assume", "sides=1", "--output", "frames.xyz", "--json", "summary.json")[0] == 0
    assert [f.trajectory for f in read(tmp_path / "frames.xyz")] == ["neutral/slab.out", "charged/slab.out"]

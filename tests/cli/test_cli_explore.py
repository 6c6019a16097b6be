"""`electrode explore`, `electrode sweep` and `electrode relax --accelerate`: calculators of the user's own, calls kept, runs over many values."""

import json
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

LEARN = Path(__file__).parents[1] / "learn"
sys.path.insert(0, str(LEARN))
from charged import charged_ends, grand_saddle  # noqa: E402

BASELINE = "from electrode.calculator import ElectrodeCalculator\n\n\ndef calculator(charge=None):\n    return ElectrodeCalculator('baseline', charge=charge)\n"
CHARGED = "import sys\nsys.path.insert(0, {!r})\nfrom charged import Charged\n\n\ndef calculator(charge=None):\n    return Charged(charge)\n"
EXPLORE = ("explore", "@fcc.traj", "--accelerate", "mine.py", "--potential", "-0.3", "0.1", "--output", "S", "--config", "c.yaml", "--members", "2", "--steps", "8")
RELAX = ("relax", "start.xyz", "--accelerate", "mine.py", "--calls", "S", "--output", "r.xyz", "--prior", "none")


def test_explore_ends_with_frames_and_a_model(call, tmp_path):
    (tmp_path / "mine.py").write_text(BASELINE)
    (tmp_path / "c.yaml").write_text("train: {epochs: 5}\n")
    code, out, err = call(*EXPLORE, "--reference", "SHE", "--threshold", "1000", "--json", "e.json")
    assert code == 0 and out.count("call ") == 8 and "converged: 8 calls" in out, err
    result = json.loads((tmp_path / "e.json").read_text())
    assert result["converged"] and result["calls"] == result["n_frames"] == 8
    code, out, _ = call("evaluate", "S/frames.xyz", "--model", "S/model")
    assert code == 0
    assert call(*EXPLORE, "--reference", "SHE")[0] == 2  # not without --resume
    for words, message in ((EXPLORE, "a potential needs its scale"), ((*EXPLORE, "--reference", "SHE", "--workers", "2", "--resume"), "workers")):
        code, _, err = call(*words)
        assert code == 2 and message in err


def test_relax_with_few_calls(call, tmp_path):
    (tmp_path / "mine.py").write_text(CHARGED.format(str(LEARN)))
    minimum = charged_ends(4.5)[0]
    start = minimum.copy()
    start.positions += [[0.1, -0.1, 0.1]]
    ase.io.write(tmp_path / "start.xyz", start)
    code, out, err = call(*RELAX, "--potential", "0.06", "--reference", "SHE", "--json", "r.json")
    assert code == 0, err
    result, atoms = json.loads((tmp_path / "r.json").read_text()), ase.io.read(tmp_path / "r.xyz")
    assert result["converged"] and result["model_calls"] == out.count("call ") and result["potential_absolute_V"] == pytest.approx(4.5, abs=0.05)
    assert np.abs(atoms.positions - minimum.positions).max() < 0.03 and atoms.info["eir_energy_kind"] == "E"
    code, out, _ = call(*RELAX, "--potential", "0.06", "--reference", "SHE", "--resume", "--force")
    assert code == 0 and "call 1" not in out


def test_what_relax_wrote_are_known_end_states(call, tmp_path):
    (tmp_path / "mine.py").write_text(CHARGED.format(str(LEARN)))
    for name, atoms in zip("ab", charged_ends(4.5)):
        ase.io.write(tmp_path / f"{name}.traj", atoms)
        words = ("--accelerate", "mine.py", "--calls", f"C{name}", "--output", f"{name}.xyz", "--prior", "none", "--potential", "0.06", "--reference", "SHE")
        assert call("relax", f"{name}.traj", *words)[0] == 0
    words = ("--accelerate", "mine.py", "--output", "S", "--prior", "none", "--potential", "0.06", "--reference", "SHE", "--known-ends")
    code, out, err = call("neb", "a.xyz", "b.xyz", *words, "--json", "b.json")
    row = json.loads((tmp_path / "b.json").read_text())[0]
    assert code == 0 and row["converged"] and row["end_state_calls"] == 0 and "(initial state)" not in out, err
    assert row["barrier_eV"] == pytest.approx(grand_saddle(4.5)[0], abs=5e-3)
    code, _, err = call("neb", "a.traj", "b.xyz", *words[:3], "T", *words[4:])
    assert code == 2 and "log" in err and not (tmp_path / "T").exists()  # a.traj tells no charge


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "au111-h"), "does not go with --model"),
        (("--potential", "0"), "a potential needs its scale"),
        (("--potential", "0", "--charge", "0"), "exactly one of"),
        ((), "mine.py: no such file"),
    ],
)
def test_options_of_relax_that_do_not_go_together(call, tmp_path, words, message):
    ase.io.write(tmp_path / "start.xyz", charged_ends(4.5)[0])
    code, _, err = call(*RELAX, *words)
    assert code == 2 and message in err and not (tmp_path / "S").exists()


def test_sweep_runs_a_verb_over_values(call, tmp_path, shared):
    command = f"scan {shared / 'fcc.traj'} --model {shared / 'M'} --potential {{u}} --reference SHE --json s{{u}}.json"
    code, out, err = call("sweep", command, "--over", "u=-0.2,0.0", "--json", "all.json")
    assert code == 0 and "u=-0.2: exit code 0" in out, err
    rows = json.loads((tmp_path / "all.json").read_text())
    assert [r["values"] for r in rows] == [{"u": "-0.2"}, {"u": "0.0"}] and all("reference: SHE" in r["output"] for r in rows)
    assert [json.loads((tmp_path / f"s{u}.json").read_text())[0]["potential_V"] for u in ("-0.2", "0.0")] == [-0.2, 0.0]
    code, out, _ = call("sweep", command, "--over", "u=-0.4,0.0")
    assert code == 1 and "u=-0.4: exit code 0" in out and "u=0.0: exit code 2" in out  # its file is there


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("scan a --potential {u}", "--over", "v=1"), "expected the same names"),
        (("scan a {u", "--over", "u=1"), "COMMAND"),
        (("scan {u}", "--over", "u"), "expected NAME=A,B,C"),
        (("sweep {u}", "--over", "u=1"), "another verb"),
    ],
)
def test_sweeps_that_cannot_be_carried_out(call, words, message):
    code, _, err = call("sweep", *words)
    assert code == 2 and message in err

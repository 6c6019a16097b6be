"""`electrode neb --accelerate`: a calculator of the user's own, its calls kept, barriers at the potentials asked for."""

import json
import shutil
import sys
from pathlib import Path

import ase.io
import pytest

LEARN = Path(__file__).parents[1] / "learn"
sys.path.insert(0, str(LEARN))
from charged import charged_ends, grand_saddle  # noqa: E402

WORDS = ("neb", "i.xyz", "f.xyz", "--accelerate", "mine.py", "--output", "S", "--prior", "none")
MINE = "import sys\nsys.path.insert(0, {!r})\nfrom charged import Charged\n\n\ndef calculator(charge=None):\n    return Charged(charge)\n"


@pytest.fixture
def files(tmp_path):
    for name, atoms in zip(("i", "f"), charged_ends(4.3)):
        ase.io.write(tmp_path / f"{name}.xyz", atoms)
    (tmp_path / "mine.py").write_text(MINE.format(str(LEARN)))


def test_barriers_at_potentials(call, tmp_path, files):
    code, out, err = call(*WORDS, "--potential", "-0.14", "0.06", "--reference", "SHE", "--json", "b.json", "--plot", "b.png")
    assert code == 0, err
    rows = json.loads((tmp_path / "b.json").read_text())
    assert [row["barrier_eV"] for row in rows] == pytest.approx([grand_saddle(u + 4.44)[0] for u in (-0.14, 0.06)], abs=5e-3)
    assert "calls at a charge" in out and out.count("V on SHE = ") == 2 * sum(row["fixed_charge_calls"] for row in rows) and (tmp_path / "b.png").is_file()
    assert len(ase.io.read(tmp_path / "S" / "path.traj", ":")) == 14
    code, _, err = call(*WORDS, "--potential", "0.06", "--reference", "SHE")
    assert code == 2 and "--resume" in err
    code, out, _ = call(*WORDS, "--potential", "0.06", "-0.14", "--reference", "SHE", "--resume", "--json", "again.json")
    assert code == 0 and "absolute, call" not in out and json.loads((tmp_path / "again.json").read_text()) == rows[::-1]


def test_a_calculator_that_knows_no_potential(call, tmp_path, files):
    shutil.copy(LEARN / "surfaces.py", tmp_path / "mine.py")
    with open(tmp_path / "mine.py", "a") as stream:
        stream.write("\n\ndef calculator():\n    return MullerBrown()\n")
    sys.path.insert(0, str(LEARN))
    from surfaces import muller_brown_ends

    for name, atoms in zip(("i", "f"), muller_brown_ends()):
        ase.io.write(tmp_path / f"{name}.xyz", atoms)
    code, out, err = call(*WORDS, "--json", "s.json")
    assert code == 0 and "converged: barrier 1.06" in out, err
    assert json.loads((tmp_path / "s.json").read_text())["converged"]
    code, _, err = call(*WORDS[:-3], "T", "--potential", "0.0", "--reference", "SHE")
    assert code == 2 and "leave --potential out" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--model", "au111-h"), "--accelerate does not go with --model"),
        (("--curve", "c.json"), "--accelerate does not go with --curve"),
        ((), "expected --potential"),
        (("--potential", "0"), "a potential needs its scale"),
    ],
)
def test_options_that_do_not_go_together(call, tmp_path, files, words, message):
    code, _, err = call(*WORDS, *words)
    assert code == 2 and message in err and not (tmp_path / "S").exists()


def test_options_of_a_search_need_one(call, tmp_path, files):
    for words, message in ((("--output", "S"), "expected --accelerate"), ((), "expected --model M, or --accelerate")):
        code, _, err = call("neb", "i.xyz", "f.xyz", "--potential", "0", "--reference", "SHE", *words)
        assert code == 2 and message in err
    (tmp_path / "mine.py").write_text("def calculator(:\n")
    code, _, err = call(*WORDS, "--potential", "0", "--reference", "SHE")
    assert code == 2 and "mine.py: could not be run (SyntaxError" in err

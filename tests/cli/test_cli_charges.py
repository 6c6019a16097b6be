"""`electrode charges`: table, picture and refusals."""

import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import molecule

from electrode.models.baseline import Baseline
from electrode.plot_charges import plot_charges
from electrode.references import reference
from electrode.scan import scan


def test_baseline_at_a_potential(call, tmp_path, shared):
    code, out, _ = call("charges", "@fcc.traj", "--potential", "-0.5", "--reference", "SHE", "--json", "q.json", "--plot", "q.png")
    assert code == 0 and "SHE at 4.44 V" in out and "electrode" in out and "V absolute" in out
    found = json.loads((tmp_path / "q.json").read_text())
    (row,) = scan(Baseline(), ase.io.read(shared / "fcc.traj"), [-0.5], reference("SHE")).to_json()
    assert found["charge_e"] == pytest.approx(row["charge_e"], abs=1e-9)
    assert found["potential_absolute_V"] == pytest.approx(3.94)
    assert sum(a["charge_e"] for a in found["atoms"]) == pytest.approx(found["electrode_charge_e"] + found["rest_charge_e"], abs=1e-12)
    assert [a["electrode"] for a in found["atoms"]] == [True, True, True, False] and found["atoms"][3]["element"] == "H"
    assert (tmp_path / "q.png").stat().st_size > 5000
    assert call("charges", "@fcc.traj", "--charge", "0.1", "--json", "q.json")[0] == 2
    assert call("charges", "@fcc.traj", "--charge", "0.1", "--json", "q.json", "--force")[0] == 0
    assert json.loads((tmp_path / "q.json").read_text())["charge_e"] == pytest.approx(0.1, abs=1e-9)


def test_charge_equilibration(call, tmp_path):
    code, out, _ = call("charges", "@fcc.traj", "--charge", "0", "--parameters", "qeq", "--json", "q.json")
    assert code == 0 and "10.1021/j100161a070" in out and "V absolute" not in out
    ase.io.write("w.xyz", molecule("H2O"))
    code, out, _ = call("charges", "w.xyz", "--potential", "5.0", "--reference", "absolute", "--parameters", "qeq", "--plot", "w.svg", "--json", "w.json")
    assert code == 0
    held = json.loads((tmp_path / "w.json").read_text())
    assert call("charges", "w.xyz", "--charge", repr(held["charge_e"]), "--parameters", "qeq", "--json", "v.json")[0] == 0
    other = json.loads((tmp_path / "v.json").read_text())
    assert other["potential_absolute_V"] == pytest.approx(5.0, abs=1e-9)
    assert [a["charge_e"] for a in other["atoms"]] == pytest.approx([a["charge_e"] for a in held["atoms"]], abs=1e-10)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "exactly one of"),
        (("--charge", "0", "--potential", "0"), "exactly one of"),
        (("--potential", "0"), "a potential needs its scale"),
        (("--charge", "0", "--reference", "SHE"), "goes with --potential"),
        (("--potential", "0", "--reference", "SHE", "--parameters", "qeq"), "no counter-charge"),
        (("--charge", "0", "--plot", "q.bmp"), "expected a name that ends in"),
        (("--charge", "0", "--parameters", "qe"), "invalid choice"),
    ],
)
def test_refusals(call, words, message):
    code, _, err = call("charges", "@fcc.traj", *words)
    assert code == 2 and message in err


def test_picture_refuses_charges_of_other_atoms(tmp_path):
    atoms = Atoms("AuH", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.7]])
    with pytest.raises(ValueError, match="2 finite charges"):
        plot_charges(atoms, np.zeros(3), tmp_path / "q.png")
    plot_charges(atoms, np.zeros(2), tmp_path / "q.pdf", title="neutral")
    with pytest.raises(FileExistsError):
        plot_charges(atoms, np.zeros(2), tmp_path / "q.pdf")

"""A folder with data, end states and a model, and the command line in process."""

import ase.io
import numpy as np
import pytest
from ase.build import add_adsorbate, fcc111

from electrode.cli import main
from electrode.data.files import write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.models.baseline import Baseline
from electrode.models.store import save_model
from electrode.state import Control, Structure
from electrode.thermo import evaluate


def slab(site="fcc", height=0.95):
    """H on a small Au(111)."""
    atoms = fcc111("Au", (1, 1, 3), a=4.16, vacuum=8.0)
    add_adsorbate(atoms, "H", height, site)
    atoms.info, atoms.pbc = {}, (True, True, False)
    return atoms


def frames():
    """Frames at ten heights and three charges each, labelled by the baseline."""
    for height in np.linspace(0.8, 1.25, 10):
        structure = Structure.from_atoms([slab(height=height)] * 3)
        out = evaluate(Baseline(), structure, Control(charge=[-0.02, 0.0, 0.03]))
        for k in range(3):
            yield ElectrifiedFrame(
                slab(height=height), version=1, energy=float(out["canonical_energy"][k]), energy_kind="E", n_excess=-float(out["charge"][k]),
                mu=-float(out["potential"][k]), mu_zero="electrolyte", ensemble="fixed_n", phi_she=4.5, countercharge="jellium_slab",
                normal=2, sides=1, scf_converged=True, method_id="baseline", forces=out["forces"].numpy()[4 * k : 4 * k + 4],
                trajectory=f"h{height:.2f}", system="Au_H", info={"config_type": "height"},
            )  # fmt: skip


@pytest.fixture(scope="session")
def shared(tmp_path_factory):
    """A folder with data, end states and a model, which no test changes."""
    folder = tmp_path_factory.mktemp("shared")
    save_model(Baseline(), folder / "M")
    write_frames(folder / "data.xyz", list(frames()))
    for site in ("fcc", "hcp"):
        ase.io.write(folder / f"{site}.traj", slab(site))
    return folder


@pytest.fixture
def call(shared, tmp_path, monkeypatch, capsys):
    """Run the command line in an empty folder: (exit code, stdout, stderr). A word that starts with @ is a shared file."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main([str(shared / w[1:]) if w.startswith("@") else w for w in words])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run

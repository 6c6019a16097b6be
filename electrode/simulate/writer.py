"""Frames of a dynamics as records of the electrified interface, charge and potential with each."""

from __future__ import annotations

from pathlib import Path

import ase.io
from ase.io.trajectory import Trajectory

from electrode.calculator import to_record
from electrode.output import appending, refuse_existing

SUFFIXES = (".traj", ".xyz", ".extxyz")


class FrameWriter:
    """An observer that appends the present frame to a file of its own: call it, a step is written once.

    Each frame is what `calculator.to_record` gives with velocities, and "md_step", "md_time_fs" and "md_conserved_eV" in `info`.

    Parameters
    ----------
    dynamics : ElectrodeDynamics
    path : new file, .traj or extended XYZ

    Raises
    ------
    ValueError
        for another suffix.
    FileExistsError, FileNotFoundError
        see `output.refuse_existing`.
    """

    def __init__(self, dynamics, path: str | Path):
        self.dynamics, self.path, self.last = dynamics, Path(path), None
        if self.path.suffix not in SUFFIXES:
            raise ValueError(f"{path}: expected a name that ends in {', '.join(SUFFIXES)}")
        refuse_existing([self.path], False)

    def __call__(self) -> None:
        """Append the present frame, unless its step was written; NoRoom on a full disk, the file then ends with the frame before."""
        dynamics = self.dynamics
        if self.last == dynamics.nsteps:
            return
        frame = to_record(dynamics.atoms)
        frame.info |= {"md_step": dynamics.nsteps, "md_time_fs": dynamics.time, "md_conserved_eV": dynamics.conserved}
        with appending(self.path):
            self._append(frame)
        self.last = dynamics.nsteps

    def _append(self, frame) -> None:
        if self.path.suffix == ".traj":
            file = Trajectory(self.path, "a")
            with file.backend.fd:  # ASE leaves it open where writing fails, and what it holds would follow later
                file.write(frame)
        else:
            ase.io.write(self.path, frame, format="extxyz", append=True)

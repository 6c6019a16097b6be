"""One exploration: dynamics at constant potential on a committee, as far as its members agree."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from ase import Atoms, units
from ase.md.langevinbaoab import LangevinBAOAB

from electrode.calculator import ElectrodeCalculator
from electrode.models.domain import OutsideTrainedRange
from electrode.models.committee import Committee
from electrode.simulate import BornOppenheimer, DynamicsStopped, ElectrodeDynamics, Limits
from electrode.simulate.start import with_velocities
from electrode.state import Control, Structure

DAMPING = 100.0  # of the thermostat [fs]


@dataclass(frozen=True)
class Run:
    """What one dynamics is.

    Parameters
    ----------
    potential : [V absolute];  temperature : [K]
    steps, interval : of the dynamics, and from one look at it to the next
    timestep : [fs]
    stop : disagreement at which it ends [eV/A]
    seed : of velocities and noise
    """

    potential: float
    temperature: float
    steps: int
    interval: int
    timestep: float
    stop: float
    seed: int


@dataclass(frozen=True)
class Seen:
    """The frames of one dynamics.

    Parameters
    ----------
    positions : (n, N, 3) [A];  charges : (n,) [e]
    disagreement : (n,), largest standard deviation of a force on an atom that is free to move [eV/A]
    whole : whether all steps were made
    """

    positions: np.ndarray
    charges: np.ndarray
    disagreement: np.ndarray
    whole: bool


def explore_once(model: Committee, start: Atoms, run: Run) -> Seen:
    """Return the frames of a dynamics of nuclei that the charge follows at the potential, until the members disagree by `run.stop`.

    Parameters
    ----------
    model : a committee
    start : with constraints
    run : see `Run`
    """
    seen, whole = [], True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OutsideTrainedRange)  # the disagreement decides here
        try:
            dynamics = _dynamics(model, start, run)
            while dynamics.nsteps < run.steps and (not seen or seen[-1][2] < run.stop):
                dynamics.run(min(run.interval, run.steps - dynamics.nsteps))
                seen.append(_look(model, dynamics))
        except (DynamicsStopped, ValueError, ArithmeticError):  # a young model has no charge at the potential, or forces that blow up
            whole = False
    whole = whole and dynamics.nsteps >= run.steps
    if not seen:
        return Seen(np.zeros((0, len(start), 3)), np.zeros(0), np.zeros(0), False)
    return Seen(*(np.array(column) for column in zip(*seen)), whole)


def _dynamics(model: Committee, start: Atoms, run: Run) -> ElectrodeDynamics:
    rng = np.random.default_rng(run.seed)
    atoms = start.copy()
    atoms.set_momenta(np.zeros(atoms.positions.shape))
    atoms = with_velocities(atoms, run.temperature, rng)
    atoms.calc = ElectrodeCalculator(model, potential=run.potential, reference="absolute")
    nuclei = LangevinBAOAB(atoms, run.timestep * units.fs, temperature_K=run.temperature, T_tau=DAMPING * units.fs, rng=rng)
    return ElectrodeDynamics(nuclei, BornOppenheimer(), seed=run.seed, limits=Limits(window=False))


def _look(model: Committee, dynamics: ElectrodeDynamics) -> tuple[np.ndarray, float, float]:
    """Return positions, charge and disagreement of the present frame."""
    atoms, results = dynamics.atoms, dynamics.calculator.results
    std = model.forces_std(Structure.from_atoms([atoms]), Control(**{model.natural: results[model.natural]})).numpy().copy()
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, std)
    return atoms.get_positions(), float(results["charge"]), float(np.linalg.norm(std, axis=1).max())

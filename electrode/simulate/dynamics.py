"""Molecular dynamics of an electrode: the nuclei move as a dynamics of ASE says, the charge as a mode says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from ase import units
from ase.md.md import MolecularDynamics
from ase.md.nose_hoover_chain import NoseHooverChainNVT

from electrode.calculator import ElectrodeCalculator
from electrode.simulate.charge_state import ChargeState, at_rest
from electrode.simulate.limits import DynamicsStopped, Limits
from electrode.simulate.moving_charge import MovingCharge
from electrode.simulate.saved_state import generator_state, model_digest, nuclei_state, read_state, set_generator_state, set_nuclei_state, write_state
from electrode.simulate.writer import FrameWriter
from electrode.state import electrode_atoms

_CHARGE = tuple(ChargeState.__dataclass_fields__)


class ElectrodeDynamics(MolecularDynamics):
    """A dynamics of ASE whose charge is constant, follows the potential, or fluctuates.

    Positions and charge move together and the model is evaluated once a step.  The calculator of the atoms says what is held; it
    is replaced by one of the same model and settings that belongs to the dynamics.  `attach` observers as to any dynamics of ASE.

    Parameters
    ----------
    nuclei : an ASE dynamics of constant cell (VelocityVerlet, Langevin, NoseHooverChainNVT, ...) that is not run itself; what
        it draws at random comes from a generator of its own (rng=np.random.default_rng(seed))
    mode : ConstantCharge, BornOppenheimer, ExtendedCharge, Thermopotentiostat or ConstantField
    seed : of the charge's noise
    limits : what ends the run at the last good frame

    Raises
    ------
    ValueError
        for atoms without an ElectrodeCalculator, or with one that holds something else than the mode needs, and for ASE's
        Nose-Hoover chain on atoms with constraints.
    """

    def __init__(self, nuclei: MolecularDynamics, mode, *, seed: int = 0, limits: Limits = Limits()):
        source = nuclei.atoms.calc
        if not isinstance(source, ElectrodeCalculator):
            raise ValueError(f"ElectrodeDynamics: expected atoms with an ElectrodeCalculator, got {type(source).__name__}; set atoms.calc")
        mode.require(source.control)
        if isinstance(nuclei, NoseHooverChainNVT) and nuclei.atoms.constraints:
            raise ValueError("ElectrodeDynamics: NoseHooverChainNVT takes every atom for free and would make those that are too hot; use LangevinBAOAB or Bussi, or free all atoms")
        self.nuclei, self.mode, self.limits = nuclei, mode, limits
        self._settings = {k: np.asarray(v).item() for k, v in nuclei_state(nuclei).items() if not isinstance(v, (str, np.ndarray))}
        self._held = {k: None if v is None else v.tolist() for k, v in vars(source.control).items()}
        self.rng, self.writers = np.random.default_rng(seed), []
        self.calculator = MovingCharge(source, strict=limits.window or source.parameters["strict"])
        nuclei.atoms.calc = self.calculator
        super().__init__(nuclei.atoms, nuclei.dt)
        self.charge_state = self._first_state() if mode.moves else at_rest(0.0, 0.0)
        self._motion = float(self.atoms.get_kinetic_energy())
        self._start = self.conserved

    @property
    def time(self) -> float:
        """Time since the start [fs]."""
        return self.nsteps * self._dt

    @property
    def temperature(self) -> float:
        """Temperature of the nuclei that are free to move [K], 0 where none is."""
        return float(self.atoms.get_temperature()) if self.atoms.get_number_of_degrees_of_freedom() > 0 else 0.0

    @property
    def target(self) -> float | None:
        """The potential that the calculator held at the start [V, absolute], None where it held the charge."""
        return None if self._held["potential"] is None else self._held["potential"][0]

    @property
    def conserved(self) -> float:
        """The conserved quantity [eV]: all energy less what thermostats, noise and friction gave.

        The nuclei's part is what the forces alone do to their kinetic energy,
        sum (F + F') . (R' - R)/2 + dt^2 (F'^2 - F^2)/8m, for any thermostat; without one it is the kinetic energy itself where
        the nuclei follow velocity Verlet.  Bussi and Parrinello, Phys. Rev. E 75, 056707 (2007), https://doi.org/10.1103/PhysRevE.75.056707
        """
        energy = self.atoms.get_potential_energy()
        if self.mode.moves:
            energy += float(self.mode.energy(self.charge_state) - self.target * self.charge_state.charge)
        return energy + self._motion

    @property
    def drift(self) -> float:
        """Change of the conserved quantity since the start [eV per atom]."""
        return (self.conserved - self._start) / len(self.atoms)

    def write_frames(self, path: str | Path, interval: int = 10) -> FrameWriter:
        """Write every `interval`-th frame as a record of the electrified interface, and the last good one if the run is stopped.

        Raises
        ------
        ValueError, FileExistsError, FileNotFoundError
            see `FrameWriter`.
        """
        writer = FrameWriter(self, path)
        self.writers.append(writer)
        self.attach(writer, interval=interval)
        return writer

    def step(self) -> None:
        """Move nuclei and charge by one time step.

        Raises
        ------
        DynamicsStopped
            if the step leaves the limits or gives numbers that are not finite; the atoms are then back at the step before.
        TypeError
            for nuclei that ask for forces at several places in one step.
        """
        good = self.state()
        try:
            self._advance()
        except (ValueError, ArithmeticError) as error:
            self.set_state(good)
            for writer in self.writers:
                writer()
            raise DynamicsStopped(f"stopped after step {self.nsteps} ({self.time:g} fs): {error}. The atoms are at that step; `limits` says what ends a run") from error

    def state(self) -> dict:
        """Return everything that the next steps depend on, by name: numbers, arrays, and the states of generators as words."""
        state = {"positions": self.atoms.get_positions(), "momenta": self.atoms.get_momenta(), "step": self.nsteps, "rng": generator_state(self.rng)}
        state |= {"motion": self._motion, "start": self._start} | {f"charge.{k}": v for k, v in vars(self.charge_state).items()}
        guesses = (() if self.calculator.guess is None else (self.calculator.guess,), self.calculator.history)
        state |= {name: np.array([x.numpy() for x in values]) for name, values in zip(("guess", "history"), guesses)}
        return state | {f"nuclei.{k}": v for k, v in nuclei_state(self.nuclei).items()}

    def set_state(self, state: dict) -> None:
        """Go to a state that `state` gave, bitwise; the model is evaluated once."""
        state = dict(state)
        set_nuclei_state(self.nuclei, {k.removeprefix("nuclei."): v for k, v in state.items() if k.startswith("nuclei.")})
        self.atoms.set_positions(state["positions"], apply_constraint=False)
        self.atoms.set_momenta(state["momenta"], apply_constraint=False)
        self.nsteps, self._motion, self._start = int(state["step"]), float(state["motion"]), float(state["start"])
        set_generator_state(self.rng, state["rng"])
        self.charge_state = ChargeState(**{k: np.array(state[f"charge.{k}"]) for k in _CHARGE})
        if self.mode.moves:
            self.calculator.hold(float(self.charge_state.charge))
        guess, history = (tuple(torch.from_numpy(np.array(x)) for x in state[name]) for name in ("guess", "history"))
        self.calculator.repeat(self.atoms, guess[0] if guess else None, history)

    def save(self, path: str | Path, force: bool = False) -> None:
        """Write the state to a file from which `load` goes on as if there had been no interruption.

        Raises
        ------
        FileExistsError, FileNotFoundError
            see `output.refuse_existing`.
        """
        write_state(path, self._head(), self.state(), force)

    def load(self, path: str | Path) -> None:
        """Go on from a file that `save` wrote, in a dynamics built as the one that wrote it.

        Raises
        ------
        FileNotFoundError, ValueError
            if there is none, it is damaged, or model, mode, control, atoms, thermostat or time step differ.
        """
        self.set_state(read_state(path, self._head()))

    def _advance(self) -> None:
        positions, forces, calculated = self.atoms.get_positions(), self.atoms.get_forces(), self.calculator.calculations
        if self.mode.moves:
            self.charge_state = self.mode.before(self.charge_state, self._pull(), self._dt, self.rng)
            self.calculator.next_charge = float(self.charge_state.charge)
        self.nuclei.step()
        self.calculator.settle(self.atoms)
        if self.calculator.calculations > calculated + 1:
            raise TypeError(f"{type(self.nuclei).__name__} evaluates the forces {self.calculator.calculations - calculated} times a step; expected one that does once")
        if self.mode.moves:
            self.charge_state = self.mode.after(self.charge_state, self._pull(), self._dt)
        moved, new = self.atoms.get_positions() - positions, self.atoms.get_forces()
        shift = self.dt**2 * (new**2 - forces**2) / (8.0 * self.masses)
        self._motion += float((0.5 * (forces + new) * moved + shift).sum())
        self.limits.check(moved, self.temperature, self.drift)

    def _first_state(self) -> ChargeState:
        """Return the state of the charge at the start, and let the calculator hold it."""
        self.atoms.get_potential_energy()
        found = self.calculator.results
        charge = found["charge"] if self.mode.charge is None else self.mode.charge
        state = self.mode.start(charge, found["capacitance"], self._dt, self.rng)
        self.calculator.next_charge = float(charge)
        self.calculator.history = ()
        self.calculator.settle(self.atoms)
        return replace(state, charge=np.array(float(charge)))

    def _pull(self) -> float:
        return self.target - self.calculator.results["potential"]

    @property
    def _dt(self) -> float:
        return self.dt / units.fs

    def _head(self) -> dict:
        """Return what a run must share with another to go on from its state."""
        atoms = self.atoms
        return {
            "model": model_digest(self.calculator.model), "mode": repr(self.mode), "held": self._held, "timestep": self._dt,
            "nuclei": type(self.nuclei).__name__, "thermostat": self._settings, "numbers": atoms.numbers.tolist(), "masses": atoms.get_masses().tolist(),
            "cell": atoms.cell.array.tolist(), "pbc": atoms.pbc.tolist(), "electrode": electrode_atoms(atoms).tolist(),
            "constraints": json.dumps([c.todict() for c in atoms.constraints], default=lambda x: x.tolist()),
        }  # fmt: skip

"""Grand-canonical hybrid Monte Carlo, with one bead (classical) or many (path integrals), that can be stopped and gone on with.

Which distribution is sampled is the ensemble's; which moves are made is the schedule's.  A run is a value: `Sampler.start` makes a
`Run`, `advance` returns the next, and `monte_carlo_files` keeps everything that decides how it goes on, the random generator included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.constraints import FixAtoms

from electrode.models.conjugate import NoStableState
from electrode.simulate.coordinates import Coordinate, check_coordinate
from electrode.simulate.ensembles import ChargePerBead, Ensemble, State
from electrode.simulate.moves import Move
from electrode.simulate.ring import free_ring
from electrode.simulate.schedule import Schedule, charge_bounds


class LeftTrainedRange(ValueError):
    """An accepted state lies outside what the model was trained on."""


@dataclass(frozen=True)
class Sampler:
    """What does not change during a run.

    Parameters
    ----------
    ensemble : what is sampled
    atoms : N atoms; `FixAtoms` constraints are kept, others refused
    temperature : [K]
    n_beads : P; 1 is classical
    quantised : indices of the atoms with beads, hydrogen by default
    coordinate : a reaction coordinate to hold
    schedule : of the moves
    stop_outside : end with `LeftTrainedRange` where an accepted state leaves the model's trained range

    Raises
    ------
    ValueError
        for a temperature or number of beads that is not positive, other constraints, or what `coordinates` and `Schedule` refuse.
    """

    ensemble: Ensemble
    atoms: Atoms
    temperature: float
    n_beads: int = 1
    quantised: tuple[int, ...] | None = None
    coordinate: Coordinate | None = None
    schedule: Schedule = Schedule()
    stop_outside: bool = True

    def __post_init__(self):
        if not (self.temperature > 0 and self.n_beads >= 1):
            raise ValueError(f"Sampler: expected a positive temperature [K] and at least one bead, got {self.temperature} and {self.n_beads}")
        if not set(self.ring_atoms.tolist()) <= set(range(len(self.atoms))):
            raise ValueError(f"Sampler.quantised: expected atoms from 0 to {len(self.atoms) - 1}, got {self.ring_atoms.tolist()}")
        held = held_atoms(self.atoms)
        if self.coordinate is not None:
            check_coordinate(self.coordinate, self.atoms, held)
        if self.n_beads > 1 and (not len(self.ring_atoms) or held[self.ring_atoms].any()):
            raise ValueError(f"Sampler: {self.n_beads} beads need quantised atoms that are free to move, got {self.ring_atoms.tolist()}")
        if not self.moves:
            raise ValueError("Sampler: nothing can move; release atoms or sample the charge")

    @cached_property
    def moves(self) -> dict[str, tuple[float, Move]]:
        """Share and move of each class."""
        return self.schedule.moves(self.ensemble, self.n_beads, self.ring_atoms, self.masses, self.coordinate)

    @cached_property
    def ring_atoms(self) -> np.ndarray:
        """Indices of the quantised atoms."""
        return np.flatnonzero(self.atoms.numbers == 1) if self.quantised is None else np.array(self.quantised, dtype=int)

    @cached_property
    def masses(self) -> np.ndarray:
        """Masses (N,) [amu], inf for atoms that are held."""
        return np.where(held_atoms(self.atoms), np.inf, self.atoms.get_masses())

    def start(self, seed: int, charge: float | None = None) -> Run:
        """Return a run at the atoms' positions, with free beads about them and a charge [e], by default the one that has the potential.

        Raises
        ------
        ValueError
            for a charge outside its bounds, or where the model has no state.
        """
        rng = np.random.default_rng(seed)
        positions = np.repeat(self.atoms.positions[None], self.n_beads, axis=0)
        if self.n_beads > 1:
            positions[:, self.ring_atoms] += free_ring(self.n_beads, self.masses[self.ring_atoms], self.temperature, rng)
        state = self.ensemble.state(positions, self._first_charge(charge) if self.ensemble.shared_charge else 0.0)
        return Run(self, state, rng.bit_generator.state, {name: Count() for name in self.moves})

    def _first_charge(self, charge: float | None) -> float:
        low, high = charge_bounds(self.schedule.charges, self.ensemble)
        if charge is None:
            adiabatic = ChargePerBead(self.ensemble.model, self.atoms, self.ensemble.potential)
            charge = float(np.clip(adiabatic.state(self.atoms.positions[None]).charge[0], low, high))
        if not low <= charge <= high:
            raise ValueError(f"start: expected a charge from {low:.6g} to {high:.6g} e, got {charge:.6g}")
        return charge


@dataclass(frozen=True)
class Count:
    """Moves of a class that were tried, accepted, and turned down because the model has no state there."""

    tried: int = 0
    accepted: int = 0
    stateless: int = 0

    @property
    def rate(self) -> float:
        """Share that was accepted; 0 without a try."""
        return self.accepted / max(1, self.tried)


@dataclass(frozen=True)
class Run:
    """Where a run stands.

    Parameters
    ----------
    sampler : what does not change;  state : of the ring polymer
    generator : state of the random generator
    counts : of each class of moves
    """

    sampler: Sampler
    state: State
    generator: dict
    counts: dict[str, Count]


def advance(run: Run, moves: int, *, every: int = 1, observer: Callable[[Run], None] | None = None) -> Run:
    """Return the run after some more moves.

    Parameters
    ----------
    moves : number of moves
    every : the observer sees the run after each so many of them
    observer : called with a `Run`

    Raises
    ------
    LeftTrainedRange
        where an accepted state leaves the trained range and the sampler is to stop there; the observer has seen what came before.
    """
    sampler, rng = run.sampler, np.random.default_rng()
    rng.bit_generator.state = run.generator
    names, shares = list(sampler.moves), np.cumsum([share for share, _ in sampler.moves.values()])
    for k in range(1, moves + 1):
        name = names[min(int(np.searchsorted(shares, rng.uniform(), side="right")), len(names) - 1)]
        state, count = _tried(sampler, name, run.state, run.counts[name], rng)
        if state.messages and sampler.stop_outside and state is not run.state:
            raise LeftTrainedRange(f"after {k - 1} moves: {'; '.join(state.messages)}. Bound the charge, choose another potential, or train there")
        run = replace(run, state=state, counts={**run.counts, name: count}, generator=rng.bit_generator.state)
        if observer is not None and k % every == 0:
            observer(run)
    return run


def _tried(sampler: Sampler, name: str, state: State, count: Count, rng: np.random.Generator) -> tuple[State, Count]:
    """Return the state after one Metropolis test; where the model has no state there is a wall."""
    stateless, proposal = 0, None
    try:
        proposal = sampler.moves[name][1].propose(sampler.ensemble, state, sampler.temperature, rng)
    except NoStableState:
        stateless = 1
    accepted = proposal is not None and bool(np.log1p(-rng.uniform()) < proposal[1])
    return proposal[0] if accepted else state, Count(count.tried + 1, count.accepted + accepted, count.stateless + stateless)


def held_atoms(atoms: Atoms) -> np.ndarray:
    """Return which atoms do not move, (N,) bool.

    Raises
    ------
    ValueError
        for constraints other than `FixAtoms`.
    """
    other = sorted({type(c).__name__ for c in atoms.constraints if not isinstance(c, FixAtoms)})
    if other:
        raise ValueError(f"sampling keeps FixAtoms alone, got {', '.join(other)}; remove them, or hold a reaction coordinate instead")
    held = np.zeros(len(atoms), dtype=bool)
    for constraint in atoms.constraints:
        held[constraint.index] = True
    return held

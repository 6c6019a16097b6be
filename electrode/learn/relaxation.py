"""A relaxed structure with few calls of an expensive calculator.

    fit a surrogate to all calls -> relax on it, no farther than it is trusted -> ask the calculator where that ends -> again

A relaxation has converged when the calculator's own forces at the last structure are below `fmax`.  At a potential the surrogate is one of
E(R, Q), see `electrode.learn.grand`: a calculator that holds charges is asked at the charge where the surrogate has the potential.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.optimize import BFGS

from electrode.learn.acquisition import KNOWN
from electrode.learn.band import Surface
from electrode.learn.calls import call, free_atoms
from electrode.learn.features import features_of
from electrode.learn.grand import GrandSurface, PlainSurface
from electrode.learn.labels import Label, LabelStore, describe
from electrode.learn.prior import Remembered, name_of, prior_of
from electrode.learn.source import Source, in_volts
from electrode.learn.surrogate import LEVEL, Space, Surrogate, area_of, stiffness_of
from electrode.references import reference as potential_reference
from electrode.relax import LARGEST_STEP
from electrode.state import GAP_KEY

NEAR = 0.05  # a label this far from the potential gives the forces at it [V]
PRECISION = 0.3  # of the force asked for, to which a structure is relaxed on the surrogate
AVOID, SHARE = 0.005, 0.9  # nearer than this to a structure that failed no call is made [A], but after this share of the way there
NUDGE = 0.03  # step along the forces where the surrogate has nothing new to say [A]
REASON = "relaxed"


@dataclass(frozen=True)
class RelaxSettings:
    """When a relaxation has arrived, and how far one round may go.

    Parameters
    ----------
    fmax : largest force of the calculator [eV/A]
    trust : the structure moves until its standard deviation exceeds this [eV]
    reach : or until an atom has moved by this [A]
    max_steps : of the optimiser on the surrogate, in one round
    max_calls : of the calculator, failed ones included
    max_failures : failed calls in a row after which the relaxation gives up

    Raises
    ------
    ValueError
        for a value that is not a positive number.
    """

    fmax: float = 0.05
    trust: float = 0.1
    reach: float = 0.5
    max_steps: int = 300
    max_calls: int = 30
    max_failures: int = 3

    def __post_init__(self):
        for name, value in asdict(self).items():
            if not 0 < value < np.inf:
                raise ValueError(f"{name}: expected a positive number, got {value}")


@dataclass(frozen=True)
class Relaxation:
    """What a relaxation found: the label it ended at, with the calculator's own numbers.

    `fmax_eV_per_A` is the largest force there, at a potential carried from the label's own, which is at most 0.05 V away where the
    relaxation converged. `calls` counts failed ones too.
    """

    converged: bool
    status: str
    label: Label
    fmax_eV_per_A: float
    calls: int
    failures: tuple[str, ...]


def accelerated_relaxation(
    atoms: Atoms,
    calculator,
    *,
    potential: float | None = None,
    charge: float | None = None,
    reference: str = "SHE",
    she_absolute: float | None = None,
    ph: float | None = None,
    pzc: float | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    prior="bonds",
    progress: Callable[[str], None] | None = None,
    **settings,
) -> Relaxation:
    """Return the structure relaxed at a potential, at a charge, or with a calculator that knows of neither.

    Parameters
    ----------
    atoms : the start; its constraints count
    calculator : factory of ASE calculators, see `electrode.learn.source`
    potential : [V] on the scale `reference`, with what that needs (`she_absolute`, `ph`, `pzc`);  charge : [e], net charge of the cell
    folder, resume : keep every call on disk, and go on with those that are there, see `electrode.learn.labels`
    prior : what is known before the first call, see `electrode.learn.prior`
    progress : called with a line of text after each call
    settings : fields of `RelaxSettings`

    Raises
    ------
    ValueError
        for a control that the factory cannot hold, settings that make no sense, a folder of another relaxation, or a calculator that fails
        at the start or too often in a row.
    FileExistsError
        if the folder holds a relaxation and `resume` is not set.
    """
    source = calculator if isinstance(calculator, Source) else Source.of(calculator)
    source.require(potential, charge)
    chosen, start = RelaxSettings(**settings), atoms.copy()
    start.info = {key: start.info[key] for key in (GAP_KEY,) if key in start.info}
    scale = None if potential is None else potential_reference(reference, absolute=she_absolute, ph=ph, pzc=pzc)
    wanted = None if scale is None else scale.to_absolute(float(potential))
    area = None if wanted is None else area_of(start)
    space = Space(features_of([start], free_atoms(start)), Remembered(prior_of(prior, start, None if area is None else stiffness_of(area))), area)
    kept = _description(start, chosen) | {"prior": name_of(prior), "potential": wanted, "charge": charge, "holds": source.holds}
    search = RelaxSearch(start, source, wanted, charge, space, chosen, LabelStore(folder, kept, resume), progress or (lambda text: None), scale)
    return search.run()


@dataclass
class RelaxSearch:
    """A relaxation under way; what it does next depends on the labels of its store alone.

    Parameters
    ----------
    start : the structure given, with constraints
    source : asked for labels
    potential : [V absolute], or None;  charge : [e], or None
    space, settings, store, progress : see `accelerated_relaxation`;  scale : on which messages name potentials
    """

    start: Atoms
    source: Source
    potential: float | None
    charge: float | None
    space: Space
    settings: RelaxSettings
    store: LabelStore
    progress: Callable[[str], None]
    scale: object | None = None

    def run(self) -> Relaxation:
        """Ask, learn and ask again until the forces are small or the calls are spent."""
        if not self.store.labels:
            self._ask(self.start.positions, self._first_charge())
        if not any(x.good for x in self.store.labels):
            raise ValueError(f"the calculator failed at the start ({self.store.labels[-1].failure}); mend it, or give another structure and folder")
        while True:
            self.store.refuse_failures(self.settings.max_failures)
            good = [x for x in self.store.labels if x.good]
            surface, left = self._surface(good), self.settings.max_calls - sum(x.attempts for x in self.store.labels)
            now = [surface.carried(x, self.start) for x in good]
            if self._arrived(good[-1], now[-1]) or left < 1:
                return self._result(good[-1], now[-1])
            place = self._next(surface, good, now)
            if place is None:
                return self._result(good[-1], now[-1], "nothing is left to ask")
            self._ask(place, surface.charges(place[None])[0], left)

    def _first_charge(self) -> float | None:
        """Return the charge at which the start has the potential, as far as is known before any call."""
        return self.charge if self.potential is None else (self.potential - LEVEL) / self.space.stiffness

    def _surface(self, good: list[Label]) -> GrandSurface | PlainSurface:
        surrogate = Surrogate(self.space, good)
        return PlainSurface(surrogate, self.charge) if self.potential is None else GrandSurface(surrogate, self.potential)

    def _arrived(self, label: Label, carried: Label) -> bool:
        return carried.fmax < self.settings.fmax and self._at_potential(label)

    def _at_potential(self, label: Label) -> bool:
        return self.potential is None or abs(label.potential - self.potential) < NEAR

    def _next(self, surface, good: list[Label], now: list[Label]) -> np.ndarray | None:
        """Return where to ask next: downhill from the lowest label, away from failures; None where only failures are left."""
        best = min(now, key=lambda x: x.energy)
        place = self._downhill(surface, best.positions)
        if any(_apart(place, x) < KNOWN for x in good if self._at_potential(x)):
            push = _left_by_constraints(self.start, best.forces)
            place = best.positions + NUDGE * push / np.linalg.norm(push, axis=1).max()
        failed = [x for x in self.store.labels if not x.good]
        while any(_apart(place, x) < AVOID for x in failed):
            place = best.positions + SHARE * (place - best.positions)
            if _apart(place, best) < KNOWN:
                return None
        return place

    def _downhill(self, surface, positions: np.ndarray) -> np.ndarray:
        """Return where the surrogate's relaxation ends, or where its trust does."""
        atoms = self.start.copy()
        atoms.positions = positions
        on = Surface([atoms], surface)
        limit = max(self.settings.trust, 1.0001 * float(surface.std(on.positions)[0]))
        for _ in BFGS(atoms, logfile=None, maxstep=LARGEST_STEP).irun(fmax=PRECISION * self.settings.fmax, steps=self.settings.max_steps):
            if surface.std(on.positions)[0] > limit or np.linalg.norm(atoms.positions - positions, axis=1).max() > self.settings.reach:
                break
        return atoms.positions.copy()

    def _ask(self, place: np.ndarray, charge: float | None, left: int | None = None) -> None:
        atoms = self.start.copy()
        atoms.positions = place
        attempts = self.settings.max_calls if left is None else left
        if self.source.holds is None:
            label = call(atoms, self.source.factory, REASON, most=attempts)
        else:
            label = self.source.label(atoms, REASON, None, self.potential, None if charge is None else float(charge), most=attempts)
        self.store.add(label)
        at = "" if label.charge is None else f", {label.charge:+.4f} e, {in_volts(label.potential, self.scale)}"
        self.progress(f"call {len(self.store.labels)}: failed, {label.failure}" if not label.good else f"call {len(self.store.labels)}: {label.energy:.4f} eV{at}, largest force {label.fmax:.3f} eV/A")

    def _result(self, label: Label, carried: Label, status: str | None = None) -> Relaxation:
        calls = sum(x.attempts for x in self.store.labels)
        arrived = self._arrived(label, carried)
        said = "converged" if arrived else status or f"not converged in {calls} calls"
        return Relaxation(arrived, said, label, carried.fmax, calls, tuple(x.failure for x in self.store.labels if not x.good))


def _apart(place: np.ndarray, label: Label) -> float:
    return float(np.linalg.norm(place - label.positions, axis=1).max())


def _left_by_constraints(atoms: Atoms, forces: np.ndarray) -> np.ndarray:
    left = forces.copy()
    for constraint in atoms.constraints:
        constraint.adjust_forces(atoms, left)
    return left


def _description(atoms: Atoms, settings: RelaxSettings) -> dict:
    """Return what the labels of a relaxation belong to."""
    fixed = {name: getattr(settings, name) for name in ("trust", "reach", "max_steps")}
    return describe("start", [atoms]) | {"relaxation": fixed}

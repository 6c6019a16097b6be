"""An exploration under way, see `electrode.learn.exploration`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from ase import Atoms

from electrode.data.files import write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.learn.calls import ATTEMPTS, free_atoms
from electrode.learn.explore_settings import Explored, ExploreSettings
from electrode.learn.explored import Run, Seen, explore_once
from electrode.learn.frames import descriptor, farthest
from electrode.learn.labels import Label
from electrode.learn.rounds import Chosen, Rounds
from electrode.learn.source import Source, in_volts
from electrode.learn.surrogate import LEVEL, area_of, stiffness_of
from electrode.models.base import Model
from electrode.models.store import save_model

CLOSEST = 0.5  # atoms nearer than this are not asked for [A]


@dataclass
class Exploration:
    """A search under way.

    Parameters
    ----------
    start, source, settings, rounds, progress : see `explore`
    states : potential [V absolute] and temperature [K] of each dynamics
    make : (training frames, validation frames) -> Training
    frame : label, trajectory -> ElectrifiedFrame
    side_by_side : function, entries -> outcomes, see `sweeps.map_runs`
    """

    start: Atoms
    source: Source
    states: list[dict]
    settings: ExploreSettings
    rounds: Rounds
    make: Callable
    frame: Callable
    side_by_side: Callable
    progress: Callable[[str], None]

    def run(self) -> Explored:
        """Label, train and explore until the members agree or the calls are spent."""
        met = []
        while True:
            self._label()
            number = len(self.rounds.chosen)
            if number < 2:
                self.rounds.choose(self._first() if number == 0 else self._start())
                continue
            model, frames = self._train()
            enough = not len(self.rounds.chosen[-1])
            if enough or number >= self.settings.max_rounds or self.rounds.calls >= self.settings.max_calls:
                return self._result(model, frames, enough, met)
            met.append(self._choose(model, number))

    def _first(self) -> Chosen:
        """Return the start at the charge that the first potential is expected at."""
        target = self.states[0]["potential"]
        return Chosen(self.start.positions[None], np.array([(target - LEVEL) / self._stiffness]), np.array([target]))

    def _start(self) -> Chosen:
        """Return the start at the other potentials, and displaced at all of them, charges from the first label's potential."""
        first = self.rounds.labels[0]
        if not first.good:
            raise ValueError(f"the calculator failed at the start ({first.failure}); mend it, and give another folder")
        potentials = list(dict.fromkeys(s["potential"] for s in self.states))
        rng, free = np.random.default_rng(self.settings.seed), _free(self.start)
        positions, targets = [], []
        for k in range(1, self.settings.start):
            displaced = rng.normal(scale=self.settings.rattle, size=self.start.positions.shape) * free[:, None] * (k > len(potentials))
            positions.append(self.start.positions + displaced)
            targets.append(potentials[(k - 1) % len(potentials)])
        return Chosen(np.array(positions), first.charge + (np.array(targets) - first.potential) / self._stiffness, np.array(targets))

    @property
    def _stiffness(self) -> float:
        return stiffness_of(area_of(self.start))

    def _label(self) -> None:
        """Ask for all that was chosen and has no label, side by side; each is kept as soon as it is known."""
        left = self.settings.max_calls - self.rounds.calls
        missing = self.rounds.missing()[: max(left, 0)]
        if not missing:
            return
        most = ATTEMPTS if ATTEMPTS * len(missing) <= left else 1
        for outcome in self.side_by_side(partial(_labelled, self.source, self.start, most), missing):
            place, positions, _, target = missing[outcome.place]
            label = outcome.value or Label(positions, None, None, None, "explored", target=target, held=self.source.holds, failure=outcome.failure)
            self.rounds.put(place, label)
            self.progress(f"call {place + 1}: failed, {label.failure}" if not label.good else f"call {place + 1}: {label.charge:+.4f} e, {in_volts(label.potential)}, largest force {label.fmax:.3f} eV/A")
        last = [x for k, x in self.rounds.known.items() if self.rounds.round_of[k] == len(self.rounds.chosen) - 1]
        if not any(x.good for x in last):
            raise ValueError(f"the calculator failed at all {len(last)} structures of a round, last with: {last[-1].failure}. Mend its settings and go on (resume)")

    def _train(self) -> tuple[Model, list[ElectrifiedFrame]]:
        """Return the committee of all labels, one in `hold_out` left for validation, and the frames."""
        known, number = self.rounds.known, self.rounds.round_of
        frames = [self.frame(known[k], trajectory=f"round-{number[k]}") for k in sorted(known) if known[k].good]
        held = [f for k, f in enumerate(frames) if k % self.settings.hold_out == self.settings.hold_out - 1] or frames[-1:]
        model = self.make([f for f in frames if not any(f is h for h in held)], held).model
        self.progress(f"trained on {len(frames) - len(held)} frames, {len(held)} for validation")
        return model, frames

    def _choose(self, model: Model, number: int) -> float:
        """Explore, begin the next round with what the members disagree about, and return the largest disagreement met."""
        s = self.settings
        seeds = np.random.SeedSequence([s.seed, number]).generate_state(len(self.states))
        runs = [Run(**state, steps=s.steps, interval=s.interval, timestep=s.timestep, stop=s.stop * s.threshold, seed=int(seed)) for state, seed in zip(self.states, seeds)]
        seen = [explore_once(model, self.start, run) for run in runs]
        worst = max((float(x.disagreement.max(initial=0.0)) for x in seen), default=0.0)
        candidates = [(p, q, run.potential) for run, x in zip(runs, seen) for p, q, d in zip(x.positions, x.charges, x.disagreement) if d > s.threshold]
        candidates = [c for c in candidates if self._sensible(c[0])]
        broken = sum(not x.whole for x in seen)
        self.progress(f"round {number}: disagreement up to {worst:.3f} eV/A, {len(candidates)} frames above {s.threshold} eV/A, {broken} of {len(runs)} dynamics ended early")
        if not candidates and broken:
            candidates = self._last_resort(seen, runs, number)
        self._begin(candidates)
        return worst

    def _last_resort(self, seen: Sequence[Seen], runs: Sequence[Run], number: int) -> list[tuple]:
        """Return displaced starts for dynamics that broke down before any look at them."""
        rng, free, charge = np.random.default_rng([self.settings.seed, number]), _free(self.start), self.rounds.labels[0].charge
        shift = lambda: rng.normal(scale=2.0 * self.settings.rattle, size=self.start.positions.shape) * free[:, None]
        return [(self.start.positions + shift(), charge, run.potential) for run, x in zip(runs, seen) if not x.whole]

    def _begin(self, candidates: list[tuple]) -> None:
        known = [descriptor(self._at(x.positions), x.charge) for x in self.rounds.labels if x.good]
        left = self.settings.max_calls - self.rounds.calls
        pick = farthest([descriptor(self._at(p), q) for p, q, _ in candidates], known, min(self.settings.batch, left))
        columns = [np.array([candidates[k][c] for k in pick]) for c in range(3)]
        self.rounds.choose(Chosen(columns[0].reshape(-1, *self.start.positions.shape), *columns[1:]))

    def _at(self, positions: np.ndarray) -> Atoms:
        atoms = self.start.copy()
        atoms.positions = positions
        return atoms

    def _sensible(self, positions: np.ndarray) -> bool:
        distances = self._at(positions).get_all_distances(mic=True)
        return bool(np.isfinite(positions).all() and distances[np.triu_indices(len(distances), 1)].min(initial=np.inf) > CLOSEST)

    def _result(self, model: Model, frames: list[ElectrifiedFrame], enough: bool, met: list[float]) -> Explored:
        if self.rounds.folder is not None:
            write_frames(self.rounds.folder / "frames.xyz", frames, force=True)
            save_model(model, self.rounds.folder / "model", force=True)
        calls = self.rounds.calls
        status = "converged" if enough else f"not converged in {calls} calls and {len(self.rounds.chosen)} rounds"
        return Explored(enough, status, model, tuple(frames), tuple(met), calls, tuple(x.failure for x in self.rounds.labels if not x.good))


def _labelled(source: Source, start: Atoms, most: int, entry: tuple) -> Label:
    """Return the label of one structure; made where the run is."""
    _, positions, charge, target = entry
    atoms = start.copy()
    atoms.positions = positions
    return source.label(atoms, "explored", None, target, charge, most)


def _free(atoms: Atoms) -> np.ndarray:
    return np.isin(np.arange(len(atoms)), free_atoms(atoms)).astype(float)

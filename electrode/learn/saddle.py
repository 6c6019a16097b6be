"""The saddle between two states, with as few calls of an expensive calculator as possible.

    fit a surrogate to all calls -> relax a climbing-image band on it -> ask the calculator at one image -> again

The search ends when the calculator's own forces at the highest image are below `fmax`, its energy is above both end states', and the
surrogate is certain of the rest of the band.  Source of the loop: Garrido Torres, Jennings, Hansen, Boes and Bligaard,
Phys. Rev. Lett. 122, 156001 (2019)
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic

from electrode.band import interpolate
from electrode.end_states import different_atoms, same_place
from electrode.learn.acquisition import Choice, choose
from electrode.learn.band import Relaxed, relax_band
from electrode.learn.calls import call, free_atoms, largest_force
from electrode.learn.features import features_of
from electrode.learn.labels import Label, LabelStore, describe
from electrode.learn.prior import name_of, prior_of
from electrode.learn.settings import LearnSettings
from electrode.learn.surrogate import Space, Surrogate
from electrode.state import GAP_KEY


@dataclass(frozen=True)
class Saddle:
    """What a search found; energies are the calculator's, `profile_eV` and `std_eV` the surrogate's along the band.

    `calls` counts good and failed calls between the end states, attempts included; `end_state_calls` those at the end states.
    `barrier_eV` to `fmax_eV_per_A` belong to the highest structure asked for as a saddle, None if there was none.
    """

    converged: bool
    status: str
    barrier_eV: float | None
    reverse_barrier_eV: float | None
    reaction_energy_eV: float
    fmax_eV_per_A: float | None
    calls: int
    end_state_calls: int
    failures: tuple[str, ...]
    profile_eV: tuple[float, ...]
    std_eV: tuple[float, ...]
    saddle: Atoms | None
    images: tuple[Atoms, ...]

    def to_json(self) -> dict:
        """Return numbers and words as a plain dictionary, without structures."""
        kept = {k: getattr(self, k) for k in self.__dataclass_fields__ if k not in ("saddle", "images")}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}


def find_saddle(
    initial: Atoms,
    final: Atoms,
    calculator,
    *,
    folder: str | Path | None = None,
    resume: bool = False,
    prior="metals",
    known_ends: bool = False,
    progress: Callable[[str], None] | None = None,
    **settings,
) -> Saddle:
    """Return the saddle between two relaxed states.

    Parameters
    ----------
    initial, final : relaxed end states, the same atoms in the same order and cell; constraints of the first count
    calculator : ASE calculator with energy and forces
    folder : keeps every call, see `electrode.learn.labels`; None keeps nothing on disk
    resume : go on with the calls that the folder holds
    prior : "metals" (published potentials of the metals among themselves), None, or a cheap ASE calculator
    known_ends : take energy and forces that the end states carry, which must be this calculator's, instead of calling it
    progress : called with a line of text after each call
    settings : fields of `LearnSettings`

    Raises
    ------
    ValueError
        on end states that do not match or are one state, settings that make no sense, a folder of another search, or a calculator that
        fails at an end state or too often in a row.
    FileExistsError
        if the folder holds a search and `resume` is not set.

    Warns
    -----
    UserWarning
        if an end state is not relaxed to twice `fmax`.
    """
    chosen = LearnSettings(**settings)
    ends = matched_ends(initial, final)
    known = [_carried(atoms, end.positions) for atoms, end in zip((initial, final), ends)] if known_ends else [None, None]
    description = describe("ends", ends) | {"settings": fixed_settings(chosen), "prior": name_of(prior)}
    start = interpolate(ends, None, chosen.images)
    space = Space(features_of(start, free_atoms(ends[0])), prior_of(prior, ends[0]))
    search = Search(start, calculator, space, chosen, LabelStore(folder, description, resume), progress or (lambda text: None))
    search.end_states(known)
    return search.run()


@dataclass
class Search:
    """A search under way; what it does next depends on the labels of its store alone.

    Parameters
    ----------
    start : images of the interpolated path
    calculator, space, settings, store, progress : see `find_saddle`
    """

    start: list[Atoms]
    calculator: object
    space: Space
    settings: LearnSettings
    store: LabelStore
    progress: Callable[[str], None]

    def end_states(self, known) -> None:
        """Label the end states, once."""
        for k, name in list(enumerate(("initial", "final")))[len(self.store.labels) :]:
            label = known[k] or call(self.start[-k], self.calculator, "end state", most=self.settings.calls_for_ends(self.store.labels, 2 - k))
            if not label.good:
                raise ValueError(f"{name} state: the calculator failed ({label.failure}); a search needs both end states")
            self.store.add(label)
            self.progress(f"{name} state: {label.energy:.4f} eV, largest force {label.fmax:.3f} eV/A")
        for name, label in zip(("initial", "final"), self.store.labels):
            if label.fmax > 2.0 * self.settings.fmax:
                warnings.warn(f"{name} state: largest force {label.fmax:.3f} eV/A; expected a relaxed state. Relax it with the same calculator", UserWarning, stacklevel=3)

    def run(self) -> Saddle:
        """Ask, learn and ask again until the saddle is found or the calls are spent."""
        while True:
            band, choice = self.next()
            left = self.settings.calls_left(self.store.labels)
            if choice.image is None or left < 1:
                return self._result(band, choice)
            image = self.start[0].copy()
            image.positions = band.positions[choice.image]
            self.store.add(call(image, self.calculator, choice.reason, band.positions, most=left))
            self._report(band, choice)

    def next(self) -> tuple[Relaxed, Choice]:
        """Return the band on the surrogate of all calls made, and where to ask next."""
        good, failed = self._good(), [x for x in self.store.labels if not x.good]
        self.store.refuse_failures(self.settings.max_failures)
        surrogate = Surrogate(self.space, good)
        images = [image.copy() for image in self.start]
        paths = [x.path for x in self.store.labels if x.path is not None]
        for image, positions in zip(images, paths[-1] if paths else [x.positions for x in self.start]):
            image.positions = positions
        band = relax_band(images, lambda r: surrogate(r)[:2], surrogate.std, self.settings.trust, self.settings.fmax, explored=len(good) > 2)
        return band, choose(band, good, np.array([x.energy for x in good]), failed, self.settings)

    def _good(self) -> list[Label]:
        return [x for x in self.store.labels if x.good]

    def _report(self, band: Relaxed, choice: Choice) -> None:
        label, first = self.store.labels[-1], self.store.labels[0]
        where = f"call {len(self.store.labels) - 2}, image {choice.image} ({choice.reason})"
        if not label.good:
            return self.progress(f"{where}: failed, {label.failure}")
        guess = band.energies[choice.image] - label.energy
        return self.progress(
            f"{where}: {label.energy - first.energy:.4f} eV above the initial state, largest force {label.fmax:.3f} eV/A, surrogate {guess:+.4f} eV"
            f" off, its largest standard deviation {band.std.max():.3f} eV"
        )

    def _result(self, band: Relaxed, choice: Choice) -> Saddle:
        labels, good = self.store.labels, self._good()
        asked = [x for x in good if x.reason == "saddle"]
        best = good[choice.saddle] if choice.saddle is not None else (asked[-1] if asked else None)
        first, last = (x.energy for x in labels[:2])
        converged = choice.image is None
        return Saddle(
            converged=converged,
            status="converged" if converged else f"not converged in {self.settings.max_calls} calls",
            barrier_eV=None if best is None else best.energy - first,
            reverse_barrier_eV=None if best is None else best.energy - last,
            reaction_energy_eV=last - first,
            fmax_eV_per_A=None if best is None else best.fmax,
            calls=sum(x.attempts for x in labels[2:]),
            end_state_calls=sum(x.attempts for x in labels[:2]),
            failures=tuple(x.failure for x in labels if not x.good),
            profile_eV=tuple((band.energies - first).tolist()),
            std_eV=tuple(band.std.tolist()),
            saddle=None if best is None else with_results(self.start[0], best.positions, best.energy, best.forces),
            images=tuple(with_results(self.start[0], r, e) for r, e in zip(band.positions, band.energies)),
        )


def matched_ends(initial: Atoms, final: Atoms) -> tuple[Atoms, Atoms]:
    """Return copies of the end states with the constraints of the first, the last moved to the periodic images nearest to the first; raises ValueError."""
    different_atoms(initial, final)
    if same_place(initial, final, tolerance=0.05):
        raise ValueError("end states: expected two states, got one; no atom differs by more than 0.05 A")
    ends = initial.copy(), final.copy()
    for atoms in ends:
        atoms.info = {key: atoms.info[key] for key in (GAP_KEY,) if key in atoms.info}  # a control or label of another state stays behind
    ends[1].set_constraint()
    ends[1].positions = initial.positions + find_mic(final.positions - initial.positions, initial.cell, initial.pbc)[0]
    ends[1].set_constraint(ends[0].constraints)
    return ends


def _carried(atoms: Atoms, positions: np.ndarray) -> Label:
    """Return the label that an end state carries; attempts are 0, since nothing was called."""
    results = getattr(atoms.calc, "results", {})
    if "energy" not in results or "forces" not in results:
        raise ValueError("known_ends: expected end states that carry energy and forces, got some without; leave known_ends out to have them calculated")
    forces = np.array(results["forces"], dtype=float)
    return Label(positions.copy(), float(results.get("free_energy", results["energy"])), forces, largest_force(atoms, forces), "end state", attempts=0)


def fixed_settings(settings: LearnSettings) -> dict:
    """Return the settings that all labels of a search share."""
    return {name: value for name, value in asdict(settings).items() if name not in ("max_calls", "max_failures", "fmax", "certainty")}


def with_results(atoms: Atoms, positions: np.ndarray, energy: float, forces: np.ndarray | None = None) -> Atoms:
    """Return a copy at other positions that carries energy, and forces where there are some, as results."""
    copy = atoms.copy()
    copy.positions = positions
    results = {"energy": float(energy)} | ({} if forces is None else {"forces": forces})
    copy.calc = SinglePointCalculator(copy, **results)
    return copy

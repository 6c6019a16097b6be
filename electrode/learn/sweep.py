"""Barriers against potential with few calls: one surrogate of E(R, Q) serves every potential, and all labels are carried on.

    for each potential, from its neighbour's band:
        fit E(R, Q) to all labels -> relax end states and band on Omega(R, Phi) -> ask at one structure, at the surrogate's charge -> again

An end state is asked for until the surrogate is certain of its energy and the calculator itself found small forces beside it, at whatever
potential: each label tells of all of them.  Then `acquisition` says which image helps most.  The highest image is followed to the
surrogate's saddle, see `climb`.  A potential is done when the calculator's own forces there are below `fmax`, carried over from a potential at
most `NEAR` away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from ase import Atoms

from electrode.learn.acquisition import KNOWN, Choice, NothingLeft, choose, closest, reach_from, trusted
from electrode.learn.band import Relaxed, relax_band, relax_state
from electrode.learn.climb import followed
from electrode.learn.grand import GrandSurface
from electrode.learn.labels import Label, LabelStore
from electrode.learn.settings import LearnSettings
from electrode.learn.source import Source, in_volts
from electrode.learn.surrogate import LEVEL, Space, Surrogate

NEAR = 0.1  # potentials closer than this share their labels as if they were one's own [V]
END_CERTAINTY = 0.01  # standard deviation of an end state's energy above which it is asked for [eV]
FAR = 0.3  # by which a call may miss the potential that it was made for before its charge is looked for again [V]
BESIDE = 0.1  # within which a label confirms an end state [A]
ENDS = ("initial state", "final state")


@dataclass(frozen=True)
class Found:
    """Where a search stands at one potential.

    Parameters
    ----------
    surface : Omega of all labels so far
    band : on it, its end states relaxed
    labels : the surrogate's end states, and the calls near this potential carried to it
    choice : the image to be asked for, and the saddle if it is confirmed, as an index of `labels`
    end : 0 or 1 where the initial or final state is to be asked for first
    """

    surface: GrandSurface
    band: Relaxed
    labels: tuple[Label, ...]
    choice: Choice
    end: int | None = None

    @property
    def done(self) -> bool:
        """Whether the saddle is confirmed and nothing is left to ask."""
        return self.stopped and self.choice.saddle is not None

    @property
    def stopped(self) -> bool:
        """Whether nothing is left to ask, be it because the calculator failed wherever it would help."""
        return self.end is None and self.choice.image is None


@dataclass
class GrandSearch:
    """Bands at several potentials under way; what comes next depends on the labels of the store alone.

    Parameters
    ----------
    start : images of the interpolated path, with constraints
    source : asked for labels
    space : of surrogates over positions and charge
    settings : `max_calls` counts for each potential
    store, progress : see `saddle.find_saddle`
    known : labels of the end states that need no call
    scale : on which messages name potentials, see `electrode.references`
    """

    start: list[Atoms]
    source: Source
    space: Space
    settings: LearnSettings
    store: LabelStore
    progress: Callable[[str], None]
    known: tuple[Label, ...] = ()
    scale: object | None = None

    def order(self, potentials) -> list[float]:
        """Return the potentials as they are solved: those with labels as they came, then the others, ascending."""
        begun = list(dict.fromkeys(x.target for x in self.store.labels))
        return [p for p in begun if p in set(potentials)] + sorted(set(potentials) - set(begun))

    def run(self, potential: float, before: list[float]) -> Found:
        """Ask, learn and ask again until the saddle at a potential is found or its calls are spent.

        Parameters
        ----------
        potential : [V absolute]
        before : potentials solved already, whose labels count
        """
        seen = {*before, potential}
        self._first_calls(potential)
        while True:
            labels = [x for x in self.store.labels if x.target in seen]
            found = self._next(potential, labels)
            if found.stopped or self.settings.calls_left(self._made(potential)) < 1:
                return found
            self._ask(found, potential)

    def _first_calls(self, potential: float) -> None:
        """Label the end states as they were given, where nothing is known of them."""
        path = np.array([atoms.positions for atoms in self.start])
        for k, name in enumerate(ENDS):
            good = [x for x in self.store.labels if x.good]
            if any(x.reason == name for x in good):
                continue
            if self.known:
                self.store.add(replace(self.known[k], path=path, target=potential))
                continue
            self.settings.calls_for_ends(self._made(potential), len(ENDS) - k)
            charge = (potential - LEVEL) / self.space.stiffness
            if good:
                charge = float(GrandSurface(Surrogate(self.space, good), potential).charges(path[-k][None])[0])
            self._call(self.start[-k], name, path, potential, charge)
            if not self.store.labels[-1].good:
                raise ValueError(f"{name}: the calculator failed ({self.store.labels[-1].failure}); a search needs both end states")

    def _call(self, atoms: Atoms, reason: str, path: np.ndarray, potential: float, charge: float) -> None:
        left = self.settings.calls_left(self._made(potential))
        self.store.add(self.source.label(atoms, reason, path, potential, charge, left))
        label = self.store.labels[-1]
        where = f"{in_volts(potential, self.scale)}, call {len(self._made(potential))} ({reason})"
        self.progress(f"{where}: failed, {label.failure}" if not label.good else f"{where}: {label.charge:+.4f} e, {in_volts(label.potential, self.scale)}, largest force {label.fmax:.3f} eV/A")

    def _made(self, potential: float) -> list[Label]:
        return [x for x in self.store.labels if x.target == potential]

    def _ask(self, found: Found, potential: float) -> None:
        image, reason = (found.choice.image, found.choice.reason) if found.end is None else (-found.end, ENDS[found.end])
        atoms = self.start[0].copy()
        atoms.positions = found.band.positions[image]
        self._call(atoms, reason, found.band.positions, potential, float(found.surface.charges(atoms.positions[None])[0]))

    def _next(self, potential: float, labels: list[Label]) -> Found:
        """Return the band on the surrogate of some labels, and what to ask next: an end state that is not settled, else an image."""
        self.store.refuse_failures(self.settings.max_failures)
        good, failed = [x for x in labels if x.good], [x for x in labels if not x.good]
        surface = GrandSurface(Surrogate(self.space, good), potential)
        images = [image.copy() for image in self.start]
        own = [x for x in good if x.target == potential]
        for image, positions in zip(images, (closest(own) or labels[-1]).path):
            image.positions = positions
        settled = [self._settle(images[-k], surface, good) for k in (0, 1)]
        near = [surface.carried(x, self.start[0]) for x in good if abs(x.potential - potential) < NEAR and x.reason not in ENDS]
        band = self._band(images, surface, own, explored=any(x.reason not in ENDS for x in good))
        for k in (0, 1):
            if not settled[k]:
                return Found(surface, band, tuple(near), Choice(None, "", None), end=k)
        known = [_state(surface, band, 0), _state(surface, band, 1), *near]
        try:
            choice = choose(band, known, np.array([x.energy for x in known]), failed, self.settings, everywhere=False)
        except NothingLeft as error:
            choice = Choice(None, str(error), None)
        return Found(surface, band, tuple(known), choice)

    def _band(self, images: list[Atoms], surface: GrandSurface, own: list[Label], explored: bool) -> Relaxed:
        """Return the band relaxed on the surrogate, its highest image followed to its saddle once something between the end states is known."""
        band = relax_band(images, surface, surface.std, trusted(own, self.settings), self.settings.fmax, explored=explored, reach=reach_from(closest(own)))
        if not (explored and band.rises):
            return band
        last = next((x for x in reversed(own) if x.reason == "saddle"), None)
        return followed(band, last, self.space.features.free, surface, surface.std, self.settings.fmax)

    def _settle(self, atoms: Atoms, surface: GrandSurface, good: list[Label]) -> bool:
        """Relax an end state on the surrogate as far as its labels allow; say whether the calculator need not be asked there.

        It stays where a label is until one gives its forces, and if these are small. It is settled where its energy is certain and a
        label beside it has small forces.
        """
        fmax, apart = self.settings.fmax, lambda x: np.linalg.norm(x.positions - atoms.positions, axis=1).max()
        known = [x for x in good if x.target != surface.potential or abs(x.potential - surface.potential) < FAR]
        here = [x for x in known if apart(x) < KNOWN]
        if not here:
            return False
        relaxed = True
        if min(surface.carried(x, atoms).fmax for x in here) > fmax:
            relaxed = relax_state(atoms, surface, surface.std, fmax)
        small = [x for x in known if apart(x) < BESIDE and surface.carried(x, atoms).fmax < 2.0 * fmax]
        return bool(small and relaxed and surface.std(atoms.positions[None])[0] < END_CERTAINTY)


def _state(surface: GrandSurface, band: Relaxed, k: int) -> Label:
    """Return an end state of a band as the surrogate has it, in the shape of a label."""
    place = band.positions[-k]
    return Label(place, float(band.energies[-k]), surface(place[None])[1][0], 0.0, ENDS[k], charge=float(surface.charges(place[None])[0]), potential=surface.potential)

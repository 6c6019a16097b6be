"""Bands from end states: relaxed, joined, and relaxed again, at one potential or charge or at all of a sweep in one batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.band import Band, NEBSettings, interpolate, relax_together
from electrode.end_states import same_basin, same_place
from electrode.models.base import Model
from electrode.state import Control


@dataclass(frozen=True)
class Solved:
    """A band at one control and what came of it.

    Parameters
    ----------
    band : with the images where they ended
    residual : largest force left [eV/A], None where the band was not relaxed
    trouble : why there is no converged saddle, None if there is one
    calls : batched calls that the band and its end states took part in
    """

    band: Band
    residual: float | None
    trouble: str | None
    calls: int

    @property
    def top(self) -> int:
        """Index of the highest image."""
        return int(np.argmax(self.band.energies()))


def solve(ends: tuple[Atoms, Atoms], path: Sequence[Atoms] | None, model: Model, controls: Sequence[Control], settings: NEBSettings) -> list[Solved]:
    """Return the band at each control; all are relaxed side by side, one batched call for each step of their optimisers.

    Parameters
    ----------
    ends : end states that the others are compared with
    path : images of a neighbouring band to start from, None for an interpolation between the end states
    model : a Model
    controls : of one kind, each with one value
    settings : of the bands
    """
    states = _end_states(ends, path, model, controls, settings)
    bands = [Band(interpolate(pair, path, settings.images), model, control) for control, (pair, _, _) in zip(controls, states)]
    sound = [k for k, (_, trouble, _) in enumerate(states) if trouble is None]
    left = relax_together([bands[k] for k in sound], [bands[k].relaxation(settings) for k in sound])
    residual = dict(zip(sound, left))
    found = []
    for k, (band, (_, trouble, calls)) in enumerate(zip(bands, states)):
        band.update()
        found.append(Solved(band, residual.get(k), trouble or _trouble(band, residual[k], settings), calls + band.calls))
    return found


def _end_states(ends, path, model, controls, settings) -> list[tuple]:
    """Return for each control the two states, what is wrong with them, and the calls it took."""
    if not settings.relax_endpoints:
        return [(ends, None, 0)] * len(controls)
    chains = []
    for control in controls:
        for given, start in zip(ends, (path[0], path[-1]) if path else ends):
            atoms = given.copy()
            atoms.positions[:] = start.positions
            chains.append(Band([atoms], model, control))
    fmax = 0.5 * settings.fmax
    left = relax_together(chains, [c.descent(fmax, settings.max_steps) for c in chains])
    found = []
    for k in range(0, len(chains), 2):
        pair = tuple(c.images[0] for c in chains[k : k + 2])
        found.append((pair, _wrong_ends(ends, pair, [x < fmax for x in left[k : k + 2]]), max(c.calls for c in chains[k : k + 2])))
    return found


def _wrong_ends(given, pair, converged) -> str | None:
    for name, before, after, done in zip(("initial", "final"), given, pair, converged):
        if not same_basin(before, after):
            return f"{name} state left its basin"
        if not done:
            return f"{name} state did not relax"
    return "end states relax to the same state" if same_place(*pair) else None


def _trouble(band: Band, residual: float, settings: NEBSettings) -> str | None:
    if not band.has_saddle():
        return "no saddle: uphill" if np.argmax(band.energies()) else "no saddle: downhill"
    return "not converged" if residual > settings.fmax else None

"""How often each class of moves is made, and how large its moves are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ase import units as ase_units

from electrode.simulate.coordinates import Along, Coordinate
from electrode.simulate.ensembles import Ensemble
from electrode.simulate.moves import BeadMove, CoordinateMove, ElectronMove, HybridMove, Move


@dataclass(frozen=True)
class Schedule:
    """Shares of the moves and their sizes.

        electrons  p_N                               beads       (1 - p_N) k / (1 + k),  k = P / j
        coordinate (1 - p_N - p_PI)(1 - r)           centroids   the rest

    The shares of a class that cannot move (no shared charge, one bead, no held distance) go to the others.

    Parameters
    ----------
    electrons : p_N, share of electron moves
    hybrid : r, share of the rest that moves centroids by trajectories where a distance is held
    beads : j, beads drawn anew in one move; by default half of them
    window : width of an electron move [e];  charges : bounds of the charge [e]; by default the model's trained window
    timestep : [fs];  steps : of a trajectory
    mass : all centroids move with this mass [amu] instead of their own, which samples the same and evens out the frequencies
    length, angle : largest change of a held coordinate's legs [A], [rad]

    Raises
    ------
    ValueError
        for shares outside 0 to 1, or sizes that are not positive.
    """

    electrons: float = 0.3
    hybrid: float = 0.8
    beads: int | None = None
    window: float = 0.1
    charges: tuple[float, float] | None = None
    timestep: float = 1.0
    steps: int = 5
    mass: float | None = None
    length: float = 0.05
    angle: float = 0.2

    def __post_init__(self):
        if not (0 <= self.electrons < 1 and 0 < self.hybrid <= 1):
            raise ValueError(f"Schedule: expected 0 <= electrons < 1 and 0 < hybrid <= 1, got {self.electrons} and {self.hybrid}")
        sizes = {k: getattr(self, k) for k in ("window", "timestep", "steps", "length", "angle")} | {"mass": 1.0 if self.mass is None else self.mass}
        for name, value in sizes.items():
            if not (np.isfinite(value) and value > 0):
                raise ValueError(f"Schedule.{name}: expected a positive number, got {value!r}")
        if self.charges is not None and not self.charges[0] < self.charges[1]:
            raise ValueError(f"Schedule.charges: expected the lower bound first [e], got {self.charges}")

    def moves(self, ensemble: Ensemble, n_beads: int, quantised: np.ndarray, masses: np.ndarray, coordinate: Coordinate | None) -> dict[str, tuple[float, Move]]:
        """Return each class's share and move.

        Parameters
        ----------
        n_beads : P;  quantised : indices of the atoms with beads
        masses : (N,) [amu], inf for atoms that are held
        coordinate : what is held, or None

        Raises
        ------
        ValueError
            where bounds or beads are missing or do not fit.
        """
        drawn = max(1, n_beads // 2) if self.beads is None else self.beads
        if n_beads > 1 and not 1 <= drawn < n_beads:
            raise ValueError(f"Schedule.beads: expected 1 to {n_beads - 1} of {n_beads} beads in one move, got {drawn}")
        electrons = self.electrons if ensemble.shared_charge else 0.0
        ratio = n_beads / drawn if n_beads > 1 else 0.0
        beads = (1 - electrons) * ratio / (1 + ratio)
        legs = coordinate is not None and not isinstance(coordinate, Along)
        held = (1 - electrons - beads) * (1 - self.hybrid) if legs else 0.0
        drive = masses if self.mass is None else np.where(np.isfinite(masses), self.mass, np.inf)
        out: dict[str, tuple[float, Move]] = {"centroids": (1 - electrons - beads - held, HybridMove(self.timestep * ase_units.fs, self.steps, drive, coordinate))}
        if electrons:
            out["electrons"] = electrons, ElectronMove(self.window, *charge_bounds(self.charges, ensemble))
        if beads:
            out["beads"] = beads, BeadMove(quantised, masses[quantised], drawn)
        if held:
            out["coordinate"] = held, CoordinateMove(coordinate, self.length, self.angle)
        return out


def charge_bounds(given: tuple[float, float] | None, ensemble: Ensemble) -> tuple[float, float]:
    """Return the bounds of a sampled charge [e]: those given, else the window that the model was trained in.

    Raises
    ------
    ValueError
        where there is neither.
    """
    trained = ensemble.model.card.surface_charge_range
    if given is None and trained is None:
        raise ValueError("a sampled charge needs bounds: the model's card names no trained window. Give charges=(low, high) [e]")
    return given if given is not None else (trained[0] * ensemble.area, trained[1] * ensemble.area)

"""What a band is asked beyond its relaxation: curvatures at the settled states, and energies over the bare interface."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.band import Band, NEBSettings, relax_together
from electrode.end_states import same_basin
from electrode.models.base import Model
from electrode.models.domain import UncertainBarrier
from electrode.pathway.hydrogen import HydrogenElectrode, HydrogenRow, hydrogen_row
from electrode.pathway.response import REACH, Response, response, settled
from electrode.pathway.rows import Curvature
from electrode.pathway.solve import Solved
from electrode.references import IUPAC_SHE
from electrode.state import Control

SOUND = (0, 1, 0)  # negative modes of initial state, saddle and final state
STIFF = 0.05  # modes softer than this stay behind between bands, which are relaxed to a force and not to a place [eV/A^2]


@dataclass(frozen=True)
class Settled:
    """Initial state, saddle and final state of a band at one value of what is held: stationary, or the images as they are; `calls` is what it took."""

    value: float
    states: tuple[Response, Response, Response]
    calls: int

    @property
    def sound(self) -> bool:
        """Whether they are minimum, saddle and minimum, with no force left."""
        return all(s.stationary for s in self.states) and self.modes == SOUND

    @property
    def modes(self) -> tuple[int, int, int]:
        """Number of negative modes of each."""
        return tuple(s.negative_modes for s in self.states)

    def towards(self, value: float) -> list[Atoms]:
        """Return where the three are at another value, to first order."""
        moved = []
        for state in self.states:
            atoms = state.atoms.copy()
            atoms.positions[state.free] += (value - self.value) * state.displacement
            moved.append(atoms)
        return moved


def settle(solved: Solved, near: Settled | None) -> Settled:
    """Return the stationary points of a band, from a neighbour's where it has them, so that they belong together; else its images.

    Warns
    -----
    UncertainBarrier
        where the images do not settle to minimum, saddle, minimum.
    """
    band, value = solved.band, float(solved.band.control.value[0])
    images = _three(solved)
    starts = [images] if near is None or not near.sound else [near.towards(value), images]
    calls = 0
    for start in starts:
        states = tuple(settled(atoms, band.model, band.control, order) for atoms, order in zip(start, SOUND))
        calls += sum(s.calls for s in states)
        found = Settled(value, states, calls)
        if found.sound and max(_moved(states, images)) <= REACH:
            return found
    states = tuple(response(atoms, band.model, band.control) for atoms in images)
    own = Settled(value, states, calls + sum(s.calls for s in states))
    warnings.warn(
        f"{band.control.held} {value:.3f}: initial state, saddle and final state do not settle within {REACH:g} A to minimum, saddle and minimum; as they are "
        f"they have {', '.join(map(str, own.modes))} negative modes. The curvature is that of the images, without modes softer than {STIFF} eV/A^2",
        UncertainBarrier,
        stacklevel=5,
    )
    return own


def curvature_of(solved: Solved, found: Settled) -> Curvature:
    """Return the second derivatives of barrier and reaction energy at the settled states."""
    initial, saddle, final = found.states
    bend = [s.curvature if found.sound else s.stiff_curvature(STIFF) for s in found.states]
    return Curvature(
        barrier=bend[1] - bend[0],
        reaction=bend[2] - bend[0],
        barrier_eV=saddle.energy - initial.energy,
        reaction_energy_eV=final.energy - initial.energy,
        barrier_slope=saddle.slope - initial.slope,
        reaction_slope=final.slope - initial.slope,
        settled=found.sound,
        negative_modes=found.modes,
        moved_A=_moved(found.states, _three(solved)),
        model_calls=found.calls,
    )


def _moved(states: Sequence[Response], images: Sequence[Atoms]) -> tuple[float, ...]:
    """Return how far the atom that moved most is from where each image has it [A]."""
    return tuple(float(np.linalg.norm(s.atoms.positions - a.positions, axis=1).max()) for s, a in zip(states, images))


def _three(solved: Solved) -> list[Atoms]:
    images = solved.band.images
    return [images[k] for k in (0, solved.top, len(images) - 1)]


def bare_states(bare: Atoms, model: Model, controls: Sequence[Control], settings: NEBSettings) -> list[tuple[float, float]]:
    """Return Omega [eV] and charge [e] of the interface without the pairs at each potential, relaxed side by side.

    Raises
    ------
    ValueError
        where it does not relax, or leaves its basin.
    """
    chains = [Band([bare.copy()], model, control) for control in controls]
    if settings.relax_endpoints:
        fmax = 0.5 * settings.fmax
        left = relax_together(chains, [c.descent(fmax, settings.max_steps) for c in chains])
        for chain, force in zip(chains, left):
            if force > fmax or not same_basin(bare, chain.images[0]):
                what = "did not relax" if force > fmax else "left its basin"
                raise ValueError(f"hydrogen electrode: the bare state {what} at {float(chain.control.value[0]):.3f} V absolute; relax it first, or keep the end states as they are")
    return [(float(c.energies()[0]), float(c.out["charge"][0])) for c in chains]


def hydrogen_of(electrode: HydrogenElectrode, solved: Solved, bare: tuple[float, float], scale) -> HydrogenRow:
    """Return the energies of a band over the bare state and its pairs in the bulk; SHE is the scale's, else the model's, else 4.44 V."""
    band = solved.band
    known = [x for x in (getattr(scale, "absolute", None), band.model.card.she_absolute, IUPAC_SHE) if x is not None]
    path = (band.energies(), band.out["charge"].numpy())
    return hydrogen_row(electrode, float(band.control.value[0]), known[0], bare, path, solved.top if solved.trouble is None else None)

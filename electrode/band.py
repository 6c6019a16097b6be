"""Chains of images, each held at a potential or a charge, relaxed alone or all together in one batch.

An optimiser of ASE moves one chain; before each of its steps the images of every chain that still moves are evaluated in one call.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.geometry import find_mic
from ase.mep import NEB
from ase.optimize import BFGS, FIRE

from electrode.calculator import as_results, record_entries
from electrode.models.base import Model
from electrode.relax import LARGEST_STEP
from electrode.state import Control, Structure
from electrode.thermo import evaluate


@dataclass(frozen=True)
class NEBSettings:
    """How a band is relaxed.

    Parameters
    ----------
    images : number of images, end states included
    fmax : force at which the band has converged [eV/A]
    climb_from : force below which the highest image climbs [eV/A]
    spring : spring constant between images [eV/A^2]
    max_steps : optimiser steps for each potential
    relax_endpoints : relax the end states at each potential, to half of `fmax`
    """

    images: int = 7
    fmax: float = 0.05
    climb_from: float = 0.3
    spring: float = 1.0
    max_steps: int = 500
    relax_endpoints: bool = True

    def __post_init__(self):
        if self.images < 3:
            raise ValueError(f"images: expected at least 3, end states included; got {self.images}")
        for name in ("fmax", "climb_from", "spring", "max_steps"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")

    @classmethod
    def of(cls, settings: dict) -> NEBSettings:
        """Return the settings from keywords; raises ValueError for an unknown one, with the nearest name."""
        known = [f.name for f in fields(cls)]
        for name in settings:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"barriers has no setting {name!r}: expected some of {', '.join(known)}{hint}")
        return cls(**settings)


class Band:
    """Images held at one potential or charge; a chain of one is a structure that relaxes.

    Parameters
    ----------
    images : list of Atoms with the same atoms in one cell; each is given a calculator that reads its part of the batch
    model : a Model
    control : Control, the potential [V, absolute] or the charge [e] that every image holds
    """

    def __init__(self, images: list[Atoms], model: Model, control: Control):
        self.images, self.model, self.control = images, model, control
        self.calls = 0
        self.out: dict = {}
        self.structure = Structure.from_atoms(images)
        self._positions = None
        for k, image in enumerate(images):
            image.calc = _Image(self, k)

    @property
    def fresh(self) -> bool:
        """Whether no image has moved since the last evaluation."""
        return self._positions is not None and np.array_equal(self.positions, self._positions)

    @property
    def positions(self) -> np.ndarray:
        """Positions of all images, one after the other [A]."""
        return np.concatenate([a.positions for a in self.images])

    def update(self) -> None:
        """Evaluate the band, alone, if an image has moved since the last call."""
        if not self.fresh:
            evaluate_together([self])

    def take(self, out: dict) -> None:
        """Take the results of a call for the images where they are now."""
        if not np.isfinite(out["forces"].numpy()).all():
            raise FloatingPointError("the model gave forces that are not finite along the band; check the end states")
        self.out, self._positions = out, self.positions
        self.calls += 1

    def energies(self) -> np.ndarray:
        """Return what the forces are the gradient of, of each image [eV]: Omega where the potential is held, E where the charge is."""
        self.update()
        return self.out["grand_energy" if self.control.held == "potential" else "canonical_energy"].numpy()

    def forces(self, k: int) -> np.ndarray:
        """Return the forces on image k, (n, 3) [eV/A]."""
        self.update()
        return self.out["forces"].numpy().reshape(len(self.images), -1, 3)[k]

    def spread(self) -> np.ndarray | None:
        """Return the committee's standard deviation of each image's energy over the first's [eV], None for a single model."""
        self.update()
        if "member_energies" not in self.out:
            return None
        each = self.out["member_energies"].numpy()
        return (each - each[0]).std(axis=1, ddof=1)

    def has_saddle(self) -> bool:
        """Say whether the highest image is neither the first nor the last."""
        return 0 < int(np.argmax(self.energies())) < len(self.images) - 1

    def relaxation(self, settings: NEBSettings) -> Iterator[None]:
        """Move the images to the path, and the highest to the saddle where there is one; see `relax_together`.

        The iterator stops whenever the images are to be evaluated; its value is the largest force left [eV/A].
        """
        neb = NEB(self.images, k=settings.spring, climb=False, method="improvedtangent")
        left = settings.max_steps - (yield from _descent(FIRE(neb, logfile=None), neb, settings.climb_from, settings.max_steps))
        if not self.has_saddle():
            left -= yield from _descent(FIRE(neb, logfile=None), neb, settings.fmax, max(left, 1))
        neb.climb = self.has_saddle()
        if neb.climb:
            yield from _descent(FIRE(neb, logfile=None), neb, settings.fmax, max(left, 1))
        return _largest(neb.get_forces())

    def descent(self, fmax: float, max_steps: int) -> Iterator[None]:
        """Move the first image downhill; see `relaxation`."""
        (atoms,) = self.images
        yield from _descent(BFGS(atoms, logfile=None, maxstep=LARGEST_STEP), atoms, fmax, max_steps)
        return _largest(atoms.get_forces())

    def relax(self, settings: NEBSettings) -> float:
        """Relax the band alone and return the largest force left [eV/A]."""
        return relax_together([self], [self.relaxation(settings)])[0]

    def snapshots(self, scale) -> list[Atoms]:
        """Return copies of the images with energy and forces as results and, in `info`, entries of the record."""
        self.update()
        copies = []
        for image, results in zip(self.images, as_results(self.out, self.control, scale)):
            copy = image.copy()
            copy.info = record_entries(self.model.card, self.control, results, image.pbc)
            copy.arrays["REF_forces"] = results["forces"]
            copy.calc = SinglePointCalculator(copy, energy=results["energy"], forces=results["forces"])
            copies.append(copy)
        return copies


class _Image:
    """The calculator of one image: its part of the band's batch."""

    def __init__(self, band: Band, k: int):
        self.band, self.k = band, k

    def get_potential_energy(self, atoms=None, force_consistent=False) -> float:
        return float(self.band.energies()[self.k])

    def get_forces(self, atoms=None) -> np.ndarray:
        return self.band.forces(self.k).copy()


def evaluate_together(bands: Sequence[Band]) -> None:
    """Evaluate all images of all bands in one call of their model, each at the control that its band holds.

    Parameters
    ----------
    bands : of one model, one kind of control, one number of images and the same atoms
    """
    model, held, images = bands[0].model, bands[0].control.held, len(bands[0].images)
    structure = bands[0].structure.repeat(len(bands)) if len(bands) > 1 else bands[0].structure
    structure = structure.at(structure.positions.new_tensor(np.concatenate([b.positions for b in bands])))
    control = Control(**{held: torch.cat([b.control.value.expand(images) for b in bands])})
    guess = torch.cat([b.out[model.natural] for b in bands]) if all(b.out for b in bands) else None
    out = evaluate(model, structure, control, guess=guess)
    for k, band in enumerate(bands):
        band.take({name: v.tensor_split(len(bands))[k] for name, v in out.items()})


def relax_together(bands: Sequence[Band], moves: Sequence[Iterator[None]]) -> list[float]:
    """Advance every band by its own optimiser, the images of all that still move in one call for each step.

    Parameters
    ----------
    bands : see `evaluate_together`
    moves : `relaxation` or `descent` of each

    Returns
    -------
    list of the largest force left of each band [eV/A]
    """
    left, active = [np.inf] * len(bands), dict(enumerate(moves))
    while active:
        stale = [bands[k] for k in active if not bands[k].fresh]
        if stale:
            evaluate_together(stale)
        for k, move in list(active.items()):
            try:
                next(move)
            except StopIteration as end:
                left[k] = end.value
                del active[k]
    return left


def _descent(optimiser, target, fmax: float, max_steps: int) -> Iterator[None]:
    """Step until no force exceeds `fmax`; the iterator's value is the number of steps."""
    yield
    for done in range(max_steps):
        if _largest(target.get_forces()) < fmax:
            return done
        optimiser.step()
        yield
    return max_steps


def _largest(forces: np.ndarray) -> float:
    return float(np.linalg.norm(forces, axis=1).max())


def interpolate(ends: tuple[Atoms, Atoms], path, n_images: int) -> list[Atoms]:
    """Return the start of a band: IDPP between the end states, or the neighbour's path moved onto them."""
    if path is not None:
        images = [a.copy() for a in (ends[0], *path[1:-1], ends[1])]
        shifts = [find_mic(e.positions - p.positions, e.cell, e.pbc)[0] for e, p in zip(ends, (path[0], path[-1]))]
        for k, image in enumerate(images[1:-1], start=1):
            x = k / (len(images) - 1)
            image.positions += (1 - x) * shifts[0] + x * shifts[1]
        return images
    images = [ends[0].copy() for _ in range(n_images - 1)] + [ends[1].copy()]
    NEB(images, method="improvedtangent").interpolate("idpp", mic=True, apply_constraint=False)
    return images

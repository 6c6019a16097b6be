"""A chain of images that are evaluated together, and what can be said of end states."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, fields

import numpy as np
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.data import covalent_radii
from ase.geometry import find_mic
from ase.mep import NEB
from ase.neighborlist import neighbor_list
from ase.optimize import FIRE

from electrode.calculator import as_results, record_entries
from electrode.models.base import Model
from electrode.state import Control, Structure, electrode_atoms
from electrode.thermo import evaluate

BOND = 1.25  # atoms closer than this times the sum of their covalent radii are bonded
BROKEN = 1.6  # beyond this times that sum a bond to the electrode is gone
WANDER = 1.0  # an atom bonded to the electrode that moves farther has left its site [A]


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
    """All images of a band at one potential, evaluated in one call whenever any of them has moved.

    Parameters
    ----------
    images : list of Atoms; each is given a calculator that reads its part of the batch
    model : a Model
    potential : float [V, absolute]
    """

    def __init__(self, images: list[Atoms], model: Model, potential: float):
        self.images, self.model, self.potential = images, model, potential
        self.calls = 0
        self.out: dict = {}
        self._positions = None
        self._structure = Structure.from_atoms(images)
        for k, image in enumerate(images):
            image.calc = _Image(self, k)
        self.update()

    def update(self) -> None:
        """Evaluate the whole band if an image has moved since the last call."""
        positions = np.concatenate([a.positions for a in self.images])
        if self._positions is not None and np.array_equal(positions, self._positions):
            return
        structure = self._structure.at(self._structure.positions.new_tensor(positions))
        guess = self.out[self.model.natural] if self.out else None
        self.out = evaluate(self.model, structure, Control(potential=self.potential), guess=guess)
        if not np.isfinite(self.out["forces"].numpy()).all():
            raise FloatingPointError("the model gave forces that are not finite along the band; check the end states")
        self._positions = positions
        self.calls += 1

    def energies(self) -> np.ndarray:
        """Return Omega of each image [eV]."""
        self.update()
        return self.out["grand_energy"].numpy()

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

    def relax(self, settings: NEBSettings) -> float:
        """Relax the band, climb where it has a saddle, and return the largest force left [eV/A]."""
        neb = NEB(self.images, k=settings.spring, climb=False, method="improvedtangent")
        left = settings.max_steps

        def run(fmax: float) -> None:
            nonlocal left
            optimiser = FIRE(neb, logfile=None)
            optimiser.run(fmax=fmax, steps=max(left, 1))
            left -= optimiser.get_number_of_steps()

        run(settings.climb_from)
        if not self.has_saddle():
            run(settings.fmax)
        neb.climb = self.has_saddle()
        if neb.climb:
            run(settings.fmax)
        return float(np.linalg.norm(neb.get_forces(), axis=1).max())

    def snapshots(self, scale) -> list[Atoms]:
        """Return copies of the images with energy and forces as results and, in `info`, entries of the record."""
        self.update()
        control, copies = Control(potential=self.potential), []
        for image, results in zip(self.images, as_results(self.out, control, scale)):
            copy = image.copy()
            copy.info = record_entries(self.model.card, control, results, image.pbc)
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


def different_atoms(initial: Atoms, final: Atoms) -> None:
    """Raise ValueError if two end states cannot be joined by a path, with what differs."""
    if len(initial) != len(final):
        raise ValueError(f"end states: expected the same atoms, got {len(initial)} and {len(final)} of them")
    if (initial.numbers != final.numbers).any():
        k = int(np.flatnonzero(initial.numbers != final.numbers)[0])
        raise ValueError(f"end states: atom {k} is {initial.symbols[k]} in the first and {final.symbols[k]} in the second; give both in one order")
    if not np.allclose(initial.cell.array, final.cell.array, atol=1e-6) or (initial.pbc != final.pbc).any():
        raise ValueError("end states: expected the same cell and periodic directions; relax both in one cell")
    if not np.array_equal(electrode_atoms(initial), electrode_atoms(final)):
        raise ValueError("end states: tags or eir_region name different atoms as the electrode; give both the same")


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


def same_bonds(a: Atoms, b: Atoms) -> bool:
    """Say whether the atoms that are not the electrode have the same bonds in both."""
    return _bonds(a) == _bonds(b)


def same_basin(given: Atoms, relaxed: Atoms) -> bool:
    """Say whether a relaxed state is still the state that was given.

    Its bonds are the same, and what was bonded to the electrode is so still and has not wandered off by `WANDER`.
    """
    if not same_bonds(given, relaxed):
        return False
    held = np.flatnonzero(_distance_to_electrode(given) < BOND)
    moved = find_mic(relaxed.positions - given.positions, given.cell, given.pbc)[1]
    return bool((moved[held] < WANDER).all() and (_distance_to_electrode(relaxed)[held] < BROKEN).all())


def _distance_to_electrode(atoms: Atoms) -> np.ndarray:
    """Distance of each atom to the nearest electrode atom over the sum of their covalent radii; inf for the electrode."""
    metal = electrode_atoms(atoms)
    nearest = np.full(len(atoms), np.inf)
    i, j, d = neighbor_list("ijd", atoms, BROKEN * 2.0 * covalent_radii[atoms.numbers].max(initial=0.0))
    pairs = ~metal[i] & metal[j]
    reach = covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]]
    np.minimum.at(nearest, i[pairs], (d / reach)[pairs])
    return nearest


def same_place(a: Atoms, b: Atoms, tolerance: float = 0.3) -> bool:
    """Say whether no atom differs by more than `tolerance` [A] between two states."""
    return bool(find_mic(a.positions - b.positions, a.cell, a.pbc)[1].max() < tolerance)


def _bonds(atoms: Atoms) -> set[tuple[int, int]]:
    loose = np.flatnonzero(~electrode_atoms(atoms))
    part = atoms[loose]
    reach = {(x, y): BOND * (covalent_radii[x] + covalent_radii[y]) for x in set(part.numbers) for y in set(part.numbers)}
    if not len(part):
        return set()
    i, j, d = neighbor_list("ijd", part, max(reach.values()))
    limit = np.array([reach[part.numbers[x], part.numbers[y]] for x, y in zip(i, j)])
    return {(int(x), int(y)) for x, y in zip(loose[i[d < limit]], loose[j[d < limit]])}

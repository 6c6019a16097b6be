"""What is known of the energy before the first call: published metal potentials, or any cheap calculator of the user's.

A prior returns energies (m,) [eV] and gradients (m, N, 3) [eV/A] at positions (m, N, 3); its weight is learned with the rest.  One that
knows of the charge returns two arrays more, see `electrode.learn.model_prior`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from electrode.physics.elements import METAL
from electrode.physics.neighbours import neighbour_list
from electrode.physics.pair import Bonds, ShortRange

CUTOFF = 6.0  # [A]
WORDS = ("metals", "bonds")
MODEL = "electrode:"  # before the folder of a model, or the name of a shipped one


@dataclass(frozen=True)
class PublishedBonds:
    """The short-range energy of some of the atoms among themselves, see `electrode.physics.pair`.

    Parameters
    ----------
    atoms : gives elements, cell and periodic directions
    counted : (N,) bool, the atoms whose bonds count
    """

    atoms: Atoms
    counted: np.ndarray

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (m,) and gradients (m, N, 3)."""
        chosen = np.flatnonzero(self.counted)
        energies, gradients = np.zeros(len(positions)), np.zeros(positions.shape)
        for k, image in enumerate(positions[:, chosen]) if len(chosen) > 1 else ():
            neighbours = neighbour_list(image, self.atoms.cell.array, self.atoms.pbc, CUTOFF)
            short = ShortRange(self.atoms.numbers[chosen], Bonds.of(image, neighbours), CUTOFF)
            energies[k], gradients[k, chosen] = short.energy(), short.gradient()
        return energies, gradients


@dataclass(frozen=True)
class Calculated:
    """Energies and forces of an ASE calculator, a potential trained on other data for instance.

    Parameters
    ----------
    atoms : gives all but the positions
    calculator : an ASE calculator that costs little
    """

    atoms: Atoms
    calculator: object

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return energies (m,) and gradients (m, N, 3)."""
        found = []
        for image in positions:
            atoms = self.atoms.copy()
            atoms.positions, atoms.calc = image, self.calculator
            found.append((atoms.get_potential_energy(), -atoms.get_forces(apply_constraint=False)))
        return np.array([e for e, _ in found]), np.array([g for _, g in found])


class Remembered:
    """A prior that keeps its last answer: the charge of a structure is solved for where it stays.

    Parameters
    ----------
    prior : positions (m, N, 3) -> energies (m,), gradients (m, N, 3), perhaps potentials (m,) and their gradients
    """

    def __init__(self, prior: Callable):
        self.prior, self._known, self.charged = prior, None, getattr(prior, "charged", False)

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return what the prior does."""
        if self._known is None or not np.array_equal(positions, self._known[0]):
            self._known = positions.copy(), self.prior(positions)
        return self._known[1]


def name_of(prior) -> str | None:
    """Return what a folder of labels says of its prior: the word, or the kind of calculator."""
    return prior if isinstance(prior, str | None) else type(prior).__name__


def prior_of(prior, atoms: Atoms, stiffness: float | None = None):
    """Return the prior that is meant: "metals", "bonds" (those to non-metals too), None for none, "electrode:FOLDER" for a model of this
    package, or an ASE calculator.

    For a lone adsorbate on a metal "metals" serves better: the published radii and depths of bonds to non-metals do not know the site.
    For molecules and water "bonds" holds them together.  With a stiffness [V/e] a model knows of the charge, without one it is neutral.

    Raises
    ------
    ValueError
        for anything else.
    """
    if prior is None:
        return lambda positions: (np.zeros(len(positions)), np.zeros(positions.shape))
    if prior == "bonds":
        return PublishedBonds(atoms, np.ones(len(atoms), dtype=bool))
    if prior == "metals":
        return PublishedBonds(atoms, METAL[atoms.numbers])
    if isinstance(prior, str) and prior.startswith(MODEL):
        return _of_model(prior, atoms, stiffness)
    if hasattr(prior, "get_potential_energy"):
        return Calculated(atoms, prior)
    raise ValueError(f'prior: expected "metals", "bonds", "electrode:FOLDER", None or an ASE calculator, got {prior!r}')


def _of_model(prior: str, atoms: Atoms, stiffness: float | None):
    from electrode.learn.model_prior import ModelPrior
    from electrode.models.neutral_calculators import make_calculator
    from electrode.models.store import load_model

    if stiffness is None:
        return Calculated(atoms, make_calculator(prior))
    return ModelPrior(atoms, load_model(prior.removeprefix(MODEL)), stiffness)

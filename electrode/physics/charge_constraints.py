"""What holds charges: electrodes at potentials, groups of given charge, frozen charges, the total charge, a field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Electrode:
    """Atoms that share the potential of a reservoir.

    Parameters
    ----------
    atoms : (n,) int indices, or (N,) bool
    potential : V [V]
    """

    atoms: np.ndarray
    potential: float


@dataclass(frozen=True)
class Group:
    """Atoms whose charges add up to a given one: a molecule, a fragment, an electrode on open circuit.

    Parameters
    ----------
    atoms : (n,) int indices, or (N,) bool
    charge : [e]
    """

    atoms: np.ndarray
    charge: float


@dataclass(frozen=True)
class Frozen:
    """Atoms that keep given charges.

    Parameters
    ----------
    atoms : (n,) int indices, or (N,) bool
    charges : (n,) [e], in the order of the atoms
    """

    atoms: np.ndarray
    charges: np.ndarray


@dataclass(frozen=True)
class Constraints:
    """Everything that is held while the charges are found.

    Parameters
    ----------
    electrodes : each at its potential
    groups : each with its charge
    frozen : atoms with given charges, or None
    total : charge of all atoms together [e]; None to leave it to the electrodes
    field : E_n [V/A], external and uniform along the normal; acts on all charges with the energy -E_n sum_i q_i z_i
    """

    electrodes: Sequence[Electrode] = ()
    groups: Sequence[Group] = ()
    frozen: Frozen | None = None
    total: float | None = 0.0
    field: float = 0.0

    def replace(self, **changes) -> Constraints:
        """Return a copy with other values."""
        return replace(self, **changes)

    def at_potentials(self, potentials: Sequence[float]) -> Constraints:
        """Return a copy with other potentials [V] of the electrodes, in their order."""
        if len(potentials) != len(self.electrodes):
            raise ValueError(f"Constraints.at_potentials: expected {len(self.electrodes)} potentials, one for each electrode, got {len(potentials)}")
        return self.replace(electrodes=tuple(replace(e, potential=float(v)) for e, v in zip(self.electrodes, potentials)))


@dataclass(frozen=True)
class Layout:
    """Constraints as arrays.

    Parameters
    ----------
    free : (n,) int, atoms whose charges are found
    charges : (N,) [e], frozen ones and 0
    wanted : (N,) [V], potentials of electrode atoms and 0
    members : (k, N) of 0 and 1, the electrodes
    groups : (g, N) of 0 and 1
    rows : U (m, n), one for each group, then one for the total where it is held
    targets : t (m,) [e]
    """

    free: np.ndarray
    charges: np.ndarray
    wanted: np.ndarray
    members: np.ndarray
    groups: np.ndarray
    rows: np.ndarray
    targets: np.ndarray


def layout(constraints: Constraints, n: int) -> Layout:
    """Return the constraints on n atoms as arrays.

    Raises
    ------
    ValueError
        for atoms that do not exist or stand in two places, values that are not finite, atoms that nothing holds,
        and a total that groups and frozen charges contradict.
    """
    frozen = constraints.frozen or Frozen(np.zeros(0, int), np.zeros(0))
    held, charges = _indices(frozen.atoms, n, "frozen atoms"), np.zeros(n)
    if np.shape(frozen.charges) != held.shape:
        raise ValueError(f"Frozen: expected {len(held)} charges, one for each atom, got shape {np.shape(frozen.charges)}")
    charges[held] = frozen.charges
    members, groups = masks(constraints.electrodes, n, "electrode"), masks(constraints.groups, n, "group")
    still = np.isin(np.arange(n), held)
    _refuse_overlap(members, groups, still)
    free = np.flatnonzero(~still)
    loose = free[groups.sum(axis=0)[free] == 0.0]
    rows, targets = list(groups[:, free]), [g.charge for g in constraints.groups]
    if constraints.total is None:
        _refuse_lost(loose[members.sum(axis=0)[loose] == 0.0])
    elif len(loose):
        rows, targets = [*rows, np.ones(len(free))], [*targets, constraints.total - charges.sum()]
    elif abs(constraints.total - charges.sum() - sum(targets)) > 1e-8:
        raise ValueError(f"Constraints: groups and frozen charges add up to {charges.sum() + sum(targets):.6g} e, but total is {constraints.total:.6g} e. Make them agree, or give total=None")
    wanted = np.array([e.potential for e in constraints.electrodes], float) @ members if len(members) else np.zeros(n)
    out = Layout(free, charges, wanted, members, groups, np.array(rows, float).reshape(-1, len(free)), np.array(targets, float))
    if not all(np.isfinite(x).all() for x in (charges, wanted, out.targets, constraints.field)):
        raise ValueError("Constraints: expected finite charges, potentials and field, got NaN or infinity")
    return out


def _refuse_lost(atoms) -> None:
    if len(atoms):
        raise ValueError(f"Constraints: atoms {_some(atoms)} are in no electrode and no group, and total is None. Hold the total charge, or name what they belong to")


def _indices(atoms, n: int, what: str) -> np.ndarray:
    atoms = np.asarray(atoms)
    if atoms.dtype == bool:
        if atoms.shape != (n,):
            raise ValueError(f"{what}: expected a mask of {n} atoms, got shape {atoms.shape}")
        return np.flatnonzero(atoms)
    index = atoms.astype(int)
    if atoms.ndim != 1 or not np.array_equal(index, atoms) or len(set(index)) < len(index) or not ((index >= 0) & (index < n)).all():
        raise ValueError(f"{what}: expected different atoms between 0 and {n - 1}, got {atoms.tolist()}")
    return index


def masks(sets: Sequence[Electrode | Group], n: int, what: str) -> np.ndarray:
    """Return the atoms of each set as 0 and 1, (k, n)."""
    out = np.zeros((len(sets), n))
    for k, one in enumerate(sets):
        index = _indices(one.atoms, n, f"{what} {k}")
        if not len(index):
            raise ValueError(f"{what} {k}: expected at least one atom, got none")
        out[k, index] = 1.0
    return out


def _refuse_overlap(members, groups, frozen) -> None:
    for places, what in ((members.sum(axis=0), "two electrodes"), (groups.sum(axis=0), "two groups")):
        if (places > 1.0).any():
            raise ValueError(f"Constraints: atoms {_some(np.flatnonzero(places > 1.0))} are in {what}; each may be in one")
    twice = members.sum(axis=0) + groups.sum(axis=0) + frozen > 1.0
    if twice.any():
        raise ValueError(
            f"Constraints: atoms {_some(np.flatnonzero(twice))} are in two of: an electrode (potential held), a group (charge held), the frozen charges. "
            "Leave each in one"
        )


def _some(atoms) -> str:
    return ", ".join(map(str, atoms[:5])) + (" ..." if len(atoms) > 5 else "")

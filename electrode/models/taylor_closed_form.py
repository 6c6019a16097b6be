"""The expansion in charge with its derivatives written out, for one model or all members of a committee.

    E = S + sum_k A_k s^k/k!,    A_k the heads' sums, s = Q u with u = a_0/area;    dE/dQ = u sum_k A_k+1 s^k/k!
"""

from __future__ import annotations

import math

import numpy as np

from electrode.models.closed_form import State
from electrode.nn.kernel_heads_written_out import AtomHeads, ElementHeads


class TaylorMembers:
    """M members of the scheme at one set of atoms, see `closed_form.Members`.

    Parameters
    ----------
    members : the heads of each member, by element
    channel, system : (N,) element and system of each atom
    per_charge : u, (S,) [1/e]
    kernels : of the structure, as `Taylor.kernels` gives them
    """

    def __init__(self, members: list[list[ElementHeads]], channel: np.ndarray, system: np.ndarray, per_charge: np.ndarray, kernels: dict):
        self.kernels, self.system, self.per_charge = kernels, system, per_charge
        features = kernels["symmetry"].values()
        self.heads = [AtomHeads.of(heads, features, channel) for heads in members]
        self.sums = np.zeros((len(members), len(per_charge), self.heads[0].outputs.shape[1]))  # A
        for sums, heads in zip(self.sums, self.heads):
            np.add.at(sums, system, heads.outputs)
        self.short_range = kernels["short_range"].values()

    def at(self, x: np.ndarray) -> State:
        """Return the members at the charges x (S,)."""
        u, order = self.per_charge, self.sums.shape[2] - 1
        terms = self._terms(x)
        derivative = lambda k: u**k * (self.sums[:, :, k:] * terms[:, : order + 1 - k]).sum(2)
        return State(derivative(0) + self.short_range, derivative(1), derivative(2), {}, terms)

    def forces(self, weighted: list[tuple[State, np.ndarray]]) -> np.ndarray:
        """Return the forces of the weighted sum of the members' scalars, (N, 3) [eV/A]."""
        of_sums = sum(of_system[:, :, None] * state.kept for state, of_system in weighted)  # (M, S, K)
        features = sum(heads.back(w[self.system]) for heads, w in zip(self.heads, of_sums))
        short = self.kernels["short_range"].pull(sum(of_system.sum(0) for _, of_system in weighted))
        return -(self.kernels["symmetry"].pull(features) + short)

    def _terms(self, x: np.ndarray) -> np.ndarray:
        """Return s^k/k!, (S, K)."""
        powers = np.arange(self.sums.shape[2])
        return (x * self.per_charge)[:, None] ** powers / [math.factorial(k) for k in powers]

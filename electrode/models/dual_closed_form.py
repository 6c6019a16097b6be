"""The dual scheme with its derivatives written out, for one model or all members of a committee.

With w_i = chi_i - Phi + J q_i, and the derivatives q', q'' of the charge network in the potential,

    e'  = -q + w q',      e'' = -2 q' + w q'' + J q'^2,

and weights of the networks' outputs for the forces: w_i of the charge, q_i of the electronegativity, 1 of the local energy.  The features'
means and scales, and the potential's, are part of the first layers' weights here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.models.closed_form import State
from electrode.nn.written_out import Layers, Table, inputs_back, turned
from electrode.state import Structure


@dataclass(frozen=True)
class DualWeights:
    """The weights of M members: networks of charge, electronegativity and, where it is learned, local energy stand one after another, B in all.

    Parameters
    ----------
    first, bias : (E, B, F, h), (E, B, 1, h), the first layers; first_turned : (E, B h, F)
    decay, decay_turned : (E, M, K, h), (E, M h, K), of the decaying functions per volt
    layers : those after the first
    centre : (M,) [V]
    element_energy, electronegativity, hardness : (M, E)
    """

    first: np.ndarray
    bias: np.ndarray
    first_turned: np.ndarray
    decay: np.ndarray
    decay_turned: np.ndarray
    layers: Layers
    centre: np.ndarray
    element_energy: np.ndarray
    electronegativity: np.ndarray
    hardness: np.ndarray

    @classmethod
    def of(cls, weights: dict[str, np.ndarray]) -> DualWeights:
        """Return those of a state of M members, the members first."""
        names = [n for n in ("charge_network", "electronegativity_network", "energy_network") if f"{n}.weights.0" in weights]
        depth = sum(name.startswith("charge_network.weights.") for name in weights)
        joined = lambda kind, k: np.ascontiguousarray(np.concatenate([weights[f"{n}.{kind}.{k}"] for n in names]).swapaxes(0, 1))
        f = weights["feature_mean"].shape[-1]
        mean, scale = (np.tile(weights[f"feature_{kind}"], (len(names), 1, 1)).swapaxes(0, 1) for kind in ("mean", "scale"))
        charge = weights["charge_network.weights.0"].swapaxes(0, 1)
        decay = np.ascontiguousarray(charge[:, :, f:] / weights["potential_scale"][:, None, None])
        others = [weights[f"{n}.weights.0"].swapaxes(0, 1) for n in names[1:]]
        first = np.ascontiguousarray(np.concatenate([charge[:, :, :f], *others], axis=1) / scale[..., None])
        return cls(
            first=first, bias=joined("biases", 0) - mean[:, :, None] @ first, first_turned=turned(first), decay=decay, decay_turned=turned(decay),
            layers=Layers(*(tuple(joined(kind, k) for k in range(1, depth)) for kind in ("weights", "biases"))),
            centre=weights["potential_centre"], element_energy=weights["element_energy"],
            electronegativity=weights["electronegativity"] + weights["potential_centre"][:, None], hardness=weights["hardness"],
        )  # fmt: skip


class DualMembers:
    """M members of the dual scheme at one set of atoms, see `closed_form.Members`.

    Parameters
    ----------
    weights : of the members
    structure : S systems
    channel : (N,) element of each atom
    kernels : of the structure, as `Dual.kernels` gives them
    """

    def __init__(self, weights: DualWeights, structure: Structure, channel: np.ndarray, kernels: dict):
        self.weights, self.kernels, self.system = weights, kernels, structure.system.numpy()
        self.starts = np.flatnonzero(np.diff(self.system, prepend=-1))
        self.table = Table.of(channel, weights.hardness.shape[1])
        self.decaying = self.table.spread(kernels["decay"].values())
        members = len(weights.centre)
        self.charge, others = weights.layers.of(slice(members)), weights.layers.of(slice(members, None))
        z = self.table.spread(kernels["symmetry"].values()) @ weights.first + weights.bias
        self.direction = self.decaying @ weights.decay
        self.uncharged = z[:, :members] - weights.centre[:, None, None] * self.direction
        out, self.given = others.forward(z[:, members:])
        out = self.table.gather_each(out)
        self.others, self.hardness = others, weights.hardness[:, channel]
        self.electronegativity = weights.electronegativity[:, channel] + out[:members]
        self.energy = weights.element_energy[:, channel] + (out[members:] if len(out) > members else 0.0)
        self.short_range = kernels["short_range"].values() if "short_range" in kernels else 0.0

    def at(self, x: np.ndarray) -> State:
        """Return the members at the potentials x (S,)."""
        potential = x[self.system]
        z = self.uncharged + self.table.spread(potential[:, None]) * self.direction
        *outputs, given = self.charge.along(z, self.direction)
        q, q1, q2 = (self.table.gather_each(out) for out in outputs)
        w = self.electronegativity - potential + self.hardness * q
        total = lambda per_atom: np.add.reduceat(per_atom, self.starts, axis=1)
        energies = total(self.energy + (w - 0.5 * self.hardness * q) * q) + self.short_range
        second = total(w * q2 + (self.hardness * q1 - 2.0) * q1)
        return State(energies, total(w * q1 - q), second, {"atomic_charges": q}, (x, q, w, given))

    def forces(self, weighted: list[tuple[State, np.ndarray]]) -> np.ndarray:
        """Return the forces of the weighted sum of the members' scalars, (N, 3) [eV/A]."""
        weights, members, table = self.weights, len(self.weights.centre), self.table
        bars, decays, of_chi, of_energy = [], 0.0, 0.0, 0.0
        for state, of_system in weighted:
            x, q, w, given = state.kept
            each = of_system[:, self.system]
            bars.append(self.charge.back(table.spread_each(each * w), given))
            shift = table.spread(x[self.system][:, None]) - weights.centre[:, None, None]
            decays = decays + inputs_back(bars[-1] * shift, weights.decay_turned)
            of_chi, of_energy = of_chi + each * q, of_energy + each
        learned = np.concatenate([of_chi, of_energy])[: weights.bias.shape[1] - members]
        bar = np.concatenate([sum(bars), self.others.back(table.spread_each(learned), self.given)], axis=1)
        slope = self.kernels["symmetry"].pull(table.gather(inputs_back(bar, weights.first_turned)))
        slope += self.kernels["decay"].pull(table.gather(decays))
        if "short_range" in self.kernels:
            slope += self.kernels["short_range"].pull(sum(of_system.sum(0) for _, of_system in weighted))
        return -slope

"""The dual scheme with its derivatives written out, for one model or all members of a committee.

With w_i = chi_i - Phi + J q_i, and the derivatives q', q'' of the charge network in the potential,

    e'  = -q + w q',      e'' = -2 q' + w q'' + J q'^2,

and weights of the networks' outputs for the forces: w_i of the charge, q_i of the electronegativity, 1 of the local energy.  The features'
means and scales, and the potential's, are part of the first layers' weights here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from electrode.models._dual_kernels import charges, charges_back, others_back, start
from electrode.models.closed_form import State
from electrode.nn.written_out import packed
from electrode.state import Structure


@dataclass(frozen=True)
class DualWeights:
    """The weights of M members: networks of charge, electronegativity and, where it is learned, local energy stand one after another, B in all.

    Parameters
    ----------
    first, bias : (E, F, B, h), (E, B, h), the first layers;  decay : (E, K, M, h), of the decaying functions per volt
    layers : (E, B, P), those after the first, see `nn.written_out`;  sizes : widths from h to 1
    centre : (M,) [V]
    element_energy, electronegativity, hardness : (M, E)
    """

    first: np.ndarray
    bias: np.ndarray
    decay: np.ndarray
    layers: np.ndarray
    sizes: np.ndarray
    centre: np.ndarray
    element_energy: np.ndarray
    electronegativity: np.ndarray
    hardness: np.ndarray

    @classmethod
    def of(cls, weights: dict[str, np.ndarray]) -> DualWeights:
        """Return those of a state of M members, the members first."""
        names = [n for n in ("charge_network", "electronegativity_network", "energy_network") if f"{n}.weights.0" in weights]
        depth = sum(name.startswith("charge_network.weights.") for name in weights)
        joined = lambda kind, k: np.concatenate([weights[f"{n}.{kind}.{k}"] for n in names]).swapaxes(0, 1)
        f = weights["feature_mean"].shape[-1]
        mean, scale = (np.tile(weights[f"feature_{kind}"], (len(names), 1, 1)).swapaxes(0, 1) for kind in ("mean", "scale"))
        charge = weights["charge_network.weights.0"].swapaxes(0, 1)
        decay = charge[:, :, f:] / weights["potential_scale"][:, None, None]
        others = [weights[f"{n}.weights.0"].swapaxes(0, 1) for n in names[1:]]
        first = np.concatenate([charge[:, :, :f], *others], axis=1) / scale[..., None]
        later = [[joined(kind, k) for k in range(1, depth)] for kind in ("weights", "biases")]
        widths = [first.shape[3], *(weights[f"charge_network.weights.{k}"].shape[-1] for k in range(1, depth))]
        return cls(
            first=np.ascontiguousarray(first.swapaxes(1, 2)), bias=np.ascontiguousarray((joined("biases", 0) - mean[:, :, None] @ first)[:, :, 0]),
            decay=np.ascontiguousarray(decay.swapaxes(1, 2)), layers=packed(first.shape[:2], *later), sizes=np.array(widths),
            centre=np.ascontiguousarray(weights["potential_centre"]), element_energy=weights["element_energy"],
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
        w, self.kernels, self.system, self.channel = weights, kernels, structure.system.numpy(), channel
        self.weights, self.systems = weights, structure.n_systems
        features, decaying = kernels["symmetry"].values(), kernels["decay"].values()
        rows = [_rows(weights) for weights in (w.first, w.bias, w.decay)]
        self.start, self.direction, out, self.given = start(features, decaying, channel, *rows, w.centre, w.layers, w.sizes)
        members = len(w.centre)
        self.hardness = w.hardness[:, channel]
        self.electronegativity = w.electronegativity[:, channel] + out[:members]
        self.energy = w.element_energy[:, channel] + (out[members:] if len(out) > members else 0.0)
        self.short_range = kernels["short_range"].values() if "short_range" in kernels else 0.0

    def at(self, x: np.ndarray) -> State:
        """Return the members at the potentials x (S,)."""
        atoms = self.system, self.channel, self.electronegativity, self.hardness, self.energy
        scalars, q, w, given = charges(x, self.systems, *atoms, self.start, self.direction, self.weights.layers, self.weights.sizes)
        return State(scalars[0] + self.short_range, scalars[1], scalars[2], {"atomic_charges": q}, (x, q, w, given))

    def forces(self, weighted: list[tuple[State, np.ndarray]]) -> np.ndarray:
        """Return the forces of the weighted sum of the members' scalars, (N, 3) [eV/A]."""
        own, atoms = self.weights, (self.system, self.channel)
        bar, decays, of_output = np.zeros(self.start.shape[:1] + own.bias.shape[1:]), np.zeros((len(self.channel), own.decay.shape[1])), 0.0
        for state, of_system in weighted:
            x, q, w, given = state.kept
            each = of_system[:, self.system]
            charges_back(x, *atoms, each * w, given, own.decay, own.centre, own.layers, own.sizes, bar, decays)
            of_output = of_output + np.concatenate([each * q, each])[: bar.shape[1] - len(each)]
        slope = self.kernels["symmetry"].pull(others_back(self.channel, of_output, self.given, _rows(own.first), own.layers, own.sizes, bar))
        slope += self.kernels["decay"].pull(decays)
        if "short_range" in self.kernels:
            slope += self.kernels["short_range"].pull(sum(of_system.sum(0) for _, of_system in weighted))
        return -slope


def _rows(weights: np.ndarray) -> np.ndarray:
    """Return the weights of each element as one row."""
    return weights.reshape(len(weights), -1)

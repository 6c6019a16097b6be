"""Gaussian-kernel heads (`kernel_heads`) with their derivative written out, for inference without an autograd graph.

    y_h = b_h + sum_m K_m w_mh,   K_m = sum_p a_p E_pm,   E_pm = exp[-|x_p - c_pm|^2 / (2 l^2)],   x = g/s

    and back from weights of the outputs,   dy/dx_p = -a_p/l^2 sum_m (ybar . w_m) E_pm (x_p - c_pm)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ElementHeads:
    """The heads of one element with M landmarks.

    Parameters
    ----------
    scale : (F,);  origin : (F,), near the mean of the scaled features
    centres : by part, (M, F_p) landmarks from the origin;  shares : a_p
    inverse_length : 1/l
    weights : (M, H);  constant : (H,), b_h and the sum of the weights, since K - 1 multiplies them
    """

    scale: np.ndarray
    origin: np.ndarray
    centres: tuple[np.ndarray, ...]
    shares: tuple[float, ...]
    inverse_length: float
    weights: np.ndarray
    constant: np.ndarray

    @classmethod
    def all_of(cls, parts: list[int], shares: list[float], of: dict[str, np.ndarray]) -> list[ElementHeads]:
        """Return those of each element from the state of a module `KernelHeads`, with the features of its parts and their a_p."""
        found, ends = [], np.cumsum(parts)[:-1]
        for k, weights in enumerate(of["weights"]):
            kept = int(np.flatnonzero(np.any(weights != 0.0, axis=1)).max(initial=-1)) + 1
            origin = of["landmarks"][k, 0]
            centres = tuple(map(np.ascontiguousarray, np.split(of["landmarks"][k, :kept] - origin, ends, axis=1)))
            found.append(cls(of["scale"][k], origin, centres, tuple(shares), float(of["inverse_length"][k]), weights[:kept], of["offsets"][k] + weights.sum(0)))
        return found

    @classmethod
    def of_members(cls, parts: list[int], shares: list[float], state: dict[str, np.ndarray]) -> list[list[ElementHeads]]:
        """Return those of each member of a scheme whose module `heads` they are, from a state with the members first."""
        own = {name.removeprefix("heads."): value for name, value in state.items() if name.startswith("heads.")}
        return [cls.all_of(parts, shares, {name: value[k] for name, value in own.items()}) for k in range(len(own["offsets"]))]

    def forward(self, features: np.ndarray) -> tuple[np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
        """Return outputs (n, H) of features (n, F), and what `back` needs: each part of the features with its a_p (E_p - 1), (n, M)."""
        x, given = features / self.scale - self.origin, []
        for a, b, share in zip(np.split(x, np.cumsum([c.shape[1] for c in self.centres])[:-1], axis=1), self.centres, self.shares):
            square = a @ b.T
            square *= -2.0
            square += (a * a).sum(1)[:, None] + (b * b).sum(1)
            square *= -0.5 * self.inverse_length**2
            given.append((a, share * np.expm1(square, out=square)))
        return sum(kernel for _, kernel in given) @ self.weights + self.constant, given

    def back(self, weight: np.ndarray, given: list[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
        """Return the weight of the features (n, F) from that of the outputs (n, H)."""
        each, out = weight @ self.weights.T, []
        for (a, kernel), b, share in zip(given, self.centres, self.shares):
            slope = kernel + share
            slope *= each
            out.append(slope @ b - a * slope.sum(1)[:, None])
        return np.concatenate(out, axis=1) * (self.inverse_length**2 / self.scale)


@dataclass(frozen=True)
class AtomHeads:
    """The heads of one member at N atoms.

    Parameters
    ----------
    heads : of each element
    rows : the atoms of each element
    outputs : (N, H)
    given : of each element, see `ElementHeads.forward`
    """

    heads: list[ElementHeads]
    rows: list[np.ndarray]
    outputs: np.ndarray
    given: list

    @classmethod
    def of(cls, heads: list[ElementHeads], features: np.ndarray, channel: np.ndarray) -> AtomHeads:
        """Return those of atoms with features (N, F) and element indices (N,)."""
        rows = [np.flatnonzero(channel == k) for k in range(len(heads))]
        outputs, given = np.empty((len(channel), len(heads[0].constant))), []
        for head, at in zip(heads, rows):
            outputs[at], kept = head.forward(features[at])
            given.append(kept)
        return cls(heads, rows, outputs, given)

    def back(self, weight: np.ndarray) -> np.ndarray:
        """Return the weight of the features (N, F) from that of the outputs (N, H)."""
        out = np.empty((len(weight), len(self.heads[0].scale)))
        for head, at, given in zip(self.heads, self.rows, self.given):
            out[at] = head.back(weight[at], given)
        return out

"""The charge-equilibrated network with its derivatives written out, for one model or all members of a committee.

The charges are linear in the total charge, q = q_0 + Q q_1, and so is the level: one solution of the linear equations serves every Q.
The energy is stationary in what they solve for, so that with the drive d = chi + Q f and the level l

    dE/dQ = f.q + l + U'(Q),      d2E/dQ2 = f.q_1 + l_1 + U''(Q),
    dE/dchi = q,   dE/df = Q q,   dE/dM = q q^T/2,   dE/dln J = J q^2/2,   and for bonds   dE/dL = -l l^T/2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from electrode.models.closed_form import State
from electrode.models.equilibration_config import SURFACE_ATOM_AREA, EquilibrationConfig
from electrode.nn.kernel_heads_written_out import AtomHeads, ElementHeads
from electrode.state import Structure

STIFF = 100.0  # [V/e], added to the matrix, which is positive definite on neutral charges only; the level takes it off again


@dataclass(frozen=True)
class Flow:
    """The charges of one system: each value at no total charge, and its slope in that.

    Parameters
    ----------
    charges : (2, n) [e];  drive : (2, n) [V]
    level : (2,) [V], what dE/dQ has beside f.q
    field : f, (n,) [V/e]
    levels : (2, n) [V] of the atoms, with bonds alone
    conductance : L (n, n) [e/V], with bonds alone
    """

    charges: np.ndarray
    drive: np.ndarray
    level: np.ndarray
    field: np.ndarray
    levels: np.ndarray | None = None
    conductance: np.ndarray | None = None

    @classmethod
    def free(cls, matrix: np.ndarray, drive: np.ndarray) -> Flow:
        """Return the charges that share one level: matrix (n, n) with hardnesses, drive (2, n)."""
        of_drive, of_none, of_one = np.linalg.solve(matrix + STIFF, np.stack([*drive, np.ones(len(matrix))], axis=1)).T
        total = of_one.sum()
        level = np.array([of_drive.sum(), 1.0 + of_none.sum()]) / total
        charges = level[:, None] * of_one - np.stack([of_drive, of_none])
        return cls(charges, drive, level - [0.0, STIFF], drive[1])

    @classmethod
    def along_bonds(cls, matrix: np.ndarray, drive: np.ndarray, conductance: np.ndarray, held: np.ndarray) -> Flow:
        """Return the charges that flow along bonds, conductance (n, n), from those that are held (2, n)."""
        levels = np.linalg.solve(np.eye(len(matrix)) + matrix @ conductance, (drive + held @ matrix).T).T
        return cls(held - levels @ conductance, drive, levels @ held[1], drive[1], levels, conductance)

    def at(self, charge: float) -> tuple[float, float, float]:
        """Return the energy, and its two derivatives in the charge."""
        q, d = self.charges[0] + charge * self.charges[1], self.drive[0] + charge * self.drive[1]
        level = self.level[0] + charge * self.level[1]
        if self.levels is None:
            energy = 0.5 * (d @ q + level * charge)
        else:
            energy = 0.5 * d @ q + 0.5 * self._levels(charge) @ (q + self.conductance @ self._levels(charge))
        return energy, self.field @ q + level, self.field @ self.charges[1] + self.level[1]

    def weights(self, charge: float) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Return q (n,), and the weights of f (n,) and of L (n, n) or None."""
        q = self.charges[0] + charge * self.charges[1]
        return q, charge * q, None if self.levels is None else -0.5 * np.outer(self._levels(charge), self._levels(charge))

    def _levels(self, charge):
        return self.levels[0] + charge * self.levels[1]


@dataclass(frozen=True)
class DoubleLayer:
    """The capacitor in series of S systems, with K steps, see `Equilibration.energy`.

    Parameters
    ----------
    inverse : 1/C_dl, (S,) [V/e];  area : (S,) [A^2];  factor : C_dl/C_d
    beyond : of the counter-charge's distance, (S,) [V/e]
    bends : b_k, (S, K);  centres : sigma_k (K,), width : sigma_0 [e/A^2]
    """

    inverse: np.ndarray
    area: np.ndarray
    factor: float
    beyond: np.ndarray
    bends: np.ndarray
    centres: np.ndarray
    width: float

    def at(self, charge: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return U, its two derivatives in the charge (S,), and its derivatives in the bends (S, K)."""
        middle, unit = self.centres.mean(), self.area * self.width
        root, twice = lambda t: np.sqrt(1.0 + t * t), lambda t: 0.5 * (t * np.sqrt(1.0 + t * t) + np.arcsinh(t))
        start, t = (middle - self.centres) / self.width, ((charge / self.area)[:, None] - self.centres) / self.width
        steps = twice(t) - twice(start) - root(start) * (t - start)
        apart, scale, plain = charge - middle * self.area, self.inverse * self.factor, self.inverse + self.beyond
        energy = plain * 0.5 * charge**2 + scale * (0.5 * apart**2 + unit**2 * (self.bends * steps).mean(1))
        first = plain * charge + scale * (apart + unit * (self.bends * (root(t) - root(start))).mean(1))
        second = plain + scale * (1.0 + (self.bends * t / root(t)).mean(1))
        return energy, first, second, (scale * unit**2)[:, None] * steps / len(self.centres)


@dataclass(frozen=True)
class Member:
    """One member at one set of atoms.

    Parameters
    ----------
    heads : its outputs e, chi, ln J and those of the bends
    flows : of each system
    layer : of all
    """

    heads: AtomHeads
    flows: list[Flow]
    layer: DoubleLayer


class EquilibrationMembers:
    """M members of the scheme at one set of atoms, see `closed_form.Members`.

    Parameters
    ----------
    members : each at these atoms
    atoms : of each system
    kernels : of the structure, as `Equilibration.kernels` gives them
    """

    def __init__(self, members: list[Member], atoms: list[slice], kernels: dict):
        self.members, self.atoms, self.kernels = members, atoms, kernels
        self.short_range = kernels["short_range"].values()
        self.plain = np.array([[m.heads.outputs[at, 0].sum() for at in atoms] for m in members])

    def at(self, x: np.ndarray) -> State:
        """Return the members at the charges x (S,)."""
        inner = np.array([[flow.at(q) for flow, q in zip(m.flows, x)] for m in self.members])
        layers = [m.layer.at(x) for m in self.members]
        energy, first, second = (inner[:, :, k] + np.array([layer[k] for layer in layers]) for k in range(3))
        weights = [[flow.weights(q) for flow, q in zip(m.flows, x)] for m in self.members]
        charges = np.array([np.concatenate([q for q, *_ in each]) for each in weights])
        return State(energy + self.plain + self.short_range, first, second, {"atomic_charges": charges}, (weights, [layer[3] for layer in layers]))

    def forces(self, weighted: list[tuple[State, np.ndarray]]) -> np.ndarray:
        """Return the forces of the weighted sum of the members' scalars, (N, 3) [eV/A]."""
        features, flat = 0.0, 0.0
        for k, member in enumerate(self.members):
            outputs = np.zeros_like(member.heads.outputs)
            for state, of_system in weighted:
                weights, steps = state.kept
                outputs += self._of_outputs(member, weights[k], steps[k], of_system[k])
                flat = flat + np.concatenate([w * part for w, each in zip(of_system[k], weights[k]) for part in _flat(*each)])
            features = features + member.heads.back(outputs)
        short = self.kernels["short_range"].pull(sum(of_system.sum(0) for _, of_system in weighted))
        return -(self.kernels["symmetry"].pull(features) + self.kernels["coulomb"].pull(flat) + short)

    def _of_outputs(self, member: Member, weights: list, steps: np.ndarray, of_system: np.ndarray) -> np.ndarray:
        """Return the weights of the heads' outputs, (N, H)."""
        out = np.empty_like(member.heads.outputs)
        of_bends = steps * (1.0 - member.layer.bends**2) * (SURFACE_ATOM_AREA / member.layer.area)[:, None]
        for s, (at, (q, *_)) in enumerate(zip(self.atoms, weights)):
            out[at, 0], out[at, 1] = 1.0, q
            out[at, 2] = 0.5 * np.exp(member.heads.outputs[at, 2]) * q * q
            out[at, 3:] = of_bends[s]
            out[at] *= of_system[s]
        return out


def member_weights(parts: list[int], shares: list[float], state: dict[str, np.ndarray]) -> list[tuple[list[ElementHeads], np.ndarray]]:
    """Return the heads and the scalars of each member, see `ElementHeads.of_members`."""
    return list(zip(ElementHeads.of_members(parts, shares, state), state["log_series"]))


def members_at(model, states: list[tuple[list[ElementHeads], np.ndarray]], structure: Structure) -> EquilibrationMembers:
    """Return members of the configuration of a model at a structure, from the heads and the scalars (K,) of each."""
    kernels, ends = model.kernels(structure), np.cumsum([0, *structure.counts.tolist()])
    atoms = [slice(a, b) for a, b in zip(ends, ends[1:])]
    fixed = [[x.numpy()[0] for x in model.fixed(structure, torch.tensor([k]), torch.arange(at.start, at.stop))] for k, at in enumerate(atoms)]
    features, channel = kernels["symmetry"].values(), model.channel(structure).numpy()
    systems = [(*each, *rest) for each, rest in zip(_parts(kernels["coulomb"].values(), atoms, model.config.fragments), fixed)]
    members = [_member(AtomHeads.of(heads, features, channel), scalars, atoms, systems, model.config) for heads, scalars in states]
    return EquilibrationMembers(members, atoms, kernels)


def _parts(flat: np.ndarray, atoms: list[slice], bonds: bool) -> Iterator[tuple]:
    """Yield each system's matrix, field, and conductance or None, see `physics.screened_coulomb`."""
    for n in (at.stop - at.start for at in atoms):
        matrix, field, conductance, flat = np.split(flat, np.cumsum([n * n, n, n * n if bonds else 0]))
        yield matrix.reshape(n, n), field, conductance.reshape(n, n) if bonds else None


def _member(heads: AtomHeads, scalars: np.ndarray, atoms: list[slice], systems: list[tuple], config: EquilibrationConfig) -> Member:
    flows = []
    for at, (matrix, field, conductance, _, _, formal, share, _) in zip(atoms, systems):
        stiff, drive = matrix + np.diag(np.exp(heads.outputs[at, 2])), np.stack([heads.outputs[at, 1], field])
        flows.append(Flow.free(stiff, drive) if conductance is None else Flow.along_bonds(stiff, drive, conductance, np.stack([formal, share])))
    inverse, area, beyond = (np.array([system[k] for system in systems]) for k in (3, 4, 7))
    bends = np.tanh(SURFACE_ATOM_AREA * np.array([heads.outputs[at, 3:].sum(0) for at in atoms]) / area[:, None])
    beyond = beyond * np.exp(-scalars[1]) if config.several_gaps else np.zeros_like(beyond)
    centres, width = config.steps
    return Member(heads, flows, DoubleLayer(inverse, area, np.exp(scalars[0]), beyond, bends, np.array(centres), width))


def _flat(charges: np.ndarray, field: np.ndarray, conductance: np.ndarray | None) -> list[np.ndarray]:
    """Return the weights of a system's electrostatic features, from its charges and the weights of the others."""
    return [0.5 * np.outer(charges, charges).ravel(), field, *([] if conductance is None else [conductance.ravel()])]

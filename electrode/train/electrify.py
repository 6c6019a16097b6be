"""From a neutral model and a few charged frames to a model of charge and potential, by one linear fit.

The widths of the priors are those whose left-out errors are lowest: every trajectory predicted by a fit that never saw it, in closed
form.  There is no random number in the fit; the same frames give the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from electrode.data.record import ElectrifiedFrame
from electrode.models.electrified import Electrified, ElectrifiedConfig
from electrode.models.neutral_base import NeutralBase, NeutralBaseConfig
from electrode.models.response import Response, ResponseConfig
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.train.blocks import Block, blocks
from electrode.train.response_fit import Basis, Rows, Widths, differences, stacked
from electrode.train.train import card_of
from electrode.units import UC_PER_CM2

CHOICES = {"dipole": (5.0, 80.0), "stiffness": (0.0, 50.0), "length": (1.5, 5.0), "energy": (0.3, 0.1, 3.0)}  # beside the defaults of `Widths`
ENERGY = 1.0  # default width of the correction of the neutral energy [eV]
ENVIRONMENTS = 100  # most reference environments of an element
TRAJECTORIES = 4  # fewer say too little of the widths of priors
GAIN = 0.02  # smallest relative fall of the left-out errors for which a default is given up
ALIKE = 1e-3  # environments closer than this are one, in units of the symmetry functions


@dataclass(frozen=True)
class Electrification:
    """A model and what its fit says of itself.

    Parameters
    ----------
    model : the electrified model
    widths : of the priors, as chosen
    left_out : root mean square errors of trajectories left out, `energy_eV` of a frame, `potential_V`, `force_eV_per_A`; empty for
        one trajectory
    n_frames, n_trajectories : int
    capacitance : smallest and largest of the frames used [uF/cm^2]
    """

    model: Electrified
    widths: Widths
    left_out: dict[str, float]
    n_frames: int
    n_trajectories: int
    capacitance: tuple[float, float]


def draw(frames: Sequence[ElectrifiedFrame], n: int, seed: int = 0, per_trajectory: int = 2) -> list[ElectrifiedFrame]:
    """Return n of the frames at random, some of each trajectory in turn.

    Two charges of a geometry tell the response free of the neutral model's error; more geometries tell more of that error.

    Raises
    ------
    ValueError
        for fewer than n frames, or none of a trajectory.
    """
    if not 1 <= n <= len(frames) or per_trajectory < 1:
        raise ValueError(f"draw: expected 1 to {len(frames)} frames, at least 1 of a trajectory at a time; got {n} and {per_trajectory}")
    left = {}
    for k in np.random.default_rng(seed).permutation(len(frames)):
        left.setdefault(trajectory_of(frames[k]), []).append(int(k))
    turns = [(turn // per_trajectory, order, k) for order, members in enumerate(left.values()) for turn, k in enumerate(members)]
    return [frames[k] for *_, k in sorted(turns)[:n]]


def electrify(base: str | NeutralBase, frames: Sequence[ElectrifiedFrame], correct_neutral: bool = False) -> Electrification:
    """Return a neutral model with a response fitted to charged frames.

    Parameters
    ----------
    base : the neutral model, or its description as in `models.neutral_calculators`
    frames : with energy and potential, perhaps forces, at two charges or more; on one side of a slab
    correct_neutral : also correct the neutral energy where it differs from the frames'

    Raises
    ------
    ValueError
        for frames of one charge, of different methods or on both sides, or a base that cannot describe them.
    """
    frames = list(frames)
    card = card_of(frames)
    _check(frames)
    neutral = base if isinstance(base, NeutralBase) else NeutralBase(NeutralBaseConfig.of(base))
    functions = SymmetryFunctions(card.elements)
    data = blocks(Response(ResponseConfig(functions, 0)), frames)
    ordered = sorted(frames, key=lambda f: len(f.geometry))  # as the blocks are
    problem = _Problem(functions, _environments(functions, data), data, ordered, neutral)
    widths = _chosen(problem, Widths(energy=ENERGY if correct_neutral else 0.0))
    fit = problem.solve(widths)
    response = problem.basis(widths).filled(fit.weights)
    model = Electrified(ElectrifiedConfig(neutral.config, response.config))
    model.base.calculated = neutral.calculated  # what it has calculated serves on
    model.response.load_state_dict(response.state_dict())
    model.card = card
    return Electrification(model.eval(), widths, fit.left_out, len(frames), len(np.unique(problem.groups)), fit.capacitance)


@dataclass(frozen=True)
class _Fit:
    """Weights for one choice of widths; `left_out` and `score` are empty and infinite for one trajectory."""

    weights: np.ndarray
    left_out: dict[str, float]
    score: float
    capacitance: tuple[float, float]


class _Problem:
    """The frames and the neutral model, to be solved for one choice of widths after the other."""

    def __init__(self, functions, environments, data: list[Block], frames: list[ElectrifiedFrame], neutral: NeutralBase):
        self.functions, self.environments, self.data, self.neutral = functions, environments, data, neutral
        self.geometry = np.array([f.geometry_id for f in frames])
        self.groups = np.array([trajectory_of(f) for f in frames])

    def basis(self, widths: Widths) -> Basis:
        return Basis(self.functions, *self.environments, widths)

    def solve(self, widths: Widths) -> _Fit:
        """Fit the response to potentials and differences between charges, then what charge does not touch to what is left."""
        basis = self.basis(widths)
        every, n = stacked(basis, self.data, self.neutral), basis.neutral
        pairs = differences(every, self.geometry)
        response = pairs.fit(slice(n, None))
        rest = every.take((every.kind == 0) | ((every.kind == 2) & (widths.energy > 0.0)))
        rest = replace(rest, labels=rest.labels - rest.matrix[:, n:] @ response.weights)
        neutral = rest.fit(slice(0, n))
        weights = np.concatenate([neutral.weights, response.weights])
        capacitance = self._capacitance(basis.filled(weights))
        if len(np.unique(self.groups)) < 2:
            return _Fit(weights, {}, np.inf, capacitance)
        without = [fit.left_out(self.groups[rows.frame]) for fit, rows in ((neutral, rest), (response, pairs))]
        weights_of = {g: np.concatenate([w.get(g, f.weights) for w, f in zip(without, (neutral, response))]) for g in np.unique(self.groups)}
        errors, changes = (self._errors(rows, weights_of) for rows in (every, pairs))
        judged = list(changes.values()) + (list(errors.values()) if widths.energy else [])
        score = float(np.mean(np.log(judged))) if min(capacitance) > 0.0 else np.inf
        return _Fit(weights, errors, score, capacitance)

    def _errors(self, rows: Rows, weights_of: dict[str, np.ndarray]) -> dict[str, float]:
        """Return the root mean square errors of rows, each with the weights that never saw its trajectory."""
        group = self.groups[rows.frame]
        wrong = np.concatenate([(rows.labels - rows.matrix @ weights_of[g])[group == g] for g in weights_of])
        kind = np.concatenate([rows.kind[group == g] for g in weights_of])
        names = ("energy_eV", "potential_V", "force_eV_per_A")
        return {name: float(np.sqrt(np.mean(wrong[kind == k] ** 2))) for k, name in enumerate(names) if (kind == k).any()}

    def _capacitance(self, response: Response) -> tuple[float, float]:
        """Return the smallest and largest capacitance [uF/cm^2] of the frames; a stiffness that is not positive counts as 0."""
        found = []
        for block in self.data:
            per_atom = response.likeness(block.description["symmetry"], response.channel(block.structure)) @ response.coefficients
            area = block.structure.area
            found.append(response.stiffness + block.structure.total(per_atom)[:, 2] / area)
        stiffness = torch.cat(found)
        if not (stiffness > 0.0).all():
            return 0.0, 0.0
        return float(UC_PER_CM2 / stiffness.max()), float(UC_PER_CM2 / stiffness.min())


def _with_element_energies(weights: np.ndarray, rows: Rows, n_elements: int) -> np.ndarray:
    """Return the weights with the elements' energies fitted to what the rest leaves, the energy correction being absent."""
    own = rows.kind == 0
    matrix = rows.matrix[own]
    left = rows.labels[own] - matrix[:, n_elements:] @ weights[n_elements:]
    return np.concatenate([np.linalg.lstsq(matrix[:, :n_elements], left, rcond=None)[0], weights[n_elements:]])


def _chosen(problem: _Problem, widths: Widths) -> Widths:
    """Return the widths with the lowest left-out error, one varied after the other; the defaults where trajectories are few."""
    if len(np.unique(problem.groups)) < TRAJECTORIES:
        return widths if min(problem.solve(widths).capacitance) > 0.0 else replace(widths, stiffness=0.0)
    best = problem.solve(widths).score
    for name, values in CHOICES.items():
        for value in values if getattr(widths, name) else ():
            tried = replace(widths, **{name: value})
            score = problem.solve(tried).score
            if score < best - GAIN:
                best, widths = score, tried
    return widths


def _environments(functions: SymmetryFunctions, data: list[Block]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the reference environments (M, F) and their elements (M,): of each element those farthest from each other."""
    symmetry = torch.cat([b.description["symmetry"] for b in data])
    channel = torch.cat([torch.from_numpy(functions.channels(b.structure.numbers.numpy())) for b in data])
    kept = [_farthest(symmetry[channel == k]) for k in range(len(functions.elements))]
    of = torch.repeat_interleave(torch.arange(len(kept)), torch.tensor([len(x) for x in kept]))
    return torch.cat(kept), of


def _farthest(points: torch.Tensor) -> torch.Tensor:
    chosen = [0]
    distance = (points - points[0]).norm(dim=1)
    while len(chosen) < min(ENVIRONMENTS, len(points)) and distance.max() > ALIKE:
        chosen.append(int(distance.argmax()))
        distance = torch.minimum(distance, (points - points[chosen[-1]]).norm(dim=1))
    return points[chosen]


def trajectory_of(frame: ElectrifiedFrame) -> str:
    """Return what a frame is left out with: its trajectory, or its geometry where it has none."""
    return frame.geometry_id if frame.trajectory is None else str(frame.trajectory)


def _check(frames: list[ElectrifiedFrame]) -> None:
    charges = np.array([f.charge for f in frames])
    if np.ptp(charges) < 1e-6:
        raise ValueError(f"electrify: expected frames of two charges or more, got {len(frames)} frames of {charges[0]:.4g} e; add frames of another charge")
    both = [f.where for f in frames if f.sides == 2]
    if both:
        raise ValueError(f"electrify: expected slabs that carry their charge on one side, got {len(both)} with eir_sides = 2, the first {both[0]}")

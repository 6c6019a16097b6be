"""From frames to models with linear heads: landmarks, least squares, and the weights that validate best."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from electrode.models.base import Model
from electrode.models.committee import Committee
from electrode.train.blocks import blocks
from electrode.train.bootstrap import bootstrap_weights
from electrode.train.config import TrainConfig
from electrode.train.course import Training
from electrode.train.geometries import by_geometry
from electrode.train.least_squares import STEPS, Problem, minimise, problem, take_weights
from electrode.train.posterior import draws

CHANGE = 0.1  # how much a trained model is expected to change with new frames, in the prior's width of a first training


def solve(
    model: Model,
    training_frames: Sequence,
    validation_frames: Sequence,
    config: TrainConfig = TrainConfig(),
    progress: Callable[[dict], None] | None = None,
    *,
    warm: bool = False,
) -> Training:
    """Train a model whose heads are linear in their weights, or a committee of them, and leave it with the weights that validate best.

    Parameters
    ----------
    model : as `models.equilibration`; its landmarks are chosen from the training frames.  The members of a committee learn from
        trajectories drawn with replacement, or with `posterior` are drawn about one fit: nothing else would make them differ
    training_frames, validation_frames : `ElectrifiedFrame`, both not empty and of different trajectories
    config : `terms` (energy, forces, conjugate and force_slope), `max_minutes`, `epochs` as the largest number of steps, `bootstrap`, `posterior` and `seed`
    progress : called with a row of the history after each step
    warm : the model was trained before: it keeps its landmarks, to which those of the new frames are added, and is the prior's mean

    Raises
    ------
    ValueError
        if a set is empty, or for a term that is not among those four.
    """
    if not len(training_frames) or not len(validation_frames):
        raise ValueError(f"solve needs frames to train and to validate on; got {len(training_frames)} and {len(validation_frames)}")
    data, check = (blocks(model, [some[rows[0]] for rows in by_geometry(some)]) for some in (training_frames, validation_frames))
    members = model.members() if isinstance(model, Committee) else [model]
    fitted = [_middle(members)] if config.posterior else members
    drawn = np.ones((1, len(training_frames)))
    if config.bootstrap or len(fitted) > 1:
        drawn = bootstrap_weights(training_frames, len(fitted), config.seed)
    result = Training(model, scores=np.full(len(fitted), np.inf))
    for k, (member, weight) in enumerate(zip(fitted, drawn)):
        if warm:
            member.heads.extend(torch.cat([b.description["symmetry"] for b in data]), torch.cat([member.channel(b.structure) for b in data]))
        else:
            member.adapt(data)
        solved = problem(member, data, training_frames, config.terms, weight)
        solved = solved.narrowed(CHANGE) if warm else solved
        held = problem(member, check, validation_frames, config.terms, np.ones(len(validation_frames)))
        best = _solve_one(solved, held, config, result, k, progress)
    if isinstance(model, Committee):
        if len(fitted) < len(members):
            _scatter(members, solved, best, config.seed)
            result.scores = np.full(len(members), result.scores[0])
        model.take(members)
    result.best = float(result.scores.mean())
    result.weights = {name: value.clone() for name, value in model.state_dict().items()}
    model.eval()
    return result


def _middle(members: list[Model]) -> Model:
    """Return the first member, with the mean of all members' weights."""
    if len(members) > 1:
        states = [m.state_dict() for m in members]
        members[0].load_state_dict({name: torch.stack([s[name] for s in states]).mean(0) for name in states[0]})
    return members[0]


def _scatter(members: list[Model], solved: Problem, best: np.ndarray, seed: int) -> None:
    """Give the members weights about the best ones, which the first member has."""
    fitted = {name: value.clone() for name, value in members[0].state_dict().items()}
    for member, theta in zip(members, draws(solved, best, len(members), seed)):
        member.load_state_dict(fitted)
        take_weights(member, solved, theta)


def _solve_one(solved: Problem, held: Problem, config: TrainConfig, result: Training, k: int, progress) -> np.ndarray:
    """Fit one member, leave it with the weights that validate best, and return these."""
    members, kept = len(result.scores), solved.start
    steps = min(STEPS, config.epochs or STEPS)

    def report(step: int, cost: float, theta: np.ndarray) -> None:
        nonlocal kept
        errors = held.errors(theta)
        score = sum((held.factors[name] * e) ** 2 for name, e in errors.items())
        if score < result.scores[k]:
            result.scores[k], kept = score, theta
        which = {"member": k} if members > 1 else {}
        row = {**which, "epoch": step, "training_loss": cost, "validation_loss": score, **{f"validation_{name}": e for name, e in errors.items()}}
        result.history.append(row)
        if progress is not None:
            progress({**row, "done": (k + step / steps) / members})

    minimise(solved, steps, 60.0 * config.max_minutes / members, report)
    take_weights(solved.model, solved, kept)
    return kept

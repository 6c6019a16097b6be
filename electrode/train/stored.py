"""The weights, averages and moments of a training as flat tensors, and back."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from electrode.models.base import Model
from electrode.train.averaging import Average
from electrode.train.checkpoint import CheckpointError
from electrode.train.course import Training


def pack(model: Model, optimiser: torch.optim.Optimizer, average: Average, training: Training) -> tuple[dict[str, Tensor], dict]:
    """Return the tensors of a training by their names, and the rest as what JSON knows."""
    tensors = {f"model/{k}": v for k, v in model.state_dict().items()}
    tensors |= {f"average/{k}": v for k, v in average.weights.items()}
    tensors |= {f"best/{k}": v for k, v in (training.weights or {}).items()}
    moments = optimiser.state_dict()["state"]
    tensors |= {f"moments/{k}/{name}": value for k, row in moments.items() for name, value in row.items()}
    scores = None if training.scores is None else training.scores.tolist()
    return tensors, {"average_steps": average.steps, "history": training.history, "scores": scores}


def unpack(tensors: dict[str, Tensor], state: dict, model: Model, optimiser: torch.optim.Optimizer, average: Average, training: Training) -> None:
    """Put what `pack` gave where it belongs.

    Raises
    ------
    CheckpointError
        where the model is of another shape.
    """
    part = lambda name: {k.removeprefix(f"{name}/"): v for k, v in tensors.items() if k.startswith(f"{name}/")}
    shapes = lambda weights: {k: tuple(v.shape) for k, v in weights.items()}
    if shapes(part("model")) != shapes(model.state_dict()):
        raise CheckpointError("the checkpoint's weights are those of another model; expected the same scheme, sizes, elements and number of members")
    model.load_state_dict(part("model"))
    moments: dict[int, dict[str, Tensor]] = {}
    for key, value in part("moments").items():
        number, name = key.split("/")
        moments.setdefault(int(number), {})[name] = value.clone()  # aligned, so that products of matrices are the same to the bit
    optimiser.load_state_dict({"state": moments, "param_groups": optimiser.state_dict()["param_groups"]})
    average.steps = state["average_steps"]
    average.weights |= {k: v for k, v in part("average").items() if k in average.weights}
    training.history[:] = state["history"]
    if state["scores"] is not None:
        training.scores, training.weights = np.array(state["scores"]), part("best")
        training.best = float(training.scores.mean())

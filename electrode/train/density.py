"""The training of a density response on points of grids: which points to learn from, and the descent.

Of a grid most points say nothing, and many say the same.  Points are drawn with a chance that follows the size of the response, and
of these the most independent ones by their features are kept (a QR factorisation with pivots).
Feng and Jiang, J. Chem. Theory Comput. 21, 691 (2025), arXiv:2410.04977.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.linalg import qr
from torch import Tensor

from electrode.models.base import ModelCard
from electrode.models.mledr import Mledr, MledrConfig
from electrode.state import Structure

_FLOOR = 0.02  # least chance of a point, as a share of the largest response


@dataclass(frozen=True)
class DensityFrame:
    """Points of one system in one field.

    Parameters
    ----------
    structure : one system
    field : (3,) [V/A]
    points : (P, 3) [A];  density : (P,), dn = n(F) - n(0), in electrons [1/A^3]
    """

    structure: Structure
    field: np.ndarray
    points: np.ndarray
    density: np.ndarray

    def __post_init__(self):
        if self.structure.n_systems != 1 or np.shape(self.points) != (len(self.density), 3) or np.shape(self.field) != (3,):
            raise ValueError(
                f"DensityFrame: expected one system, points (P, 3), densities (P,) and a field (3,), got {self.structure.n_systems} systems and shapes "
                f"{np.shape(self.points)}, {np.shape(self.density)}, {np.shape(self.field)}"
            )
        if not (np.isfinite(self.density).all() and np.isfinite(self.points).all()):
            raise ValueError("DensityFrame: expected finite points and densities, got NaN or infinity; check the files that were read")

    def take(self, rows: np.ndarray) -> DensityFrame:
        """Return the frame with some of its points."""
        return DensityFrame(self.structure, self.field, self.points[rows], self.density[rows])


@dataclass(frozen=True)
class DensityTraining:
    """How a density response is trained: epochs, points in a batch, and the learning rate and weight decay of AdamW; the seed orders the points."""

    epochs: int = 200
    batch_size: int = 512
    learning_rate: float = 5e-3
    weight_decay: float = 1e-5
    seed: int = 0

    def __post_init__(self):
        if self.epochs < 1 or self.batch_size < 1 or not self.learning_rate > 0 or not self.weight_decay >= 0:
            raise ValueError(f"DensityTraining: expected positive entries, got {self}")


def important_points(density: np.ndarray, number: int, rng: np.random.Generator) -> np.ndarray:
    """Return `number` different indices (number,) into a density (P,), drawn with chances that follow its size.

    Raises
    ------
    ValueError
        for more points than there are.
    """
    size = np.abs(np.asarray(density, float))
    if not 0 < number <= len(size):
        raise ValueError(f"important_points: expected 1 to {len(size)} points, got {number}")
    chance = size + max(_FLOOR * size.max(), 1e-300)
    return np.sort(rng.choice(len(size), number, replace=False, p=chance / chance.sum()))


def independent_points(features: np.ndarray, number: int) -> np.ndarray:
    """Return indices (number,) of the points whose features (P, F) depend least on each other, in the order of the pivots.

    Once the features of the points chosen span all others, as F of them do, the rest of each further round is judged anew.

    Raises
    ------
    ValueError
        for more points than there are.
    """
    features = np.asarray(features, float)
    if not 0 < number <= len(features):
        raise ValueError(f"independent_points: expected 1 to {len(features)} points, got {number}")
    left, chosen = np.arange(len(features)), []
    while len(chosen) < number:
        pivots = qr(features[left].T, mode="r", pivoting=True)[1][: min(number - len(chosen), *features[left].shape)]
        chosen += left[pivots].tolist()
        left = np.delete(left, pivots)
    return np.array(chosen)


def selected(frame: DensityFrame, number: int, config: MledrConfig, rng: np.random.Generator, among: int = 3) -> DensityFrame:
    """Return a frame with `number` of its points: drawn by importance, `among` times as many, the most independent kept."""
    drawn = frame.take(important_points(frame.density, min(among * number, len(frame.density)), rng))
    moments = Mledr(config).features.moments(frame.structure, drawn.points).flatten(1).numpy()
    return drawn.take(np.sort(independent_points(moments, min(number, len(moments)))))


def train_density(
    frames: Sequence[DensityFrame],
    validation: Sequence[DensityFrame],
    config: MledrConfig | None = None,
    training: DensityTraining = DensityTraining(),
    progress: Callable[[dict], None] | None = None,
) -> Mledr:
    """Return a density response with the weights that validate best.

    Parameters
    ----------
    frames, validation : of different geometries
    config : the network, None for the default of the elements seen
    training : the descent
    progress : called after every tenth epoch with "epoch", "training_rms" and "validation_rms" [1/A^3]

    Raises
    ------
    ValueError
        without frames, or frames without a point.
    """
    if not frames or not validation or not all(len(f.density) for f in (*frames, *validation)):
        raise ValueError(f"train_density: expected frames with points to train and to validate on, got {len(frames)} and {len(validation)}, or one without a point")
    elements = tuple(sorted({int(z) for f in frames for z in f.structure.numbers}))
    model = Mledr(config or MledrConfig.for_elements(elements))
    data, check = _joined(model, frames), _joined(model, validation)
    model.adapt_points(*data)
    _descend(model, data, check, training, progress)
    model.card = ModelCard(elements=elements)
    return model.eval()


def _joined(model: Mledr, frames: Sequence[DensityFrame]) -> tuple[Tensor, Tensor, Tensor]:
    """Return moments, fields and densities of all points."""
    moments = torch.cat([model.features.moments(f.structure, f.points) for f in frames])
    fields = torch.cat([torch.as_tensor(f.field, dtype=torch.float64).expand(len(f.density), 3) for f in frames])
    return moments, fields, torch.cat([torch.as_tensor(f.density, dtype=torch.float64) for f in frames])


def _descend(model: Mledr, data, check, training: DensityTraining, progress) -> None:
    order = np.random.default_rng(training.seed)
    optimiser = torch.optim.AdamW(model.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, training.epochs)
    best, kept = np.inf, {}
    for epoch in range(1, training.epochs + 1):
        for rows in np.array_split(order.permutation(len(data[2])), max(1, len(data[2]) // training.batch_size)):
            rows = torch.from_numpy(rows)
            optimiser.zero_grad()
            ((model.response(data[0][rows], data[1][rows]) - data[2][rows]) / model.scale).square().mean().backward()
            optimiser.step()
        rate.step()
        if epoch % 10 and epoch < training.epochs:
            continue
        wrong = [_rms(model, some) for some in (data, check)]
        if wrong[1] < best:
            best, kept = wrong[1], {k: v.detach().clone() for k, v in model.state_dict().items()}
        if progress is not None:
            progress({"epoch": epoch, "training_rms": wrong[0], "validation_rms": wrong[1]})
    if not kept:
        raise FloatingPointError("train_density: the loss is no longer finite; lower the learning rate")
    model.load_state_dict(kept)


@torch.no_grad()
def _rms(model: Mledr, data) -> float:
    parts = [model.response(m, f) - d for m, f, d in zip(*(x.split(8192) for x in data))]
    return float(torch.cat(parts).square().mean().sqrt())

"""The linear system of a response: what every weight of `models.response` adds to energies, potentials and forces of labelled frames.

The prior of each weight is a Gaussian of stated width around zero, or around a Helmholtz capacitor and a common metal's level for
the two constants.  Local functions are whitened, so that the sum of Gaussians around environments has the prior of a Gaussian
process: Quinonero-Candela and Rasmussen, J. Mach. Learn. Res. 6, 1939 (2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from electrode.models.neutral_base import NeutralBase
from electrode.models.response import Response, ResponseConfig
from electrode.physics.symmetry_functions import SymmetryFunctions
from electrode.train.blocks import Block
from electrode.train.ridge import Ridge
from electrode.units import UC_PER_CM2

LEVEL = (4.5, 5.0)  # c: mean and width [V]
STIFFNESS = (UC_PER_CM2 / 20.0, 0.5 * UC_PER_CM2 / 20.0)  # s: mean and width [V A^2/e], of 20 uF/cm^2
MOMENT = 50.0  # m [V A], 0.28 e in vacuum
ELEMENT_ENERGY = 1e3  # o [eV], in effect free
ERRORS = {"energy": 0.0015, "potential": 0.05, "forces": 0.1}  # what the fit leaves: [eV] per atom, [V], [eV/A]
INDEPENDENT = 1e-8  # smallest eigenvalue of the environments' likeness that counts as one of its own


@dataclass(frozen=True)
class Widths:
    """Widths of the priors that the data choose.

    Parameters
    ----------
    length : l, in units of the symmetry functions
    energy : of d [eV], 0 for no correction of the neutral energy
    dipole : of p [V A^2]
    stiffness : of r [V A^4/e], 0 for a capacitance without neighbourhood
    """

    length: float = 3.0
    energy: float = 0.0
    dipole: float = 20.0
    stiffness: float = 200.0


@dataclass(frozen=True)
class Rows:
    """Rows of the linear system of F frames with L labels in all.

    Parameters
    ----------
    matrix : (L, K);  labels : (L,) [eV], [V] and [eV/A], less the neutral base and the means of the priors
    kind : (L,) 0 energy, 1 potential, 2 forces;  place : (L,) which of a geometry's labels a row is
    error : (L,) what counts as one;  frame : (L,) number of the frame
    """

    matrix: np.ndarray
    labels: np.ndarray
    kind: np.ndarray
    place: np.ndarray
    error: np.ndarray
    frame: np.ndarray

    def take(self, kept: np.ndarray) -> Rows:
        """Return some of the rows."""
        return Rows(*(getattr(self, f.name)[kept] for f in fields(self)))

    def fit(self, columns: slice) -> Ridge:
        """Return the fit of some of the columns, everything in units of its error."""
        return Ridge.fit(self.matrix[:, columns] / self.error[:, None], self.labels / self.error)


class Basis:
    """The columns: constants of the elements, and three sets of whitened local functions, scaled by their priors.

    Parameters
    ----------
    functions : the symmetry functions
    environments : (M, F) reference environments;  channel : (M,) element of each
    widths : of the priors
    """

    def __init__(self, functions: SymmetryFunctions, environments: torch.Tensor, channel: torch.Tensor, widths: Widths):
        self.widths, self.response = widths, Response(ResponseConfig(functions, len(environments), widths.length))
        self.response.environments.copy_(environments)
        self.response.environment_channel.copy_(channel)
        values, vectors = np.linalg.eigh(self.response.likeness(environments, channel).numpy())
        kept = values > INDEPENDENT * values[-1]
        self.whitening = vectors[:, kept] / np.sqrt(values[kept])

    def sizes(self) -> list[int]:
        """Return the number of columns of o, d, c, m, p, s and r."""
        elements, local = len(self.response.element_energy), self.whitening.shape[1]
        return [elements, local, 1, elements, local, 1, local]

    @property
    def neutral(self) -> int:
        """Number of columns that charge does not touch, o and d; they come first."""
        return sum(self.sizes()[:2])

    def scales(self) -> list[float]:
        """Return the width of the prior of each set of columns."""
        w = self.widths
        return [ELEMENT_ENERGY, w.energy, LEVEL[1], MOMENT, w.dipole, STIFFNESS[1], w.stiffness]

    def rows(self, block: Block, neutral: NeutralBase) -> list[np.ndarray]:
        """Return the matrix (B, 2 + 3n, K) of a block's frames and the labels (B, 2 + 3n): energy, potential and forces."""
        local, slopes = self._local(block)
        heights, tilts = self._heights(block)
        charge, area = (x.numpy()[:, None] for x in (block.natural, block.structure.area))
        counts = self._counts(block)
        one, none = np.ones_like(charge), np.zeros_like(charge)
        columns = [counts, local, one, heights / area, local / area, one / area, local / area**2]
        turning = [0.0 * tilts[:, :, : counts.shape[1]], slopes, 0.0 * tilts[:, :, :1], tilts / area[:, None], slopes / area[:, None], 0.0 * tilts[:, :, :1], slopes / area[:, None] ** 2]
        powers = [0, 0, 1, 1, 1, 2, 2]
        value = (one, charge, 0.5 * charge**2)
        slope = (none, one, charge)
        scaled = [s * x for s, x in zip(self.scales(), columns)]
        energy = np.concatenate([value[k] * x for k, x in zip(powers, scaled)], axis=1)
        potential = np.concatenate([slope[k] * x for k, x in zip(powers, scaled)], axis=1)
        forces = -np.concatenate([s * value[k][:, None] * x for s, k, x in zip(self.scales(), powers, turning)], axis=2)
        return [np.concatenate([energy[:, None], potential[:, None], forces], axis=1), self._labels(block, neutral)]

    def _labels(self, block: Block, neutral: NeutralBase) -> np.ndarray:
        kernel = neutral.kernels(block.structure)["neutral"]
        charge, area = block.natural.numpy(), block.structure.area.numpy()
        energy = block.labels["energy"].numpy() - kernel.values() - LEVEL[0] * charge - 0.5 * STIFFNESS[0] / area * charge**2
        potential = block.labels["conjugate"].numpy() - LEVEL[0] - STIFFNESS[0] / area * charge
        forces = block.labels["forces"].numpy() + kernel.pull(np.ones(len(block))).reshape(len(block), -1)
        return np.column_stack([energy, potential, forces])

    def _counts(self, block: Block) -> np.ndarray:
        channel = self.response.channel(block.structure)
        return block.structure.total(torch.nn.functional.one_hot(channel, len(self.response.element_energy)).double()).numpy()

    def _heights(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return the summed heights (B, E) and their derivatives (B, 3n, E)."""
        moving = block.structure.at(block.structure.positions.detach().requires_grad_())
        heights = self.response.heights(moving)
        tilts = [torch.autograd.grad(h.sum(), moving.positions, retain_graph=True)[0].reshape(len(block), -1) for h in heights.T]
        return heights.detach().numpy(), torch.stack(tilts, 2).numpy()

    def _local(self, block: Block) -> tuple[np.ndarray, np.ndarray]:
        """Return the whitened local functions of each frame (B, K) and their derivatives (B, 3n, K)."""
        b, centres = len(block), self.response.environments.numpy()
        symmetry, channel = block.description["symmetry"], self.response.channel(block.structure)
        likeness = self.response.likeness(symmetry, channel).numpy().reshape(b, -1, len(centres))
        n, features = likeness.shape[1], centres.shape[1]
        jacobian = (block.jacobian_of("symmetry", k).numpy().reshape(n, features, -1) for k in range(b))
        slopes = []
        for k, g, j in zip(likeness, symmetry.numpy().reshape(b, n, features), jacobian):
            toward = np.tensordot(centres, j, axes=(1, 1)) - np.einsum("if,ifx->ix", g, j)
            slopes.append(np.einsum("im,mix->xm", k, toward) / self.widths.length**2 @ self.whitening)
        return likeness.sum(1) @ self.whitening, np.array(slopes)

    def filled(self, weights: np.ndarray) -> Response:
        """Return the response with these weights (K,)."""
        energy, d, c, moment, p, s, r = np.split(weights, np.cumsum(self.sizes())[:-1])
        scale = self.scales()
        local = np.column_stack([self.whitening @ (x * a) for x, a in zip((d, p, r), (scale[1], scale[4], scale[6]))])
        for name, value in {
            "coefficients": local, "element_energy": scale[0] * energy, "element_moment": scale[3] * moment,
            "shift": LEVEL[0] + scale[2] * c[0], "stiffness": STIFFNESS[0] + scale[5] * s[0],
        }.items():  # fmt: skip
            getattr(self.response, name).copy_(torch.as_tensor(value))
        return self.response


def stacked(basis: Basis, data: Sequence[Block], neutral: NeutralBase) -> Rows:
    """Return the rows of all labels that are there; frames are numbered through the blocks."""
    parts, first = [], 0
    for block in data:
        matrix, labels = basis.rows(block, neutral)
        b, n = labels.shape
        kind = np.minimum(np.arange(n), 2)
        error = np.array([ERRORS["energy"] * (n - 2) / 3, ERRORS["potential"], ERRORS["forces"]])[kind]
        frame = np.repeat(first + np.arange(b), n)
        there = np.isfinite(labels.ravel())
        parts.append([x[there] for x in (matrix.reshape(b * n, -1), labels.ravel(), np.tile(kind, b), np.tile(np.arange(n), b), np.tile(error, b), frame)])
        first += b
    return Rows(*(np.concatenate(x) for x in zip(*parts)))


def differences(rows: Rows, geometry: np.ndarray) -> Rows:
    """Return rows whose energies and forces are relative to their mean over the charges of a geometry (F,); what one charge alone says drops out."""
    matrix, labels = rows.matrix.copy(), rows.labels.copy()
    number = np.unique(geometry, return_inverse=True)[1][rows.frame]
    same = number * (rows.place.max() + 1) + rows.place
    for name in np.unique(same[rows.kind != 1]):
        own = same == name
        matrix[own] -= matrix[own].mean(0)
        labels[own] -= labels[own].mean()
    return replace(rows, matrix=matrix, labels=labels).take((rows.kind == 1) | (np.bincount(same)[same] > 1))

"""Gaussian-kernel regression as a layer: outputs that are linear in their weights, one set of landmarks for each element.

    y_ih = b_Zh + sum_m k(g_i, c_Zm) w_Zmh,    k(g, c) = sum_p a_p exp[-|(g_p - c_p)/s_Zp|^2 / (2 l_Zp^2)],    sum_p a_p = 1

for atom i of element Z with features g_i, in parts p such as distances and angles: a sum of functions of few features needs
fewer data than one function of all.  The landmarks c are environments of the training data, chosen far apart; s
scales the features and l_Zp is the part's length times the root mean square distance of an element's environments, so that far
from the data y returns to b.  Being linear in w, such a layer is fitted by least squares instead of by gradient descent.
Source of the regression: Csanyi and Bartok 2015, https://doi.org/10.1002/qua.24927 (sparse kernels for potentials)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from electrode.nn.networks import Slots

SCALE_FLOOR = 3.0  # smallest scale of a feature, in units of the median spread of its element's features that vary
CONSTANT = 1e-6  # features whose spread is less, relative to the largest of the element, count as constant


@dataclass(frozen=True)
class Part:
    """A part of the kernel.

    Parameters
    ----------
    n_features : of this part, which follow those of the part before
    length : of the kernel, in root mean square distances between an element's environments
    weight : a_p, up to a common factor
    """

    n_features: int
    length: float
    weight: float = 1.0

    def __post_init__(self):
        if not (self.length > 0 and self.weight > 0):
            raise ValueError(f"Part: expected a positive length and weight, got {self.length} and {self.weight}")


class KernelHeads(nn.Module):
    """Outputs of each atom from the features of its neighbourhood.

    Parameters
    ----------
    n_elements, n_features, n_outputs : int
    n_landmarks : the most that an element gets
    length : of the kernel, in root mean square distances between an element's environments
    parts : of the kernel, whose first has that length; () for one part
    """

    def __init__(self, n_elements: int, n_features: int, n_outputs: int, n_landmarks: int, length: float, parts: tuple[Part, ...] = ()):
        super().__init__()
        if not (length > 0 and n_landmarks > 0):
            raise ValueError(f"KernelHeads: expected a positive length and at least one landmark, got {length} and {n_landmarks}")
        parts = parts or (Part(n_features, length),)
        zeros = lambda *shape: torch.zeros(*shape, dtype=torch.float64)
        self.length, self.parts = length, [part.n_features for part in parts]
        self.shares = [part.weight / sum(p.weight for p in parts) for part in parts]
        self.stretches = [part.length / length for part in parts]
        if sum(self.parts) != n_features or parts[0].length != length:
            raise ValueError(f"KernelHeads: expected parts of {n_features} features in all, the first of the length {length}; got {parts}")
        self.weights = nn.Parameter(zeros(n_elements, n_landmarks, n_outputs))
        self.offsets = nn.Parameter(zeros(n_elements, n_outputs))
        self.register_buffer("scale", zeros(n_elements, n_features) + 1.0)
        self.register_buffer("landmarks", zeros(n_elements, n_landmarks, n_features))  # scaled
        self.register_buffer("used", zeros(n_elements))  # landmarks that an element has
        self.register_buffer("inverse_length", zeros(n_elements) + 1.0)

    def forward(self, features: Tensor, channel: Tensor) -> Tensor:
        """Return outputs (N, n_outputs) of features (N, n_features) for atoms with element indices (N,)."""
        slots = Slots.of(channel, len(self.offsets))
        origin = self.landmarks[:, 0]  # near the mean: the squares below lose no digits to it
        x, centres = slots.spread(features / self.scale[channel] - origin[channel]), self.landmarks - origin[:, None]
        kernel = 0.0
        for a, b, share in zip(x.split(self.parts, 2), centres.split(self.parts, 2), self.shares):
            square = (a * a).sum(2)[:, :, None] + (b * b).sum(2)[:, None, :] - 2.0 * torch.bmm(a, b.transpose(1, 2))
            # less 1, which it is nearly: large weights of either sign then cancel in their sum, not in that of their rounded products
            kernel = kernel + share * torch.expm1(-0.5 * self.inverse_length[:, None, None] ** 2 * square)
        return slots.gather(torch.bmm(kernel, self.weights)) + (self.offsets + self.weights.sum(1))[channel]

    def kernel(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return k(g_i, c_m) (n, M) and dk/dg (n, M, F) of atoms of element k, over the landmarks it has."""
        x, centres = features / self.scale[k], self.landmarks[k, : int(self.used[k])]
        apart = x[:, None, :] - centres[None, :, :]
        values = [a * torch.exp(-0.5 * self.inverse_length[k] ** 2 * (d * d).sum(2)) for a, d in zip(self.shares, apart.split(self.parts, 2))]
        weight = torch.cat([v[:, :, None].expand(-1, -1, n) for v, n in zip(values, self.parts)], dim=2)
        return sum(values), -self.inverse_length[k] ** 2 * weight * apart / self.scale[k]

    def root(self, k: int) -> Tensor:
        """Return W (M, R) with W W^T the inverse of the kernel matrix of element k's landmarks, near-null directions left out.

        Weights w = W c of independent standard normal c have the kernel as covariance of their function.
        """
        vectors, values = self._directions(k)
        return vectors / values.sqrt()

    @torch.no_grad()
    def coefficients(self, k: int) -> Tensor:
        """Return the c (R, n_outputs) of element k's weights w = W c, see `root`."""
        vectors, values = self._directions(k)
        return values.sqrt()[:, None] * (vectors.T @ self.weights[k, : int(self.used[k])])

    def _directions(self, k: int) -> tuple[Tensor, Tensor]:
        """Return eigenvectors (M, R) and eigenvalues (R,) of the kernel matrix, near-null ones left out."""
        centres = self.landmarks[k, : int(self.used[k])]
        apart = lambda x: torch.cdist(x, x, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        kernels = [a * torch.exp(-0.5 * self.inverse_length[k] ** 2 * apart(part)) for a, part in zip(self.shares, centres.split(self.parts, 1))]
        values, vectors = torch.linalg.eigh(sum(kernels))
        kept = values > 1e-10 * values[-1]
        return vectors[:, kept], values[kept]

    @torch.no_grad()
    def start(self, data, channels: list[Tensor]) -> None:
        """Choose the landmarks from training data (`train.blocks.Block`s with element indices), and fit the first output's constants.

        The constants are those of the elements in the labelled energies, less the short-range energy beside the heads.
        """
        self.place(torch.cat([b.description["symmetry"] for b in data]), torch.cat(channels))
        counts = [b.structure.total(nn.functional.one_hot(c, len(self.offsets)).double()) for b, c in zip(data, channels)]
        energy = torch.cat([b.labels["energy"] - b.description["short_range"] for b in data])
        kept = ~torch.isnan(energy)
        if kept.any():
            self.offsets[:, 0] = torch.linalg.lstsq(torch.cat(counts)[kept], energy[kept, None], driver="gelsd").solution[:, 0]

    @torch.no_grad()
    def place(self, features: Tensor, channel: Tensor) -> None:
        """Choose scales and landmarks from training environments (N, n_features); weights return to zero.

        A feature's scale is its spread, floored at a few times the median spread of those of its element's features that vary, so
        that features that hardly vary stay small.
        """
        self.weights.zero_()
        for k in torch.unique(channel).tolist():
            self._place(k, features[channel == k])

    def _place(self, k: int, own: Tensor) -> None:
        scales = [_scale(part) for part in own.split(self.parts, 1)]
        typical = [2.0 * (part / s).var(0, unbiased=False).sum() for part, s in zip(own.split(self.parts, 1), scales)]
        # one length for all: the scales of the other parts hold theirs
        typical = [t.clamp(min=1e-12) for t in typical]
        self.scale[k] = torch.cat([s * stretch * (t / typical[0]).sqrt() for s, t, stretch in zip(scales, typical, self.stretches)])
        chosen = _far_apart(own / self.scale[k], self.landmarks.shape[1])
        self.landmarks[k].zero_()
        self.landmarks[k, : len(chosen)] = chosen
        self.used[k] = len(chosen)
        self.inverse_length[k] = 1.0 / (self.length * typical[0].sqrt())

    @torch.no_grad()
    def extend(self, features: Tensor, channel: Tensor) -> None:
        """Add landmarks from new environments (N, n_features) to those there are, as many as there is room for; outputs stay.

        An element without landmarks gets its scale and landmarks as in `place`.
        """
        for k in torch.unique(channel).tolist():
            own, used = features[channel == k], int(self.used[k])
            if not used:
                self._place(k, own)
                continue
            chosen = _far_apart(own / self.scale[k], self.landmarks.shape[1] - used, self.landmarks[k, :used])
            self.landmarks[k, used : used + len(chosen)] = chosen
            self.used[k] += len(chosen)


def _scale(own: Tensor) -> Tensor:
    """Return the scale of each feature of an element's environments (n, F)."""
    spread = own.std(0, unbiased=False)
    varies = spread > CONSTANT * spread.max()  # functions of pairs that never meet would take the median to zero, and the floor with it
    typical = float(spread[varies].median()) if varies.any() else 0.0
    return spread.clamp(min=max(SCALE_FLOOR * typical, 1e-3)) * own.shape[1] ** 0.5


def _far_apart(points: Tensor, most: int, beside: Tensor | None = None) -> Tensor:
    """Return at most `most` different points, each the farthest from those before it and `beside`; without these from the one nearest the mean on."""
    if beside is None:
        first = ((points - points.mean(0)) ** 2).sum(1).argmin()
        chosen, distance = [int(first)], ((points - points[first]) ** 2).sum(1)
    else:
        chosen, distance = [], (torch.cdist(points, beside, compute_mode="donot_use_mm_for_euclid_dist") ** 2).min(1).values
    while len(chosen) < min(most, len(points)):
        k = int(distance.argmax())
        if distance[k] < 1e-12:
            break
        chosen.append(k)
        distance = torch.minimum(distance, ((points - points[k]) ** 2).sum(1))
    return points[torch.tensor(chosen, dtype=torch.long)]

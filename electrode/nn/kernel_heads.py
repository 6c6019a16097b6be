"""Gaussian-kernel regression as a layer: outputs that are linear in their weights, one set of landmarks for each element.

    y_ih = b_Zh + sum_m k(g_i, c_Zm) w_Zmh,    k(g, c) = exp[-|(g - c)/s_Z|^2 / (2 l_Z^2)]

for atom i of element Z with features g_i.  The landmarks c are environments of the training data, chosen far apart; s
scales the features and l_Z is `length` times the root mean square distance of an element's environments, so that far
from the data y returns to b.  Being linear in w, such a layer is fitted by least squares instead of by gradient descent.
Source of the regression: Csanyi and Bartok 2015, https://doi.org/10.1002/qua.24927 (sparse kernels for potentials)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from electrode.nn.networks import Slots

SCALE_FLOOR = 3.0  # smallest scale of a feature, in units of the median spread of its element's features


class KernelHeads(nn.Module):
    """Outputs of each atom from the features of its neighbourhood.

    Parameters
    ----------
    n_elements, n_features, n_outputs : int
    n_landmarks : the most that an element gets
    length : of the kernel, in root mean square distances between an element's environments
    """

    def __init__(self, n_elements: int, n_features: int, n_outputs: int, n_landmarks: int, length: float):
        super().__init__()
        if not (length > 0 and n_landmarks > 0):
            raise ValueError(f"KernelHeads: expected a positive length and at least one landmark, got {length} and {n_landmarks}")
        zeros = lambda *shape: torch.zeros(*shape, dtype=torch.float64)
        self.length = length
        self.weights = nn.Parameter(zeros(n_elements, n_landmarks, n_outputs))
        self.offsets = nn.Parameter(zeros(n_elements, n_outputs))
        self.register_buffer("scale", zeros(n_elements, n_features) + 1.0)
        self.register_buffer("landmarks", zeros(n_elements, n_landmarks, n_features))  # scaled
        self.register_buffer("used", zeros(n_elements))  # landmarks that an element has
        self.register_buffer("inverse_length", zeros(n_elements) + 1.0)

    def forward(self, features: Tensor, channel: Tensor) -> Tensor:
        """Return outputs (N, n_outputs) of features (N, n_features) for atoms with element indices (N,)."""
        slots = Slots.of(channel, len(self.offsets))
        x = slots.spread(features / self.scale[channel])
        centres = self.landmarks
        square = (x * x).sum(2)[:, :, None] + (centres * centres).sum(2)[:, None, :] - 2.0 * torch.bmm(x, centres.transpose(1, 2))
        kernel = torch.exp(-0.5 * self.inverse_length[:, None, None] ** 2 * square)
        return slots.gather(torch.bmm(kernel, self.weights)) + self.offsets[channel]

    def kernel(self, features: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Return k(g_i, c_m) (n, M) and dk/dg (n, M, F) of atoms of element k, over the landmarks it has."""
        x, centres = features / self.scale[k], self.landmarks[k, : int(self.used[k])]
        apart = x[:, None, :] - centres[None, :, :]
        value = torch.exp(-0.5 * self.inverse_length[k] ** 2 * (apart * apart).sum(2))
        return value, -self.inverse_length[k] ** 2 * value[:, :, None] * apart / self.scale[k]

    def root(self, k: int) -> Tensor:
        """Return W (M, R) with W W^T the inverse of the kernel matrix of element k's landmarks, near-null directions left out.

        Weights w = W c of independent standard normal c have the kernel as covariance of their function.
        """
        centres = self.landmarks[k, : int(self.used[k])]
        square = torch.cdist(centres, centres, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        values, vectors = torch.linalg.eigh(torch.exp(-0.5 * self.inverse_length[k] ** 2 * square))
        kept = values > 1e-10 * values[-1]
        return vectors[:, kept] / values[kept].sqrt()

    @torch.no_grad()
    def start(self, data, channels: list[Tensor]) -> None:
        """Choose the landmarks from training data (`train.blocks.Block`s with element indices), and fit the first output's constants.

        The constants are those of the elements in the labelled energies, less the short-range energy beside the heads.
        """
        self.place(torch.cat([b.description["symmetry"] for b in data]), torch.cat(channels))
        counts = [b.structure.total(nn.functional.one_hot(c, len(self.offsets)).double()) for b, c in zip(data, channels)]
        energy = torch.cat([b.labels["energy"] - b.description["short_range"] for b in data])
        kept = ~torch.isnan(energy)
        self.offsets[:, 0] = torch.linalg.lstsq(torch.cat(counts)[kept], energy[kept, None], driver="gelsd").solution[:, 0]

    @torch.no_grad()
    def place(self, features: Tensor, channel: Tensor) -> None:
        """Choose scales and landmarks from training environments (N, n_features); weights return to zero.

        A feature's scale is its spread, floored at a few times the median spread of its element's features, so that
        features that hardly vary stay small.
        """
        self.weights.zero_()
        for k in torch.unique(channel).tolist():
            own = features[channel == k]
            spread = own.std(0, unbiased=False)
            self.scale[k] = spread.clamp(min=max(SCALE_FLOOR * float(spread.median()), 1e-3)) * own.shape[1] ** 0.5
            chosen = _far_apart(own / self.scale[k], self.landmarks.shape[1])
            self.landmarks[k].zero_()
            self.landmarks[k, : len(chosen)] = chosen
            self.used[k] = len(chosen)
            typical = 2.0 * (own / self.scale[k]).var(0, unbiased=False).sum()
            self.inverse_length[k] = 1.0 / (self.length * typical.clamp(min=1e-12).sqrt())


def _far_apart(points: Tensor, most: int) -> Tensor:
    """Return at most `most` different points, each the farthest from those before it, from the one nearest the mean on."""
    first = ((points - points.mean(0)) ** 2).sum(1).argmin()
    chosen, distance = [int(first)], ((points - points[first]) ** 2).sum(1)
    while len(chosen) < min(most, len(points)):
        k = int(distance.argmax())
        if distance[k] < 1e-12:
            break
        chosen.append(k)
        distance = torch.minimum(distance, ((points - points[k]) ** 2).sum(1))
    return points[torch.tensor(chosen)]

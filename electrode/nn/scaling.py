"""Features of each element brought to mean zero and a common size before a network reads them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SCALE_FLOOR = 3.0  # smallest scale of a feature, in units of the median spread of its element's features


def element_rows(numbers: Tensor, elements: tuple[int, ...]) -> Tensor:
    """Return which of the elements (atomic numbers) each atom is, (N,).

    Raises
    ------
    ValueError
        for an atom of another element.
    """
    which = numbers[:, None] == torch.tensor(elements)
    if not which.any(1).all():
        unknown = sorted(set(numbers[~which.any(1)].tolist()))
        raise ValueError(f"elements {unknown} (atomic numbers) are not in the model, which knows {list(elements)}; train with frames that hold them")
    return which.long().argmax(1)


class ElementScale(nn.Module):
    """(g_i - mean_Z) / scale_Z for atom i of element Z; nothing is done before `adapt`.

    Parameters
    ----------
    n_elements, n_features : int
    """

    def __init__(self, n_elements: int, n_features: int):
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_elements, n_features, dtype=torch.float64))
        self.register_buffer("scale", torch.ones(n_elements, n_features, dtype=torch.float64))

    def forward(self, features: Tensor, channel: Tensor) -> Tensor:
        """Return scaled features (N, F) of atoms with element indices (N,)."""
        return (features - self.mean[channel]) / self.scale[channel]

    @torch.no_grad()
    def adapt(self, features: Tensor, channel: Tensor) -> None:
        """Take the mean and the spread of training environments (N, F).

        The spread is floored at a few times the median spread of an element's features: features that hardly vary stay small,
        which keeps a network from reading noise into them.
        """
        for k in torch.unique(channel).tolist():
            own = features[channel == k]
            spread = own.std(0, unbiased=False)
            self.mean[k] = own.mean(0)
            self.scale[k] = spread.clamp(min=max(SCALE_FLOOR * float(spread.median()), 1e-6))

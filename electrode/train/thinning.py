"""Some rows of the answers to a field in each step of a training: the rest cost a backward pass each, and say much the same.

    loss = mean over drawn rows a of |Z_a - Z_a^label|^2,   a of x, y, z: the mean over draws is the mean over all rows
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

if TYPE_CHECKING:
    from electrode.train.blocks import Block

OF_FIELD = ("born_charges", "polarizability")  # labels whose rows belong to a component of the polarisation


def thinned(block: Block, rows: int, draw: np.random.Generator) -> Block:
    """Return a block that has labels of `rows` components of the polarisation, of three, in its Born charges and polarisabilities.

    Parameters
    ----------
    rows : 3 for the block itself
    draw : which ones
    """
    if rows == 3 or not any(name in block.labels for name in OF_FIELD):
        return block
    others = torch.from_numpy(draw.permutation(3)[rows:])
    return replace(block, labels={name: _without(value, others) if name in OF_FIELD else value for name, value in block.labels.items()})


def labelled_rows(block: Block) -> list[int]:
    """Return the components of the polarisation of which some frame has Born charges or a polarisability."""
    known = [~torch.isnan(block.labels[name]).reshape(len(block), -1, 3, 3) for name in OF_FIELD if name in block.labels]
    return [k for k in range(3) if not known or any(bool(x[:, :, k].any()) for x in known)]


def _without(label: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
    """Return labels (B, 9n) without some rows of each tensor."""
    tensors = label.clone().reshape(len(label), -1, 3, 3)
    tensors[:, :, rows] = torch.nan
    return tensors.reshape(label.shape)

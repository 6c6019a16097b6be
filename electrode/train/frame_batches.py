"""Frames put together for one evaluation, few enough for the memory that it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from electrode.data.record import ElectrifiedFrame
from electrode.models.base import Model
from electrode.train.predictions import members_of

FRAMES = 32  # in one evaluation
ATOMS = 4096  # and atoms, counted for each member: second derivatives of networks in a field keep about a megabyte for each


def frame_batches(model: Model, frames: Sequence[ElectrifiedFrame]) -> Iterator[list[ElectrifiedFrame]]:
    """Yield the frames in their order, at most `FRAMES` at once and of at most `ATOMS` atoms, but for a larger one on its own."""
    members, batch, atoms = members_of(model), [], 0
    for frame in frames:
        size = members * len(frame.geometry)
        if batch and (len(batch) == FRAMES or atoms + size > ATOMS):
            yield batch
            batch, atoms = [], 0
        batch.append(frame)
        atoms += size
    if batch:
        yield batch

"""The folder of a data set of plain arrays; `electrode.data.dataset.MappedDataset` reads it frame by frame, this all at once."""

from __future__ import annotations

from pathlib import Path

from electrode.data.dataset import MappedDataset
from electrode.data.dataset_layout import HEAD
from electrode.data.record import ElectrifiedFrame


def recognises(path: Path) -> bool:
    """Say whether a folder holds the head of a data set."""
    return (path / HEAD).is_file()


def read(path: Path) -> list[ElectrifiedFrame]:
    """Read all frames."""
    return list(MappedDataset(path))

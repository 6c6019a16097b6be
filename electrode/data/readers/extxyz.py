"""Extended XYZ, the format of the record itself; its parsing is in `electrode.data.files`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from electrode.data.files import parse_frames
from electrode.data.record import ElectrifiedFrame


def recognises(path: Path) -> bool:
    """Say whether a file is named like extended XYZ."""
    return path.name.endswith((".xyz", ".extxyz", ".xyz.gz", ".extxyz.gz"))


def read(path: Path, *, assume: Mapping | None = None) -> list[ElectrifiedFrame]:
    """Read all frames; see `electrode.data.files.read_frames`, which also checks them."""
    return parse_frames(path, assume)

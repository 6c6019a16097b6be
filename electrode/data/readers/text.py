"""The first bytes of a file and the text files beside it, for readers that recognise and complete their input."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from pathlib import Path

OPENING = 4096  # bytes that decide on a format


def opening(path: Path, size: int = OPENING) -> str:
    """Return the first bytes of a file, plain or `.gz`, as text; empty for a folder, a file that cannot be read and binary data."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            start = file.read(size)
    except (OSError, EOFError, zlib.error):
        return ""
    return "" if b"\0" in start else start.decode("utf-8", errors="ignore")


def holding(folder: Path, patterns: Iterable[str], mark: str) -> list[Path]:
    """Return the files of a folder whose names fit a pattern and whose text holds `mark`, by name."""
    return sorted(path for path in {p for pattern in patterns for p in folder.glob(pattern)} if path.is_file() and _holds(path, mark))


def _holds(path: Path, mark: str) -> bool:
    if not opening(path):
        return False
    with gzip.open(path, "rt", errors="ignore") if path.suffix == ".gz" else path.open(errors="ignore") as file:
        return any(mark in line for line in file)

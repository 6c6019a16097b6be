"""Data that are not of the project: the folder $ELECTRODE_DATA, by default shared/data beside the checkout."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return the folder of the data."""
    return Path(os.environ.get("ELECTRODE_DATA", Path(__file__).parents[1] / "../shared/data"))


def found(validation: str, file: str, instead: str = "") -> Path | None:
    """Return a file of the folder; where it is missing say that `validation` is skipped, and what would serve `instead`, and return None."""
    path = folder() / file
    if path.is_file():
        return path
    print(f"{validation}: SKIPPED, no file {path}. Set ELECTRODE_DATA to the folder that holds {file}{instead}")
    return None

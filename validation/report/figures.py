"""The project's figures with their captions, as data that a page can carry."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).parents[1] / "figures"
CAPTIONS = Path(__file__).with_name("figures.yaml")


@dataclass(frozen=True)
class Figure:
    """A picture, what is seen on it in words, and the command that draws it."""

    path: Path
    caption: str
    alt: str
    command: str

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.path.read_bytes()).decode("ascii")


def read_figures() -> list[Figure]:
    """Return the figures in the order of their captions.

    Raises
    ------
    ValueError
        for a figure without caption, or a caption without figure.
    """
    captions = yaml.safe_load(CAPTIONS.read_text(encoding="utf-8"))
    there = {path.name for path in FOLDER.glob("*.png")}
    if there != set(captions):
        raise ValueError(f"{CAPTIONS.name}: expected an entry for each of validation/figures/*.png; without figure {sorted(set(captions) - there)}, without entry {sorted(there - set(captions))}")
    return [Figure(FOLDER / name, **entry) for name, entry in captions.items()]

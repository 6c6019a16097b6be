"""The frames that the schemes in a field are compared on, and their divisions; where they come from stands in `validation.fields`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from ase.neighborlist import neighbor_list

from electrode.data.files import parse_frames
from electrode.data.splits import Split, split_by_trajectory
from electrode.physics.neighbours import CLOSEST_APPROACH

FILES = {
    "sio2": "allegro_pol/SiO2.extxyz", "batio3": "allegro_pol/BaTiO3.extxyz", "nma": "fireann/NMA_validation.extxyz",
    "water": "fireann/liquid_water_train.extxyz", "water_field": "water_field_dft/water.xyz",
}  # fmt: skip
WATER_TEST = "fireann/liquid_water_validation.extxyz"
BLOCK = 5  # frames of a crystal that stay together


def folder() -> Path:
    """Return the folder of the data that are not of the project."""
    return Path(os.environ.get("ELECTRODE_DATA", "../shared/data"))


def read(name: str) -> list:
    """Return the frames of a file of the folder, without those that neighbour lists refuse; what was assumed of them stands in the head of this module."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [f for f in parse_frames(folder() / name) if nearest(f.geometry) >= CLOSEST_APPROACH]


def nearest(atoms) -> float:
    """Return the smallest distance of two atoms, or the largest that is refused [A]."""
    return float(min(neighbor_list("d", atoms, CLOSEST_APPROACH), default=CLOSEST_APPROACH))


def division(name: str, frames: Sequence) -> Split:
    """Return the split of a set, by names of geometries."""
    if name == "nma":
        return split_by_trajectory(frames, (0.8, 0.1, 0.1), seed=0, group="positions")
    if name == "water_field":
        return split_by_trajectory(frames, (0.7, 0.15, 0.15), seed=0)
    if name == "water":
        return split_by_trajectory(frames, (0.9, 0.1, 0.0), seed=0, group="positions")
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for k, frame in enumerate(frames):
        block = (k // BLOCK) % 10
        parts["test" if block in (4, 9) else "validation" if block == 2 else "train"].append(frame.geometry_id)
    return Split(**{part: tuple(dict.fromkeys(names)) for part, names in parts.items()}, group="positions")


def divided(name: str) -> dict[str, list]:
    """Return the frames of each part of a set."""
    frames = read(FILES[name])
    parts = division(name, frames).divide(frames)
    return {**parts, "test": read(WATER_TEST)} if name == "water" else parts

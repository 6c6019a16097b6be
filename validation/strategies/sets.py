"""The frames that every strategy learns from and is tested on.

teacher : the exact interface (validation/teacher), 1 to 4 layers of water, absolute potentials 4.1 to 4.7 V; tests of other trajectories inside that
    window, the same geometries 0.5 and 1 V beyond either end, and trajectories of 5 layers.  It is computed once, and kept in a folder.
hydronium, hydrogen : tutorials/data with its split: the Volmer step, and hydrogen, on gold.
published : CO reduction on Cu(100), reactions that no training saw, fold 0 of validation/published_sjm.py, frames of validation and test spread evenly
    over its bands; read from $ELECTRODE_DATA.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from electrode.data.files import read_frames, write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits import Split
from validation import _outside_data
from validation.published_sjm import FILE, divided, masked, reaction
from validation.teacher.sampling import Plan, relabelled, sample
from validation.volmer import DATA

WINDOW = (4.1, 4.7)  # [V, absolute] of the teacher's training
LAYERS, LARGER = (1, 2, 3, 4), (5,)
BEYOND = (0.5, 1.0)  # [V]
SIZES = {"validation": 60, "test": 80, "size": 40}  # frames
SETS = ("teacher", "hydronium", "hydrogen", "published")
PUBLISHED_TEST = 240  # frames, spread over the bands of the fold's test
TUTORIAL = {"hydronium": "au111_h3o", "hydrogen": "au111_h"}


@dataclass(frozen=True)
class Frames:
    """What a training sees, and the tests by name; the first test is the one that strategies are compared by."""

    training: Sequence[ElectrifiedFrame]
    validation: Sequence[ElectrifiedFrame]
    tests: dict[str, Sequence[ElectrifiedFrame]]


@lru_cache(maxsize=2)
def load(name: str, folder: Path, n_train: int | None) -> Frames:
    """Return a set with its first `n_train` training frames, all for None, trajectory after trajectory.

    Raises
    ------
    ValueError
        for an unknown name, or fewer frames than asked for.
    """
    if name == "teacher":
        kept = {part: read_frames(_file(folder, part)) for part in ("validation", "test", "size", *_beyond())}
        training, validation = read_frames(_file(folder, "train")), kept.pop("validation")
        tests = kept
    elif name in TUTORIAL:
        frames = read_frames(DATA / f"{TUTORIAL[name]}.xyz.gz")
        split = Split.from_json(DATA / f"{TUTORIAL[name]}.split.json")
        training, validation, test = (split.select(frames, part) for part in ("train", "validation", "test"))
        training, tests = _shuffled(training), {"test": test}
    elif name == "published":
        parts = published()
        training, validation, tests = _shuffled(parts["train"]), spread(parts["validation"], SIZES["validation"]), {"test": spread(parts["test"], PUBLISHED_TEST)}
    else:
        raise ValueError(f"set: expected one of {', '.join(SETS)}, got {name!r}")
    if n_train is not None and n_train > len(training):
        raise ValueError(f"{name}: expected up to {len(training)} training frames, got {n_train}")
    return Frames(training[:n_train], validation, tests)


def spread(frames: Sequence[ElectrifiedFrame], number: int) -> list[ElectrifiedFrame]:
    """Return as many of the frames, evenly spread, or all."""
    return [frames[k] for k in sorted({round(x) for x in np.linspace(0, len(frames) - 1, min(number, len(frames)))})]


def absent(name: str) -> str | None:
    """Return why a set cannot be had here, None where it can."""
    return None if name != "published" or _published_file().is_file() else f"no file {_published_file()}; set ELECTRODE_DATA"


def published() -> dict[str, list[ElectrifiedFrame]]:
    """Return the parts of the published bands."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # 61 pairs of frames are 0.15 to 0.3 eV/e off dE/dn = mu, see published_sjm
        frames = [masked(f) for f in read_frames(_published_file(), strict=False) if reaction(f) is not None]
    return divided(frames, 0, 1)


def _published_file() -> Path:
    return _outside_data.folder() / FILE


def prepare(folder: Path, n_train: int) -> list[str]:
    """Compute the teacher's frames that the folder does not hold, and return their parts' names."""
    folder.mkdir(parents=True, exist_ok=True)
    done = []
    for seed, part in enumerate(("train", "validation", "test", "size")):
        number = n_train if part == "train" else SIZES[part]
        if _file(folder, part).is_file():
            if part != "train" or len(read_frames(_file(folder, part))) >= number:
                continue
            _file(folder, part).unlink()
        # the tests have few geometries of many trajectories: those are what the comparison draws from
        each = 2 if part in ("test", "size") else 5
        plan = Plan(LARGER if part == "size" else LAYERS, _potentials(), ions=(None,), per_trajectory=each, seed=100 + seed)
        write_frames(_file(folder, part), sample(plan, number))
        done.append(part)
    inside = read_frames(_file(folder, "test"))
    for part, (edge, shift) in _beyond().items():
        if not _file(folder, part).is_file():
            write_frames(_file(folder, part), relabelled(inside, shift, edge))
            done.append(part)
    return done


def _shuffled(frames: Sequence[ElectrifiedFrame]) -> list[ElectrifiedFrame]:
    """Return the frames trajectory by trajectory, those in a drawn order, which is always the same."""
    names = sorted({str(f.trajectory) for f in frames})
    order = {name: k for k, name in enumerate(np.random.default_rng(0).permutation(names))}
    return sorted(frames, key=lambda f: order[str(f.trajectory)])


def _potentials() -> tuple[float, ...]:
    low, high = WINDOW
    return tuple(low + (high - low) * k / 3.0 for k in range(4))


def _beyond() -> dict[str, tuple[float, float]]:
    """Return the end of the window and the shift from it [V] of each test beyond it."""
    low, high = WINDOW
    return {f"{word}-{by}V": (edge, sign * by) for word, edge, sign in (("below", low, -1.0), ("above", high, 1.0)) for by in BEYOND}


def _file(folder: Path, part: str) -> Path:
    return folder / f"teacher-{part}.xyz"

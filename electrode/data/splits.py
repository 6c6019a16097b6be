"""Dividing frames into training, validation and test sets, a trajectory never across two of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from electrode.data.problems import Problem, did_you_mean, fault, raise_on_errors
from electrode.data.record import ElectrifiedFrame

PARTS = ("train", "validation", "test")
GROUPS = ("trajectory", "positions")
NEAR = 0.01  # frames whose atoms all lie closer than this are duplicates [A]
_COORDINATES = 12  # coordinates that find candidates for duplicates


@dataclass(frozen=True)
class Split:
    """Names of the groups in each part.

    Parameters
    ----------
    train, validation, test : names of trajectories, or of geometries when grouped by positions
    group : "trajectory" or "positions"

    Raises
    ------
    DataError
        if a name stands in two parts.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    group: str = "trajectory"

    def __post_init__(self):
        for part in PARTS:
            object.__setattr__(self, part, tuple(getattr(self, part)))
        _check_word(self.group, GROUPS, "group")
        names = [name for part in PARTS for name in getattr(self, part)]
        twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise fault("split", f"expected every name once, got {', '.join(twice[:5])} in two places", "keep each trajectory in one part")

    def select(self, frames: Sequence[ElectrifiedFrame], part: str) -> list[ElectrifiedFrame]:
        """Return the frames of one part, in the order given.

        Raises
        ------
        DataError
            on an unknown part, or a frame that stands in no part.
        """
        _check_word(part, PARTS, "part")
        known = {name: p for p in PARTS for name in getattr(self, p)}
        names = _group_names(frames, self.group)
        raise_on_errors(Problem("error", f.where, f"{self.group} {n!r} stands in no part of the split{did_you_mean(n, known)}", "make the split from these frames") for f, n in zip(frames, names) if n not in known)
        return [f for f, n in zip(frames, names) if known[n] == part]

    def to_json(self, path: str | Path, force: bool = False) -> None:
        """Write the split as JSON.

        Raises
        ------
        FileExistsError
            if the file exists and `force` is not set.
        """
        if Path(path).exists() and not force:
            raise FileExistsError(f"{path} exists. Give another name, or force=True to replace it.")
        Path(path).write_text(json.dumps(asdict(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def from_json(cls, path: str | Path) -> Split:
        """Read a split.

        Raises
        ------
        DataError
            if the file does not hold exactly the parts of a split.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise fault(str(path), f"not readable as JSON: {error}", "write the split again") from error
        if not isinstance(content, dict) or not {*PARTS} <= {*content} <= {*PARTS, "group"}:
            found = sorted(content) if isinstance(content, dict) else type(content).__name__
            raise fault(str(path), f"expected the keys {', '.join(PARTS)} and group, got {found}", "write the split with Split.to_json")
        return cls(**content)


def split_by_trajectory(
    frames: Sequence[ElectrifiedFrame],
    fractions: tuple[float, float, float],
    *,
    seed: int,
    stratify_by: str | None = "config_type",
    group: str = "trajectory",
    near: float = NEAR,
) -> Split:
    """Divide frames so that no trajectory, and no geometry, stands in two parts.

    Within each stratum the groups are shuffled; then each goes to the part that lags most behind its fraction.

    Parameters
    ----------
    frames : the frames
    fractions : shares of train, validation and test among the groups; they sum to 1
    seed : of the shuffle
    stratify_by : key of `frame.info`, or a field such as `system`, whose values all parts share; None for no strata
    group : "trajectory", or "positions" to group frames of equal geometry that carry no trajectory
    near : frames whose atoms all lie closer than this [A] count as duplicates

    Raises
    ------
    DataError
        if a frame has no trajectory, a part stays empty, or two parts hold nearly equal geometries.
    """
    frames = list(frames)
    shares = _check_fractions(fractions)
    names = _group_names(frames, group)
    strata: dict[str, list[str]] = defaultdict(list)
    for name, frame in dict(zip(reversed(names), reversed(frames))).items():
        strata[_stratum(frame, stratify_by)].append(name)
    rng = np.random.default_rng(seed)
    order = [name for stratum in sorted(strata) for name in rng.permutation(sorted(strata[stratum])).tolist()]
    parts: tuple[list[str], ...] = ([], [], [])
    for k, name in enumerate(order, start=1):
        parts[int(np.argmax(shares * k - [len(p) for p in parts]))].append(name)
    for part, chosen, share in zip(PARTS, parts, shares):
        if share > 0 and not chosen:
            raise fault("split", f"{part} stays empty: {len(order)} groups for the fractions {tuple(fractions)}", "give more trajectories or a fraction of 0")
    split = Split(*(sorted(p) for p in parts), group=group)
    _refuse_duplicates(frames, names, split, near)
    return split


def _check_fractions(fractions) -> np.ndarray:
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or not (shares >= 0).all() or abs(shares.sum() - 1.0) > 1e-9:
        raise fault("split", f"fractions: expected three shares (train, validation, test) with sum 1, got {fractions}", "give for instance (0.8, 0.1, 0.1)")
    return shares


def _check_word(word: str, words: tuple[str, ...], what: str) -> None:
    if word not in words:
        raise fault("split", f"{what}: expected one of {', '.join(words)}; got {word!r}{did_you_mean(word, words)}", f"correct {what}")


def _group_names(frames: Sequence[ElectrifiedFrame], group: str) -> list[str]:
    _check_word(group, GROUPS, "group")
    if group == "positions":
        return [f.geometry_id for f in frames]
    raise_on_errors(Problem("error", f.where, "trajectory is missing", "write trajectory, or split with group='positions'") for f in frames if f.trajectory is None)
    return [str(f.trajectory) for f in frames]


def _stratum(frame: ElectrifiedFrame, key: str | None) -> str:
    if key is None:
        return ""
    return str(frame.info.get(key, getattr(frame, key, None)))


def _refuse_duplicates(frames, names, split: Split, near: float) -> None:
    part_of = {name: part for part in PARTS for name in getattr(split, part)}
    problems = []
    for a, b in _near_pairs(frames, near):
        if part_of[names[a]] != part_of[names[b]]:
            what = f"nearly the same geometry as {frames[b].where}, in {part_of[names[a]]} and in {part_of[names[b]]}"
            problems.append(Problem("error", frames[a].where, what, "give both frames one trajectory name, or drop one"))
    raise_on_errors(problems)


def _near_pairs(frames, near: float) -> list[tuple[int, int]]:
    """Pairs of frames of one composition and cell, no atom of which moved by more than `near` along an axis.

    Images that differ by a lattice vector or an order of atoms are not recognised.
    """
    alike, pairs = defaultdict(list), []
    for k, frame in enumerate(frames):
        alike[frame.geometry.numbers.tobytes(), np.round(frame.geometry.cell.array, 2).tobytes()].append(k)
    for members in alike.values():
        flat = np.array([frames[k].geometry.positions.ravel() for k in members])
        first = np.unique(flat, axis=0, return_index=True, return_inverse=True)
        unique, where = first[0], [np.flatnonzero(first[2].ravel() == i) for i in range(len(first[0]))]
        pairs += [(members[w[0]], members[j]) for w in where for j in w[1:]]
        spread = np.argsort(-unique.std(axis=0))[:_COORDINATES]
        for i, j in cKDTree(unique[:, spread]).query_pairs(near, p=np.inf):
            if np.abs(unique[i] - unique[j]).max() <= near:
                pairs += [(members[a], members[b]) for a in where[i] for b in where[j]]
    return pairs

"""Dividing frames into training, validation and test sets, a group of frames never across two of them.

A group is a trajectory, a geometry, a composition, a system or a reaction; what a window of potential or charge, an element
or a name holds can be left to the test alone (`HeldOut`).  Frames of one structure in two parts are found (`splits_leaks`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from electrode.data.problems import Problem, did_you_mean, fault, raise_on_errors, warn
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits_groups import GROUPS, WINDOWS, HeldOut, check_word, group_names
from electrode.data.splits_leaks import NEAR, Leak, find_leaks
from electrode.output import write_json

PARTS = ("train", "validation", "test")
LISTED = 5  # leaks named in one message


@dataclass(frozen=True)
class Split:
    """Names of the groups in each part.

    Parameters
    ----------
    train, validation, test : names of groups
    group : what is named, one of `splits_groups.GROUPS`
    held_out : frames that stand in the test whatever their group

    Raises
    ------
    DataError
        if a name stands in two parts.
    """

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    group: str = "trajectory"
    held_out: HeldOut | None = None

    def __post_init__(self):
        for part in PARTS:
            object.__setattr__(self, part, tuple(getattr(self, part)))
        check_word(self.group, GROUPS, "group")
        seen, twice = set(), set()
        for name in (name for part in PARTS for name in getattr(self, part)):
            (twice if name in seen else seen).add(name)
        if twice:
            raise fault("split", f"expected every name once, got {', '.join(sorted(twice)[:5])} in two places", "keep each trajectory in one part")

    def parts(self, frames: Sequence[ElectrifiedFrame]) -> list[str]:
        """Return the part of each frame.

        Raises
        ------
        DataError
            if a frame stands in no part.
        """
        known = {name: p for p in PARTS for name in getattr(self, p)}
        held = [self.held_out is not None and self.held_out.holds(f) for f in frames]
        rest = [f for f, h in zip(frames, held) if not h]
        names = iter(group_names(rest, self.group))
        found = [("test", "") if h else (known.get(name := next(names)), name) for h in held]
        raise_on_errors(Problem("error", f.where, f"{self.group} {n!r} stands in no part of the split{did_you_mean(n, known)}", "make the split from these frames") for f, (p, n) in zip(frames, found) if p is None)
        return [part for part, _ in found]

    def divide(self, frames: Sequence[ElectrifiedFrame], near: float = NEAR) -> dict[str, Sequence[ElectrifiedFrame]]:
        """Return the frames of every part, in the order given, and warn of structures that stand in two parts.

        Raises
        ------
        DataError
            if a frame stands in no part.
        """
        parts = self.parts(frames)
        leaks = self.leaks(frames, near, parts)
        if leaks:
            warn([Problem("warning", "split", leak_message(frames, leaks), "split again, frames of one structure in one part; the errors of the test are too small")])
        take = getattr(frames, "take", lambda rows: [frames[k] for k in rows])
        return {part: take([k for k, p in enumerate(parts) if p == part]) for part in PARTS}

    def select(self, frames: Sequence[ElectrifiedFrame], part: str) -> Sequence[ElectrifiedFrame]:
        """Return the frames of one part, in the order given, and warn as `divide` does.

        Raises
        ------
        DataError
            on an unknown part, or a frame that stands in no part.
        """
        check_word(part, PARTS, "part")
        return self.divide(frames)[part]

    def leaks(self, frames: Sequence[ElectrifiedFrame], near: float = NEAR, parts: Sequence[str] | None = None) -> list[Leak]:
        """Return structures that stand in two parts; beside a held-out window only those of equal charge count for the test."""
        parts = self.parts(frames) if parts is None else parts
        if self.held_out is None or self.held_out.by not in WINDOWS:
            return find_leaks(frames, parts, near=near)
        rest = [k for k, p in enumerate(parts) if p != "test"]
        inner = find_leaks([frames[k] for k in rest], [parts[k] for k in rest], near=near)
        inner = [Leak(rest[i.first], rest[i.second], i.parts, i.distance) for i in inner]
        outer = find_leaks(frames, parts, near=near, same_charge=True)
        return [*inner, *(leak for leak in outer if "test" in leak.parts)]

    def to_json(self, path: str | Path, force: bool = False) -> None:
        """Write the split as JSON.

        Raises
        ------
        FileExistsError, FileNotFoundError, NoRoom
            see `output.replacing`.
        """
        content = asdict(self)
        if self.held_out is None:
            del content["held_out"]
        write_json(path, content, force)

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
        if not isinstance(content, dict) or not {*PARTS} <= {*content} <= {*PARTS, "group", "held_out"}:
            found = sorted(content) if isinstance(content, dict) else type(content).__name__
            raise fault(str(path), f"expected the keys {', '.join(PARTS)}, group and held_out, got {found}", "write the split with Split.to_json")
        try:
            held = content.pop("held_out", None)
            return cls(**content, held_out=None if held is None else HeldOut(**held))
        except TypeError as error:
            raise fault(str(path), f"an entry has the wrong type ({error})", "write the split with Split.to_json") from error


def split_by_trajectory(
    frames: Sequence[ElectrifiedFrame],
    fractions: tuple[float, float, float],
    *,
    seed: int,
    stratify_by: str | None = "config_type",
    group: str = "trajectory",
    near: float = NEAR,
    join: bool = False,
) -> Split:
    """Divide frames so that no group, and no geometry, stands in two parts.

    Within each stratum the groups are shuffled; then each goes to the part that lags most behind its fraction.

    Parameters
    ----------
    frames : the frames
    fractions : shares of train, validation and test among the groups; they sum to 1
    seed : of the shuffle
    stratify_by : key of `frame.info`, or a field such as `system`, whose values all parts share; None for no strata
    group : "trajectory", "positions" to group frames of equal geometry that carry no trajectory, or another of `GROUPS`
    near : frames whose atoms all lie closer than this [A], up to translation and order, count as duplicates
    join : keep groups that share a structure together, instead of refusing them

    Raises
    ------
    DataError
        if a frame has no trajectory, a part stays empty, or two parts hold nearly equal geometries.
    """
    shares = check_fractions(fractions)
    names = group_names(frames, group)
    bundles = _joined(frames, names, near) if join else {name: [name] for name in names}
    strata: dict[str, list[str]] = defaultdict(list)
    for name, frame in dict(zip(reversed(names), reversed(frames))).items():
        if name in bundles:
            strata[_stratum(frame, stratify_by)].append(name)
    rng = np.random.default_rng(seed)
    order = [name for stratum in sorted(strata) for name in rng.permutation(sorted(strata[stratum])).tolist()]
    parts: tuple[list[str], ...] = ([], [], [])
    done = 0
    for name in order:
        done += len(bundles[name])
        parts[int(np.argmax(shares * done - [len(p) for p in parts]))].extend(bundles[name])
    for part, chosen, share in zip(PARTS, parts, shares):
        if share > 0 and not chosen:
            raise fault("split", f"{part} stays empty: {len(order)} groups for the fractions {tuple(fractions)}", "give more trajectories or a fraction of 0")
    split = Split(*(sorted(p) for p in parts), group=group)
    refuse_leaks(frames, split.leaks(frames, near))
    return split


def check_fractions(fractions: Sequence[float]) -> np.ndarray:
    """Return three shares that sum to 1; refuse others."""
    shares = np.asarray(fractions, dtype=float)
    if shares.shape != (3,) or not (shares >= 0).all() or abs(shares.sum() - 1.0) > 1e-9:
        raise fault("split", f"fractions: expected three shares (train, validation, test) with sum 1, got {fractions}", "give for instance (0.8, 0.1, 0.1)")
    return shares


def refuse_leaks(frames: Sequence[ElectrifiedFrame], leaks: Sequence[Leak]) -> None:
    """Raise one error for all leaks."""
    if leaks:
        raise fault("split", leak_message(frames, leaks), "keep groups that share a structure together (join=True, --join), give the frames one trajectory name, or drop one")


def leak_message(frames: Sequence[ElectrifiedFrame], leaks: Sequence[Leak]) -> str:
    """Return a sentence that names the first leaks."""
    named = [f"{frames[k.first].where} ({k.parts[0]}) and {frames[k.second].where} ({k.parts[1]}), {k.distance:.4f} A apart" for k in leaks[:LISTED]]
    more = f", and {len(leaks) - LISTED} more" if len(leaks) > LISTED else ""
    return f"nearly the same geometry in two parts: {'; '.join(named)}{more}"


def _joined(frames: Sequence[ElectrifiedFrame], names: list[str], near: float) -> dict[str, list[str]]:
    """Return the groups that share structures, each bundle under its first name in order."""
    root = {name: name for name in sorted(set(names))}

    def top(name: str) -> str:
        while root[name] != name:
            name = root[name]
        return name

    for leak in find_leaks(frames, names, near=near):
        a, b = sorted(map(top, leak.parts))
        root[b] = a
    bundles = defaultdict(list)
    for name in root:
        bundles[top(name)].append(name)
    return dict(bundles)


def _stratum(frame: ElectrifiedFrame, key: str | None) -> str:
    if key is None:
        return ""
    return str(frame.info.get(key, getattr(frame, key, None)))

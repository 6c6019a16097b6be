"""Splits that ask a model for what it has not seen: a window or a name held out, and every part of the data once."""

from __future__ import annotations

from collections.abc import Sequence

from electrode.data.problems import did_you_mean, fault
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits import NEAR, Split, check_fractions, refuse_leaks, split_by_trajectory
from electrode.data.splits_groups import HOLDABLE, WINDOWS, HeldOut, check_word, group_name, group_names, windows


def hold_out(
    frames: Sequence[ElectrifiedFrame], held_out: HeldOut, fractions: tuple[float, float, float] = (0.7, 0.15, 0.15), *, seed: int, group: str = "trajectory", near: float = NEAR, join: bool = False
) -> Split:
    """Return a split whose test is what `held_out` holds; the rest is divided by group between training and validation.

    Beside a held-out window of potential or charge a structure may stand in training and test, at different charges.

    Parameters
    ----------
    frames : the frames
    held_out : what the test alone sees
    fractions : only the ratio of the first two counts
    seed : of the shuffle;  group, near, join : of the rest, see `split_by_trajectory`

    Raises
    ------
    DataError
        if `held_out` holds no frame, or all, or names what no frame has; or as `split_by_trajectory` does.
    """
    _check_names(frames, held_out)
    held = [held_out.holds(f) for f in frames]
    if all(held) or not any(held):
        raise fault("split", f"hold out {held_out}: holds {sum(held)} of {len(held)} frames, expected some but not all", "hold out another window or name")
    shares = check_fractions(fractions)[:2]
    if not shares[0] > 0.0:
        raise fault("split", f"fractions: expected a share for the training, got {fractions}", "give for instance 0.7 0.15 0.15")
    rest = [f for f, h in zip(frames, held) if not h]
    inner = split_by_trajectory(rest, (*(shares / shares.sum()), 0.0), seed=seed, group=group, near=near, join=join)
    split = Split(inner.train, inner.validation, (), group, held_out)
    refuse_leaks(frames, split.leaks(frames, near))
    return split


def k_fold(frames: Sequence[ElectrifiedFrame], folds: int, *, seed: int, group: str = "trajectory", near: float = NEAR, join: bool = False) -> list[Split]:
    """Return `folds` splits, every group once in the test and once in the validation.

    Raises
    ------
    DataError
        for fewer than three folds, or fewer groups than folds; or as `split_by_trajectory` does.
    """
    n_groups = len(set(group_names(frames, group)))
    if not 3 <= folds <= n_groups:
        raise fault("split", f"folds: expected 3 to {n_groups} (the groups by {group}), got {folds}", "give fewer folds, or more groups")
    chunks: list[tuple[str, ...]] = []
    left = list(frames)
    for k in range(folds, 1, -1):  # the last is what is left
        part = split_by_trajectory(left, ((k - 1) / k, 0.0, 1.0 - (k - 1) / k), seed=seed + k, stratify_by=None, group=group, near=near, join=join)
        chunks.append(part.test)
        left = part.select(left, "train")
    chunks.append(part.train)
    return [Split(tuple(n for j, c in enumerate(chunks) if j not in (i, (i + 1) % folds) for n in c), chunks[(i + 1) % folds], chunks[i], group) for i in range(folds)]


def each_held_out(
    frames: Sequence[ElectrifiedFrame], by: str, count: int | None = None, fractions: tuple[float, float, float] = (0.7, 0.15, 0.15), *, seed: int, group: str = "trajectory", near: float = NEAR, join: bool = False
) -> list[Split]:
    """Return one split for each of `count` windows of potential or charge, or for each name: every element, system, reaction.

    Elements that every frame has are passed over, since nothing would be left to train on.

    Raises
    ------
    DataError
        for an unknown word, or fewer than two things to hold out; or as `hold_out` does.
    """
    check_word(by, HOLDABLE, "hold out by")
    if by in WINDOWS:
        held = windows(frames, by, count or 0)
    else:
        held = [HeldOut(by, (name,)) for name in _names(frames, by)]
        held = [h for h in held if not all(map(h.holds, frames))]
    if len(held) < 2:
        raise fault("split", f"hold out each {by}: expected at least two, got {', '.join(map(str, held)) or 'none'}", "hold out by something that differs between frames")
    return [hold_out(frames, h, fractions, seed=seed, group=group, near=near, join=join) for h in held]


def _names(frames: Sequence[ElectrifiedFrame], by: str) -> list[str]:
    if by == "composition":
        return sorted({symbol for f in frames for symbol in f.geometry.get_chemical_symbols()})
    return sorted(set(group_names(frames, by)))


def _check_names(frames: Sequence[ElectrifiedFrame], held_out: HeldOut) -> None:
    """Refuse names that no frame has."""
    if held_out.by in WINDOWS:
        return
    known = {*_names(frames, held_out.by), *(str(group_name(f, held_out.by)) for f in frames)}
    for name in held_out.names:
        if name not in known:
            raise fault("split", f"hold out by {held_out.by}: no frame has {name!r}{did_you_mean(name, known)}; there are {', '.join(sorted(known)[:10])}", "correct the name")

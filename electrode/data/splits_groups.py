"""What frames are grouped by, and what is held out: names and windows that a split can write down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from electrode.data.problems import Problem, did_you_mean, fault, raise_on_errors
from electrode.data.record import ElectrifiedFrame

GROUPS = ("trajectory", "positions", "composition", "system", "reaction")
WINDOWS = ("potential", "charge")
HOLDABLE = (*WINDOWS, "composition", "system", "reaction", "trajectory")
ENDS = ("lowest", "highest")


@dataclass(frozen=True)
class HeldOut:
    """The frames that only the test sees.

    Parameters
    ----------
    by : "potential" [V absolute] or "charge" [e] with a window; "composition", "system", "reaction" or "trajectory" with names
    names : systems, reactions or trajectories; for a composition elements ("Pt": every frame with it) or formulas
    low, high : ends of the window, both included; None is open

    Raises
    ------
    DataError
        for an unknown word, a window of names, or names of a window.
    """

    by: str
    names: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None

    def __post_init__(self):
        check_word(self.by, HOLDABLE, "hold out by")
        object.__setattr__(self, "names", tuple(map(str, self.names)))
        ends = [x for x in (self.low, self.high) if x is not None]
        if self.by in WINDOWS and (self.names or not ends or not np.isfinite(ends).all() or ends != sorted(ends)):
            raise fault("split", f"hold out by {self.by}: expected a window low <= high, got {self.low} to {self.high}, names {self.names}", "give two numbers, or lowest or highest")
        if self.by not in WINDOWS and (ends or not self.names):
            raise fault("split", f"hold out by {self.by}: expected names, got {self.names}, window {self.low} to {self.high}", "name what is held out")

    def __str__(self):
        if self.by not in WINDOWS:
            return f"{self.by} {', '.join(self.names)}"
        unit = "V absolute" if self.by == "potential" else "e"
        return f"{self.by} {'below' if self.low is None else f'{self.low:.6g}'}{' to ' if None not in (self.low, self.high) else ' '}{'and above' if self.high is None else f'{self.high:.6g}'} {unit}"

    def holds(self, frame: ElectrifiedFrame) -> bool:
        """Say whether a frame is held out."""
        if self.by in WINDOWS:
            value = getattr(frame, self.by)
            return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)
        name = group_name(frame, self.by)
        elements = frame.geometry.get_chemical_symbols() if self.by == "composition" else ()
        return name in self.names or any(symbol in self.names for symbol in elements)


def group_name(frame: ElectrifiedFrame, group: str) -> str | None:
    """Return the name of a frame's group, None where the frame does not say."""
    if group == "positions":
        return frame.geometry_id
    if group == "composition":
        return frame.geometry.get_chemical_formula("hill")
    value = frame.info.get("reaction") if group == "reaction" else getattr(frame, group)
    return None if value is None else str(value)


def group_names(frames: Sequence[ElectrifiedFrame], group: str) -> list[str]:
    """Return the name of each frame's group.

    Raises
    ------
    DataError
        for an unknown group, or frames that do not name theirs.
    """
    check_word(group, GROUPS, "group")
    names = [group_name(f, group) for f in frames]
    mend = f"write {group}, or split with group='positions'"
    raise_on_errors(Problem("error", f.where, f"{group} is missing", mend) for f, name in zip(frames, names) if name is None)
    return names


def extreme(frames: Sequence[ElectrifiedFrame], by: str, share: float, end: str) -> HeldOut:
    """Return the window that holds the `share` of frames of "lowest" or "highest" potential or charge.

    Raises
    ------
    DataError
        for an unknown word, a share outside 0 to 1, or values that are all equal.
    """
    check_word(by, WINDOWS, "hold out by")
    check_word(end, ENDS, "end")
    values = np.sort([getattr(f, by) for f in frames])
    if not 0.0 < share < 1.0 or not np.ptp(values) > 0.0:
        raise fault("split", f"hold out the {end} {by}: expected a share between 0 and 1 and several values, got {share} of {len(values)} frames from {values[0]:g} to {values[-1]:g}", "give a fraction for the test set, or other frames")
    count = min(max(1, round(share * len(values))), len(values) - 1)
    return HeldOut(by, low=float(values[-count])) if end == "highest" else HeldOut(by, high=float(values[count - 1]))


def windows(frames: Sequence[ElectrifiedFrame], by: str, count: int) -> list[HeldOut]:
    """Return `count` windows of the potential or charge with about equal numbers of distinct values, which together hold all frames.

    Raises
    ------
    DataError
        for an unknown word, or fewer distinct values than windows.
    """
    check_word(by, WINDOWS, "hold out by")
    values = np.unique([getattr(f, by) for f in frames])
    if not 2 <= count <= len(values):
        raise fault("split", f"windows of {by}: expected 2 to {len(values)} (the distinct values), got {count}", "ask for fewer folds")
    chunks = np.array_split(values, count)
    ends = [0.5 * (float(a[-1]) + float(b[0])) for a, b in zip(chunks, chunks[1:])]
    return [HeldOut(by, low=low, high=high) for low, high in zip([None, *ends], [*ends, None])]


def check_word(word: str, words: tuple[str, ...], what: str) -> None:
    """Refuse a word that is none of `words`, with the nearest one."""
    if word not in words:
        raise fault("split", f"{what}: expected one of {', '.join(words)}; got {word!r}{did_you_mean(word, words)}", f"correct {what}")

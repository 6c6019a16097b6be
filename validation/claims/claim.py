"""A claim: what was published, what is measured here, and how the two compare."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date as Date
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent
TOPICS = {
    "classical": "Classical electrochemistry",
    "learned": "Learned potentials at electrified interfaces",
    "fields": "In a field",
    "barriers": "Barriers",
    "simulation": "Dynamics and strategies",
    "speed": "Speed, CPU time of one core",
}
VERDICTS = ("reproduced", "better", "short", "not comparable", "not yet run")


@dataclass(frozen=True)
class Claim:
    """One entry of a topic's file.

    Parameters
    ----------
    topic : name of the file
    claim, source : what is claimed, and by whom
    published : the figure to compare with
    verdict : one of `VERDICTS`
    command : what measures it here
    ours, date : the figure measured here and its day; absent where `verdict` is "not yet run"
    doi : of the source, where it is known
    compared : pairs (ours, published) of numbers, smaller is better; "reproduced" holds within `tolerance`
    remark : what the figures do not say
    """

    topic: str
    claim: str
    source: str
    published: str
    verdict: str
    command: str
    ours: str | None = None
    date: Date | None = None
    doi: str | None = None
    compared: tuple[tuple[float, float], ...] = ()
    tolerance: float | None = None
    remark: str | None = None

    def __post_init__(self):
        where = f"claim {self.claim!r}"
        if self.verdict not in VERDICTS:
            raise ValueError(f"{where}: expected a verdict of {', '.join(VERDICTS)}; got {self.verdict!r}")
        if (self.verdict == "not yet run") != (self.ours is None) or (self.ours is None) != (self.date is None):
            raise ValueError(f"{where}: expected `ours` and `date` unless the verdict is 'not yet run', and then neither")
        if not self._agrees():
            raise ValueError(f"{where}: the verdict {self.verdict!r} is not what `compared` {self.compared} says (tolerance {self.tolerance})")

    def _agrees(self) -> bool:
        """Whether the verdict is what the numbers say."""
        if self.verdict == "reproduced":
            return bool(self.compared) and self.tolerance is not None and all(abs(a - b) <= self.tolerance for a, b in self.compared)
        if self.verdict == "better":
            return bool(self.compared) and all(a < b for a, b in self.compared)
        return any(a > b > 0 for a, b in self.compared) if self.verdict == "short" else not self.compared

    @property
    def result(self) -> str:
        """The verdict in words, with what a claim falls short by."""
        if self.verdict != "short":
            return self.verdict
        return f"short by a factor of {max(a / b for a, b in self.compared):.2g}"


def read_claims() -> tuple[Claim, ...]:
    """Return all claims, topic by topic.

    Raises
    ------
    ValueError
        for an unknown or missing key, a verdict that the numbers do not bear, or a figure without its day.
    """
    return tuple(_claim(topic, entry) for topic in TOPICS for entry in yaml.safe_load((FOLDER / f"{topic}.yaml").read_text(encoding="utf-8")))


def _claim(topic: str, entry: dict) -> Claim:
    known = {f.name for f in fields(Claim)}
    missing = {"claim", "source", "published", "verdict", "command"} - set(entry)
    if missing or set(entry) - known:
        raise ValueError(f"{topic}.yaml: expected the keys {', '.join(sorted(known))}; missing {sorted(missing)}, unknown {sorted(set(entry) - known)} in {entry.get('claim')!r}")
    pairs = tuple((float(a), float(b)) for a, b in entry.get("compared", ()))
    return Claim(**{"topic": topic, **entry, "compared": pairs})

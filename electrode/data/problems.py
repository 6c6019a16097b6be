"""What is wrong with data: one object for each fault, and one way to raise or warn."""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 10  # problems listed in full in one message


@dataclass(frozen=True)
class Problem:
    """One fault of the data.

    Parameters
    ----------
    severity : "error" or "warning"
    where : file and frame
    what : the key, what was expected, what was found
    mend : what to do about it
    rule : name of the rule that is broken, see `rules.RULES`, or an empty string
    """

    severity: str
    where: str
    what: str
    mend: str
    rule: str = ""

    def __str__(self):
        return f"{self.where}: {self.what}. Do: {self.mend}."


class DataError(ValueError):
    """Data that break the record; `problems` lists every fault.

    Parameters
    ----------
    problems : the faults, in the order in which they were found
    """

    def __init__(self, problems: Iterable[Problem]):
        self.problems = tuple(problems)
        super().__init__(f"{len(self.problems)} error(s) in the data:\n" + _listing(self.problems))


def fault(where: str, what: str, mend: str, rule: str = "") -> DataError:
    """Return the `DataError` of a single error."""
    return DataError([Problem("error", where, what, mend, rule)])


def raise_on_errors(problems: Iterable[Problem]) -> None:
    """Raise all errors in one `DataError`, the first 10 in full; without errors warn once for each kind of warning.

    Raises
    ------
    DataError
        if any problem is an error.
    """
    problems = list(problems)
    errors = [p for p in problems if p.severity == "error"]
    if errors:
        raise DataError(errors)
    warn(problems)


def warn(problems: Iterable[Problem]) -> None:
    """Warn of the problems, once for each thing to do."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.mend, []).append(problem)
    for same in kinds.values():
        more = f" (and {len(same) - 1} more like it)" if len(same) > 1 else ""
        warnings.warn(f"{same[0]}{more}", UserWarning, stacklevel=3)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the known word nearest to `word`, or an empty string."""
    near = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _listing(problems: tuple[Problem, ...]) -> str:
    lines = [f"  {p}" for p in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"  ... and {len(problems) - SHOWN} more")
    return "\n".join(lines)

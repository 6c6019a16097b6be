"""`python -m validation cases FILE.json ...` runs reference cases: a line for each, then how many passed.

A case is a JSON object with name, category, system or systems, parameters, expected and tolerance.  It passes if every
number of `expected` that the package computes is met within the tolerance; the line names the worst one.  Numbers that
nothing computes are named on the line, and a case of which nothing was compared fails.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from validation._case_charges import constant_potential, electrostatics, equilibration
from validation._case_checks import CaseError, Checks
from validation._case_continuum import continuum
from validation._case_eeq import eeq_case
from validation._case_neighbours import neighbours

CATEGORIES = {
    "electrostatics": electrostatics,
    "continuum": continuum,
    "neighbour list": neighbours,
    "qeq": equilibration,
    "constant potential": constant_potential,
    "eeq": eeq_case,
}


def main(argv: list[str]) -> int:
    """Run the cases of the files named and return the exit code: 0 if all passed, 1 if one failed, 2 without files."""
    if not argv:
        print("usage: python -m validation cases FILE.json ...", file=sys.stderr)
        return 2
    outcomes = [outcome for path in argv for outcome in run_file(Path(path))]
    passed = 0
    for name, reason, note in outcomes:
        passed += reason is None
        print(f"{name}: {'passed' if reason is None else f'FAILED: {reason}'}{note}")
    print(f"{passed} passed, {len(outcomes) - passed} failed")
    return 0 if passed == len(outcomes) else 1


def run_file(path: Path) -> list[tuple[str, str | None, str]]:
    """Return name, reason of failure (None for a pass) and a note for each case of a file, one object or a list."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return [(path.name, f"the file could not be read: {error}", "")]
    cases = content if isinstance(content, list) else [content]
    return [run_case(case, path.stem) for case in cases]


def run_case(case: dict, stem: str = "case") -> tuple[str, str | None, str]:
    """Return name, reason of failure (None for a pass) and a note for one case."""
    if not isinstance(case, dict):
        return stem, f"expected a JSON object, got {type(case).__name__}", ""
    name, category = str(case.get("name", stem)), case.get("category")
    if category not in CATEGORIES:
        return name, f"category {category!r} is not supported yet; expected one of {', '.join(CATEGORIES)}", ""
    checks = Checks(case.get("tolerance", {}))
    try:
        CATEGORIES[category](case, checks)
    except KeyError as error:
        return name, f"the case has no entry {error}", ""
    except (CaseError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError, MemoryError) as error:
        return name, f"{type(error).__name__}: {error}".replace("\n", " ")[:300], ""
    return name, *checks.verdict()

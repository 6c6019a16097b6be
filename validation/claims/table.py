"""Claims as a page and as lines on a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from validation.claims.claim import TOPICS, VERDICTS, Claim

PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
HEAD = """# Validation

Written by `python -m validation claims --write` from `validation/claims/*.yaml`: what others published or measured, what is measured here, and
by which command.  *better*, *reproduced* and *short* are checked against the numbers beside each entry; *not comparable* says that figures of
different data stand side by side; *not yet run* has no figure here.  Smaller is better throughout.  P is the Python of an environment with the peers, CASES a folder of
reference cases in the format of `python -m validation cases`; other data are read from the folder ELECTRODE_DATA.

"""


def page(claims: Sequence[Claim]) -> str:
    """Return the text of docs/validation.md."""
    parts = [HEAD, summary(claims) + ".\n"]
    for topic, title in TOPICS.items():
        some = [c for c in claims if c.topic == topic]
        parts.append(f"\n## {title}\n\n| claim | published | here | verdict | date | command |\n|---|---|---|---|---|---|\n")
        parts += [_row(c) for c in some]
    return "".join(parts)


def summary(claims: Sequence[Claim]) -> str:
    """Return how many claims have which verdict."""
    counts = Counter(c.verdict for c in claims)
    return f"{len(claims)} claims: " + ", ".join(f"{counts[v]} {v}" for v in VERDICTS if counts[v])


def lines(claims: Sequence[Claim]) -> str:
    """Return a line for each claim, and the counts."""
    width = max(len(c.result) for c in claims)
    return "\n".join([*(f"{c.result:{width}}  {c.topic:10}  {c.claim}: {c.ours or '-'} ({c.published})" for c in claims), "", summary(claims)])


def _row(claim: Claim) -> str:
    source = claim.source if claim.doi is None else f"[{claim.source}](https://doi.org/{claim.doi})"
    remark = "" if claim.remark is None else f" *{claim.remark}*"
    command = claim.command if claim.command.startswith("no command") else f"`{claim.command}`"
    cells = (f"{claim.claim} ({source}){remark}", claim.published, claim.ours or "-", claim.result, claim.date or "-", command)
    return "| " + " | ".join(str(c).replace("|", "\\|") for c in cells) + " |\n"

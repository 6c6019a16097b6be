"""Every published figure that is measured here, beside ours: a table with sources, verdicts and commands.

`python -m validation claims [--topic barriers] [--write]` prints a line for each claim; --write writes docs/validation.md.

A claim is an entry of validation/claims/TOPIC.yaml; `claim.Claim` says what an entry holds.
"""

from __future__ import annotations

import argparse

from validation.claims.claim import TOPICS, read_claims
from validation.claims.table import PAGE, lines, page


def main(argv: list[str]) -> int:
    """Print the claims, and write the page if asked to."""
    parser = argparse.ArgumentParser(prog="python -m validation claims", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--topic", choices=TOPICS, help="print the claims of one topic")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.parent.name}/{PAGE.name}")
    arguments = parser.parse_args(argv)
    claims = read_claims()
    print(lines([c for c in claims if arguments.topic in (None, c.topic)]))
    if arguments.write:
        PAGE.write_text(page(claims), encoding="utf-8")
    return 0

"""`python -m validation NAME [arguments]` runs validation/NAME.py, whose main(arguments) returns the exit code."""

import sys
from importlib import import_module
from pathlib import Path

NAMES = sorted([*(p.stem for p in Path(__file__).parent.glob("[a-z]*.py")), "claims", "report", "strategies", "teacher"])


def main(argv: list[str]) -> int:
    """Run one validation and return its exit code."""
    if not argv or argv[0] not in NAMES:
        print(f"usage: python -m validation {{{','.join(NAMES)}}} [arguments]; got {argv[:1] or 'nothing'}", file=sys.stderr)
        return 2
    try:
        return import_module(f"validation.{argv[0]}").main(argv[1:])
    except (ValueError, OSError) as error:
        print(f"validation {argv[0]}: {error}", file=sys.stderr)
        return 2


sys.exit(main(sys.argv[1:]))

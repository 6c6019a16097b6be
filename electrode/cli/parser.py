"""The command line's parser: one message for a mistake, with the nearest word, and negative numbers in any notation."""

from __future__ import annotations

import argparse
import math
from decimal import Decimal

from electrode.data.problems import did_you_mean


class UsageError(ValueError):
    """A command line that cannot be carried out."""


class Parser(argparse.ArgumentParser):
    """A parser of one verb that raises `UsageError` and proposes the nearest option.

    Parameters
    ----------
    verb : name of the verb
    help : one sentence
    example : a command line that works
    """

    def __init__(self, verb: str, help: str, example: str):
        self.known: list[str] = []
        super().__init__(
            prog=f"electrode {verb}",
            description=help,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    def add_argument(self, *names, **options):
        """Add an argument as argparse does, and remember its options."""
        self.known += [n for n in names if n.startswith("--")]
        return super().add_argument(*names, **options)

    def error(self, message):
        """Raise `UsageError` with a message of argparse."""
        raise UsageError(f"{message}. See {self.prog} --help")

    def parse(self, argv: list[str]) -> argparse.Namespace:
        """Return the arguments.

        Raises
        ------
        UsageError
            on an unknown, missing or malformed argument.
        """
        words = [_plain_number(w) for w in argv]
        for word in words:
            name = word.split("=")[0]
            if name.startswith("--") and name != "--" and name not in self.known:
                raise UsageError(f"{self.prog} has no option {name!r}{did_you_mean(name, self.known)}. See {self.prog} --help")
        arguments, rest = self.parse_known_args(words)
        if rest:
            raise UsageError(f"{self.prog}: did not expect {' '.join(rest)!r}{did_you_mean(rest[0], self.known)}. See {self.prog} --help")
        return arguments


def _plain_number(word: str) -> str:
    """Write a negative number without exponent, since argparse takes "-1e-3" for an option."""
    if not word.startswith("-"):
        return word
    try:
        number = float(word)
    except ValueError:
        return word
    return format(Decimal(word), "f") if math.isfinite(number) else word

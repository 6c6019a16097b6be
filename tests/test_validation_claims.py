"""Claims: verdicts that the numbers bear, commands that exist, and a page that says the same."""

import re
import sys
from datetime import date
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from electrode.cli import VERBS  # noqa: E402
from electrode.models.schemes import SCHEMES  # noqa: E402
from validation.claims import main  # noqa: E402
from validation.claims.claim import Claim, read_claims  # noqa: E402
from validation.claims.table import PAGE, page  # noqa: E402

CLAIMS = read_claims()
BETTER = {"topic": "speed", "claim": "a step", "source": "a program", "published": "3 ms", "command": "python -m validation bench", "ours": "2 ms",
          "date": date(2026, 1, 1), "verdict": "better", "compared": ((2.0, 3.0),)}  # fmt: skip


def test_the_page_says_what_the_claims_say():
    assert PAGE.read_text(encoding="utf-8") == page(CLAIMS), "run `python -m validation claims --write`"


def test_every_command_exists():
    wrong = []
    for claim in CLAIMS:
        words = claim.command.split()
        if claim.command.startswith("python -m validation "):
            known = (ROOT / "validation" / f"{words[3]}.py").is_file() or (ROOT / "validation" / words[3] / "__init__.py").is_file()
        elif words[0] == "electrode":
            known = words[1] in VERBS and ("--scheme" not in words or words[words.index("--scheme") + 1] in SCHEMES)
        else:
            known = claim.command.startswith("no command yet; ") and claim.verdict == "not yet run"
        if not known:
            wrong.append(claim.command)
    assert not wrong


def test_claims_are_told_apart_and_their_sources_can_be_found():
    assert len({c.claim for c in CLAIMS}) == len(CLAIMS)
    assert all(re.fullmatch(r"10\.\d{4,5}/\S+", c.doi) for c in CLAIMS if c.doi is not None)
    assert all(c.date <= date.today() for c in CLAIMS if c.date is not None)


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "good"},
        {"compared": ((4.0, 3.0),)},
        {"compared": ()},
        {"verdict": "short"},
        {"verdict": "reproduced"},
        {"verdict": "reproduced", "tolerance": 0.5},
        {"verdict": "not comparable"},
        {"verdict": "not yet run", "compared": ()},
        {"ours": None, "date": None},
        {"date": None},
    ],
)
def test_a_verdict_that_the_numbers_do_not_bear_is_refused(change):
    assert Claim(**BETTER).result == "better"
    with pytest.raises(ValueError, match="claim 'a step'"):
        Claim(**BETTER | change)


def test_what_falls_short_says_by_how_much():
    assert Claim(**BETTER | {"verdict": "short", "compared": ((2.0, 3.0), (7.5, 3.0))}).result == "short by a factor of 2.5"
    assert Claim(**BETTER | {"verdict": "reproduced", "tolerance": 1.5}).result == "reproduced"


def test_the_terminal_shows_one_topic(capsys):
    assert main(["--topic", "barriers"]) == 0
    lines = capsys.readouterr().out.splitlines()
    some = [c for c in CLAIMS if c.topic == "barriers"]
    assert lines[-1].startswith(f"{len(some)} claims: ") and all(any(c.claim in line for line in lines) for c in some)

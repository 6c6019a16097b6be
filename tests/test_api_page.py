"""Public names: each has a docstring, and the page that lists them is made from these."""

import runpy
from pathlib import Path

import pytest

API = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "api_page.py"))
PARTS = list(API["modules"]())


def test_every_public_name_has_a_docstring():
    things = [(f"{title}.{name}", thing) for title, module in PARTS for name, thing in API["public"](module).items()] + PARTS
    assert not [name for name, thing in things if not API["sentence"](thing)]


def test_the_page_is_up_to_date():
    assert API["PAGE"].read_text(encoding="utf-8") == API["page"](), "run `python docs/api_page.py`"


def test_the_page_holds_what_the_readme_uses():
    text = API["page"]()
    for words in ("| `ElectrodeCalculator(model, *, potential=None, charge=None, ", "## electrode.simulate", "| `evaluate(model, structure, control", "## electrode.learn.saddle"):
        assert words in text
    assert " at 0x" not in text


def defaults(x, /, y: int = 2, *, z=max, **rest) -> float:
    """Return x. Then more, of Chen et al.

    A second paragraph.
    """


@pytest.mark.parametrize("thing, shown", [(defaults, "f(x, /, y=2, *, z=<built-in function max>, **rest)"), (3.0, "f: float"), (KeyError, "f")])
def test_signatures_leave_types_out(thing, shown):
    assert API["signature"]("f", thing) == shown


def test_the_first_sentence_ends_where_it_ends():
    assert API["sentence"](defaults) == "Return x."

"""Writes schemes.md beside it from the schemes' own docstrings: `python docs/schemes_page.py`; a test keeps the page up to date."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from electrode.models.schemes import SCHEMES

PAGE = Path(__file__).with_name("schemes.md")
HEAD = """# Schemes

Written by `python docs/schemes_page.py` from the docstrings of the schemes' files: equation, source, departures.  A scheme is natural in one
variable: its scalar is E(R, Q) or Omega(R, Phi), and `electrode.evaluate` gives the other by the Legendre transform.  `electrode train DATA --scheme NAME
--output M` trains those that are trainable.

A scheme of your own is one file outside the package: a frozen configuration with `for_elements`, a `Model`, and a `Scheme` that names both.  Its name is MODULE:NAME, the module and the name of
the `Scheme` in it, wherever a scheme is named (`electrode train --scheme mine:MINE`); stored models keep that name, and the module must be in the working folder or installed where they are read.
`tutorials/08_add_a_scheme.py` writes one; `electrode.testing.ModelContract` tests it.

| name | natural variable | what | trains |
|---|---|---|---|
"""


def page() -> str:
    """Return the text of the page."""
    rows = [f"| [`{name}`](#{name}) | {s.natural} | {s.title} | {'yes' if s.trainable else 'no'} |" for name, s in SCHEMES.items()]
    parts, shown = [], {}
    for name, scheme in SCHEMES.items():
        source = f"`{scheme.module.replace('.', '/')}.py`"
        if scheme.module in shown:
            parts.append(f"## {name}\n\nSee [{shown[scheme.module]}](#{shown[scheme.module]}), {source}.\n")
            continue
        shown[scheme.module] = name
        text = import_module(scheme.module).__doc__.strip()
        parts.append(f"## {name}\n\n{source}\n\n```text\n{text}\n```\n")
    return HEAD + "\n".join(rows) + "\n\n" + "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

"""Writes api.md beside it from the docstrings of the public names: `python docs/api_page.py`; a test keeps the page up to date."""

from __future__ import annotations

import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).with_name("api.md")
NAMED = ("electrode", "electrode.neb", "electrode.physics", "electrode.simulate", "electrode.observables", "electrode.testing")
WHOLE = ("electrode.learn", "electrode.data", "electrode.train")  # every module of these, by its own name
LONG = 110  # a signature beyond is cut [characters]
HEAD = """# Names

Written by `python docs/api_page.py` from the docstrings: signature without types, first sentence.  `help(NAME)` says the rest: equation, parameters with
shape and unit, errors, source.  Names under a package are imported from it (`from electrode import load_model`), those under a module from the module
(`from electrode.train.metrics import compare`).  Units: eV, angstrom, e, V; signs are in [conventions](conventions.md).

"""


def public(module: ModuleType) -> dict[str, object]:
    """Return the public names of a module: its `__all__`, else the classes and functions that it defines."""
    if hasattr(module, "__all__"):
        return {name: getattr(module, name) for name in module.__all__ if not name.startswith("__")}
    own = {n: x for n, x in vars(module).items() if not n.startswith("_") and (inspect.isclass(x) or inspect.isfunction(x))}
    return {n: x for n, x in own.items() if x.__module__ == module.__name__}


def modules() -> Iterator[tuple[str, ModuleType]]:
    """Yield the title and the module of every part of the page."""
    for name in NAMED:
        yield name, import_module(name)
    for package in WHOLE:
        for info in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            module = import_module(info.name)
            if not info.ispkg and public(module):
                yield info.name, module


def sentence(thing: object) -> str:
    """Return the first sentence of a docstring, or nothing where there is none of its own."""
    text = inspect.getdoc(thing) or ""
    if text.startswith(f"{getattr(thing, '__name__', '')}("):  # what dataclasses write for themselves
        return ""
    first = " ".join(text.split("\n\n")[0].split())
    return re.split(r"(?<=\.)\s+(?=[A-Z`])", first)[0]


def signature(name: str, thing: object) -> str:
    """Return the name with its parameters and defaults, or with its type where it is no function or class."""
    if not callable(thing) or not hasattr(thing, "__name__"):
        return f"{name}: {type(thing).__name__}"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return name
    given = inspect.signature(thing)
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in given.parameters.values()]
    text = name + str(given.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    text = re.sub(r"<[^,]*? at 0x[0-9a-f]+>", "...", text)  # an address is another each time
    return text if len(text) <= LONG else text[: LONG - 5].rsplit(",", 1)[0] + ", ...)"


def part(title: str, module: ModuleType) -> str:
    """Return one part of the page."""
    escaped = lambda text: text.replace("|", "\\|")
    rows = [f"| `{escaped(signature(name, thing))}` | {escaped(sentence(thing))} |" for name, thing in sorted(public(module).items())]
    return f"## {title}\n\n{sentence(module)}\n\n| name | what |\n|---|---|\n" + "\n".join(rows) + "\n"


def page() -> str:
    """Return the text of the page."""
    return HEAD + "\n".join(part(title, module) for title, module in modules())


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

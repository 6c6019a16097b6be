"""Structures that come with the package, by name, for first steps and tests."""

from __future__ import annotations

from importlib.resources import as_file, files

from ase import Atoms
from ase.io import read


def example_names() -> tuple[str, ...]:
    """Return the names of the structures."""
    root = files("electrode") / "shipped" / "examples"
    return tuple(sorted(p.name.removesuffix(".xyz") for p in root.iterdir() if p.name.endswith(".xyz")))


def example(name: str) -> Atoms:
    """Return the structure with that name.

    Raises
    ------
    ValueError
        for an unknown name.
    """
    if name not in example_names():
        raise ValueError(f"no example {name!r}: expected one of {', '.join(example_names())}")
    with as_file(files("electrode") / "shipped" / "examples" / f"{name}.xyz") as path:
        return read(path)

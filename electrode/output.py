"""Files that appear under their name complete or not at all, and never replace another unless told to."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path


def refuse_existing(paths: Iterable[str | Path | None], force: bool) -> None:
    """Check the places of all outputs before any work is done.

    Parameters
    ----------
    paths : files or folders to be written; None is passed over
    force : whether existing ones may be replaced

    Raises
    ------
    FileExistsError
        if one exists and `force` is not set.
    FileNotFoundError
        if the folder that is to hold one does not exist.
    ValueError
        if two outputs have one name.
    """
    paths = [Path(p) for p in paths if p is not None]
    for path in paths:
        if path.exists() and not force:
            raise FileExistsError(f"{path} exists. Give another name, or force (--force) to replace it.")
        if not path.absolute().parent.is_dir():
            raise FileNotFoundError(f"{path.parent}: no such folder. Create it first.")
    if len({p.absolute() for p in paths}) < len(paths):
        raise ValueError(f"two outputs have one name: {', '.join(map(str, paths))}. Give each its own.")


@contextmanager
def replacing(path: str | Path, force: bool = False) -> Iterator[Path]:
    """Give a temporary file beside `path`, of the same suffix, that takes its name once it is written without error.

    Raises
    ------
    FileExistsError, FileNotFoundError
        see `refuse_existing`.
    """
    path = Path(path)
    refuse_existing([path], force)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_json(path: str | Path, content, force: bool = False) -> None:
    """Write numbers and words as JSON.

    Raises
    ------
    FileExistsError, FileNotFoundError
        see `refuse_existing`.
    ValueError
        for NaN or infinity, which JSON does not know.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path, force) as part:
        part.write_text(text, encoding="utf-8")

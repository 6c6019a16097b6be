"""Files and folders that appear under their name complete or not at all, and never replace another unless told to."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # full disk, quota reached, file larger than allowed


class NoRoom(OSError):
    """A file could not be written because the disk is full or a quota reached; what had its name before is as it was."""


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
def telling_of_room(path: str | Path) -> Iterator[None]:
    """Turn the error of a full disk, in whichever library it arises, into one that says what became of `path` and what to do.

    Raises
    ------
    NoRoom
        if the disk was full or a quota reached.
    """
    try:
        yield
    except Exception as error:
        reason = _no_room(error)
        if reason is None or isinstance(error, NoRoom):
            raise
        raise NoRoom(f"{path} could not be written: {reason}. What had this name before is unchanged. Free space or raise the quota, then run it again.") from error


def _no_room(error: Exception) -> str | None:
    """Return what an error says of a disk without room, None for another error; numpy, SQLite and safetensors say it in words alone."""
    if isinstance(error, OSError) and error.errno is not None:
        return os.strerror(error.errno) if error.errno in _NO_ROOM else None
    words = (*map(os.strerror, _NO_ROOM), "requested and", "database or disk is full", "disk I/O error")
    return str(error) if any(w in str(error) for w in words) else None


@contextmanager
def replacing(path: str | Path, force: bool = False) -> Iterator[Path]:
    """Give a temporary file beside `path`, of the same suffix, that takes its name once it is written without error.

    Raises
    ------
    FileExistsError, FileNotFoundError, NoRoom
        see `refuse_existing` and `telling_of_room`.
    """
    path = Path(path)
    refuse_existing([path], force)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        with telling_of_room(path):
            yield part
            os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def replacing_folder(folder: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `folder` that takes its place once it is filled without error; what stood there is deleted only then.

    Whether it may be replaced is for the caller to say.

    Raises
    ------
    NoRoom
        see `telling_of_room`.
    """
    folder = Path(folder)
    draft = Path(tempfile.mkdtemp(dir=folder.absolute().parent, prefix=f".{folder.name}."))
    try:
        draft.chmod(0o755)
        with telling_of_room(folder):
            yield draft
        _put_in_place(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_in_place(draft: Path, folder: Path) -> None:
    """Rename the draft to the folder; the old one is deleted only once the new one stands in its place."""
    aside = draft.with_name(f"{draft.name}.old")
    if folder.exists():
        os.replace(folder, aside)
    try:
        os.replace(draft, folder)
    except OSError:
        if aside.exists():
            os.replace(aside, folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


@contextmanager
def appending(path: str | Path) -> Iterator[None]:
    """Take back what was added to the end of a file if the work within fails, so that it ends with its last whole entry.

    Raises
    ------
    NoRoom
        see `telling_of_room`.
    """
    path = Path(path)
    length = path.stat().st_size if path.exists() else None
    try:
        with telling_of_room(path):
            yield
    except BaseException:
        if length is None:
            path.unlink(missing_ok=True)
        else:
            os.truncate(path, length)
        raise


def write_json(path: str | Path, content, force: bool = False) -> None:
    """Write numbers and words as JSON.

    Raises
    ------
    FileExistsError, FileNotFoundError, NoRoom
        see `replacing`.
    ValueError
        for NaN or infinity, which JSON does not know.
    """
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    with replacing(path, force) as part:
        part.write_text(text, encoding="utf-8")

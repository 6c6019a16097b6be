"""A disk without room, without a disk: the system refuses to let any file of this process grow beyond a length."""

from contextlib import contextmanager

import pytest


@contextmanager
def room(length):
    """Let files grow to `length` bytes; beyond them every write fails, whichever library or language makes it."""
    resource = pytest.importorskip("resource", reason="a limit to the length of files needs a Unix system")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (length, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def contents(folder):
    """The bytes of all files below a folder, by name."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

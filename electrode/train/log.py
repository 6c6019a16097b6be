"""The course of a training in a file, a row for each validation, readable while it goes on."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Mapping
from pathlib import Path

from electrode.output import appending, refuse_existing
from electrode.train.loss import QUANTITIES

SUFFIXES = (".csv", ".jsonl")
COLUMNS = ("member", "epoch", "polish", "seconds", "learning_rate", "training_loss", "validation_loss", *(f"validation_{q}" for q in QUANTITIES))


class Log:
    """A file that grows by a row at a time: comma-separated with a head, or a JSON object in each line.

    Of a file that is gone on with, a last row that was cut short is taken off first.

    Parameters
    ----------
    path : ends in .csv or .jsonl
    append : go on with a file that is there; otherwise it must not be

    Raises
    ------
    ValueError
        for another suffix, or a file to go on with that is no log.
    FileExistsError, FileNotFoundError
        if the file exists and is not to be gone on with, or its folder does not exist.
    """

    def __init__(self, path: str | Path, append: bool = False):
        self.path = Path(path)
        if self.path.suffix.lower() not in SUFFIXES:
            raise ValueError(f"{path}: expected a name that ends in {' or '.join(SUFFIXES)}, got {self.path.suffix or 'no suffix'!r}. Rename the log")
        if self.path.exists() and not append:
            raise FileExistsError(f"{path} exists. Give another name, or resume (--resume) to go on with it.")
        refuse_existing([path], force=True)  # the folder must be there
        if self.path.exists():
            self._mend()

    def write(self, row: Mapping) -> None:
        """Add a row; a quantity that it lacks stays empty.  NoRoom on a full disk, the file then ends with the row before."""
        with appending(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            if self.path.suffix.lower() == ".jsonl":
                file.write(json.dumps({k: row[k] for k in COLUMNS if k in row}) + "\n")
                return
            table = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
            if file.tell() == 0:
                table.writeheader()
            table.writerow(row)

    def _mend(self) -> None:
        """Take a row that was cut short off the end; leave a file alone that is no log."""
        content = self.path.read_bytes()
        begins = content.split(b"\n")[0].rstrip(b"\r")
        head = b'{"' if self.path.suffix.lower() == ".jsonl" else ",".join(COLUMNS).encode()
        if not (begins.startswith(head) or head.startswith(begins)):
            raise ValueError(f"{self.path}: expected the log of a training to go on with, it begins with {begins[:40]!r}. Give another name")
        os.truncate(self.path, content.rfind(b"\n") + 1)

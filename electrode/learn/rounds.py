"""Rounds of structures to be labelled, on disk before the first of them is asked for, and their labels by place.

Beside what `electrode.learn.labels` keeps, a folder holds `round-000.npz` and so on: what was chosen, in order.  The k-th structure of all
rounds has the file `call-000k.npz`, whichever is done first; after a kill at any moment only what has no file is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from electrode.learn.labels import Label, call_file, read_label, search_folder, write_label, write_whole


@dataclass(frozen=True)
class Chosen:
    """Structures of one round.

    Parameters
    ----------
    positions : (n, N, 3) [A]
    charges : (n,) [e], at which a calculator that holds charges is asked
    targets : (n,) [V absolute], the potentials that are meant
    """

    positions: np.ndarray
    charges: np.ndarray
    targets: np.ndarray

    def __len__(self) -> int:
        return len(self.targets)


class Rounds:
    """Rounds and their labels, on disk where there is a folder.

    Parameters
    ----------
    folder, description, resume : see `electrode.learn.labels.LabelStore`
    """

    def __init__(self, folder: str | Path | None, description: dict, resume: bool = False):
        self.folder, self.chosen, self.known = search_folder(folder, description, resume), [], {}
        if self.folder is None:
            return
        while (file := self._round(len(self.chosen))).exists():
            self.chosen.append(_read_round(file))
        for place in range(sum(map(len, self.chosen))):
            if (file := call_file(self.folder, place)).exists():
                self.known[place] = read_label(file)

    @property
    def labels(self) -> list[Label]:
        """The labels in the order in which they were chosen."""
        return [self.known[k] for k in sorted(self.known)]

    @property
    def calls(self) -> int:
        """How often the calculator was called, failed attempts included."""
        return sum(x.attempts for x in self.known.values())

    @property
    def round_of(self) -> dict[int, int]:
        """The round of each place."""
        return dict(enumerate(k for k, some in enumerate(self.chosen) for _ in range(len(some))))

    def choose(self, chosen: Chosen) -> None:
        """Begin a round; it is on disk when this returns."""
        if self.folder is not None:
            write_whole(self._round(len(self.chosen)), vars(chosen))
        self.chosen.append(chosen)

    def missing(self) -> list[tuple[int, np.ndarray, float, float]]:
        """Return place, positions, charge and target of what was chosen and has no label."""
        flat = [(p, float(q), float(t)) for some in self.chosen for p, q, t in zip(some.positions, some.charges, some.targets)]
        return [(k, *entry) for k, entry in enumerate(flat) if k not in self.known]

    def put(self, place: int, label: Label) -> None:
        """Keep the label of a place; it is on disk when this returns."""
        if self.folder is not None:
            write_label(call_file(self.folder, place), label)
        self.known[place] = label

    def _round(self, k: int) -> Path:
        return self.folder / f"round-{k:03d}.npz"


def _read_round(file: Path) -> Chosen:
    try:
        with np.load(file, allow_pickle=False) as data:
            return Chosen(**{name: data[name] for name in data.files})
    except (ValueError, TypeError, OSError) as error:
        raise ValueError(f"{file}: not a round of this search ({error}); remove it and the calls after it, they will be made again") from error

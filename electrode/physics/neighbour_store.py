"""Neighbour lists of a data set, searched once and kept on disk beside it.

    NAME.neighbours-6.0/   head.json, first.npy (atoms + 1), index.npy (pairs), shift.npy (pairs, 3)

The head names the cutoff and the data set's digest; lists of another cutoff or of other data are never used.  What is read back
is bitwise what `neighbour_list` gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from electrode.data.dataset import MappedDataset
from electrode.data.dataset_writer import ArrayFile
from electrode.output import replacing_folder
from electrode.physics.neighbours import NeighbourList, neighbour_list

VERSION = 1
_CHUNK = 512  # frames searched in one piece


class NeighbourStore:
    """The neighbour lists of every frame of a data set within one cutoff.

    Parameters
    ----------
    dataset : the data set; a part of one serves the folder's every frame
    cutoff : [A]

    Raises
    ------
    FileNotFoundError
        if they were not built.
    ValueError
        if they belong to another cutoff, other data or another version.
    """

    def __init__(self, dataset: MappedDataset, cutoff: float):
        self.dataset, self.cutoff, folder = dataset, float(cutoff), store_path(dataset, cutoff)
        if not (folder / "head.json").is_file():
            raise FileNotFoundError(f"{folder}: no neighbour lists. Build them with build_neighbours(dataset, {cutoff:g}).")
        found, wanted = json.loads((folder / "head.json").read_text(encoding="utf-8")), _head(dataset, cutoff)
        if found != wanted:
            raise ValueError(f"{folder}: expected the lists of {wanted}, got those of {found}; build them again with build_neighbours(..., force=True)")
        self._first, self._index, self._shift = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("first", "index", "shift"))

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, k: int) -> NeighbourList:
        """Return the list of frame k of the data set."""
        row = int(self.dataset.rows[k])
        atoms = self.dataset.atom_rows(row)
        first = np.array(self._first[atoms.start : atoms.stop + 1])
        pairs = slice(int(first[0]), int(first[-1]))
        shift = np.array(self._shift[pairs], dtype=np.float64)
        return NeighbourList(first - first[0], np.array(self._index[pairs], dtype=np.int64), shift @ self.dataset.geometry(row)[1])


def store_path(dataset: MappedDataset, cutoff: float) -> Path:
    """Return the folder of the lists of a data set."""
    return dataset.path.with_name(f"{dataset.path.name}.neighbours-{float(cutoff)}")


def build_neighbours(dataset: MappedDataset, cutoff: float, workers: int = 1, force: bool = False) -> NeighbourStore:
    """Search the neighbours of every frame of a data set's folder and write them beside it; return them.

    Lists that are there and belong to the data are returned as they are.

    Parameters
    ----------
    dataset : the data set
    cutoff : [A]
    workers : processes that search; the result does not depend on it
    force : replace lists of other data

    Raises
    ------
    ValueError
        for a cutoff or a number of workers that is not positive, or two atoms closer than 0.4 A.
    """
    if not cutoff > 0 or workers < 1:
        raise ValueError(f"build_neighbours: expected a positive cutoff [A] and at least one worker, got {cutoff}, {workers}")
    folder = store_path(dataset, cutoff)
    if folder.exists():
        if not force or _is_ours(folder, dataset, cutoff):
            return NeighbourStore(dataset, cutoff)
        if not (folder / "head.json").is_file():
            raise FileExistsError(f"{folder} exists and holds no neighbour lists: only those are replaced. Remove it yourself.")
    with replacing_folder(folder) as draft:
        _write(draft, _searched(dataset, cutoff, workers))
        (draft / "head.json").write_text(json.dumps(_head(dataset, cutoff), indent=1) + "\n", encoding="utf-8")
    return NeighbourStore(dataset, cutoff)


def _head(dataset: MappedDataset, cutoff: float) -> dict:
    return {"version": VERSION, "cutoff": float(cutoff), "digest": dataset.digest}


def _is_ours(folder: Path, dataset: MappedDataset, cutoff: float) -> bool:
    return (folder / "head.json").is_file() and json.loads((folder / "head.json").read_text(encoding="utf-8")) == _head(dataset, cutoff)


def _write(folder: Path, pieces: Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> None:
    first, index, shift = ArrayFile(folder / "first.npy", "<i8"), ArrayFile(folder / "index.npy", "<i4"), ArrayFile(folder / "shift.npy", "|i1", (3,))
    with closing(first), closing(index), closing(shift):
        first.append(np.zeros(1, dtype=np.int64))
        for counts, indices, shifts in pieces:
            first.append(index.length + np.cumsum(counts))
            index.append(indices)
            shift.append(shifts)


def _searched(dataset: MappedDataset, cutoff: float, workers: int) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield the lists of all frames in order, chunk by chunk, as many chunks at a time as there are workers."""
    total = dataset.n_stored
    chunks = [(start, min(start + _CHUNK, total)) for start in range(0, total, _CHUNK)]
    search = partial(_search, dataset[:0], cutoff)
    if workers == 1:
        yield from map(search, chunks)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for k in range(0, len(chunks), workers):
            yield from pool.map(search, chunks[k : k + workers])


def _search(dataset: MappedDataset, cutoff: float, chunk: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return how many neighbours each atom has, their indices and their lattice shifts."""
    counts, indices, shifts = [], [], []
    for row in range(*chunk):
        positions, cell, pbc = dataset.geometry(row)
        try:
            found = neighbour_list(positions, cell, pbc, cutoff)
        except ValueError as error:
            raise ValueError(f"frame {row} of {dataset.path}: {error}") from error
        steps = np.zeros((len(found.index), 3))
        if pbc.any():
            steps[:, pbc] = np.rint(found.offset @ np.linalg.pinv(cell[pbc]))
        if len(steps) and np.abs(steps).max() > 127:
            raise ValueError(f"frame {row} of {dataset.path}: neighbours more than 127 cells away; wrap the positions into the cell")
        counts.append(np.diff(found.first))
        indices.append(found.index)
        shifts.append(steps)
    return np.concatenate(counts), np.concatenate(indices), np.concatenate(shifts)

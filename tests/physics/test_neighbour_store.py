"""Neighbour lists kept on disk are those of the search, whoever searched, and never those of other data."""

import numpy as np
import pytest
from ase.build import bulk, fcc111, molecule

from electrode.data.dataset_writer import write_dataset
from electrode.data.record import ElectrifiedFrame
from electrode.physics import neighbour_store
from electrode.physics.neighbour_store import NeighbourStore, build_neighbours
from electrode.physics.neighbours import neighbour_list


def structures():
    """Slabs, skewed and small bulk cells, molecules, atoms outside their cell."""
    rng = np.random.default_rng(5)
    slab = fcc111("Ag", (2, 2, 3), vacuum=7.0)
    slab.positions += slab.cell[0] * 3.3
    small = bulk("Cu")
    skewed = bulk("Fe", cubic=True)
    skewed.set_cell(skewed.cell.array + [[0, 0, 0], [1.1, 0, 0], [0.3, -0.9, 0]], scale_atoms=True)
    for k in range(5):
        for atoms in (slab, small, skewed, molecule("CH3OH")):
            moved = atoms.copy()
            moved.positions += rng.normal(scale=0.05, size=moved.positions.shape)
            yield moved


@pytest.fixture
def data(tmp_path):
    return write_dataset(tmp_path / "d", (ElectrifiedFrame(a) for a in structures()), check=False)


def equal(a, b):
    return np.array_equal(a.first, b.first) and np.array_equal(a.index, b.index) and np.array_equal(a.offset, b.offset)


def searched(frame, cutoff):
    atoms = frame.geometry
    return neighbour_list(atoms.positions, atoms.cell.array, atoms.pbc, cutoff)


def test_lists_are_those_of_the_search(data):
    store = build_neighbours(data, 4.5)
    assert len(store) == 20 and all(equal(store[k], searched(data[k], 4.5)) for k in range(20))
    part = NeighbourStore(data[3::4], 4.5)
    assert len(part) == 5 and equal(part[-1], searched(data[19], 4.5))


def test_workers_give_the_same_files(data, tmp_path, monkeypatch):
    monkeypatch.setattr(neighbour_store, "_CHUNK", 6)
    build_neighbours(data, 3.5)
    folder = tmp_path / "d.neighbours-3.5"
    alone = {p.name: p.read_bytes() for p in folder.iterdir()}
    folder.rename(tmp_path / "kept")
    build_neighbours(data, 3.5, workers=2)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == alone


def test_lists_of_other_data_are_refused(data, tmp_path):
    build_neighbours(data, 3.0)
    other = write_dataset(tmp_path / "other", [data[0]], check=False)
    (tmp_path / "d.neighbours-3.0").rename(tmp_path / "other.neighbours-3.0")
    with pytest.raises(ValueError, match="build them again"):
        build_neighbours(other, 3.0)
    assert equal(build_neighbours(other, 3.0, force=True)[0], searched(data[0], 3.0))
    with pytest.raises(FileNotFoundError, match="Build them"):
        NeighbourStore(data, 3.0)


def test_lists_that_are_there_are_not_searched_again(data, tmp_path, monkeypatch):
    build_neighbours(data, 3.0)
    monkeypatch.setattr(neighbour_store, "neighbour_list", None)
    assert len(build_neighbours(data, 3.0, force=True)) == 20
    (tmp_path / "d.neighbours-2.5").mkdir()
    with pytest.raises(FileExistsError, match="Remove it yourself"):
        build_neighbours(data, 2.5, force=True)


def test_what_cannot_be_built(data, tmp_path):
    for cutoff, workers in ((0.0, 1), (float("nan"), 1), (3.0, 0)):
        with pytest.raises(ValueError, match="expected a positive cutoff"):
            build_neighbours(data, cutoff, workers)
    close = molecule("H2")
    close.positions[1] = close.positions[0] + [0, 0, 0.1]
    with pytest.raises(ValueError, match="frame 1 of .*0.100 A apart"):
        build_neighbours(write_dataset(tmp_path / "c", [data[0], ElectrifiedFrame(close)], check=False), 3.0)
    assert not (tmp_path / "c.neighbours-3.0").exists()

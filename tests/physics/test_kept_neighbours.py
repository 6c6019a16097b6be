"""Kept neighbour lists are those of a search, step by step, and are made anew when they must be."""

import numpy as np
import pytest

from electrode.physics import kept_neighbours
from electrode.physics.kept_neighbours import KeptNeighbours
from electrode.physics.neighbours import batch_neighbours, found_by, neighbour_list

CELL, PBC = np.array([[7.0, 0.0, 0.0], [2.0, 8.0, 0.0], [0.0, 0.0, 20.0]]), np.array([True, True, False])


def start(seed=0):
    grid = np.stack(np.meshgrid(np.arange(3), np.arange(3), np.arange(3), indexing="ij"), axis=-1).reshape(-1, 3)
    return grid * 2.4 + np.random.default_rng(seed).normal(scale=0.1, size=(27, 3))


def same(one, other):
    np.testing.assert_array_equal(one.first, other.first)
    rows = lambda pairs: np.array(sorted(map(tuple, np.column_stack([np.repeat(np.arange(27), np.diff(pairs.first)), pairs.index, pairs.offset]))))
    np.testing.assert_allclose(rows(one), rows(other), atol=1e-12)


def test_lists_along_a_walk():
    kept, positions, rng = KeptNeighbours(skin=0.5), start(), np.random.default_rng(1)
    for _ in range(40):
        positions = positions + rng.normal(scale=0.03, size=positions.shape)
        same(kept.find(0, positions, CELL, PBC, 5.0), neighbour_list(positions, CELL, PBC, 5.0))


def test_searches_are_saved_and_repeated_when_due(monkeypatch):
    cutoffs, kept, positions = [], KeptNeighbours(skin=0.5), start()
    monkeypatch.setattr(kept_neighbours, "neighbour_list", lambda *args: cutoffs.append(args[-1]) or neighbour_list(*args))
    find = lambda positions, cell=CELL: kept.find(0, positions, cell, PBC, 5.0)
    for _ in range(4):
        find(positions)
    assert cutoffs == [5.0, 5.5]  # plain at first sight, then with the skin
    far = positions.copy()
    far[3, 1] += 0.26
    same(find(far), neighbour_list(far, CELL, PBC, 5.0))
    assert cutoffs[2:] == [5.0]
    same(find(far, 1.01 * CELL), neighbour_list(far, 1.01 * CELL, PBC, 5.0))
    assert cutoffs[3:] == [5.0]
    assert len(kept.find(1, far[:9], CELL, PBC, 5.0).first) == 10 and len(find(far[:9]).first) == 10


def test_batches_ask_whom_they_are_told():
    kept, positions = KeptNeighbours(), np.concatenate([start(0), start(1)])
    arguments = positions, np.stack([CELL, CELL]), np.stack([PBC, PBC]), np.array([27, 27]), 4.0
    expected = batch_neighbours(*arguments)
    for _ in range(3):
        with found_by(kept.find):
            found = batch_neighbours(*arguments)
        np.testing.assert_array_equal(found.first, expected.first)
        assert sorted(found.index[: found.first[1]]) == sorted(expected.index[: expected.first[1]])
    assert set(kept._seen) == {(0, 4.0), (1, 4.0)}


def test_atoms_that_come_too_close_are_refused():
    kept, positions = KeptNeighbours(skin=6.0), start()
    for _ in range(2):
        kept.find(0, positions, CELL, PBC, 5.0)
    positions[1] = positions[0] + [0.0, 0.0, 0.3]
    with pytest.raises(ValueError, match="atoms 0 and 1 are 0.300 A apart"):
        kept.find(0, positions, CELL, PBC, 5.0)
    with pytest.raises(ValueError, match="expected a positive length"):
        KeptNeighbours(skin=0.0)

"""One structure in two parts: found however it is moved, imaged or reordered, and told from its neighbours."""

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule

from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits import Split, split_by_trajectory
from electrode.data.splits_groups import HeldOut
from electrode.data.splits_leaks import _Target, find_leaks


def water_on_gold(seed=0):
    """A skewed cell with two waters at random places, nothing symmetric."""
    rng = np.random.default_rng(seed)
    atoms = fcc111("Au", (2, 3, 2), vacuum=6.0)
    for height in (9.5, 12.0):
        water = molecule("H2O")
        water.rotate(rng.uniform(0, 360), "xyz")
        water.translate(rng.uniform(0, 4, 3) * [1, 1, 0] + [0, 0, height])
        atoms += water
    atoms.rattle(0.05, seed=seed)
    return atoms


def frame(atoms, **fields):
    return ElectrifiedFrame(atoms, **fields)


def twin(atoms, rng, noise=0.0):
    """The same structure with another origin, other images and another order of atoms."""
    other = atoms.copy()
    other.positions += rng.uniform(-3, 3, 3) * [1, 1, 0.3]
    other.positions += rng.integers(-2, 3, (len(other), 3)) * other.pbc @ other.cell.array
    other.positions += noise * rng.uniform(-1, 1, other.positions.shape) / np.sqrt(3)
    return other[rng.permutation(len(other))]


def pairs(leaks):
    return {(leak.first, leak.second) for leak in leaks}


@pytest.mark.parametrize("noise", [0.0, 0.005])
def test_twins_are_found_among_many(noise):
    rng = np.random.default_rng(1)
    originals = [water_on_gold(seed) for seed in range(12)]
    frames = [frame(a) for a in originals] + [frame(twin(originals[k], rng, noise)) for k in (3, 7, 10)]
    leaks = find_leaks(frames, ["train"] * 12 + ["test"] * 3)
    assert pairs(leaks) == {(3, 12), (7, 13), (10, 14)}
    assert all(leak.distance <= noise + 1e-9 and leak.parts == ("train", "test") for leak in leaks)


def test_the_distance_decides():
    rng = np.random.default_rng(2)
    atoms = water_on_gold()
    for step, found in ((0.008, 1), (0.02, 0)):
        other = twin(atoms, rng)
        other.positions[4] += [0, step, 0]
        leaks = find_leaks([frame(atoms), frame(other)], "ab")
        assert len(leaks) == found
        assert not found or leaks[0].distance == pytest.approx(step * (1 - 1 / len(atoms)), rel=1e-6)  # the mean shift is taken off


def test_what_is_not_the_same():
    atoms = water_on_gold()
    mirrored, swapped, wider, open_cell, turned = (atoms.copy() for _ in range(5))
    mirrored.positions[:, 2] *= -1
    swapped.numbers[[0, 12]] = swapped.numbers[[12, 0]]
    wider.set_cell(atoms.cell.array * 1.02)
    open_cell.pbc = (True, True, True)
    turned.rotate(90, "z", rotate_cell=True)
    for other in (mirrored, swapped, wider, open_cell, turned):
        assert find_leaks([frame(atoms), frame(other)], "ab") == []


def test_symmetric_crystals_and_open_space():
    crystal = bulk("Cu", cubic=True).repeat(2)
    hop = crystal.copy()
    hop.positions += crystal.cell.array[0] / 4  # a vector of the lattice: the same crystal
    assert len(find_leaks([frame(crystal), frame(hop)], "ab")) == 1
    free = molecule("CH3OH")
    moved = free.copy()
    moved.positions += [1.0, -2.0, 0.5]
    assert len(find_leaks([frame(free), frame(moved[::-1])], "ab")) == 1
    one, other = Atoms("H", [[0, 0, 0]]), Atoms("H", [[0, 3, 1]])
    assert len(find_leaks([frame(one), frame(other)], "ab")) == 1


def test_brute_force_agrees_on_a_dense_set():
    """Steps of 0.004 A of one atom: the pairs within 0.01 A, counted by hand."""
    frames = []
    for k in range(30):
        atoms = water_on_gold()
        atoms.positions[-1, 1] += 0.004 * k
        frames.append(frame(atoms))
    parts = [str(k) for k in range(30)]
    reach = 0.01 / (1 - 1 / len(frames[0].geometry))
    assert pairs(find_leaks(frames, parts)) == {(i, j) for i in range(30) for j in range(i + 1, 30) if 0.004 * (j - i) <= reach}


def liquid(seed, n=40):
    """Atoms at random, at least 0.8 A apart, in a cubic cell."""
    rng, places = np.random.default_rng(seed), np.empty((0, 3))
    while len(places) < n:
        new = rng.uniform(0, 7, 3)
        steps = (places - new + 3.5) % 7 - 3.5
        if not len(places) or np.linalg.norm(steps, axis=1).min() > 0.8:
            places = np.vstack([places, new])
    return Atoms(f"O{n // 4}H{n - n // 4}", places, cell=[7, 7, 7], pbc=True)


def test_liquids_are_told_apart_without_comparing_all_atoms(monkeypatch):
    """Structures that only look alike fall before the comparison of all atoms, whose cost grows with their square."""
    compared, apart = [], _Target.apart
    monkeypatch.setattr(_Target, "apart", lambda *a: compared.append(1) or apart(*a))
    rng = np.random.default_rng(5)
    frames = [frame(liquid(seed)) for seed in range(60)]
    frames += [frame(twin(frames[k].geometry, rng, 0.005)) for k in (8, 40)]
    assert pairs(find_leaks(frames, ["train"] * 60 + ["test"] * 2)) == {(8, 60), (40, 61)}
    assert len(compared) == 2


@pytest.mark.parametrize("near", [0.01, 0.15])
def test_twins_across_the_faces_of_a_long_oblique_cell(near):
    """Shifts along a lattice vector bring each atom to and across a face; in fractions of such a cell near and far are mixed up."""
    atoms = Atoms("AuOHHO", [[0, 0, 0], [1.1, 0.4, 1.3], [0.3, 1.9, 13.0], [2.0, 0.2, 30.0], [0.7, 0.7, 39.5]], cell=[[2.6, 0, 0], [1.9, 2.2, 0], [8.0, 3.0, 40.0]], pbc=True)
    rng = np.random.default_rng(6)
    for share in np.linspace(-1, 1, 21):
        other = atoms.copy()
        other.positions += share * atoms.cell.array.sum(axis=0)
        other.wrap()
        other.positions[3] += 0.9 * near * np.array([0.6, 0.0, 0.8])
        (leak,) = find_leaks([frame(atoms), frame(other[rng.permutation(5)])], "ab", near=near)
        assert leak.distance == pytest.approx(0.9 * near * 4 / 5, rel=1e-6)


def test_frames_that_cannot_be_compared_are_left_out():
    lost, flat = water_on_gold(), water_on_gold()
    lost.positions[0, 0] = np.nan
    flat.cell[1] = flat.cell[0]
    frames = [frame(a) for a in (lost, flat, water_on_gold(), lost, flat, water_on_gold())]
    assert pairs(find_leaks(frames, "aaabbb")) == {(2, 5)}


def test_many_copies_give_few_pairs(frame_of):
    frames = [frame_of(n) for n in np.linspace(-0.3, 0.3, 60)]
    assert len(find_leaks(frames, ["train", "test"] * 30)) == 1
    assert find_leaks(frames, ["train"] * 60) == []


def test_equal_charge_counts_only_where_asked(frame_of):
    frames = [frame_of(n, shift=0.1) for n in (-0.3, 0.2, 0.2)]
    assert pairs(find_leaks(frames, ["train", "train", "test"], same_charge=True)) == {(1, 2)}
    assert find_leaks(frames[:2], ["train", "test"], same_charge=True) == []


def test_a_split_warns_with_the_pairs(frame_of):
    frames = [frame_of(0.1, shift=0.2, trajectory="a"), frame_of(0.1, shift=0.2, trajectory="b", where="b.xyz frame 0")]
    split = Split(("a",), (), ("b",))
    with pytest.warns(UserWarning, match=r"au.xyz frame 3 \(train\) and b.xyz frame 0 \(test\)"):
        assert len(split.select(frames, "test")) == 1


def test_beside_a_window_one_structure_may_stand_twice(frame_of):
    frames = [frame_of(n, shift=0.2 * k) for k in range(4) for n in (-0.3, 0.3)]
    split = Split(tuple(sorted({f.trajectory for f in frames})), (), (), held_out=HeldOut("charge", low=0.0))
    assert split.leaks(frames) == []
    again = [*frames, replace(frames[1], trajectory="other")]
    again_split = replace(split, train=split.train, validation=("other",))
    assert pairs(again_split.leaks(again)) == {(1, 8)}


def test_joined_groups_stay_together(frame_of):
    frames = [frame_of(0.1, shift=0.05 * k) for k in range(20)]
    frames += [frame_of(0.1, shift=0.05 * k + 0.004, trajectory=f"copy{k}") for k in range(20)]
    with pytest.raises(DataError, match="--join"):
        split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4)
    split = split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4, join=True)
    assert split.leaks(frames) == [] and [len(getattr(split, p)) for p in ("train", "validation", "test")] == [24, 8, 8]


@pytest.mark.parametrize("near", [0.0, -1.0, 1.0, float("nan")])
def test_a_reach_that_is_none(frame_of, near):
    with pytest.raises(ValueError, match="0 < near"):
        find_leaks([frame_of()], ["a"], near=near)

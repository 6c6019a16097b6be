from dataclasses import replace

import pytest

from electrode.data.problems import DataError
from electrode.data.splits import PARTS, Split, split_by_trajectory


@pytest.fixture
def frames(frame_of):
    """Twenty geometries of two kinds, each at two charges."""
    kinds = ["rattle"] * 14 + ["path"] * 6
    return [frame_of(n, shift=0.03 * k, config_type=kind) for k, kind in enumerate(kinds) for n in (-0.2, 0.3)]


def test_no_trajectory_is_split_and_every_frame_is_used(frames):
    split = split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4)
    chosen = {part: {f.trajectory for f in split.select(frames, part)} for part in PARTS}
    assert [len(chosen[p]) for p in PARTS] == [12, 4, 4]
    assert not chosen["train"] & chosen["test"] and not chosen["train"] & chosen["validation"]
    assert sum(len(split.select(frames, p)) for p in PARTS) == len(frames)


def test_strata_are_shared_by_the_parts(frames):
    split = split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4)
    for part in PARTS:
        assert {f.info["config_type"] for f in split.select(frames, part)} == {"rattle", "path"}


def test_seed_decides_and_the_order_of_frames_does_not(frames):
    split = split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4)
    assert split == split_by_trajectory(frames[::-1], (0.6, 0.2, 0.2), seed=4)
    assert split != split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=5)


def test_json_round_trip(frames, tmp_path):
    split = split_by_trajectory(frames, (0.5, 0.0, 0.5), seed=1, stratify_by=None)
    split.to_json(tmp_path / "s.json")
    assert Split.from_json(tmp_path / "s.json") == split and split.validation == ()
    with pytest.raises(FileExistsError, match="or force"):
        split.to_json(tmp_path / "s.json")


@pytest.mark.parametrize("content", ["{", "[]", '{"train": []}', '{"train": [], "validation": [], "test": [], "tests": []}'])
def test_json_that_is_no_split(tmp_path, content):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(DataError):
        Split.from_json(tmp_path / "s.json")


def test_frames_without_trajectory(frames):
    bare = [replace(f, trajectory=None) for f in frames]
    with pytest.raises(DataError, match="group='positions'"):
        split_by_trajectory(bare, (0.6, 0.2, 0.2), seed=4)
    split = split_by_trajectory(bare, (0.6, 0.2, 0.2), seed=4, group="positions")
    ids = [{f.geometry_id for f in split.select(bare, p)} for p in PARTS]
    assert [len(i) for i in ids] == [12, 4, 4] and len(set.union(*ids)) == 20


def test_integer_trajectory_zero_is_a_name(frames):
    numbered = [replace(f, trajectory=int(f.trajectory[4:])) for f in frames]
    assert "0" in sum((getattr(split_by_trajectory(numbered, (0.6, 0.2, 0.2), seed=4), p) for p in PARTS), ())


@pytest.mark.parametrize("distance", [0.0, 0.004])
def test_duplicate_geometries_in_two_parts(frames, frame_of, distance):
    copies = [frame_of(0.1, shift=0.03 * k + distance, trajectory=f"copy{k}") for k in range(20)]
    with pytest.raises(DataError, match="nearly the same geometry"):
        split_by_trajectory([*frames, *copies], (0.4, 0.2, 0.4), seed=4)


def test_trajectory_in_two_parts():
    with pytest.raises(DataError, match="every name once"):
        Split(("a", "b"), (), ("b",))


def test_frame_that_stands_in_no_part(frames, frame_of):
    split = split_by_trajectory(frames, (0.6, 0.2, 0.2), seed=4)
    with pytest.raises(DataError, match="stands in no part"):
        split.select([frame_of(trajectory="other")], "train")
    with pytest.raises(DataError, match="did you mean 'validation'"):
        split.select(frames, "validatio")


@pytest.mark.parametrize("fractions", [(0.8, 0.1), (0.8, 0.1, 0.2), (1.2, -0.1, -0.1), (float("nan"), 0.5, 0.5)])
def test_fractions_that_are_no_shares(frames, fractions):
    with pytest.raises(DataError, match="three shares"):
        split_by_trajectory(frames, fractions, seed=1)


def test_part_that_would_stay_empty(frames):
    with pytest.raises(DataError, match="stays empty"):
        split_by_trajectory(frames[:4], (0.6, 0.2, 0.2), seed=1)

"""What is held out stands in the test alone, and every fold tests another part."""

import numpy as np
import pytest

from electrode.data.problems import DataError
from electrode.data.splits import PARTS, Split
from electrode.data.splits_folds import each_held_out, hold_out, k_fold
from electrode.data.splits_groups import HeldOut, extreme, windows

CHARGES = (-0.3, -0.1, 0.1, 0.3)


@pytest.fixture
def frames(frame_of):
    """Twelve geometries at four charges."""
    return [frame_of(n, shift=0.05 * k, reaction="hop" if k < 6 else "volmer") for k in range(12) for n in CHARGES]


def members(split, frames):
    return {part: {id(f) for f in some} for part, some in split.divide(frames).items()}


def metals(frame_of):
    """Frames of three metals, six geometries each."""
    found = []
    for metal in ("Au", "Ag", "Pt"):
        for k in range(6):
            frame = frame_of(0.1, shift=0.05 * k, trajectory=f"{metal}{k}", system=metal)
            frame.geometry.symbols[:-1] = metal
            found.append(frame)
    return found


@pytest.mark.parametrize("end, chosen", [("highest", lambda f: f.potential > 5.5), ("lowest", lambda f: f.potential <= 4.8)])
def test_the_extreme_potentials(frames, end, chosen):
    held = extreme(frames, "potential", 0.25, end)
    split = hold_out(frames, held, seed=3)
    found = members(split, frames)
    assert found["test"] == {id(f) for f in frames if chosen(f)} and len(found["test"]) == 12
    assert found["train"] and found["validation"] and set.union(*found.values()) == {id(f) for f in frames}
    groups = [{f.trajectory for f in frames if id(f) in found[p]} for p in ("train", "validation")]
    assert not groups[0] & groups[1]


def test_a_window_of_charge_with_both_ends(frames):
    split = hold_out(frames, HeldOut("charge", low=-0.1, high=0.1), seed=0)
    assert {f.charge for f in split.select(frames, "test")} == {-0.1, 0.1}
    assert {f.charge for f in split.select(frames, "train")} == {-0.3, 0.3}


def test_a_metal_held_out(frame_of):
    frames = metals(frame_of)
    split = hold_out(frames, HeldOut("composition", ("Ag",)), seed=1)
    assert {f.system for f in split.select(frames, "test")} == {"Ag"}
    assert {f.system for f in split.select(frames, "train")} == {"Au", "Pt"}
    by_formula = hold_out(frames, HeldOut("composition", ("HPt12",)), seed=1)
    assert {f.system for f in by_formula.select(frames, "test")} == {"Pt"}
    each = each_held_out(frames, "composition", seed=1)  # hydrogen is everywhere
    assert [s.held_out.names for s in each] == [("Ag",), ("Au",), ("Pt",)]


def test_a_system_or_a_reaction_held_out(frames, frame_of):
    split = hold_out(frames, HeldOut("reaction", ("volmer",)), seed=1)
    assert {f.info["reaction"] for f in split.select(frames, "test")} == {"volmer"}
    assert len(each_held_out(metals(frame_of), "system", seed=0)) == 3


def test_json_round_trip_of_what_is_held_out(frames, tmp_path):
    for held in (HeldOut("potential", low=5.0), HeldOut("reaction", ("hop",))):
        split = hold_out(frames, held, seed=1)
        path = tmp_path / f"{held.by}.json"
        split.to_json(path)
        assert Split.from_json(path) == split
    path.write_text('{"train": [], "validation": [], "test": [], "held_out": {"by": "colour"}}')
    with pytest.raises(DataError, match="expected one of potential"):
        Split.from_json(path)
    path.write_text('{"train": [], "validation": [], "test": [], "held_out": 3}')
    with pytest.raises(DataError, match="wrong type"):
        Split.from_json(path)


def test_every_group_is_tested_once(frames):
    splits = k_fold(frames, 5, seed=2)
    for part in ("test", "validation"):
        names = [n for s in splits for n in getattr(s, part)]
        assert sorted(names) == sorted({f.trajectory for f in frames})
    assert [len(s.test) for s in splits] == pytest.approx([2.4] * 5, abs=1)
    assert all(len(s.train) + len(s.validation) + len(s.test) == 12 for s in splits)
    assert splits == k_fold(frames, 5, seed=2) != k_fold(frames, 5, seed=3)


def test_windows_hold_every_frame_once(frames):
    held = windows(frames, "potential", 3)
    assert [sum(h.holds(f) for h in held) for f in frames] == [1] * len(frames)
    splits = each_held_out(frames, "potential", 4, seed=0)
    assert [{f.charge for f in s.select(frames, "test")} for s in splits] == [{-0.3}, {-0.1}, {0.1}, {0.3}]
    low = [np.mean([f.potential for f in s.select(frames, "test")]) for s in splits]
    assert low == sorted(low)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda f: hold_out(f, HeldOut("charge", low=2.0), seed=0), "holds 0 of 48 frames"),
        (lambda f: hold_out(f, HeldOut("charge", low=-2.0), seed=0), "holds 48 of 48 frames"),
        (lambda f: hold_out(f, HeldOut("composition", ("Pt",)), seed=0), "no frame has 'Pt'"),
        (lambda f: hold_out(f, HeldOut("reaction", ("volmr",)), seed=0), "did you mean 'volmer'"),
        (lambda f: hold_out(f, HeldOut("charge", low=0.2), (0.0, 0.5, 0.5), seed=0), "share for the training"),
        (lambda f: HeldOut("potential"), "expected a window"),
        (lambda f: HeldOut("potential", low=2.0, high=1.0), "expected a window"),
        (lambda f: HeldOut("potential", low=float("nan")), "expected a window"),
        (lambda f: HeldOut("potential", ("a",), low=1.0), "expected a window"),
        (lambda f: HeldOut("system", low=1.0), "expected names"),
        (lambda f: HeldOut("potental", low=1.0), "did you mean 'potential'"),
        (lambda f: extreme(f[:1], "charge", 0.2, "highest"), "several values"),
        (lambda f: extreme(f, "charge", 1.0, "highest"), "share between"),
        (lambda f: extreme(f, "charge", 0.1, "higest"), "did you mean 'highest'"),
        (lambda f: windows(f, "charge", 9), "expected 2 to 4"),
        (lambda f: k_fold(f, 13, seed=0), "expected 3 to 12"),
        (lambda f: each_held_out(f, "composition", seed=0), "at least two"),
        (lambda f: k_fold(f, 3, seed=0, group="reactoin"), "did you mean 'reaction'"),
    ],
)
def test_what_cannot_be_held_out(frames, make, message):
    with pytest.raises(DataError, match=message):
        make(frames)


def test_frames_that_do_not_name_their_reaction(frame_of):
    with pytest.raises(DataError, match="reaction is missing"):
        k_fold([frame_of(shift=0.1 * k) for k in range(3)], 3, seed=0, group="reaction")


def test_parts_are_named(frames):
    assert set(members(hold_out(frames, HeldOut("charge", low=0.2), seed=0), frames)) == set(PARTS)

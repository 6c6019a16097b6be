"""Frames one by one: the same frames and the same refusals as from the whole file, in the memory of one."""

import gzip
import io

import numpy as np
import pytest
from ase.io import write

from electrode.data import stream
from electrode.data.files import read_frames, write_frames
from electrode.data.problems import DataError
from electrode.data.stream import stream_frames


def text_of(*images):
    buffer = io.StringIO()
    write(buffer, list(images), format="extxyz")
    return buffer.getvalue()


def test_the_same_frames_as_from_the_whole_file(series, frame_of, tmp_path):
    frames = [*series(), frame_of(0.1, shift=0.3, remove=("REF_forces",))]
    for name in ("a.xyz", "a.xyz.gz"):
        write_frames(tmp_path / name, frames)
        for one, other in zip(stream_frames(tmp_path / name), read_frames(tmp_path / name), strict=True):
            assert one.geometry == other.geometry and one.where == other.where and dict(one.info) == dict(other.info)
            assert (one.energy, one.mu, one.method_id, one.trajectory) == (other.energy, other.mu, other.method_id, other.trajectory)
            assert np.array_equal(one.forces, other.forces)


def test_assumptions_and_warnings_are_told_once(atoms_of, tmp_path):
    (tmp_path / "a.xyz").write_text(text_of(*(atoms_of(n, remove=("eir_n_excess",), charge=-n) for n in (0.1, 0.2, 0.3))))
    with pytest.warns(UserWarning) as caught:
        assert [f.n_excess for f in stream_frames(tmp_path / "a.xyz")] == [0.1, 0.2, 0.3]
    assert len(caught) == 1 and "'charge' read as net charge" in str(caught[0].message)


def test_a_broken_rule_stops_at_its_frame(atoms_of, tmp_path):
    (tmp_path / "a.xyz").write_text(text_of(atoms_of(0.1), atoms_of(0.2, eir_mu=4.0), atoms_of(0.3)))
    found = stream_frames(tmp_path / "a.xyz")
    assert next(found).n_excess == 0.1
    with pytest.raises(DataError, match="a.xyz frame 1: eir_mu = 4 eV"):
        next(found)
    with pytest.warns(UserWarning, match="a.xyz frame 1: eir_mu = 4 eV"):
        assert len(list(stream_frames(tmp_path / "a.xyz", strict=False))) == 3


LINES = 15  # of a frame


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t[: len(t) // 2 * 2 - 200], "frame 2: the file is cut short|frame 2: line .* columns"),
        (lambda t: t.replace("\n13\n", "\n\n13\n", 1), "frame 1: line 16: expected the number of atoms"),
        (lambda t: "\n".join([*t.split("\n")[: LINES + 4], "Au 1.0", *t.split("\n")[LINES + 5 :]]), "frame 1: line 20: expected 8 columns, got 2"),
        (lambda t: t + "rubbish\n", "frame 3: line 46: expected the number of atoms, got 'rubbish'"),
        (lambda t: "0\n\n" + t, "frame 0: line 1: expected the number of atoms"),
        (lambda t: "", "the file is empty"),
        (lambda t: "\n \n", "the file is empty"),
    ],
)
def test_malformed_files_are_told_by_their_place(atoms_of, tmp_path, change, message):
    (tmp_path / "a.xyz").write_text(change(text_of(*(atoms_of(n) for n in (0.1, 0.2, 0.3)))))
    with pytest.raises(DataError, match=message):
        list(stream_frames(tmp_path / "a.xyz"))


def test_blank_lines_at_the_end_are_no_frames(atoms_of, tmp_path):
    (tmp_path / "a.xyz").write_text(text_of(atoms_of(0.1)) + "\n  \n\n")
    assert len(list(stream_frames(tmp_path / "a.xyz"))) == 1


def test_files_that_are_none(atoms_of, tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        list(stream_frames(tmp_path / "none.xyz"))
    with pytest.raises(DataError, match="got a folder"):
        list(stream_frames(tmp_path))
    whole = gzip.compress(text_of(atoms_of(0.1)).encode())
    (tmp_path / "a.xyz.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match="cut short or damaged"):
        list(stream_frames(tmp_path / "a.xyz.gz"))
    (tmp_path / "b.xyz").write_bytes(b"\xff\xfe1\n")
    with pytest.raises(DataError, match="not UTF-8"):
        list(stream_frames(tmp_path / "b.xyz"))


def test_no_more_is_read_than_the_frames_asked_for(atoms_of, tmp_path, monkeypatch):
    (tmp_path / "a.xyz").write_text(text_of(*(atoms_of(n) for n in (0.1, 0.2, 0.3))))
    read, whole = [], stream._lines
    monkeypatch.setattr(stream, "_lines", lambda path: (read.append(line) or line for line in whole(path)))
    for k, _ in enumerate(stream.stream_frames(tmp_path / "a.xyz"), 1):
        assert len(read) == k * LINES

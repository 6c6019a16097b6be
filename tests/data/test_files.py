import gzip
import io
import os

import numpy as np
import pytest
from ase.constraints import FixAtoms, FixedLine
from ase.io import write
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from electrode.data.files import read_frames, write_frames
from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame

FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)


def as_text(*atoms):
    """Extended XYZ as ASE writes it."""
    buffer = io.StringIO()
    write(buffer, list(atoms), format="extxyz")
    return buffer.getvalue()


@pytest.mark.parametrize("name", ["a.xyz", "ein Übergang.xyz.gz"])
def test_round_trip_keeps_every_digit(tmp_path, series, name):
    frames = series(eir_efield=np.array([0.0, 0.0, 1 / 3]), eir_source='{"file": "log, 1", "frame": 3}')
    write_frames(tmp_path / name, frames)
    back = read_frames(tmp_path / name)
    assert os.listdir(tmp_path) == [name] and back[3].where == f"{name} frame 3"
    for a, b in zip(frames, back, strict=True):
        old, new = a.to_atoms(), b.to_atoms()
        assert list(old.info) == list(new.info) or set(old.info) == set(new.info)
        for key in old.info:
            assert np.array_equal(old.info[key], new.info[key]), key
        for key in old.arrays:
            assert np.array_equal(old.arrays[key], new.arrays[key]), key
        assert np.array_equal(old.cell, new.cell) and np.array_equal(old.pbc, new.pbc)


@pytest.mark.filterwarnings("ignore:.*exactly zero on")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    n=st.floats(-1.0, 1.0, allow_subnormal=False),
    energy=FINITE,
    positions=st.lists(st.floats(-0.05, 0.05), min_size=39, max_size=39),
    forces=st.lists(FINITE, min_size=39, max_size=39),
    word=st.from_regex(r"[A-Za-z_][A-Za-z0-9_ .,:{}\"-]{0,12}[a-z]", fullmatch=True).filter(lambda w: w not in ("true", "false")),
    number=st.integers(-(2**40), 2**40),
)
def test_round_trip_of_any_record(tmp_path, atoms_of, n, energy, positions, forces, word, number):
    atoms = atoms_of(n, REF_energy=energy, note=word, number=number)
    atoms.positions += np.reshape(positions, (-1, 3))
    atoms.arrays["REF_forces"] = np.reshape(forces, (-1, 3))
    frame = ElectrifiedFrame.from_atoms(atoms)
    write_frames(tmp_path / "any.xyz", [frame], force=True)
    (back,) = read_frames(tmp_path / "any.xyz")
    assert (back.n_excess, back.energy, back.info["note"], back.info["number"]) == (n, energy, word, number)
    assert np.array_equal(back.forces, frame.forces) and np.array_equal(back.geometry.positions, frame.geometry.positions)


def test_only_keys_of_the_record_are_written(tmp_path, atoms_of):
    with pytest.warns(UserWarning, match="net charge"):
        frame = ElectrifiedFrame.from_atoms(atoms_of(remove=("eir_n_excess",), charge=-0.23))
    write_frames(tmp_path / "a.xyz", [frame])
    comment = (tmp_path / "a.xyz").read_text().split("\n")[1]
    assert "eir_n_excess=0.23" in comment and " charge=" not in comment and " energy=" not in comment


def test_fixed_atoms_survive_and_other_constraints_are_refused(tmp_path, atoms_of):
    atoms = atoms_of()
    atoms.set_constraint(FixAtoms([0, 2]))
    write_frames(tmp_path / "a.xyz", [ElectrifiedFrame.from_atoms(atoms)])
    assert read_frames(tmp_path / "a.xyz")[0].atoms.constraints[0].index.tolist() == [0, 2]
    atoms.set_constraint(FixedLine([1], [0, 0, 1]))
    with pytest.raises(DataError, match="expected FixAtoms"):
        write_frames(tmp_path / "b.xyz", [ElectrifiedFrame.from_atoms(atoms)])


def test_existing_file_is_kept_without_force(tmp_path, frame_of):
    path = tmp_path / "a.xyz"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="or force"):
        write_frames(path, [frame_of()])
    assert path.read_text() == "mine"
    write_frames(path, [frame_of()], force=True)
    assert len(read_frames(path)) == 1


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path, frame_of):
    path = tmp_path / "a.xyz"
    path.write_text("mine")
    with pytest.raises(DataError):
        write_frames(path, [frame_of(note="T")], force=True)
    assert path.read_text() == "mine" and os.listdir(tmp_path) == ["a.xyz"]


@pytest.mark.parametrize(
    "value",
    ["1.0", "2026", "12e5", "T", "true", "", " ", None, 1j, pytest.param(object(), id="object"), np.array([]), np.array([0.5]), [], float("nan"), "two\nlines", "tab\tand", "nan", np.array(["a", "b"])],
    ids=repr,
)
def test_value_that_extended_xyz_would_change_is_refused(tmp_path, frame_of, value):
    with pytest.raises(DataError, match="note"):
        write_frames(tmp_path / "a.xyz", [frame_of(note=value)])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("column", [np.zeros((13, 3, 3)), np.zeros(13, complex), np.zeros((13, 1)), np.array([""] * 13), np.full(13, np.inf)], ids=["3x3", "complex", "one column", "empty words", "inf"])
def test_column_that_extended_xyz_would_change_is_refused(tmp_path, atoms_of, column):
    atoms = atoms_of()
    atoms.arrays["extra"] = column
    with pytest.raises(DataError):
        write_frames(tmp_path / "a.xyz", [ElectrifiedFrame.from_atoms(atoms)])


def test_no_frames_or_no_folder_is_refused(tmp_path, frame_of):
    with pytest.raises(DataError, match="at least one frame"):
        write_frames(tmp_path / "a.xyz", [])
    with pytest.raises(FileNotFoundError, match="Create it"):
        write_frames(tmp_path / "none" / "a.xyz", [frame_of()])


def test_missing_empty_or_wrong_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        read_frames(tmp_path / "none.xyz")
    with pytest.raises(DataError, match="got a folder"):
        read_frames(tmp_path)
    for name, content, message in (("e.xyz", b"", "is empty"), ("b.xyz", b"\xff\xfe\x00", "UTF-8"), ("t.xyz", b"hello\n", "number of atoms"), ("g.xyz.gz", b"no gzip", "damaged")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_frames(tmp_path / name)


@pytest.mark.parametrize("old, new, key", [
    (" eir_mu=", " eir_mu=-4.4 eir_mu=", "eir_mu"), (" eir_mu=", ' eir_mu = -4.4 eir_mu=', "eir_mu"), (" eir_mu=", ' "my note"="a b" "my note"=c eir_mu=', '"my note"'),
    (' pbc="T T F"', ' pbc="T T F" pbc="T T T"', "pbc"), ("Properties=", 'Lattice="9 0 0 0 9 0 0 0 9" Properties=', "Lattice"),
])  # fmt: skip
def test_a_key_given_twice(tmp_path, atoms_of, old, new, key):
    text = as_text(atoms_of(), atoms_of(0.4))
    (tmp_path / "a.xyz").write_text(new.join(text.rsplit(old, 1)))
    with pytest.raises(DataError, match=f"a.xyz frame 1: {key}: expected once in the comment line, got 2 times"):
        read_frames(tmp_path / "a.xyz")


def test_words_in_quotes_are_no_keys(tmp_path, atoms_of):
    frame = ElectrifiedFrame.from_atoms(atoms_of(note="see a=1 a=2 'b=3' b=3", other='{"a": "x=1", "b": ["x=2"]}', more="c = 1, c = 2"))
    write_frames(tmp_path / "a.xyz", [frame])
    assert dict(read_frames(tmp_path / "a.xyz")[0].info) == dict(frame.info)
    (tmp_path / "a.xyz").write_text((tmp_path / "a.xyz").read_text().replace(" pbc=", ' "one x"=1 "two x"=2 pbc=', 1))
    assert read_frames(tmp_path / "a.xyz")[0].info["one x"] == 1


def test_truncated_files(tmp_path, atoms_of):
    path, text = tmp_path / "a.xyz", as_text(atoms_of(), atoms_of(0.4))
    path.write_text(text[: text.rindex("\n", 0, -1)])
    with pytest.raises(DataError, match="a.xyz frame 1: the file is cut short: expected 13 atoms, got 12"):
        read_frames(path)
    path.write_text(text[:-30])
    with pytest.raises(DataError, match="columns, got"):
        read_frames(path)
    path.write_text(text[:-4])
    with pytest.warns(UserWarning, match="see whether the file was cut"):
        read_frames(path)
    packed = gzip.compress(text.encode())
    (tmp_path / "a.xyz.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(DataError, match="cut short or damaged"):
        read_frames(tmp_path / "a.xyz.gz")


def test_frames_behind_a_blank_line_are_not_lost_in_silence(tmp_path, atoms_of):
    path, text = tmp_path / "a.xyz", as_text(atoms_of())
    path.write_text(text + "\n" + text)
    with pytest.raises(DataError, match="blank or surplus"):
        read_frames(path)
    path.write_text(text + "\n\n")
    assert len(read_frames(path)) == 1


def test_number_that_is_no_number_in_a_column(tmp_path, atoms_of):
    path = tmp_path / "a.xyz"
    path.write_text(as_text(atoms_of()).replace("Au ", "Xx ", 1))
    with pytest.raises(DataError, match="not readable"):
        read_frames(path)


def test_problems_name_file_and_frame_and_are_warnings_when_not_strict(tmp_path, atoms_of):
    path = tmp_path / "a.xyz"
    path.write_text(as_text(atoms_of(), atoms_of(0.4, eir_scf_converged=False)))
    with pytest.raises(DataError, match="a.xyz frame 1: eir_scf_converged = F"):
        read_frames(path)
    with pytest.warns(UserWarning, match="a.xyz frame 1: eir_scf_converged"):
        assert len(read_frames(path, strict=False)) == 2


def test_what_cannot_be_read_is_refused_even_when_not_strict(tmp_path, atoms_of):
    path = tmp_path / "a.xyz"
    path.write_text(as_text(*(atoms_of(n, remove=("eir_n_excess",), electron=e) for n, e in ((0.1, 661.7), (0.4, 1.49)))))
    with pytest.raises(DataError, match="2 error.*") as caught:
        read_frames(path, strict=False)
    assert "661.7" in str(caught.value) and "1.49" in str(caught.value) and "assume" in str(caught.value)


def test_aliases_are_warned_of_once_for_each_file(tmp_path, atoms_of):
    path = tmp_path / "a.xyz"
    path.write_text(as_text(*(atoms_of(n, remove=("eir_n_excess",), charge=-n) for n in (0.1, 0.4))))
    with pytest.warns(UserWarning) as caught:
        frames = read_frames(path)
    assert len(caught) == 1 and "'charge' read as net charge Q [e], so n_excess = -Q, in 2 of 2 frames" in str(caught[0].message)
    assert [f.n_excess for f in frames] == [0.1, 0.4]


def test_missing_metadata_can_be_stated_by_the_caller(tmp_path, atoms_of):
    path = tmp_path / "a.xyz"
    path.write_text(as_text(atoms_of(remove=("eir_energy_kind", "eir_mu_zero"))))
    with pytest.raises(DataError, match="assume={'energy_kind': value}"):
        read_frames(path)
    assert read_frames(path, assume={"energy_kind": "E", "eir_mu_zero": "electrolyte"})[0].energy_kind == "E"

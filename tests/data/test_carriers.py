"""Every field of the record survives every carrier: database, archive, JSON and extended XYZ."""

import json
import os

import ase.db
import numpy as np
import pytest
from ase import Atoms
from ase.constraints import FixAtoms, FixedLine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from electrode.data.carriers_db import read_database, write_database
from electrode.data.carriers_npz import read_npz, write_npz
from electrode.data.files import parse_frames, write_frames
from electrode.data.plain import frame_from_plain, frame_to_plain
from electrode.data.problems import DataError
from electrode.data.readers.registry import recognise
from electrode.data.record import COLUMNS, ElectrifiedFrame

CARRIERS = {"db": (write_database, read_database), "npz": (write_npz, read_npz), "xyz": (write_frames, parse_frames)}
NUMBER = st.floats(-1e6, 1e6, allow_subnormal=False)
WORD = st.from_regex(r"w_[a-z0-9 ]{0,8}[a-z]", fullmatch=True)
ENTRIES = {"note": WORD, "count": st.integers(-(2**40), 2**40), "weight": NUMBER, "used": st.booleans(), "three": st.lists(NUMBER, min_size=3, max_size=3).map(np.array)}


def value_of(kind, n):
    numbers = lambda *shape: st.lists(NUMBER, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))).map(lambda x: np.reshape(x, shape))
    integers = st.integers(-5, 5)
    return {
        "float": NUMBER, "int": integers, "flag": st.booleans(), "word": WORD, "label": WORD | integers, "vector": numbers(3), "tensor": numbers(9), "rows": numbers(n, 3),
        "row_tensors": numbers(n, 9), "column": numbers(n), "regions": st.lists(st.integers(0, 3), min_size=n, max_size=n).map(np.array),
    }[kind]  # fmt: skip


@st.composite
def frame(draw):
    n = draw(st.integers(2, 4))
    atoms = Atoms(draw(st.lists(st.sampled_from([1, 8, 29, 79]), min_size=n, max_size=n)), positions=draw(value_of("rows", n)), cell=draw(value_of("rows", 3)) + 1e7 * np.eye(3))
    atoms.pbc = draw(st.lists(st.booleans(), min_size=3, max_size=3))
    if draw(st.booleans()):
        atoms.set_array("tags", np.arange(n))
    if draw(st.booleans()):
        atoms.set_constraint(FixAtoms([n - 1]))
    info = draw(st.fixed_dictionaries({}, optional=ENTRIES))
    values = {c.name: draw(st.none() | value_of(c.metadata["kind"], n)) for c in COLUMNS}
    if None not in (values["nelect"], values["nelect_neutral"]) and values["n_excess"] is None:
        values["n_excess"] = 0.25  # which extended XYZ would derive from the two counts
    return ElectrifiedFrame(atoms, "drawn", info, **values)


def same(a, b):
    """Say whether two frames agree in every field, entry, column and constraint."""
    assert [c.name for c in COLUMNS if getattr(a, c.name) is None] == [c.name for c in COLUMNS if getattr(b, c.name) is None]
    for c in COLUMNS:
        x, y = getattr(a, c.name), getattr(b, c.name)
        assert np.array_equal(x, y) and (x is None or isinstance(x, np.ndarray) or type(x) is type(y)), c.name
    assert set(a.info) == set(b.info) and all(np.array_equal(a.info[k], b.info[k]) for k in a.info)
    assert set(a.geometry.arrays) == set(b.geometry.arrays)
    assert all(np.array_equal(v, b.geometry.arrays[k]) and v.dtype.kind == b.geometry.arrays[k].dtype.kind for k, v in a.geometry.arrays.items())
    assert np.array_equal(a.geometry.cell.array, b.geometry.cell.array) and np.array_equal(a.geometry.pbc, b.geometry.pbc)
    assert [c.index.tolist() for c in a.geometry.constraints] == [c.index.tolist() for c in b.geometry.constraints]


@pytest.mark.parametrize("suffix", CARRIERS)
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])
@given(frames=st.lists(frame(), min_size=1, max_size=3))
def test_every_field_survives(tmp_path, suffix, frames):
    write, read = CARRIERS[suffix]
    write(tmp_path / f"a.{suffix}", frames, force=True)
    back = read(tmp_path / f"a.{suffix}")
    assert len(back) == len(frames) and os.listdir(tmp_path) == [f"a.{suffix}"]
    for a, b in zip(frames, back):
        same(a, b)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(drawn=frame())
def test_every_field_survives_as_json(drawn):
    same(drawn, frame_from_plain(json.loads(json.dumps(frame_to_plain(drawn))), check=False))


def test_a_frame_of_the_record_survives_json(frame_of):
    built = frame_of(eir_efield=np.array([0.0, 0.0, 1 / 3]), nested={"a": [1, 2.5, "x"]}, grid=np.arange(6).reshape(2, 3))
    back = frame_from_plain(json.loads(json.dumps(frame_to_plain(built))))
    same(built, back)
    assert back.info["grid"].shape == (2, 3) and back.info["nested"] == {"a": [1, 2.5, "x"]}


@pytest.mark.parametrize("suffix", ["db", "npz"])
def test_entries_that_extended_xyz_refuses(tmp_path, frame_of, suffix):
    built = frame_of(note="1.0", empty="", none=None, nested={"a": [1, {"b": 2.5}]}, matrix=np.eye(2), flags=np.array([True, False]))
    built.geometry.set_constraint([FixAtoms([0]), FixedLine([1], [0, 0, 1])])
    built.geometry.set_array("name", np.array([f"a{k}" for k in range(len(built.geometry))]))
    write, read = CARRIERS[suffix]
    write(tmp_path / f"a.{suffix}", [built, frame_of(0.1)])
    back = read(tmp_path / f"a.{suffix}")[0]
    assert back.info["note"] == "1.0" and back.info["empty"] == "" and back.info["none"] is None and back.info["nested"] == {"a": [1, {"b": 2.5}]}
    assert np.array_equal(back.info["matrix"], np.eye(2)) and back.info["flags"].dtype == bool
    assert [type(c).__name__ for c in back.geometry.constraints] == ["FixAtoms", "FixedLine"] and back.geometry.arrays["name"][2] == "a2"


def test_scalars_can_be_selected(tmp_path, series):
    write_database(tmp_path / "a.db", series())
    with ase.db.connect(tmp_path / "a.db") as database:
        rows = list(database.select("eir_mu<-5.3", system="Au111_H"))
        assert [r.eir_n_excess for r in rows] == [-0.4, -0.1] and rows[0].toatoms().get_chemical_formula() == "HAu12"


def test_another_database_gives_its_scalars(tmp_path, atoms_of):
    with ase.db.connect(tmp_path / "a.db") as database:
        database.write(atoms_of(), eir_n_excess=0.2, eir_mu=-4.9, eir_mu_zero="electrolyte")
    (back,) = read_database(tmp_path / "a.db")
    assert back.n_excess == 0.2 and back.potential == 4.9 and back.energy_kind is None


@pytest.mark.parametrize("suffix", ["db", "npz"])
def test_existing_files_are_kept_and_failed_writes_leave_nothing(tmp_path, frame_of, suffix):
    write, _ = CARRIERS[suffix]
    path = tmp_path / f"a.{suffix}"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="force"):
        write(path, [frame_of()])
    with pytest.raises(DataError, match="note"):
        write(path, [frame_of(note=object())], force=True)
    with pytest.raises(DataError, match="finite"):
        write(path, [frame_of(REF_energy=float("nan"))], force=True)
    assert path.read_text() == "mine" and os.listdir(tmp_path) == [f"a.{suffix}"]
    with pytest.raises(DataError, match="at least one frame"):
        write(tmp_path / f"b.{suffix}", [])
    with pytest.raises(DataError, match="ends in"):
        write(tmp_path / "b.txt", [frame_of()])
    with pytest.raises(FileNotFoundError, match="Create it"):
        write(tmp_path / "no" / f"b.{suffix}", [frame_of()])


@pytest.mark.parametrize("suffix", ["db", "npz"])
def test_what_is_no_carrier_is_refused(tmp_path, suffix):
    _, read = CARRIERS[suffix]
    with pytest.raises(FileNotFoundError):
        read(tmp_path / f"none.{suffix}")
    (tmp_path / f"a.{suffix}").write_text("hello")
    with pytest.raises(DataError):
        read(tmp_path / f"a.{suffix}")
    np.savez(tmp_path / "other.npz", a=np.arange(3))
    with pytest.raises(DataError, match="expected an archive of the record"):
        read_npz(tmp_path / "other.npz")


def test_columns_of_two_types_are_refused(tmp_path, frame_of):
    a, b = frame_of(), frame_of(0.1)
    a.geometry.set_array("extra", np.arange(13))
    b.geometry.set_array("extra", np.arange(13.0))
    with pytest.raises(DataError, match="one type and shape"):
        write_npz(tmp_path / "a.npz", [a, b])


@pytest.mark.parametrize("suffix, name", [("db", "ase-db"), ("npz", "npz")])
def test_carriers_are_recognised(tmp_path, frame_of, suffix, name):
    CARRIERS[suffix][0](tmp_path / f"a.{suffix}", [frame_of()])
    assert recognise(tmp_path / f"a.{suffix}").name == name

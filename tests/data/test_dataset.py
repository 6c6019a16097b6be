"""A data set on disk gives back what was written, in constant memory, and is refused when it is not what it says."""

import json
import pickle
import warnings
from dataclasses import fields, replace

import numpy as np
import pytest
from ase.constraints import FixAtoms
from ase.build import molecule

from electrode.data.dataset import MappedDataset
from electrode.data.dataset_writer import write_dataset
from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame


def same(a, b):
    """Whether two frames agree in every field, type and digit."""
    for row in fields(a):
        x, y = getattr(a, row.name), getattr(b, row.name)
        if row.name == "geometry":
            assert x == y and {k: v.dtype for k, v in x.arrays.items()} == {k: v.dtype for k, v in y.arrays.items()}
            assert all(np.array_equal(x.arrays[k], y.arrays[k]) for k in x.arrays)
            assert [c.todict() for c in x.constraints] == [c.todict() for c in y.constraints] and np.array_equal(x.get_celldisp(), y.get_celldisp())
        elif row.name == "info":
            assert x.keys() == y.keys() and all(np.array_equal(x[k], y[k]) for k in x)
        elif isinstance(x, np.ndarray):
            assert np.array_equal(x, y) and x.dtype == y.dtype and not y.flags.writeable
        else:
            assert x == y and type(x) is type(y), row.name
    return True


@pytest.fixture
def mixed(frame_of):
    """Frames of three sizes, some with labels, arrays, constraints and entries that the others lack."""
    found = [frame_of(n, shift=0.1 * k, where=f"a.xyz frame {k}") for k, n in enumerate((-0.2, 0.0, 0.3))]
    found[1] = replace(found[1], forces=None, trajectory=7, mu=None, scf_converged=False, info={})
    for name in ("momenta", "initial_charges"):
        found[0].geometry.arrays[name] = np.full((13, 3), 0.5) if name == "momenta" else np.linspace(0, 1, 13)
    tagged = found[2].atoms
    tagged.set_tags(range(13))
    tagged.arrays["frozen"] = np.arange(13) % 2 == 0
    tagged.set_constraint(FixAtoms([0, 2]))
    tagged.set_celldisp([0.5, 0.0, 0.25])
    found[2] = replace(found[2], geometry=tagged, atomic_charges=np.linspace(-1, 1, 13), efield=np.array([0.0, 0.0, 1e-3]))
    water = ElectrifiedFrame(molecule("H2O"), "w", {"list": [1, 2], "array": np.array([1.5, 2.0]), "word": "é x"}, born_charges=np.ones((3, 9)), region=np.array([2, 2, 2]), polarizability=np.arange(9.0))
    return [*found, water, ElectrifiedFrame(molecule("H2O"), trajectory="7")]


def test_every_field_comes_back(mixed, tmp_path):
    data = write_dataset(tmp_path / "d", iter(mixed), check=False)
    assert len(data) == 5 and all(same(a, b) for a, b in zip(mixed, data))
    assert all(same(a, b) for a, b in zip(mixed, MappedDataset(tmp_path / "d")))
    data.verify()


def test_it_is_a_sequence(mixed, tmp_path):
    data = write_dataset(tmp_path / "d", mixed, check=False)
    assert same(mixed[-1], data[-1]) and same(mixed[3], data[np.int64(3)])
    with pytest.raises(IndexError):
        data[5]
    assert [f.where for f in data[1:4]] == [f.where for f in mixed[1:4]] and len(data[1:4][1:]) == 2
    assert [f.where for f in data.take([3, 0])] == [mixed[3].where, mixed[0].where]
    assert same(mixed[2], data[1:][1:][0]) and [f.where for f in reversed(data)] == [f.where for f in mixed[::-1]]
    again = pickle.loads(pickle.dumps(data[1:3]))
    assert same(mixed[1], again[0]) and len(again) == 2


def test_columns_without_frames(mixed, tmp_path):
    data = write_dataset(tmp_path / "d", mixed, check=False)
    assert np.array_equal(data.column("n_excess"), [-0.2, 0.0, 0.3, np.nan, np.nan], equal_nan=True)
    assert np.array_equal(data.column("scf_converged"), [1, 0, 1, np.nan, np.nan], equal_nan=True)
    assert data.column("trajectory").tolist() == ["path000", 7, "path200", None, "7"]
    assert np.array_equal(data[2:].column("efield"), [[0, 0, 1e-3], [np.nan] * 3, [np.nan] * 3], equal_nan=True)
    assert data.n_atoms.tolist() == [13, 13, 13, 3, 3]
    with pytest.raises(DataError, match="did you mean 'n_excess'"):
        data.column("n_exces")


def test_batches_hold_every_frame_once(frame_of, tmp_path):
    data = write_dataset(tmp_path / "d", (frame_of(0.01 * k) for k in range(50)), check=False)
    sizes, seen = zip(*((len(b), [f.n_excess for f in b]) for b in data.batches(16, seed=3)))
    assert sizes == (16, 16, 16, 2)
    flat = sum(seen, [])
    assert sorted(flat) == [0.01 * k for k in range(50)] != flat
    assert flat == [f.n_excess for b in data.batches(16, seed=3) for f in b] != [f.n_excess for b in data.batches(16, seed=4) for f in b]
    assert [f.n_excess for b in data.batches(7) for f in b] == [0.01 * k for k in range(50)]
    with pytest.raises(ValueError, match="at least 1"):
        next(data.batches(0))


def test_nothing_is_overwritten_and_nothing_left_behind(frame_of, tmp_path):
    write_dataset(tmp_path / "d", [frame_of()])
    with pytest.raises(FileExistsError, match="another name"):
        write_dataset(tmp_path / "d", [frame_of()])
    with pytest.raises(FileNotFoundError, match="Create it first"):
        write_dataset(tmp_path / "no" / "d", [frame_of()])

    def breaks():
        yield frame_of()
        raise RuntimeError("the reader stopped")

    with pytest.raises(RuntimeError):
        write_dataset(tmp_path / "e", breaks())
    with pytest.raises(DataError, match="at least one frame"):
        write_dataset(tmp_path / "e", [])
    with pytest.raises(DataError, match="eir_mu = 4 eV: expected a negative number"):
        write_dataset(tmp_path / "e", [frame_of(), frame_of(eir_mu=4.0)])
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda f: replace(f, energy=float("nan")), "energy: expected finite"),
        (lambda f: replace(f, forces=np.full((13, 3), np.inf)), "forces: expected finite"),
        (lambda f: replace(f, info={"a": object()}), "an entry cannot be stored"),
        (lambda f: f.geometry.arrays.__setitem__("name", np.array(["a"] * 13)) or f, "name: expected finite numbers or flags"),
        (lambda f: f.geometry.arrays.__setitem__("extra", np.arange(13.0)) or f, "extra: expected the type and shape"),
    ],
)
def test_what_arrays_cannot_hold(frame_of, tmp_path, change, message):
    first = frame_of()
    first.geometry.arrays["extra"] = np.arange(13)
    with pytest.raises(DataError, match=message):
        write_dataset(tmp_path / "d", [first, change(frame_of())], check=False)
    assert not list(tmp_path.iterdir())


def test_folders_that_are_no_data_set(frame_of, tmp_path):
    with pytest.raises(DataError, match="expected a folder with dataset.json"):
        MappedDataset(tmp_path)
    write_dataset(tmp_path / "d", [frame_of(0.1 * k) for k in range(3)])
    head = json.loads((tmp_path / "d" / "dataset.json").read_text())
    for content, message in (("{", "not readable as JSON"), (json.dumps({**head, "version": 2}), "expected version 1"), (json.dumps({**head, "frames": 4}), "'frames': 4"), ("[]", "expected version 1")):
        (tmp_path / "d" / "dataset.json").write_text(content)
        with pytest.raises(DataError, match=message):
            MappedDataset(tmp_path / "d")
    (tmp_path / "d" / "dataset.json").write_text(json.dumps(head))
    whole = (tmp_path / "d" / "positions.npy").read_bytes()
    (tmp_path / "d" / "positions.npy").write_bytes(whole[:-8])
    with pytest.raises(DataError, match="positions.npy.*not readable"):
        MappedDataset(tmp_path / "d")
    (tmp_path / "d" / "positions.npy").write_bytes(whole[:-8] + bytes(8))
    with pytest.raises(DataError, match="the files have changed"):
        MappedDataset(tmp_path / "d").verify()


def test_the_digest_names_the_content(frame_of, tmp_path):
    names = [write_dataset(tmp_path / f"d{k}", [frame_of(n)]).digest for k, n in enumerate((0.1, 0.1, 0.2))]
    assert names[0] == names[1] != names[2]


def test_labels_that_come_late_are_missing_before(frame_of, tmp_path):
    """More atoms than one piece of missing values, so that the filling is done in several."""
    plain = replace(frame_of(), forces=None)
    frames = [plain] * 6000 + [frame_of()] + [plain] * 10
    data = write_dataset(tmp_path / "d", frames, check=False)
    assert [k for k in (0, 5041, 5042, 5999, 6000, 6001, 6010) if data[k].forces is not None] == [6000]
    assert np.array_equal(data[6000].forces, frame_of().forces)


def test_a_split_gives_parts_of_the_data_set(frame_of, tmp_path):
    from electrode.data.splits import split_by_trajectory

    data = write_dataset(tmp_path / "d", (frame_of(n, shift=0.05 * k) for k in range(20) for n in (-0.1, 0.1)), check=False)
    split = split_by_trajectory(data, (0.6, 0.2, 0.2), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        part = split.select(data, "test")
    assert isinstance(part, MappedDataset) and {f.trajectory for f in part} == set(split.test)

"""Exports for MACE, CP-MACE and DeePMD-kit: what those programs look for, round trips, refusals."""

import json
from dataclasses import replace

import ase.io
import numpy as np
import pytest

from electrode.data.exports.deepmd import write_deepmd
from electrode.data.exports.mace import write_mace
from electrode.data.problems import DataError
from electrode.data.readers.registry import read
from electrode.data.record import COLUMNS

pytestmark = pytest.mark.filterwarnings("ignore:.*read as.*:UserWarning")


def same(a, b):
    """Every field of the record and the structure of two frames are equal."""
    assert np.array_equal(a.geometry.positions, b.geometry.positions) and np.array_equal(a.geometry.cell, b.geometry.cell)
    assert str(a.geometry.symbols) == str(b.geometry.symbols) and a.geometry.pbc.tolist() == b.geometry.pbc.tolist()
    for row in COLUMNS:
        x, y = getattr(a, row.name), getattr(b, row.name)
        assert np.array_equal(x, y) and type(x) is type(y), row.name


@pytest.fixture
def frames(series):
    """Five charges of one geometry and two of another, the second with labels that the first lacks."""
    more = [replace(f, atomic_charges=np.linspace(-0.1, 0.2, len(f.geometry)), dipole=np.array([0.0, 0.1, 0.2]), region=np.arange(len(f.geometry)) % 2, trajectory=7) for f in series()[:2]]
    for frame in more:
        frame.geometry.positions[-1, 0] += 0.2
    return series() + more


def test_mace_finds_its_keys(tmp_path, frames):
    write_mace(tmp_path / "m.xyz", frames)
    for frame, atoms in zip(frames, ase.io.read(tmp_path / "m.xyz", index=":")):
        assert atoms.info["total_charge"] == -frame.n_excess and atoms.info["REF_energy"] == frame.canonical_energy
        assert np.array_equal(atoms.arrays["REF_forces"], frame.forces)
    for a, b in zip(frames, read(tmp_path / "m.xyz", "mace"), strict=True):
        same(a, b)


def test_cp_mace_finds_its_keys(tmp_path, frames):
    write_mace(tmp_path / "m.xyz", frames, "cp-mace")
    for frame, atoms in zip(frames, ase.io.read(tmp_path / "m.xyz", index=":")):
        assert (atoms.info["electron"], atoms.info["potential"]) == (frame.n_excess, frame.mu)
    for a, b in zip(frames, read(tmp_path / "m.xyz", "mace", electron="excess_electrons"), strict=True):
        same(a, b)
    with pytest.raises(DataError, match="signs are opposite"):
        read(tmp_path / "m.xyz", "mace", electron="net_charge")


def test_grand_energies_become_canonical(tmp_path, frame_of):
    grand = replace(frame_of(0.23), energy=frame_of(0.23).grand_energy, energy_kind="Omega")
    write_mace(tmp_path / "m.xyz", [grand])
    write_deepmd(tmp_path / "d", [grand])
    assert ase.io.read(tmp_path / "m.xyz").info["REF_energy"] == pytest.approx(frame_of(0.23).energy)
    assert np.load(tmp_path / "d/system_000/set.000/energy.npy") == pytest.approx(frame_of(0.23).energy)


def test_forces_only_frames_have_no_energy(tmp_path, frame_of):
    bare = replace(frame_of(0.23), energy=None, energy_kind="none")
    write_mace(tmp_path / "m.xyz", [bare])
    info = ase.io.read(tmp_path / "m.xyz").info
    assert "REF_energy" not in info and info["config_energy_weight"] == 0
    write_deepmd(tmp_path / "d", [bare])
    assert not (tmp_path / "d/system_000/set.000/energy.npy").exists() and (tmp_path / "d/system_000/set.000/force.npy").exists()
    same(bare, read(tmp_path / "d")[0])


def test_deepmd_finds_its_files(tmp_path, frames):
    left = write_deepmd(tmp_path / "d", frames, columns=("charge", "mu"))
    assert left == ["array tags", "info config_type", "info reaction_coordinate"]
    one = tmp_path / "d/system_000"
    names = (one / "type_map.raw").read_text().split()
    assert [names[int(t)] for t in (one / "type.raw").read_text().split()] == frames[0].geometry.get_chemical_symbols()
    n = len(frames[0].geometry)
    shapes = {name: np.load(one / f"set.000/{name}.npy").shape for name in ("coord", "box", "energy", "force", "fparam")}
    assert shapes == {"coord": (5, 3 * n), "box": (5, 9), "energy": (5,), "force": (5, 3 * n), "fparam": (5, 2)}
    assert np.array_equal(np.load(one / "set.000/fparam.npy"), [[-f.n_excess, f.mu] for f in frames[:5]])
    sidecar = json.loads((one / "electrode.json").read_text())
    assert [c["name"] for c in sidecar["fparam"]] == ["charge", "mu"] and sidecar["fparam"][0]["unit"] == "e" and sidecar["energy"].startswith("E")


def test_deepmd_loses_nothing_of_the_record(tmp_path, frames):
    write_deepmd(tmp_path / "d", frames)
    back = read(tmp_path / "d")
    for a, b in zip(frames, back, strict=True):
        same(a, b)
    write_deepmd(tmp_path / "again", back)
    for file in (f for f in (tmp_path / "d").rglob("*") if f.is_file()):
        assert file.read_bytes() == (tmp_path / "again" / file.relative_to(tmp_path / "d")).read_bytes()


def test_deepmd_of_an_open_cell(tmp_path, frame_of):
    frame = frame_of(0.0, remove=("eir_normal", "eir_sides"))
    frame.geometry.pbc = False
    write_deepmd(tmp_path / "d", [frame])
    assert (tmp_path / "d/system_000/nopbc").exists() and not (tmp_path / "d/system_000/set.000/box.npy").exists()
    assert not read(tmp_path / "d")[0].geometry.pbc.any()


@pytest.mark.parametrize(
    "change, columns, message",
    [
        ({"efield": np.array([0, 0, 0.1]), "energy_kind": "enthalpy"}, ["n_excess"], "the format deepmd has no field"),
        ({"mu": None}, ["n_excess", "mu"], "mu is missing, which the format deepmd needs"),
        ({}, ["n_exces"], "column 'n_exces' .did you mean 'n_excess'"),
        ({}, ["ignore"], "column 'ignore'"),
        ({"energy_kind": None}, ["n_excess"], "no energy can be derived"),
    ],
)  # fmt: skip
def test_refusals_leave_nothing(tmp_path, frame_of, change, columns, message):
    with pytest.raises(DataError, match=message):
        write_deepmd(tmp_path / "d", [replace(frame_of(), **change)], columns)
    assert not list(tmp_path.iterdir())


def test_nothing_of_the_user_is_replaced(tmp_path, frames):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/notes").write_text("keep")
    for force in (False, True):
        with pytest.raises(FileExistsError, match="mine exists"):
            write_deepmd(tmp_path / "mine", frames, force=force)
    write_deepmd(tmp_path / "d", frames)
    with pytest.raises(FileExistsError):
        write_deepmd(tmp_path / "d", frames)
    write_deepmd(tmp_path / "d", frames[:1], force=True)
    assert len(read(tmp_path / "d")) == 1 and sorted(p.name for p in tmp_path.iterdir()) == ["d", "mine"]
    with pytest.raises(FileNotFoundError, match="no such folder"):
        write_deepmd(tmp_path / "no/d", frames)
    with pytest.raises(DataError, match="unknown format 'mcae'"):
        write_mace(tmp_path / "x.xyz", frames, "mcae")
    with pytest.raises(DataError, match="at least one frame"):
        write_mace(tmp_path / "x.xyz", [])

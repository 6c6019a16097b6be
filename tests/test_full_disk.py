"""A disk that fills up while a file is written: what stood there stays whole, nothing half is left, and the message says what to do."""

import json
from dataclasses import dataclass, replace

import ase.io
import numpy as np
import pytest
import torch
from ase import Atoms
from ase.build import add_adsorbate, fcc111
from full_disk import contents, room
from simulate.runs import dynamics

from electrode.cli import main
from electrode.data.carriers_db import write_database
from electrode.data.carriers_npz import write_npz
from electrode.data.dataset_writer import write_dataset
from electrode.data.exports.deepmd import write_deepmd
from electrode.data.exports.mace import write_mace
from electrode.data.files import read_frames, write_frames
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits import Split
from electrode.learn.labels import Label, LabelStore
from electrode.models.baseline import Baseline, BaselineConfig
from electrode.models.store import load_model, save_model
from electrode.output import NoRoom, appending, replacing, telling_of_room, write_json
from electrode.physics.neighbour_store import build_neighbours
from electrode.plot_training import plot_curves
from electrode.simulate.saved_state import write_state
from electrode.train.checkpoint import read_checkpoint, write_checkpoint
from electrode.train.log import Log


def frames(energy=-22.75):
    atoms = fcc111("Au", (1, 1, 3), vacuum=8.0)
    add_adsorbate(atoms, "H", 1.0, "fcc")
    atoms.info = {}
    fields = {"version": 1, "energy_kind": "E", "n_excess": 0.2, "mu": -4.9, "mu_zero": "electrolyte", "ensemble": "fixed_n", "phi_she": 4.44, "countercharge": "jellium_slab", "normal": 2, "sides": 1, "scf_converged": True, "method_id": "m_1"}
    forces = np.random.default_rng(1).normal(size=(4, 3))
    return [ElectrifiedFrame(atoms, f"f{k}", energy=energy, forces=forces, trajectory=f"t{k}", **fields) for k in range(12)]


def history(loss):
    return [{"epoch": k, "training_loss": -loss / k, "validation_loss": -loss / k, "validation_energy": 0.1 / k, "seconds": float(k)} for k in range(1, 9)]


def arrays(value):
    return {"weights": torch.full((64,), float(value), dtype=torch.float64)}


@dataclass
class Writer:
    """`write(path, value, force)` writes one of two contents; a name with a suffix is a file, one without a folder."""

    name: str
    write: object


WRITERS = [
    Writer("result.json", lambda path, value, force: write_json(path, {"numbers": [value] * 64}, force)),
    Writer("frames.xyz", lambda path, value, force: write_frames(path, frames(value), force)),
    Writer("frames.xyz.gz", lambda path, value, force: write_frames(path, frames(value), force)),
    Writer("frames.npz", lambda path, value, force: write_npz(path, frames(value), force)),
    Writer("frames.db", lambda path, value, force: write_database(path, frames(value), force)),
    Writer("mace.xyz", lambda path, value, force: write_mace(path, frames(value), force=force)),
    Writer("systems", lambda path, value, force: write_deepmd(path, frames(value), force=force)),
    Writer("split.json", lambda path, value, force: Split(tuple(f"{value}-{k}" for k in range(32)), ("a",), ("b",)).to_json(path, force)),
    Writer("model", lambda path, value, force: save_model(Baseline(BaselineConfig(potential_shift=value)), path, force)),
    Writer("m.checkpoint", lambda path, value, force: write_checkpoint(path, arrays(value), {"epoch": value})),
    Writer("state.npz", lambda path, value, force: write_state(path, {}, {"positions": np.full((64, 3), value)}, force)),
    Writer("curves.png", lambda path, value, force: plot_curves(history(value), path, force=force)),
    Writer("images.traj", lambda path, value, force: _images(path, value, force)),
]


def _images(path, value, force):
    """As the commands neb, relax, sample and learn write structures."""
    with replacing(path, force) as part:
        ase.io.write(part, [Atoms("Au", [[0.0, 0.0, value]]) for _ in range(12)])


def half(folder):
    """Room for half of the longest file there."""
    return max(map(len, contents(folder).values())) // 2


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.name)
def test_what_stood_there_stays_whole(tmp_path, writer):
    path = tmp_path / writer.name
    writer.write(path, -1.5, False)
    before = contents(tmp_path)
    with room(half(tmp_path)), pytest.raises(NoRoom, match=f"{writer.name} could not be written: .*unchanged. Free space or raise the quota"):
        writer.write(path, -2.5, True)
    assert contents(tmp_path) == before and [p.name for p in tmp_path.iterdir()] == [writer.name]
    writer.write(path, -2.5, True)
    assert contents(tmp_path) != before


@pytest.mark.parametrize("writer", WRITERS, ids=lambda w: w.name)
def test_nothing_half_is_left(tmp_path, writer):
    with room(0), pytest.raises(NoRoom, match="Free space"):
        writer.write(tmp_path / writer.name, -1.5, False)
    assert not list(tmp_path.iterdir())


def test_a_data_set_and_its_neighbours(tmp_path):
    with room(600), pytest.raises(NoRoom, match="set could not be written"):
        write_dataset(tmp_path / "set", frames())
    assert not list(tmp_path.iterdir())
    dataset = write_dataset(tmp_path / "set", frames())
    before = contents(tmp_path)
    with room(1000), pytest.raises(NoRoom, match="neighbours-6.0 could not be written"):
        build_neighbours(dataset, 6.0)
    assert contents(tmp_path) == before
    build_neighbours(dataset, 6.0)
    other = write_dataset(tmp_path / "other", [replace(f, energy=-1.0) for f in frames()])
    (tmp_path / "set.neighbours-6.0").rename(tmp_path / "other.neighbours-6.0")
    before = contents(tmp_path)
    with room(1000), pytest.raises(NoRoom):
        build_neighbours(other, 6.0, force=True)
    assert contents(tmp_path) == before


def test_what_was_kept_can_be_read(tmp_path):
    save_model(Baseline(BaselineConfig(potential_shift=0.25)), tmp_path / "model")
    write_checkpoint(tmp_path / "a.checkpoint", arrays(1.0), {"epoch": 7})
    with room(300):
        for write in (lambda: save_model(Baseline(), tmp_path / "model", True), lambda: write_checkpoint(tmp_path / "a.checkpoint", arrays(2.0), {"epoch": 8})):
            with pytest.raises(NoRoom):
                write()
    tensors, state = read_checkpoint(tmp_path / "a.checkpoint")
    assert load_model(tmp_path / "model").config.potential_shift == 0.25 and state == {"epoch": 7} and (tensors["weights"] == 1.0).all()


@pytest.mark.parametrize("suffix", [".traj", ".xyz"])
def test_a_trajectory_ends_with_its_last_whole_frame(tmp_path, suffix):
    path, dyn = tmp_path / f"run{suffix}", dynamics("constant-charge")
    dyn.write_frames(path, interval=1)
    dyn.run(3)
    whole = contents(tmp_path)
    with room(len(whole[path.name]) + 40), pytest.raises(NoRoom, match="Free space"):
        dyn.run(2)
    written = [a.info["md_step"] for a in ase.io.read(path, ":")]
    assert contents(tmp_path) == whole and written == [0, 1, 2, 3]
    dyn.run(2)  # with room again the same run goes on
    after = [a.info["md_step"] for a in ase.io.read(path, ":")]
    assert after[:4] == written and after == sorted(set(after))


def test_the_first_frame_leaves_no_file(tmp_path):
    dyn = dynamics("constant-charge")
    with room(100), pytest.raises(NoRoom):
        dyn.write_frames(tmp_path / "run.xyz")
        dyn.run(1)
    assert not list(tmp_path.iterdir())


ROWS = [{"epoch": k, "seconds": 1.0, "validation_loss": 0.5} for k in range(3)]


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
def test_a_log_ends_with_its_last_whole_row(tmp_path, name):
    log = Log(tmp_path / name)
    with room(10), pytest.raises(NoRoom):
        log.write(ROWS[0])
    assert not (tmp_path / name).exists()
    for row in ROWS[:2]:
        log.write(row)
    whole = contents(tmp_path)
    with room(len(whole[name]) + 5), pytest.raises(NoRoom, match="Free space"):
        log.write(ROWS[2])
    assert contents(tmp_path) == whole
    log.write(ROWS[2])
    assert contents(tmp_path)[name].count(b"\n") == 3 + name.endswith("csv")


@pytest.mark.parametrize("name", ["log.csv", "log.jsonl"])
@pytest.mark.parametrize("cut", [3, 20, 90])
def test_a_row_that_a_kill_cut_short_is_taken_off_on_resuming(tmp_path, name, cut):
    log = Log(tmp_path / name)
    for row in ROWS:
        log.write(row)
    lines = (tmp_path / name).read_bytes().splitlines(keepends=True)
    (tmp_path / name).write_bytes(b"".join(lines)[:-cut])
    kept = (b"".join(lines)[:-cut]).count(b"\n")
    Log(tmp_path / name, append=True).write(ROWS[2])
    head = [] if kept or name.endswith("jsonl") else lines[:1]
    assert (tmp_path / name).read_bytes().splitlines(keepends=True) == [*lines[:kept], *head, lines[-1]]


def test_only_a_log_is_gone_on_with(tmp_path):
    for name in ("mine.csv", "mine.jsonl"):
        (tmp_path / name).write_text("x,y\n1,2\n3,4")
        with pytest.raises(ValueError, match="begins with.*Give another name"):
            Log(tmp_path / name, append=True)
        assert (tmp_path / name).read_text() == "x,y\n1,2\n3,4"


def test_a_call_without_room_for_its_label_is_made_again(tmp_path):
    label = Label(np.full((64, 3), 0.5), -1.0, np.zeros((64, 3)), 0.0, "saddle")
    store = LabelStore(tmp_path / "search", {"numbers": [1]})
    store.add(label)
    with room(1000), pytest.raises(NoRoom, match="call-0002.npz could not be written"):
        store.add(label)
    assert len(store.labels) == 1 and sorted(contents(tmp_path)) == ["search/call-0001.npz", "search/search.json"]
    again = LabelStore(tmp_path / "search", {"numbers": [1]}, resume=True)
    again.add(label)
    assert len(LabelStore(tmp_path / "search", {"numbers": [1]}, resume=True).labels) == 2


def test_the_command_says_it_in_one_line(tmp_path, capsys):
    path = tmp_path / "schemes.json"
    with room(1000):
        assert main(["schemes", "--json", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"electrode: {path} could not be written: File too large.") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_other_errors_stay_what_they_are(tmp_path):
    for error in (ValueError("wrong"), PermissionError(13, "Permission denied"), FileNotFoundError(2, "No such file")):
        with pytest.raises(type(error)) as caught, telling_of_room(tmp_path):
            raise error
        assert caught.value is error
    (tmp_path / "a").write_text("whole\n")
    with pytest.raises(KeyboardInterrupt), appending(tmp_path / "a"), (tmp_path / "a").open("a") as file:
        file.write("half")
        file.flush()
        raise KeyboardInterrupt
    assert (tmp_path / "a").read_text() == "whole\n"


def test_a_disk_that_is_full(tmp_path):
    """The device that is always full, where there is one, gives what a real disk gives."""
    try:
        device = open("/dev/full", "w")
    except OSError:
        pytest.skip("there is no /dev/full")
    with pytest.raises(NoRoom, match="out could not be written: No space left on device"), telling_of_room("out"), device:
        json.dump({"a": 1}, device)

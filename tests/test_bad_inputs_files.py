"""Bad inputs, rows 31 to 43, 52 and 54: labels, splits, files of models and trainings; the table stands in test_bad_inputs_table.py."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
from teacher import SMALL, TERMS, interface, labelled, pupil

from electrode.cli import main
from electrode.data.checks import check_frame
from electrode.data.consistency import check_set
from electrode.data.dataset_writer import write_dataset
from electrode.data.files import read_frames, write_frames
from electrode.data.problems import DataError
from electrode.data.record import ElectrifiedFrame
from electrode.data.splits import Split
from electrode.models.store import ModelFileError, load_model, save_model
from electrode.train.checkpoint import Checkpoint, CheckpointError
from electrode.train.config import TrainConfig
from electrode.train.train import card_of, train
from electrode.units import HARTREE

QUICK = TrainConfig(TERMS, epochs=1, batch_size=4, validate_every=1)


def frames(charges=(-0.002, 0.0, 0.003), **changes):
    """One geometry at some charges per area, each changed alike."""
    return [replace(f, **changes) for f in labelled(interface(height=1.1), charges)]


def errors(found):
    return " ".join(p.what for p in found if p.severity == "error")


def bare(**info):
    """Atoms of a good frame with other entries."""
    atoms = frames()[0].to_atoms()
    atoms.info |= info
    return atoms


@pytest.mark.parametrize("value", [None, object(), 1j, [1, "a"]])
def test_row_31_values_that_a_file_would_change(tmp_path, value):
    with pytest.raises(DataError, match="frame 0 to write.*note"):
        write_frames(tmp_path / "a.xyz", [replace(frames()[0], info={"note": value})])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key, value", [("eir_mu", "-4.6"), ("eir_n_excess", True), ("eir_scf_converged", 1), ("eir_energy_kind", 3.0), ("eir_mu", -4.6 + 0j)])
def test_row_31_values_of_another_type(key, value):
    with pytest.raises(DataError, match=f"{key}: expected"):
        ElectrifiedFrame.from_atoms(bare(**{key: value}))


def test_row_32_empty_words_and_arrays(tmp_path):
    for value in ("", np.array([])):
        with pytest.raises(DataError, match="note: .*empty"):
            write_frames(tmp_path / "a.xyz", [replace(frames()[0], info={"note": value})])


def test_row_33_forces_of_other_atoms():
    assert "REF_forces: expected shape (4, 3), got (3, 3)" in errors(check_frame(frames(forces=np.ones((3, 3)))[0]))
    atoms = bare()
    atoms.arrays["REF_forces"] = np.ones((4, 2))
    with pytest.raises(DataError, match="REF_forces: expected numbers of shape"):
        ElectrifiedFrame.from_atoms(atoms)


def test_row_34_forces_that_a_constraint_has_set_to_zero():
    forces = np.ones((4, 3))
    forces[:2] = 0.0
    (problem,) = check_frame(frames(forces=forces)[0])
    assert problem.severity == "warning" and "exactly zero on 2 of 4" in problem.what and "raw forces" in problem.mend


def test_row_36_energies_in_hartree(tmp_path):
    """Along the charge, where dE/dn is known to be mu; forces are judged by the measurements of a set (rule V27)."""
    wide = frames((-0.03, 0.0, 0.03))
    assert errors(check_set(wide)) == ""
    assert "dE/dn" in errors(check_set([replace(f, energy=f.energy / HARTREE) for f in wide]))


def test_row_37_one_structure_in_two_parts():
    twice = [replace(f, trajectory=name) for name in "ab" for f in frames((0.0,))]
    with pytest.warns(UserWarning, match="nearly the same geometry in two parts"):
        Split(("a",), (), ("b",)).select(twice, "train")


def test_row_38_one_method_with_two_references():
    other = [replace(f, phi_she=4.66) for f in frames()]
    assert "eir_phi_she: expected one value for the method 'teacher', got 4.5, 4.66" in errors(check_set([*frames(), *other]))
    with pytest.raises(ValueError, match="different phi_she"):
        card_of([*frames(), *other])
    shifted = [p for p in check_set([*frames(), *(replace(f, energy=f.energy + 2.0) for f in frames())]) if "energies differ by 2.0000 eV" in p.what]
    assert shifted


@pytest.fixture
def model(tmp_path):
    save_model(pupil(), tmp_path / "M")
    return tmp_path / "M"


class Explodes:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return os._exit, (3,)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda f: (f / "weights.safetensors").write_bytes(pickle.dumps(Explodes())),
        lambda f: (f / "weights.safetensors").write_bytes((f / "weights.safetensors").read_bytes()[:-9]),
        lambda f: (f / "model.json").write_text((f / "model.json").read_text()[:-30]),
        lambda f: (f / "weights.safetensors").unlink(),
    ],
)
def test_row_40_damaged_models_run_no_code(model, spoil):
    spoil(model)
    with pytest.raises(ModelFileError, match="M/"):
        load_model(model)


def test_row_41_other_versions(model):
    head = json.loads((model / "model.json").read_text())
    (model / "model.json").write_text(json.dumps({**head, "format": 99}))
    with pytest.raises(ModelFileError, match="expected format 1, got 99"):
        load_model(model)
    assert "eir_version: expected 1, got 2" in errors(check_frame(frames(version=2)[0]))


def test_row_42_a_training_that_goes_on_with_other_data(tmp_path):
    some = [f for k, h in enumerate((0.9, 1.0, 1.1)) for f in labelled(interface(height=h, seed=k), (-0.001, 0.001), f"h{k}")]
    train("dual", some[:4], some[4:], QUICK, choices=SMALL, checkpoint=Checkpoint(tmp_path / "c", every_epochs=1))
    again = Checkpoint(tmp_path / "c", every_epochs=1, resume=True)
    for data, config in ((some[:3], QUICK), (some[:4], replace(QUICK, learning_rate=1e-4))):
        with pytest.raises(CheckpointError, match="another training"):
            train("dual", data, some[4:], config, choices=SMALL, checkpoint=again)


def test_row_43_what_exists_is_kept(tmp_path, model):
    (tmp_path / "a").write_text("mine")
    split = Split(("a",), (), ())
    for write in (lambda p: write_frames(p, frames()), lambda p: write_dataset(p, frames()), lambda p: split.to_json(p), lambda p: save_model(pupil(), p)):
        with pytest.raises(FileExistsError, match="exists"):
            write(tmp_path / "a")
    assert (tmp_path / "a").read_text() == "mine"


def test_row_52_names_with_spaces_and_other_letters(tmp_path):
    folder = tmp_path / "Grenzfläche fest flüssig 電極"
    folder.mkdir()
    write_frames(folder / "Ångström 1.xyz", frames())
    assert len(read_frames(folder / "Ångström 1.xyz")) == 3
    save_model(pupil(), folder / "M odell")
    assert load_model(folder / "M odell").card == pupil().card
    assert [f.energy for f in write_dataset(folder / "Daten satz", frames())] == [f.energy for f in frames()]


@pytest.mark.parametrize("write, at", [(write_frames, "os.replace"), (lambda p, f, force=False: save_model(pupil(), p, force), "electrode.models.store.save_file")])
def test_row_52_a_disk_that_is_full(tmp_path, monkeypatch, write, at):
    write(tmp_path / "a", frames())
    before = {p: p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(at, full)
    with pytest.raises(OSError, match="No space left"):
        write(tmp_path / "a", frames(), force=True)
    assert {p: p.read_bytes() for p in sorted(tmp_path.rglob("*")) if p.is_file()} == before


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="the superuser may write anywhere")
def test_row_52_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            write_frames(tmp_path / "a.xyz", frames())
    finally:
        tmp_path.chmod(0o755)


def test_row_54_typing_mistakes(tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("train: {epochz: 3}")
    for words, hint in (
        (["train", "d.xyz", "--scheme", "dual", "--output", str(tmp_path / "T"), "--config", str(tmp_path / "c.yaml")], "did you mean 'epochs'"),
        (["scan", "a.xyz", "--potentail", "0"], "did you mean '--potential'"),
        (["trian"], "did you mean 'train'"),
    ):
        assert main(words) == 2
        assert hint in capsys.readouterr().err

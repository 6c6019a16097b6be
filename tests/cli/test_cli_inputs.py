"""Every verb that reads frames reads every format, recognised or named."""

import json
import shutil
from argparse import Namespace
from pathlib import Path

import pytest

from electrode.cli.inputs import read_data
from electrode.cli.parser import UsageError
from electrode.data.carriers_db import write_database
from electrode.data.carriers_npz import write_npz
from electrode.data.dataset import MappedDataset
from electrode.data.dataset_writer import write_dataset
from electrode.data.files import read_frames
from electrode.data.problems import DataError

OUTPUTS = Path(__file__).parents[1] / "data/outputs"


def reading(*paths, format=None, assume=()):
    return read_data(Namespace(data=[str(p) for p in paths], format=format, assume=list(assume)))


def test_carriers_give_the_same_errors_and_split(call, tmp_path, shared):
    frames = read_frames(shared / "data.xyz")
    write_database(tmp_path / "a.db", frames)
    write_npz(tmp_path / "a.npz", frames)
    found = []
    for name in ("@data.xyz", "a.db", "a.npz"):
        code, _, err = call("evaluate", name, "--model", "@M", "--json", "e.json", "--force")
        assert code == 0, err
        found.append(json.loads((tmp_path / "e.json").read_text()))
    assert found[0] == found[1] == found[2] and found[0]["n_frames"] == 30
    assert call("split", "a.db", "a.npz", "--output", "s.json", "--join")[0] == 0


def test_outputs_of_codes_are_recognised_or_named():
    assert [f.where for f in reading(OUTPUTS / "gpaw_sjm/fixed_charge.txt")] == [f"fixed_charge.txt step {k}" for k in range(3)]
    with pytest.warns(UserWarning):
        assert [f.energy_kind for f in reading(OUTPUTS / "vaspsolpp")] == ["E", "E"]
    with pytest.raises(DataError, match="neither OUTCAR nor vasprun.xml"):
        reading(OUTPUTS / "gpaw_sjm/fixed_charge.txt", format="vasp")
    with pytest.raises(UsageError, match="--format: unknown format 'vaspp'.*did you mean 'vasp'"):
        reading(OUTPUTS / "vaspsolpp", format="vaspp")


def test_words_go_to_the_record_or_to_the_reader():
    (frame,) = reading(OUTPUTS / "quantum_espresso/fixed.out", assume=["total_charge=0.2503", "phi_she=4.3", "mu_zero=vacuum_top", "normal=2", "sides=1", "countercharge=uniform"])[:1]
    assert frame.phi_she == 4.3 and frame.n_excess == -0.2503
    with pytest.raises(UsageError, match="'totl_charge' is neither .*did you mean 'total_charge'"):
        reading(OUTPUTS / "quantum_espresso/fixed.out", assume=["totl_charge=-0.25"])


def test_a_folder_is_a_data_set_or_a_run_and_not_both(tmp_path, shared):
    frames = read_frames(shared / "data.xyz")
    write_dataset(tmp_path / "D", frames)
    assert isinstance(reading(tmp_path / "D"), MappedDataset) and isinstance(reading(tmp_path / "D", format="dataset"), MappedDataset)
    shutil.copy(OUTPUTS / "vasp/OUTCAR", tmp_path / "D")
    with pytest.raises(DataError, match="several formats fit: dataset, vasp.*--format"):
        reading(tmp_path / "D")
    assert len(reading(tmp_path / "D", format="dataset")) == 30 and len(reading(tmp_path / "D", format="vasp")) == 1


def test_a_data_set_is_checked_and_converted(call, tmp_path, shared):
    write_dataset(tmp_path / "D", read_frames(shared / "data.xyz"))
    code, out, _ = call("check-data", "D")
    assert code == 0 and "frames: 30" in out
    assert call("convert", "D", "--output", "b.xyz")[0] == 0
    assert [f.energy for f in read_frames(tmp_path / "b.xyz")] == [f.energy for f in read_frames(shared / "data.xyz")]

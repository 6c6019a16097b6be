"""The door to all formats: recognition, options, assumptions and refusals."""

import gzip
import inspect
from pathlib import Path

import pytest
from ase.io import write

from electrode.data.files import read_frames, write_frames
from electrode.data.problems import DataError
from electrode.data.readers import registry
from electrode.data.readers.registry import FORMATS, Format, read, recognise
from electrode.data.readers.text import holding

OUTPUTS = Path(__file__).parent / "outputs"
SJM = OUTPUTS / "gpaw_sjm/fixed_charge.txt"


@pytest.mark.parametrize("name", FORMATS)
def test_every_row_names_a_reader(name):
    row = FORMATS[name]
    assert callable(row.reader.recognises) and row.example.startswith("read(") and row.describes
    kinds = [p.kind for p in inspect.signature(row.reader.read).parameters.values()]
    assert kinds[1:] == [inspect.Parameter.KEYWORD_ONLY] * (len(kinds) - 1)


@pytest.mark.parametrize(
    "file, name",
    [("gpaw_sjm/fixed_charge.txt", "gpaw-sjm"), ("vasp/OUTCAR", "vasp"), ("vasp/vasprun.xml", "vasp"), ("vaspsol", "vasp"), ("vaspsolpp", "vasp"),
     ("cp_vasp", "cp-vasp"), ("cp_vasp/OSZICAR", "cp-vasp"), ("cp_vasp/OUTCAR", "cp-vasp")],
)  # fmt: skip
def test_formats_are_recognised(file, name):
    assert recognise(OUTPUTS / file).name == name


def test_a_packed_file_is_recognised(tmp_path):
    (tmp_path / "OUTCAR.gz").write_bytes(gzip.compress((OUTPUTS / "vasp/OUTCAR").read_bytes()))
    assert recognise(tmp_path / "OUTCAR.gz").name == recognise(tmp_path).name == "vasp"
    assert len(read(tmp_path / "OUTCAR.gz")) == 1


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02\xff" * 40, b"some notes on the run\n", "na\u00efve".encode("latin-1")])
def test_what_is_no_output_is_refused(tmp_path, content):
    (tmp_path / "notes").write_bytes(content)
    with pytest.raises(DataError, match="no known format fits; known are extxyz.*format="):
        read(tmp_path / "notes")


@pytest.mark.parametrize("name, content, message", [
    ("gpaw-sjm", b"", "the file is empty"), ("vasp", b"", "the file is empty"), ("cp-vasp", b"", "no OUTCAR lies beside"),
    ("gpaw-sjm", b"\xff\xfe\x00a", "not UTF-8"), ("vasp", b"\xff\xfe\x00a", "not UTF-8"),
    ("gpaw-sjm", b"hello\n", "expected a text log of GPAW's SJM"), ("vasp", b"hello\n", "neither OUTCAR nor vasprun.xml"),
])  # fmt: skip
def test_a_format_named_wrongly_is_refused(tmp_path, name, content, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "file", name)


def test_the_wrong_one_of_two_formats():
    with pytest.raises(DataError, match="neither OUTCAR nor vasprun"):
        read(SJM, "vasp")
    with pytest.raises(DataError, match="expected a text log of GPAW"):
        read(OUTPUTS / "vasp/OUTCAR", "gpaw-sjm")


def test_unknown_names():
    with pytest.raises(FileNotFoundError, match="no such file"):
        read("no_such_file.txt")
    with pytest.raises(DataError, match="unknown format 'vaspp'.*did you mean 'vasp'"):
        read(SJM, "vaspp")
    with pytest.raises(DataError, match="no option 'fermi_shif'.*did you mean 'fermi_shift'.*its options are: stdout"):
        read(OUTPUTS / "vasp/OUTCAR", fermi_shif=2.0)
    with pytest.raises(DataError, match="unknown word 'side'.*did you mean"):
        read(SJM, assume={"side": 1})


def test_several_formats_that_fit(monkeypatch):
    monkeypatch.setitem(FORMATS, "again", Format("again", "electrode.data.readers.gpaw_sjm", "a copy", "read()"))
    with pytest.raises(DataError, match="several formats fit: gpaw-sjm, again.*format="):
        recognise(SJM)
    assert len(read(SJM, "gpaw-sjm")) == 3


def test_assumptions_fill_only_what_is_open():
    frames = read(SJM, assume={"phi_she": 4.4, "eir_temperature": 300.0, "sides": 2, "system": "Au111_H"})
    assert {(f.phi_she, f.temperature, f.sides, f.system) for f in frames} == {(4.4, 300.0, 1, "Au111_H")}


def test_a_wrong_assumption_is_refused_once_for_each_frame():
    with pytest.raises(DataError, match="eir_phi_she: expected a number") as caught:
        read(SJM, assume={"phi_she": "high"})
    assert len(caught.value.problems) == 3
    with pytest.raises(DataError, match="'electron' is a word for aliases"):
        read(SJM, assume={"electron": "net_charge"})


def test_rules_are_checked_and_can_be_lowered_to_warnings(tmp_path):
    (tmp_path / "sjm.txt").write_text(SJM.read_text().replace("Converged after 18", "Did not converge after 18"))
    with pytest.raises(DataError, match="step 2: eir_scf_converged = F"):
        read(tmp_path / "sjm.txt")
    with pytest.warns(UserWarning, match="eir_scf_converged = F"):
        assert [f.scf_converged for f in read(tmp_path / "sjm.txt", strict=False)] == [True, True, False]


def test_only_text_beside_an_output_is_searched(tmp_path):
    (tmp_path / "a.out").write_bytes(b"\x00\x01 CPM-ion: ")
    (tmp_path / "b.out").write_text("some lines\n CPM-ion: \n")
    (tmp_path / "c.txt").write_text("CPM-ion: ")
    assert [p.name for p in holding(tmp_path, ("*.out", "b*"), "CPM-ion:")] == ["b.out"]


def test_no_frames_are_an_error(monkeypatch):
    monkeypatch.setattr("electrode.data.readers.gpaw_sjm.read", lambda path: [])
    with pytest.raises(DataError, match="no frame found in the format gpaw-sjm"):
        read(SJM)


def test_extended_xyz_goes_the_same_way_as_read_frames(tmp_path, atoms_of):
    atoms = [atoms_of(n, remove=("eir_n_excess",), electron=n) for n in (0.1, 0.4)]
    write(tmp_path / "a.xyz", atoms, format="extxyz")
    with pytest.raises(DataError, match="'electron' = 0.1 is ambiguous"):
        read(tmp_path / "a.xyz")
    with pytest.warns(UserWarning, match="'electron' read as excess_electrons"):
        frames = read(tmp_path / "a.xyz", assume={"electron": "excess_electrons"})
    assert [f.n_excess for f in frames] == [0.1, 0.4]


def test_frames_of_an_output_survive_the_record_file(tmp_path):
    frames = read(SJM)
    write_frames(tmp_path / "a.xyz", frames)
    back = read_frames(tmp_path / "a.xyz")
    assert [f.energy for f in back] == [f.energy for f in frames]
    assert all((a.forces == b.forces).all() and a.geometry_id == b.geometry_id and a.mu == b.mu for a, b in zip(frames, back))
    assert registry.recognise(tmp_path / "a.xyz").name == "extxyz"

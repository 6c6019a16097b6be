"""The schema and the page on the record say what the fields say."""

import json
import re
from pathlib import Path

import pytest

from electrode.data.aliases import ALIASES
from electrode.data.checks import RULES as CHECKED
from electrode.data.checks import WORDS
from electrode.data.known_rows import KNOWN_SETS
from electrode.data.plain import frame_from_plain, frame_to_plain
from electrode.data.problems import DataError
from electrode.data.readers.registry import FORMATS
from electrode.data.record import COLUMNS, KEY_OF
from electrode.data.rules import RULES
from electrode.data.schema import PATH, REQUIRED, SCHEMA, schema_text, violations

PAGE = (Path(__file__).parents[2] / "docs" / "record.md").read_text(encoding="utf-8")


def rows(section):
    """Cells of the table of a section of the page."""
    text = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")][2:]


def test_the_file_is_the_schema():
    assert PATH.read_text(encoding="utf-8") == schema_text()
    assert set(KEY_OF.values()) < set(json.loads(PATH.read_text())["properties"])


def test_frames_of_the_record_obey_it(series, frame_of):
    for frame in [*series(), frame_of(eir_efield=[0.0, 0.0, 0.1])]:
        assert violations(json.loads(json.dumps(frame_to_plain(frame))), SCHEMA) == []


def test_another_checker_agrees(frame_of):
    jsonschema = pytest.importorskip("jsonschema")
    checker = jsonschema.Draft202012Validator(SCHEMA)
    checker.check_schema(SCHEMA)
    plain = frame_to_plain(frame_of())
    for change in BROKEN:
        assert bool(violations({**plain, **change}, SCHEMA)) == (not checker.is_valid({**plain, **change}))
    assert checker.is_valid(plain)


BROKEN = [
    {"eir_version": 2}, {"eir_energy_kind": "omega"}, {"eir_mu": "low"}, {"eir_mu": True}, {"eir_scf_converged": 1}, {"eir_efield": [0.0, 1.0]}, {"eir_normal": 3},
    {"eir_region": [0.5]}, {"REF_forces": [[0.0, 0.0]]}, {"eir_n_exces": 0.1}, {"geometry": {}}, {"geometry": []}, {"eir_method_id": ""}, {"eir_version": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_what_breaks_it_is_named(frame_of, change):
    plain = {**frame_to_plain(frame_of()), **change}
    (found, *_) = violations(plain, SCHEMA)
    assert next(iter(change)) in found or "unknown key" in found or "missing" in found or "numbers" in found
    with pytest.raises(DataError):
        frame_from_plain(plain)


def test_required_fields(frame_of):
    plain = frame_to_plain(frame_of())
    for key in REQUIRED:
        assert violations({k: v for k, v in plain.items() if k != key}, SCHEMA) == [f"frame: {key} is missing"]
    assert frame_from_plain({"geometry": plain["geometry"]}).energy is None
    assert violations(3, SCHEMA) == ["frame: expected object, got int"]


def test_the_page_lists_every_field_with_its_name_and_type():
    types = {"float": "number", "int": "integer", "flag": "T or F", "word": "word", "label": "word or integer", "vector": "3 numbers", "tensor": "9 numbers", "rows": "(N, 3)",
             "row_tensors": "(N, 9)", "column": "(N,)", "regions": "(N,) integers"}  # fmt: skip
    listed = [(key.strip("`"), name, kind) for key, name, kind, *_ in rows("Fields")]
    assert listed == [(c.metadata["key"], c.name, types[c.metadata["kind"]]) for c in COLUMNS]
    assert {key.strip("`") for key, _, _, _, need, _ in rows("Fields") if need == "always"} == set(REQUIRED)


def test_the_page_lists_every_word_rule_alias_and_set():
    assert {key.strip("`"): tuple(re.findall("`([^`]+)`", words)) for key, words in rows("Words")} == {KEY_OF[n]: w for n, w in WORDS.items()}
    assert {name: text for name, text, _ in rows("Rules")} == RULES
    aliases = [row[0].strip("`") for row in rows("Aliases")]
    assert [a for a in aliases if a in ALIASES] == list(ALIASES) and {k.name for k in KNOWN_SETS} <= set(aliases)


def test_the_page_lists_every_format():
    assert [[cell.strip("`") for cell in row] for row in rows("Formats that are read")] == [[f.name, f.describes, f.example] for f in FORMATS.values()]


def test_the_example_of_the_page_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    exec(PAGE.split("```python\n")[1].split("```")[0], {})
    charge, potential, grand = map(float, capsys.readouterr().out.split())
    assert (charge, potential) == (-0.23, 4.91) and grand == pytest.approx(-23.92 + 4.91 * 0.23)
    comment = (tmp_path / "frames.xyz").read_text().splitlines()[1]
    assert re.search(r"`(eir_version[^`]*) \.\.\.`", PAGE)[1] in comment


def test_every_rule_of_a_frame_has_a_name():
    assert set(CHECKED) <= set(RULES)

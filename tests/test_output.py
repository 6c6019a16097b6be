"""Output files appear whole or not at all."""

import json

import pytest

from electrode.output import refuse_existing, replacing, write_json


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "ä b.json"
    with pytest.raises(RuntimeError, match="half"), replacing(path) as part:
        part.write_text("1")
        assert part.suffix == ".json" and not path.exists()
        raise RuntimeError("half written")
    assert not list(tmp_path.iterdir())
    write_json(path, {"a": [1.0, None]})
    assert json.loads(path.read_text()) == {"a": [1.0, None]} and len(list(tmp_path.iterdir())) == 1


def test_existing_files_stay_unless_forced(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, 1)
    with pytest.raises(FileExistsError, match="exists"):
        write_json(path, 2)
    assert json.loads(path.read_text()) == 1
    write_json(path, 2, force=True)
    assert json.loads(path.read_text()) == 2


def test_what_json_does_not_know_is_refused(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_places_are_checked(tmp_path):
    refuse_existing([tmp_path / "a", None], force=False)
    with pytest.raises(FileNotFoundError, match="no such folder"):
        refuse_existing([tmp_path / "no" / "a"], force=True)
    with pytest.raises(ValueError, match="one name"):
        refuse_existing([tmp_path / "a", tmp_path / "a"], force=True)

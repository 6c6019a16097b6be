"""The folder of a search belongs to one search and one version."""

import pytest

from electrode.learn import labels
from electrode.learn.labels import LabelStore

MINE = {"numbers": [1], "potential": 4.4}


def test_a_folder_of_another_search_or_version_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as older:
        older.setattr(labels, "FORMAT", 0)
        LabelStore(tmp_path / "old", MINE)
    with pytest.raises(ValueError, match="differs from this one in format; give"):
        LabelStore(tmp_path / "old", MINE, resume=True)
    LabelStore(tmp_path / "mine", MINE)
    with pytest.raises(ValueError, match="differs from this one in potential; give"):
        LabelStore(tmp_path / "mine", {**MINE, "potential": 4.5}, resume=True)
    with pytest.raises(FileExistsError, match="--resume"):
        LabelStore(tmp_path / "mine", MINE)


@pytest.mark.parametrize("content", ["", "{", "null", "[1, 2]", "3"])
def test_a_damaged_head_is_refused(tmp_path, content):
    LabelStore(tmp_path / "mine", MINE)
    (tmp_path / "mine" / "search.json").write_text(content)
    with pytest.raises(ValueError, match="expected what a search wrote there"):
        LabelStore(tmp_path / "mine", MINE, resume=True)

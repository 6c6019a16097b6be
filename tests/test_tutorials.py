"""Every tutorial runs from top to bottom, and its notebook holds the same cells."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
SCRIPTS = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
PAIR = runpy.run_path(str(FOLDER / "pair.py"), run_name="pair")
TEXT = "# %% [markdown]\n# # Title\n#\n# Some *text*.\n\n# %%\nimport os\n\nx = 2\n\n# %%\nprint(x)\n"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_tutorial_runs(script, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TUTORIAL_MINUTES", "0.05")
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close("all")
    assert capsys.readouterr().out.count("\n") >= 3
    assert any(tmp_path.iterdir())


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_the_notebook_has_the_cells_of_the_script(script):
    path = script.with_suffix(".ipynb")
    assert path.exists(), f"run `python tutorials/pair.py tutorials/{script.name}`"
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert PAIR["cells_in"](notebook) == PAIR["cells_of"](script), f"run `python tutorials/pair.py tutorials/{script.name}`"
    assert notebook["nbformat"] == 4 and path.stat().st_size < 300e3
    assert not [o for cell in notebook["cells"] for o in cell.get("outputs", []) if o["output_type"] == "error"]


def test_the_page_names_every_tutorial():
    names = re.findall(r"`(\d\d_\w+)`", (FOLDER / "README.md").read_text(encoding="utf-8"))
    assert {script.stem for script in SCRIPTS} <= set(names) and len(names) == len(set(names))
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == {script.stem for script in SCRIPTS}


def test_cells_of_a_script(tmp_path):
    script = tmp_path / "a.py"
    script.write_text(TEXT)
    kinds, sources = zip(*((c["cell_type"], c["source"]) for c in PAIR["cells_of"](script)))
    assert kinds == ("markdown", "code", "code") and sources == ("# Title\n\nSome *text*.", "import os\n\nx = 2", "print(x)")
    script.write_text("import os\n" + TEXT)
    with pytest.raises(ValueError, match="expected a first line `# %%`, got 'import os'"):
        PAIR["cells_of"](script)


def test_a_cell_that_did_not_change_keeps_its_outputs(tmp_path, monkeypatch, capsys):
    script = tmp_path / "a.py"
    script.write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    notebook = PAIR["notebook_of"](script, PAIR["run"](script))
    (tmp_path / "a.ipynb").write_text(json.dumps(notebook))
    assert notebook["cells"][2]["outputs"] == [{"name": "stdout", "output_type": "stream", "text": ["2\n"]}]
    script.write_text(TEXT.replace("x = 2", "x = 3") + "\n# %%\nx\n")
    assert PAIR["main"]([str(script)]) == 0
    kept = [cell["outputs"] for cell in json.loads((tmp_path / "a.ipynb").read_text())["cells"] if cell["cell_type"] == "code"]
    assert [len(outputs) for outputs in kept] == [0, 1, 0] and "a.ipynb: 4 cells" in capsys.readouterr().out


def test_a_figure_that_a_cell_writes_is_its_output(tmp_path, monkeypatch):
    script = tmp_path / "a.py"
    script.write_text('# %%\nfrom PIL import Image\n\n# %%\nImage.new("RGB", (1500, 600), "red").save("red.png")\n')
    monkeypatch.chdir(tmp_path)
    first, second = PAIR["run"](script).values()
    assert first == [] and [o["output_type"] for o in second] == ["display_data"]
    assert second[0]["data"]["text/plain"] == ["red.png"] and len(second[0]["data"]["image/png"]) < 4000

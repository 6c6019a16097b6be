"""Write the notebook of each tutorial from its script: `python tutorials/pair.py [--run] [SCRIPT ...]`.

The script is the source: cells begin at lines `# %%`, text cells at `# %% [markdown]` with every line a comment, as jupytext reads them.
A cell that did not change keeps its outputs.  With --run the cells are executed in an empty folder, and what they print and the figures
that they write become their outputs.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
COLOURS, WIDTH = 64, 1000  # of a figure in a notebook; WIDTH in pixels


def scripts() -> list[Path]:
    """Return the scripts of the tutorials, in their order."""
    return sorted(HERE.glob("[0-9][0-9]_*.py"))


def cells_of(script: Path) -> list[dict]:
    """Return type and source of each cell of a script."""
    parts = re.split(r"^# %%(.*)\n", script.read_text(encoding="utf-8"), flags=re.MULTILINE)
    if parts[0].strip():
        raise ValueError(f"{script}: expected a first line `# %%`, got {parts[0].splitlines()[0]!r}")
    cells = []
    for kind, body in zip(parts[1::2], parts[2::2]):
        text = kind.strip() == "[markdown]"
        lines = [re.sub("^# ?", "", line) for line in body.strip().splitlines()] if text else body.strip().splitlines()
        cells.append({"cell_type": "markdown" if text else "code", "source": "\n".join(lines)})
    return cells


def cells_in(notebook: dict) -> list[dict]:
    """Return type and source of each cell of a notebook."""
    return [{"cell_type": cell["cell_type"], "source": "".join(cell["source"])} for cell in notebook["cells"]]


def notebook_of(script: Path, outputs: dict[str, list]) -> dict:
    """Return the notebook of a script, with the outputs (source: outputs) of its code cells."""
    cells = []
    for k, cell in enumerate(cells_of(script)):
        full = {"cell_type": cell["cell_type"], "id": f"cell-{k:02d}", "metadata": {}, "source": cell["source"].splitlines(keepends=True)}
        cells.append(full | ({"execution_count": None, "outputs": outputs.get(cell["source"], [])} if cell["cell_type"] == "code" else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"jupytext": {"formats": "ipynb,py:percent"}, "kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def outputs_in(notebook: dict) -> dict[str, list]:
    """Return the outputs of the code cells by their source."""
    return {"".join(cell["source"]): cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"}


def run(script: Path) -> dict[str, list]:
    """Return the outputs of the code cells by their source, executed in this process and the present folder."""
    space, outputs = {"__name__": "__main__"}, {}
    for cell in cells_of(script):
        if cell["cell_type"] == "code":
            before, printed = _figures(), io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(compile(cell["source"], script.name, "exec"), space)
            text = [{"name": "stdout", "output_type": "stream", "text": printed.getvalue().splitlines(keepends=True)}] if printed.getvalue() else []
            new = [path for path, written in sorted(_figures().items(), key=lambda pair: pair[1]) if before.get(path) != written]
            outputs[cell["source"]] = text + [_shown(path) for path in new]
    return outputs


def main(argv: list[str]) -> int:
    """Write the notebooks; return 0."""
    parser = argparse.ArgumentParser(prog="python tutorials/pair.py", description="notebooks of the tutorials from their scripts")
    parser.add_argument("scripts", nargs="*", type=Path, metavar="SCRIPT", help="by default all")
    parser.add_argument("--run", action="store_true", help="execute them")
    arguments = parser.parse_args(argv)
    for script in [path.resolve() for path in arguments.scripts] or scripts():
        path = script.with_suffix(".ipynb")
        kept = outputs_in(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
        notebook = notebook_of(script, _run_apart(script) if arguments.run else kept)
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(f"{path.name}: {len(notebook['cells'])} cells, {path.stat().st_size / 1e3:.0f} kB")
    return 0


def _run_apart(script: Path) -> dict[str, list]:
    """Run a script in a process of its own, in an empty folder that has the data."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(HERE / "data", Path(folder) / "data")
        code = "import sys, json, pathlib; sys.path.insert(0, sys.argv[1]); import pair; pathlib.Path('outputs.json').write_text(json.dumps(pair.run(pathlib.Path(sys.argv[2]))))"
        start = time.time()
        subprocess.run([sys.executable, "-c", code, str(HERE), str(script)], cwd=folder, check=True, env={**os.environ, "MPLBACKEND": "Agg"})
        print(f"{script.name}: {time.time() - start:.0f} s")
        # a reader's folder is another one
        return json.loads((Path(folder) / "outputs.json").read_text(encoding="utf-8").replace(f"{folder}/", ""))


def _figures() -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in Path.cwd().rglob("*.png")}


def _shown(path: Path) -> dict:
    """Return a figure as an output, small enough for a page."""
    from PIL import Image

    with Image.open(path) as image:
        small = image.convert("RGB").resize((min(WIDTH, image.width), round(image.height * min(1.0, WIDTH / image.width))), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    small.quantize(COLOURS).save(data, "png", optimize=True)
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": base64.b64encode(data.getvalue()).decode(), "text/plain": [path.name]}}


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

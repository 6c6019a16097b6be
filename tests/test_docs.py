"""Pages that are made from the code say what the code says, and links between pages lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_of_schemes_is_up_to_date():
    # in a process of its own: other tests register schemes
    code = "import runpy; page = runpy.run_path('schemes_page.py'); assert page['PAGE'].read_text(encoding='utf-8') == page['page']()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "docs", capture_output=True, text=True)
    assert done.returncode == 0, f"run `python docs/schemes_page.py`\n{done.stderr}"


def test_links_lead_to_files_of_the_project():
    wrong = []
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")) and not (path.parent / target).exists():
                wrong.append(f"{path.name}: {target}")
    assert not wrong

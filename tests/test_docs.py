"""Pages that are made from the code say what the code says, and links between pages lead somewhere."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_page_of_schemes_is_up_to_date():
    spec = importlib.util.spec_from_file_location("schemes_page", ROOT / "docs" / "schemes_page.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text(encoding="utf-8") == module.page(), "run `python docs/schemes_page.py`"


def test_links_lead_to_files_of_the_project():
    wrong = []
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")) and not (path.parent / target).exists():
                wrong.append(f"{path.name}: {target}")
    assert not wrong

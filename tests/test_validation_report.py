"""The report: one file that needs no other, and works in a browser where there is one (PySide6-WebEngine)."""

import importlib.util
import json
import subprocess
import sys
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from validation.claims.claim import VERDICTS, read_claims  # noqa: E402
from validation.report import main  # noqa: E402
from validation.report.bands import BANDS, read_bands  # noqa: E402
from validation.report.figures import FOLDER  # noqa: E402

VOID = {"meta", "img", "input"}


class Elements(HTMLParser):
    """Elements with their attributes, each opened and closed in turn."""

    def __init__(self):
        super().__init__()
        self.open, self.found = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["--output", str(path)]) == 0
    return path


def test_the_page_is_whole_and_needs_nothing_else(report):
    elements = Elements()
    elements.feed(report.read_text(encoding="utf-8"))
    assert not elements.open
    tags = Counter(tag for tag, _ in elements.found)
    assert tags["img"] == len(list(FOLDER.glob("*.png"))) and "link" not in tags and "iframe" not in tags
    for tag, attributes in elements.found:
        assert "src" not in attributes or attributes["src"].startswith("data:")
        assert tag != "a" or attributes["href"].startswith("https://doi.org/")
        assert tag != "img" or len(attributes["alt"]) > 20
    ids = [a["id"] for _, a in elements.found if "id" in a]
    assert len(ids) == len(set(ids))
    named = [a[name] for _, a in elements.found for name in ("for", "aria-labelledby") if name in a]
    assert set(named) <= set(ids)
    assert sum(a.get("class") == "source" for _, a in elements.found) == len(read_claims())


def test_the_bands_of_the_page_are_those_of_the_file():
    rows, bands = json.loads(BANDS.read_text()), read_bands().rows
    assert [b["potential"] for b in bands] == sorted(r["potential_V"] for r in rows)
    for row, band in zip(sorted(rows, key=lambda r: r["potential_V"]), bands):
        assert max(band["profile"]) == band["barrier"] == row["barrier_eV"]
        assert band["slope"] == pytest.approx(row["dbarrier_dU"], abs=1e-12)
    between = [(b["barrier"] - a["barrier"]) / (b["potential"] - a["potential"]) for a, b in zip(bands, bands[1:])]
    assert between == pytest.approx([(a["slope"] + b["slope"]) / 2 for a, b in zip(bands, bands[1:])], abs=0.02)


def test_files_are_kept_and_folders_made(report, tmp_path):
    with pytest.raises(FileExistsError, match="exists"):
        main(["--output", str(report)])
    assert main(["--output", str(tmp_path / "site")]) == 0
    assert (tmp_path / "site" / "index.html").read_text(encoding="utf-8") == report.read_text(encoding="utf-8")


def test_bands_of_others_are_not_called_the_projects(tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(json.loads(BANDS.read_text())[:2]))
    assert main(["--output", str(tmp_path / "r.html"), "--bands", str(tmp_path / "mine.json")]) == 0
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "The bands of <code>mine.json</code>" in text and "au111-h3o</code> at the" not in text and "electrode neb" not in text


@pytest.mark.parametrize("content", ["{", "[]", '[{"potential_V": 0.0}]', '{"a": 1}'])
def test_other_files_for_bands_are_refused(tmp_path, content):
    (tmp_path / "b.json").write_text(content)
    with pytest.raises(ValueError, match="expected"):
        main(["--output", str(tmp_path / "r.html"), "--bands", str(tmp_path / "b.json")])
    assert not (tmp_path / "r.html").exists()


@pytest.mark.skipif(importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("PySide6.QtWebEngineWidgets") is None, reason="needs PySide6-WebEngine")
def test_the_page_works_in_a_browser(report):
    scripts = [
        "document.getElementById('barrier').textContent + document.getElementById('slope').textContent",
        "(s => { s.stepUp(3); s.dispatchEvent(new Event('input')); })(document.getElementById('potential'))",
        "['shown', 'barrier', 'charge', 'slope'].map(n => document.getElementById(n).textContent)",
        "document.querySelectorAll('#profile polyline').length",
        *("document.querySelectorAll('.claims th button')[3].click(); [...document.querySelectorAll('.claims tbody tr')].map(r => r.cells[3].textContent)",) * 2,
        "document.querySelectorAll('.claims th')[3].getAttribute('aria-sort')",
        "document.documentElement.scrollWidth <= window.innerWidth",
    ]
    command = [sys.executable, str(Path(__file__).with_name("browser.py")), str(report), json.dumps(scripts), "--width", "400"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    first, _, moved, lines, up, down, sort, fits = seen["results"]
    assert seen["console"] == [] and seen["requests"] == [report.as_uri()]
    bands = read_bands().rows
    now, minus = bands[3], "\N{MINUS SIGN}"
    charges = [f"{minus if q < 0 else '+'}{abs(q):.2f}" for q in (now["charge"][0], now["charge"][now["saddle"]])]
    assert first == f"{bands[0]['barrier']:.3f} eV \N{PLUS-MINUS SIGN} {bands[0]['spread']:.3f}+{bands[0]['slope']:.3f} eV/V"
    assert moved == [f"{minus}0.30 V (SHE)", f"{now['barrier']:.3f} eV \N{PLUS-MINUS SIGN} {now['spread']:.3f}", " \N{RIGHTWARDS ARROW} ".join(charges) + " e", f"+{now['slope']:.3f} eV/V"]
    assert lines == len(bands) + 1 and fits
    ranks = [next(k for k, v in enumerate(VERDICTS) if text.startswith(v)) for text in up]
    assert ranks == sorted(ranks) and down == up[::-1] and sort == "descending"

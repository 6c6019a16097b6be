"""CONTRIBUTING, CITATION and how to cite say what is so."""

import configparser
import re
from pathlib import Path

import yaml

import electrode
from electrode.cli import VERBS

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert citation["version"] == electrode.__version__ == setup["metadata"]["version"]
    assert citation["license"] == setup["metadata"]["license"] and [a["name"] for a in citation["authors"]] == [setup["metadata"]["author"]]
    assert {"cff-version", "message", "title"} <= set(citation)
    assert f"electrode {electrode.__version__}" in (ROOT / "docs" / "citing.md").read_text(encoding="utf-8")


def test_what_contributing_names_exists():
    named = {word for word in re.findall(r"`([\w./]+/[\w./]*|[\w.]+\.(?:py|md))`", CONTRIBUTING) if "NAME" not in word and "TOPIC" not in word}
    named |= {word for word in re.findall(r"\b(?:docs|tests)/\w+\.py\b", CONTRIBUTING) if "NAME" not in word}
    places = (ROOT, ROOT / "electrode")
    assert len(named) > 10 and not [word for word in named if not any((place / word).exists() for place in places)]
    assert all(verb in VERBS for verb in re.findall(r"`electrode (\w[\w-]*)", CONTRIBUTING))


def test_the_sizes_of_contributing_are_those_of_the_tests():
    layers = (ROOT / "tests" / "test_layers.py").read_text(encoding="utf-8")
    lines, function = re.search(r'count\("\\n"\) > (\d+)', layers).group(1), re.search(r"lineno > (\d+)", layers).group(1)
    assert f"at most {lines} lines" in CONTRIBUTING and f"(tests refuse {function})" in CONTRIBUTING
